/**
 * Identification of IPv4 packets that may be cut (RFC 6864, RFC 7739): each value once in 65536, in an order nobody can predict.
 * A counter goes through a keyed permutation of 16 bits (a Feistel network).
 *
 * @module
 */
import type { Random } from '@ioth/core'

const ROUNDS = 4

export class PacketIds {
  private counter: number
  private readonly keys: readonly number[]

  constructor(random: Random) {
    this.counter = random.int32() & 0xffff
    this.keys = Array.from({ length: ROUNDS }, () => random.int32())
  }

  next(): number {
    this.counter = (this.counter + 1) & 0xffff
    let left = this.counter >>> 8
    let right = this.counter & 0xff
    for (const key of this.keys) {
      const mixed = Math.imul(right ^ key, 0x9e3779b1)
      const swap = left ^ ((mixed ^ (mixed >>> 15)) & 0xff)
      left = right
      right = swap
    }
    return (left << 8) | right
  }
}
