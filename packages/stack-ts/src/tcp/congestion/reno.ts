/**
 * NewReno's window (RFC 5681): one segment more in a round trip, half of it after a loss. The recovery that gave it its name (RFC 6582) is in
 * `loss-recovery.ts`.
 *
 * @module
 */
import type { Tcb } from '../tcb.ts'
import { type CongestionController, isWindowUsed, LARGEST_WINDOW, restartWindow, slowStart } from './controller.ts'

export const reno: CongestionController = {
  name: 'newreno',

  onAck(tcb: Tcb, acknowledged: number, inFlight: number): void {
    if (!isWindowUsed(tcb, inFlight)) return
    if (tcb.cwnd < tcb.ssthresh) {
      slowStart(tcb, acknowledged)
      return
    }
    tcb.cwndCredit += acknowledged
    if (tcb.cwndCredit < tcb.cwnd) return
    tcb.cwndCredit -= tcb.cwnd
    tcb.cwnd = Math.min(tcb.cwnd + tcb.mss, LARGEST_WINDOW)
  },

  onLoss(tcb: Tcb, inFlight: number): void {
    tcb.ssthresh = Math.max(inFlight >> 1, 2 * tcb.mss)
    tcb.cwndCredit = 0
  },

  onTimeout(tcb: Tcb, inFlight: number, first: boolean): void {
    // RFC 5681 3.1: ssthresh stays when the same octets time out again.
    if (first) tcb.ssthresh = Math.max(inFlight >> 1, 2 * tcb.mss)
    tcb.cwnd = tcb.mss
    tcb.cwndCredit = 0
  },

  onUndo(): void {},

  onIdle(tcb: Tcb): void {
    restartWindow(tcb)
  },
}
