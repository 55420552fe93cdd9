/**
 * Loss recovery by duplicate acknowledgements: limited transmit (RFC 3042), fast retransmit and fast recovery (RFC 5681 3.2, RFC 6582).
 * What is believed lost is decided here; how much may be in flight is the congestion controller's word.
 *
 * @module
 */
import type { CongestionController } from './congestion/controller.ts'
import { stopTiming } from './rto.ts'
import { lessOrEqual } from './seq.ts'
import { flightSize, LOSS, OPEN, RECOVERY, RESEND_FIRST, type Tcb } from './tcb.ts'

const DUPLICATE_THRESHOLD = 3

/** New octets were acknowledged; `sndUna` has moved. @param inFlight octets in flight before. */
export function onNewAck(tcb: Tcb, congestion: CongestionController, acknowledged: number, inFlight: number): void {
  if (tcb.recovery === OPEN) {
    tcb.duplicateAcks = 0
    congestion.onAck(tcb, acknowledged, inFlight)
    return
  }
  const isFull = lessOrEqual(tcb.recover, tcb.sndUna)
  if (tcb.recovery === RECOVERY) {
    if (isFull) {
      congestion.onRecovered(tcb, flightSize(tcb))
    } else {
      // RFC 6582 3.2: the next hole begins here.
      congestion.onPartialAck(tcb, acknowledged)
      tcb.flags |= RESEND_FIRST
    }
  } else {
    congestion.onAck(tcb, acknowledged, tcb.cwnd)
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
export function onDuplicateAck(tcb: Tcb, congestion: CongestionController): boolean {
  tcb.duplicateAcks++
  if (tcb.recovery === RECOVERY) {
    congestion.onDuplicateAck(tcb)
    return false
  }
  // In LOSS these may be echoes of what is sent twice (RFC 6582 4).
  if (tcb.recovery === LOSS || tcb.duplicateAcks !== DUPLICATE_THRESHOLD) return false
  congestion.onLoss(tcb, flightSize(tcb))
  tcb.recovery = RECOVERY
  tcb.recover = tcb.sndNxt
  tcb.flags |= RESEND_FIRST
  stopTiming(tcb)
  return true
}

/** Octets beyond cwnd that the first two duplicate acknowledgements allow (RFC 3042). */
export function limitedTransmit(tcb: Tcb): number {
  return tcb.recovery === OPEN && tcb.duplicateAcks > 0 && tcb.duplicateAcks < DUPLICATE_THRESHOLD
    ? tcb.duplicateAcks * tcb.mss
    : 0
}

/** The retransmission timer expired: everything in flight counts as lost and is sent again from the oldest octet on. */
export function onTimeout(tcb: Tcb, congestion: CongestionController): void {
  congestion.onTimeout(tcb, flightSize(tcb), tcb.retries === 0)
  tcb.recovery = LOSS
  tcb.recover = tcb.sndNxt
  tcb.duplicateAcks = 0
  tcb.sndCursor = tcb.sndUna
  tcb.flags &= ~RESEND_FIRST
  stopTiming(tcb)
}
