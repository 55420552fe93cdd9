/**
 * Congestion control as a handful of hooks: an algorithm is one file, its state lies in the TCB. Octets throughout.
 *
 * Loss detection (duplicate ACKs, timeouts) is not its business: it is told of losses and says how much may be in flight.
 *
 * @module
 */
import type { Tcb } from '../tcb.ts'

export interface CongestionController {
  readonly name: string
  /** The connection is established. */
  onEstablished(tcb: Tcb): void
  /** New octets were acknowledged outside of recovery. @param inFlight octets in flight before. */
  onAck(tcb: Tcb, acknowledged: number, inFlight: number): void
  /** Fast recovery begins: the third duplicate ACK came. */
  onLoss(tcb: Tcb, inFlight: number): void
  /** One more duplicate ACK in fast recovery: a segment has left the network. */
  onDuplicateAck(tcb: Tcb): void
  /** Part of what was in flight at the beginning of recovery was acknowledged. */
  onPartialAck(tcb: Tcb, acknowledged: number): void
  /** Fast recovery is over. */
  onRecovered(tcb: Tcb, inFlight: number): void
  /** The retransmission timer expired. @param first whether it is the first time for these octets. */
  onTimeout(tcb: Tcb, inFlight: number, first: boolean): void
  /** Nothing was sent for longer than an RTO. */
  onIdle(tcb: Tcb): void
}

/** RFC 6928 */
export function initialWindow(mss: number): number {
  return Math.min(10 * mss, Math.max(2 * mss, 14600))
}
