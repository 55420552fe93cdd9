/**
 * What the state machine asks of the world: the steps of RFC 9293 3.10 decide, `connection.ts` carries out.
 *
 * @module
 */
import type { ErrorCode } from '@ioth/core'
import type { Counters } from '../counters.ts'
import type { Segment } from './segment.ts'
import type { SentRecords } from './sent-records.ts'

/** The way out of the state machine. */
export interface Effects {
  /** Milliseconds, microseconds: now, as 32-bit integers. */
  readonly nowMs: number
  readonly nowUs: number
  /** Whole seconds; they do not wrap. */
  readonly nowS: number
  readonly counters: Counters
  readonly records: SentRecords
  /** Something may have to be sent at the end of this turn's input. */
  wantOutput(): void
  /** Sends an acknowledgement at once, without waiting for the end of the batch: each one counts as a duplicate at the peer. */
  acknowledge(): void
  /** As {@link acknowledge}, within the limits of RFC 5961 7. */
  challenge(): void
  /** Answers a segment that does not belong here with a RST (RFC 9293 3.10.7.1). */
  refuse(segment: Segment): void
  /** Sends a RST of this connection. */
  sendReset(): void
  /** Octets of the send buffer are acknowledged. */
  releaseSent(octets: number): void
  /** Queues the segment's payload, all of it in order, for the user. @returns octets taken: less when memory is short. */
  deliver(segment: Segment): number
  /** Keeps the segment's payload, which lies behind a gap. */
  keepAhead(segment: Segment): void
  /** Queues what was kept ahead and has become next; advances `rcvNxt`. */
  deliverAhead(): void
  /** A timer of the block was set or cleared. */
  timersChanged(): void
  /** The handshake is complete. */
  established(): void
  /** The peer sends no more. */
  endReceived(): void
  /** There is room in the send buffer again. */
  writable(): void
  /** All that was queued, the FIN too, is acknowledged. */
  allAcknowledged(): void
  /** The connection enters TIME-WAIT. */
  timeWait(): void
  /** The connection is over: orderly (null), or by an error. */
  ended(error: ErrorCode | null): void
}
