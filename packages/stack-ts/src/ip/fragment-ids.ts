/**
 * Identification of IPv6 packets that are cut (RFC 7739 5.3): a keyed hash of source and destination plus one of many counters, so that
 * nobody can tell from the values one destination sees what others get.
 *
 * @module
 */
import { type Random, SipHash } from '@ioth/core'

/** Counters; a power of two. */
const COUNTERS = 1024

/** What is hashed: one for all, as none is kept. */
const words = new Int32Array(2)

export class FragmentIds {
  private readonly hash: SipHash
  private readonly random: Random
  /** Made with the first packet that is cut. */
  private counters: Int32Array | null = null

  constructor(random: Random) {
    this.hash = SipHash.random(random)
    this.random = random
  }

  /** @param source its key, as in `Network.keyOf`. @returns 32 bits, signed. */
  next(source: number, destination: number): number {
    const { hash, random } = this
    this.counters ??= Int32Array.from({ length: COUNTERS }, () => random.int32())
    const { counters } = this
    words[0] = source
    words[1] = destination
    const base = hash.hash(words)
    const counter = hash.high & (COUNTERS - 1)
    return (base + counters[counter]!++) | 0
  }
}
