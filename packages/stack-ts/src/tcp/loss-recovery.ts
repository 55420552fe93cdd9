/**
 * Loss recovery: what is believed lost is decided here; how much may be in flight is the congestion controller's word. With SACK see
 * `sack-recovery.ts`. Without, by duplicate acknowledgements: limited transmit (RFC 3042), fast retransmit and fast recovery (RFC 5681 3.2,
 * RFC 6582), where the window is inflated by what has left the network.
 *
 * @module
 */
import type { CongestionController } from './congestion/controller.ts'
import type { Effects } from './effects.ts'
import { NONE } from './pieces.ts'
import { stopTiming } from './rto.ts'
import { selectiveTimeout } from './sack-recovery.ts'
import { lessOrEqual } from './seq.ts'
import { flightSize, LOSS, OPEN, RECOVERY, RESEND_FIRST, SACK, type Tcb } from './tcb.ts'

const DUPLICATE_THRESHOLD = 3

/** New octets were acknowledged; `sndUna` has moved. @param inFlight octets in flight before. */
export function onNewAck(
  tcb: Tcb,
  congestion: CongestionController,
  acknowledged: number,
  inFlight: number,
  nowMs: number,
): void {
  if (tcb.recovery === OPEN) {
    tcb.duplicateAcks = 0
    congestion.onAck(tcb, acknowledged, inFlight, nowMs)
    return
  }
  const isFull = lessOrEqual(tcb.recover, tcb.sndUna)
  if (tcb.recovery === RECOVERY) {
    if (isFull) {
      tcb.cwnd = Math.min(tcb.ssthresh, Math.max(flightSize(tcb), tcb.mss) + tcb.mss)
    } else {
      // RFC 6582 3.2: the next hole begins here, and the window deflates by what was acknowledged.
      tcb.cwnd = Math.max(tcb.cwnd - acknowledged, tcb.mss) + (acknowledged >= tcb.mss ? tcb.mss : 0)
      tcb.flags |= RESEND_FIRST
    }
  } else {
    congestion.onAck(tcb, acknowledged, tcb.cwnd, nowMs)
  }
  if (!isFull) return
  tcb.recovery = OPEN
  tcb.duplicateAcks = 0
  // What was to be sent again has been acknowledged meanwhile.
  tcb.flags &= ~RESEND_FIRST
}

/**
 * A duplicate acknowledgement came (RFC 5681 2: all five conditions hold).
 * @returns whether fast retransmit begins.
 */
export function onDuplicateAck(tcb: Tcb, congestion: CongestionController, nowMs: number): boolean {
  tcb.duplicateAcks++
  if (tcb.recovery === RECOVERY) {
    // A segment has left the network.
    tcb.cwnd = Math.min(tcb.cwnd + tcb.mss, LARGEST_INFLATION)
    return false
  }
  // In LOSS these may be echoes of what is sent twice (RFC 6582 4).
  if (tcb.recovery === LOSS || tcb.duplicateAcks !== DUPLICATE_THRESHOLD) return false
  congestion.onLoss(tcb, Math.min(flightSize(tcb), tcb.cwnd), nowMs)
  tcb.cwnd = tcb.ssthresh + DUPLICATE_THRESHOLD * tcb.mss
  tcb.recovery = RECOVERY
  tcb.recover = tcb.sndNxt
  tcb.flags |= RESEND_FIRST
  stopTiming(tcb)
  return true
}

/** Far above any window that can be told (RFC 7323 2.3: 2^30). */
const LARGEST_INFLATION = 1 << 30

/** Octets beyond cwnd that the first two duplicate acknowledgements allow (RFC 3042). With SACK what was reported makes room. */
export function limitedTransmit(tcb: Tcb): number {
  return tcb.recovery === OPEN && tcb.duplicateAcks > 0 && tcb.duplicateAcks < DUPLICATE_THRESHOLD
    ? tcb.duplicateAcks * tcb.mss
    : 0
}

/** The retransmission timer expired: everything in flight counts as lost and is sent again from the oldest octet on. */
export function onTimeout(tcb: Tcb, effects: Effects, congestion: CongestionController): void {
  if ((tcb.flags & SACK) !== 0 && tcb.sentHead !== NONE) {
    selectiveTimeout(tcb, effects.records, congestion)
    return
  }
  congestion.onTimeout(tcb, flightSize(tcb), tcb.retries === 0)
  tcb.recovery = LOSS
  tcb.recover = tcb.sndNxt
  tcb.duplicateAcks = 0
  tcb.sndCursor = tcb.sndUna
  tcb.flags &= ~RESEND_FIRST
  stopTiming(tcb)
}
