/**
 * Randomness: the host's cryptographic source, read in blocks, and a seeded generator for tests that replay.
 *
 * @module
 */
import type { Random } from '../contract/clock.ts'

/** Unpredictable numbers from the host (Web Crypto `getRandomValues`). */
export function createRandom(): Random {
  return new CryptoRandom()
}

/** The same numbers for the same seed, on every host. Not for secrets. @param seed any integer. */
export function createSeededRandom(seed: number): Random {
  return new SeededRandom(seed)
}

/** A number uniformly distributed in [0, 1). */
export function uniform(random: Random): number {
  return (random.int32() >>> 0) / 0x1_0000_0000
}

/** An integer uniformly distributed in [0, bound), without bias. @param bound 1 to 2^31. */
export function uniformInteger(random: Random, bound: number): number {
  // Of the 2^32 values, those above the largest multiple of the bound would favour small results.
  const fair = 0x1_0000_0000 - (0x1_0000_0000 % bound)
  for (;;) {
    const value = random.int32() >>> 0
    if (value < fair) return value % bound
  }
}

/** One call of getRandomValues gives 65,536 octets at most. */
const LARGEST_REQUEST = 65536
const BLOCK = 256

class CryptoRandom implements Random {
  private readonly block = new Int32Array(BLOCK)
  private next = BLOCK

  fill(into: Uint8Array): void {
    for (let at = 0; at < into.length; at += LARGEST_REQUEST) {
      crypto.getRandomValues(into.subarray(at, at + LARGEST_REQUEST) as Uint8Array<ArrayBuffer>)
    }
  }

  int32(): number {
    if (this.next === BLOCK) {
      crypto.getRandomValues(this.block)
      this.next = 0
    }
    const value = this.block[this.next] as number
    // A number given out is not kept: what was secret yesterday is not in the memory of today.
    this.block[this.next++] = 0
    return value
  }
}

/**
 * sfc32 by Chris Doty-Humphrey (PractRand, "small fast counter"): 96 bits of chaotic state and a 32-bit counter, so a period of at
 * least 2^32 whatever the seed. The first twelve outputs are thrown away, as its author does after seeding.
 */
class SeededRandom implements Random {
  private a: number
  private b: number
  private c: number
  private counter = 1

  constructor(seed: number) {
    this.a = 0
    this.b = Math.floor(seed / 0x1_0000_0000) | 0
    this.c = seed | 0
    for (let i = 0; i < 12; i++) this.int32()
  }

  int32(): number {
    const value = (this.a + this.b + this.counter) | 0
    this.counter = (this.counter + 1) | 0
    this.a = this.b ^ (this.b >>> 9)
    this.b = (this.c + (this.c << 3)) | 0
    this.c = (((this.c << 21) | (this.c >>> 11)) + value) | 0
    return value
  }

  fill(into: Uint8Array): void {
    let word = 0
    for (let at = 0; at < into.length; at++) {
      if ((at & 3) === 0) word = this.int32()
      into[at] = word
      word >>>= 8
    }
  }
}
