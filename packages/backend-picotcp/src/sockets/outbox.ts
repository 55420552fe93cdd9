/**
 * Octets on their way into the library. It counts segments, not octets: a thousand writes of one octet would fill it. So what a turn writes is
 * put together here, and given to it in large pieces.
 *
 * @module
 */
import { ByteQueue } from '@ioth/core/shell'
import type { Flow } from '../flows.ts'

/** What is certainly worth a segment. */
const SEGMENT = 1460

export class Outbox extends ByteQueue {
  /**
   * Gives the library as much as the peer takes, in pieces worth sending (RFC 9293 3.8.6.2.1).
   * @param write gives octets to the library. @returns how many it took.
   */
  feed(flow: Flow | null, write: (octets: Uint8Array) => number): void {
    while (this.length > 0) {
      const allowance = flow?.allowance ?? Number.POSITIVE_INFINITY
      const octets = this.front(allowance)
      // A window that holds less than a segment, and less than what waits, is not worth one while others are on their way.
      const isWorth = octets.length === this.length || allowance >= SEGMENT || flow?.unacknowledged === 0
      if (!isWorth || octets.length === 0) break
      const taken = write(octets)
      if (taken <= 0) break
      this.drop(taken)
      if (flow !== null) flow.written += taken
      if (taken < octets.length) break
    }
    if (flow !== null) flow.isStalled = this.length > 0
  }
}
