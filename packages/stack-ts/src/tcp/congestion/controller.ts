/**
 * Congestion control as a handful of hooks: an algorithm is one file, its state lies in the TCB. Octets throughout.
 *
 * Loss detection (duplicate ACKs, SACK, timeouts) is not its business, nor how the window gets down to `ssthresh` in recovery: it is told of
 * losses, and says how much may be in flight.
 *
 * @module
 */
import { SYN_RESENT, type Tcb } from '../tcb.ts'

export interface CongestionController {
  readonly name: 'cubic' | 'newreno'
  /** New octets were acknowledged outside of recovery: cwnd may grow. @param inFlight octets in flight before. */
  onAck(tcb: Tcb, acknowledged: number, inFlight: number, nowMs: number): void
  /** The network dropped something: sets ssthresh. cwnd comes down to it in recovery. */
  onLoss(tcb: Tcb, inFlight: number, nowMs: number): void
  /** The retransmission timer expired. @param first whether it is the first time for these octets. */
  onTimeout(tcb: Tcb, inFlight: number, first: boolean): void
  /** The last reduction was for nothing; cwnd and ssthresh are what they were. */
  onUndo(tcb: Tcb): void
  /** Nothing was sent for longer than an RTO. */
  onIdle(tcb: Tcb, idleMs: number): void
}

/** Far above any window that can be told (RFC 7323 2.3: 2^30). */
export const LARGEST_WINDOW: number = 1 << 30

/** RFC 6928 */
export function initialWindow(mss: number): number {
  return Math.min(10 * mss, Math.max(2 * mss, 14600))
}

/** The connection is established. A lost SYN is a sign of congestion (RFC 6298 5.7, RFC 5681 3.1). */
export function openWindow(tcb: Tcb): void {
  tcb.cwnd = (tcb.flags & SYN_RESENT) !== 0 ? tcb.mss : initialWindow(tcb.mss)
  tcb.cwndCredit = 0
}

/**
 * Slow start (RFC 5681 3.1): at most one segment an acknowledgement. On paths that carry super-segments one acknowledgement stands for a
 * whole batch, so there it counts octets.
 */
export function slowStart(tcb: Tcb, acknowledged: number): void {
  const most = tcb.path.offload.segment ? acknowledged : Math.min(acknowledged, tcb.mss)
  tcb.cwnd = Math.min(tcb.cwnd + most, LARGEST_WINDOW)
}

/** A window that was not used does not grow (RFC 7661 3). */
export function isWindowUsed(tcb: Tcb, inFlight: number): boolean {
  return inFlight * 2 >= tcb.cwnd
}

/** RFC 5681 4.1 */
export function restartWindow(tcb: Tcb): void {
  tcb.cwnd = Math.min(tcb.cwnd, initialWindow(tcb.mss))
}
