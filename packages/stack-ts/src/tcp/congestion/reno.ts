/**
 * NewReno (RFC 5681, RFC 6582).
 *
 * On paths that carry super-segments one acknowledgement stands for a whole batch, so there slow start counts octets; elsewhere it grows by
 * at most one segment an acknowledgement, as RFC 5681 3.1 says.
 *
 * @module
 */
import { SYN_RESENT, type Tcb } from '../tcb.ts'
import { type CongestionController, initialWindow } from './controller.ts'

/** Far above any window that can be told (RFC 7323 2.3: 2^30). */
const LARGEST = 1 << 30

export const reno: CongestionController = {
  name: 'newreno',

  onEstablished(tcb: Tcb): void {
    // RFC 6298 5.7 and RFC 5681 3.1: a lost SYN is a sign of congestion.
    tcb.cwnd = (tcb.flags & SYN_RESENT) !== 0 ? tcb.mss : initialWindow(tcb.mss)
    tcb.cwndCredit = 0
  },

  onAck(tcb: Tcb, acknowledged: number, inFlight: number): void {
    // A window that was not used does not grow (RFC 7661 3).
    if (inFlight * 2 < tcb.cwnd) return
    if (tcb.cwnd < tcb.ssthresh) {
      const most = tcb.path.offload.segment ? acknowledged : Math.min(acknowledged, tcb.mss)
      tcb.cwnd = Math.min(tcb.cwnd + most, LARGEST)
      return
    }
    tcb.cwndCredit += acknowledged
    if (tcb.cwndCredit < tcb.cwnd) return
    tcb.cwndCredit -= tcb.cwnd
    tcb.cwnd = Math.min(tcb.cwnd + tcb.mss, LARGEST)
  },

  onLoss(tcb: Tcb, inFlight: number): void {
    tcb.ssthresh = Math.max(inFlight >> 1, 2 * tcb.mss)
    tcb.cwnd = tcb.ssthresh + 3 * tcb.mss
    tcb.cwndCredit = 0
  },

  onDuplicateAck(tcb: Tcb): void {
    tcb.cwnd = Math.min(tcb.cwnd + tcb.mss, LARGEST)
  },

  onPartialAck(tcb: Tcb, acknowledged: number): void {
    tcb.cwnd = Math.max(tcb.cwnd - acknowledged, tcb.mss)
    if (acknowledged >= tcb.mss) tcb.cwnd += tcb.mss
  },

  onRecovered(tcb: Tcb, inFlight: number): void {
    tcb.cwnd = Math.min(tcb.ssthresh, Math.max(inFlight, tcb.mss) + tcb.mss)
  },

  onTimeout(tcb: Tcb, inFlight: number, first: boolean): void {
    // RFC 5681 3.1: ssthresh stays when the same octets time out again.
    if (first) tcb.ssthresh = Math.max(inFlight >> 1, 2 * tcb.mss)
    tcb.cwnd = tcb.mss
    tcb.cwndCredit = 0
  },

  onIdle(tcb: Tcb): void {
    tcb.cwnd = Math.min(tcb.cwnd, initialWindow(tcb.mss))
  },
}
