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

/** The state v0..v3 as low and high halves, while a hash is made: one for all. */
const v = new Int32Array(8)

export class SipHash {
  /** Upper half of the last {@link hash}; the lower one is its result. */
  high = 0
  private readonly key: Int32Array

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
    const { key } = this
    for (let word = 0; word < 4; word++) {
      v[word] = (key[word] as number) ^ (INITIAL[word] as number)
      v[word + 4] = (key[word] as number) ^ (INITIAL[word + 4] as number)
    }
    let at = 0
    for (; at + 1 < count; at += 2) compress(words[at] as number, words[at + 1] as number)
    // The last word carries the length in octets, modulo 256, in its top octet.
    compress(at < count ? (words[at] as number) : 0, count << 26)
    v[4] = (v[4] as number) ^ 0xff
    rounds(4)
    this.high = (v[1] as number) ^ (v[3] as number) ^ (v[5] as number) ^ (v[7] as number)
    return (v[0] as number) ^ (v[2] as number) ^ (v[4] as number) ^ (v[6] as number)
  }
}

function compress(low: number, high: number): void {
  v[6] = (v[6] as number) ^ low
  v[7] = (v[7] as number) ^ high
  rounds(2)
  v[0] = (v[0] as number) ^ low
  v[1] = (v[1] as number) ^ high
}

/** SipRound, in local variables: l is the low half, h the high one. */
function rounds(count: number): void {
  let l0 = v[0] as number
  let h0 = v[1] as number
  let l1 = v[2] as number
  let h1 = v[3] as number
  let l2 = v[4] as number
  let h2 = v[5] as number
  let l3 = v[6] as number
  let h3 = v[7] as number
  for (let round = 0; round < count; round++) {
    // v0 += v1; v1 = (v1 <<< 13) ^ v0; v0 <<<= 32
    let low = (l0 + l1) | 0
    let high = (h0 + h1 + carry(low, l0)) | 0
    let turned = (l1 << 13) | (h1 >>> 19)
    h1 = ((h1 << 13) | (l1 >>> 19)) ^ high
    l1 = turned ^ low
    l0 = high
    h0 = low
    // v2 += v3; v3 = (v3 <<< 16) ^ v2
    low = (l2 + l3) | 0
    high = (h2 + h3 + carry(low, l2)) | 0
    turned = (l3 << 16) | (h3 >>> 16)
    h3 = ((h3 << 16) | (l3 >>> 16)) ^ high
    l3 = turned ^ low
    l2 = low
    h2 = high
    // v0 += v3; v3 = (v3 <<< 21) ^ v0
    low = (l0 + l3) | 0
    high = (h0 + h3 + carry(low, l0)) | 0
    turned = (l3 << 21) | (h3 >>> 11)
    h3 = ((h3 << 21) | (l3 >>> 11)) ^ high
    l3 = turned ^ low
    l0 = low
    h0 = high
    // v2 += v1; v1 = (v1 <<< 17) ^ v2; v2 <<<= 32
    low = (l2 + l1) | 0
    high = (h2 + h1 + carry(low, l2)) | 0
    turned = (l1 << 17) | (h1 >>> 15)
    h1 = ((h1 << 17) | (l1 >>> 15)) ^ high
    l1 = turned ^ low
    l2 = high
    h2 = low
  }
  v[0] = l0
  v[1] = h0
  v[2] = l1
  v[3] = h1
  v[4] = l2
  v[5] = h2
  v[6] = l3
  v[7] = h3
}

/** What an addition of low halves carries: a sum that is smaller than its summand went round. */
function carry(sum: number, summand: number): number {
  return sum >>> 0 < summand >>> 0 ? 1 : 0
}
