/**
 * Seeded choices for generators that make frames by the million. What they make is found again by seed and number; there is nothing to
 * shrink, and so no need of fast-check's trees.
 *
 * @module
 */
import { createSeededRandom, type Random } from '@ioth/core'

export class Dice {
  private readonly random: Random

  constructor(seed: number) {
    this.random = createSeededRandom(seed)
  }

  /** 0 to 2^32 - 1. */
  word(): number {
    return this.random.int32() >>> 0
  }

  /** 0 to `bound - 1`. */
  below(bound: number): number {
    return Math.floor((this.word() / 0x1_0000_0000) * bound)
  }

  between(least: number, most: number): number {
    return least + this.below(most - least + 1)
  }

  /** True once in so many throws. */
  oneIn(count: number): boolean {
    return this.below(count) === 0
  }

  pick<Value>(values: readonly Value[]): Value {
    return values[this.below(values.length)] as Value
  }

  octets(length: number): Uint8Array {
    const octets = new Uint8Array(length)
    for (let at = 0; at < length; at++) octets[at] = this.random.int32() & 255
    return octets
  }

  /** A 16-bit number, often one at an edge. */
  half(): number {
    return this.oneIn(3) ? this.pick([0, 1, 7, 8, 0x7fff, 0x8000, 0xfffe, 0xffff]) : this.below(0x1_0000)
  }

  /** A 32-bit number, often one at an edge. */
  number(): number {
    return this.oneIn(4) ? this.pick([0, 1, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff]) : this.word()
  }

  /** A length: mostly short, sometimes that of a full frame. */
  length(): number {
    return this.oneIn(16) ? this.below(1480) : this.below(64)
  }
}
