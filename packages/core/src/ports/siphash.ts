/**
 * SipHash-2-4 (Aumasson and Bernstein, 2012): a keyed hash for short inputs, whose outputs nobody can foretell without the key. What
 * has to be unpredictable but repeatable (port offsets, initial sequence numbers) is made of it. 64-bit words are pairs of int32.
 *
 * @module
 */
import type { Random } from '../contract/clock.ts'

/** "somepseudorandomlygeneratedbytes" */
const INITIAL = Int32Array.of(
  0x70736575,
  0x736f6d65,
  0x6e646f6d,
  0x646f7261,
  0x6e657261,
  0x6c796765,
  0x79746573,
  0x74656462,
)

export class SipHash {
  /** Upper half of the last {@link hash}; the lower one is its result. */
  high = 0
  private readonly key: Int32Array
  // The state v0..v3 as low and high halves.
  private readonly v = new Int32Array(8)

  /** @param key 16 octets. */
  constructor(key: Uint8Array) {
    const view = new DataView(key.buffer, key.byteOffset, 16)
    this.key = Int32Array.from([0, 4, 8, 12], (at) => view.getInt32(at, true))
  }

  static random(random: Random): SipHash {
    const key = new Uint8Array(16)
    random.fill(key)
    return new SipHash(key)
  }

  /**
   * Hashes 32-bit words, each as four octets in little-endian order.
   * @param count how many of the words.
   * @returns the lower 32 bits, signed; the upper ones are in {@link high}.
   */
  hash(words: Int32Array, count: number = words.length): number {
    const { v, key } = this
    for (let word = 0; word < 4; word++) {
      v[word] = (key[word] as number) ^ (INITIAL[word] as number)
      v[word + 4] = (key[word] as number) ^ (INITIAL[word + 4] as number)
    }
    let at = 0
    for (; at + 1 < count; at += 2) this.compress(words[at] as number, words[at + 1] as number)
    // The last word carries the length in octets, modulo 256, in its top octet.
    this.compress(at < count ? (words[at] as number) : 0, count << 26)
    v[4] = (v[4] as number) ^ 0xff
    for (let i = 0; i < 4; i++) this.round()
    this.high = (v[1] as number) ^ (v[3] as number) ^ (v[5] as number) ^ (v[7] as number)
    return (v[0] as number) ^ (v[2] as number) ^ (v[4] as number) ^ (v[6] as number)
  }

  private compress(low: number, high: number): void {
    const { v } = this
    v[6] = (v[6] as number) ^ low
    v[7] = (v[7] as number) ^ high
    this.round()
    this.round()
    v[0] = (v[0] as number) ^ low
    v[1] = (v[1] as number) ^ high
  }

  private round(): void {
    this.mix(0, 2, 13)
    this.swapHalves(0)
    this.mix(4, 6, 16)
    this.mix(0, 6, 21)
    this.mix(4, 2, 17)
    this.swapHalves(4)
  }

  /** a += b; b = (b <<< bits) ^ a */
  private mix(a: number, b: number, bits: number): void {
    const { v } = this
    const bLow = v[b] as number
    const bHigh = v[b + 1] as number
    const low = ((v[a] as number) >>> 0) + (bLow >>> 0)
    v[a] = low
    v[a + 1] = (v[a + 1] as number) + bHigh + (low > 0xffff_ffff ? 1 : 0)
    v[b] = ((bLow << bits) | (bHigh >>> (32 - bits))) ^ (v[a] as number)
    v[b + 1] = ((bHigh << bits) | (bLow >>> (32 - bits))) ^ (v[a + 1] as number)
  }

  /** A rotation by 32 bits. */
  private swapHalves(a: number): void {
    const { v } = this
    const low = v[a] as number
    v[a] = v[a + 1] as number
    v[a + 1] = low
  }
}
