/**
 * Octets on their way into the library. It counts segments, not octets: a thousand writes of one octet would fill it. So what a turn writes is
 * put together here, and given to it in large pieces.
 *
 * @module
 */
import { ByteQueue } from '@ioth/core/shell'
import type { Flow } from '../flows.ts'

export class Outbox extends ByteQueue {
  /**
   * Gives the library as much as the peer takes, in pieces worth sending (RFC 9293 3.8.6.2.1).
   * @param isPatient what does not fill a segment waits while other octets are under way (Nagle, RFC 9293 3.7.4).
   * @param write gives octets to the library. @returns how many it took.
   * @returns whether the library is full.
   */
  feed(flow: Flow | null, isPatient: boolean, write: (octets: Uint8Array) => number): boolean {
    let isFull = false
    const segment = flow?.fullSegment ?? 0
    while (this.length > 0) {
      if (isPatient && this.length < segment && (flow?.unacknowledged ?? 0) > 0) break
      const allowance = flow?.allowance ?? Number.POSITIVE_INFINITY
      const octets = this.front(allowance)
      // A window that holds less than a segment, than what waits, and than half of what it was, is not worth one before some time has gone.
      const isWorth =
        octets.length === this.length || allowance >= segment || flow?.isOverdue === true || isHalf(flow, allowance)
      if (!isWorth || octets.length === 0) break
      const taken = Math.max(0, write(octets))
      this.drop(taken)
      if (flow !== null) flow.written += taken
      isFull = taken < octets.length
      if (isFull) break
    }
    if (flow !== null) {
      flow.isStalled = this.length > 0
      flow.isOverdue = false
    }
    return isFull
  }
}

function isHalf(flow: Flow | null, allowance: number): boolean {
  return flow === null || allowance * 2 >= flow.acceptance.widestWindow
}
