/**
 * Initial sequence numbers (RFC 6528) and timestamp offsets (RFC 7323 5.4): two halves of one keyed hash of the four-tuple.
 *
 * @module
 */
import { type Random, SipHash } from '@ioth/core'

/** What is hashed: one for all, as none is kept. */
const words = new Int32Array(3)

export class TupleSecret {
  /** Timestamp offset of the tuple last hashed: the same for every connection of the tuple, so that its timestamps only grow. */
  timestampOffset = 0
  private readonly siphash: SipHash

  constructor(random: Random) {
    this.siphash = SipHash.random(random)
  }

  /**
   * RFC 6528 3: a clock of 4 microseconds plus the hash, so that a later connection of the same tuple begins further on.
   * The addresses are keys as in `Network.keyOf`.
   */
  initialSequence(local: number, localPort: number, remote: number, remotePort: number, microseconds: number): number {
    words[0] = local
    words[1] = remote
    words[2] = (localPort << 16) | remotePort
    const hash = this.siphash.hash(words)
    this.timestampOffset = this.siphash.high
    return (Math.floor(microseconds / 4) + hash) | 0
  }
}
