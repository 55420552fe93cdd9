/**
 * Whether a segment counts: the first five steps of SEGMENT ARRIVES for a synchronised connection (RFC 9293 3.10.7.4), with PAWS (RFC 7323 5)
 * and the mitigations of blind attacks (RFC 5961).
 *
 * @module
 */
import { TCP_ACK, TCP_FIN, TCP_RST, TCP_SYN } from '@ioth/core'
import type { Effects } from './effects.ts'
import { duplicateArrived } from './sack-report.ts'
import type { Segment } from './segment.ts'
import { add, distance, lessOrEqual, lessThan } from './seq.ts'
import { CLOSE_WAIT, CLOSING, ESTABLISHED, LAST_ACK, SYN_RECEIVED } from './state.ts'
import { ORPHAN, PASSIVE, type Tcb, TIMESTAMPS } from './tcb.ts'
import { receiveWindow } from './window.ts'

/** RFC 7323 5.5: after this long without a segment the old timestamp says nothing. */
const TIMESTAMP_LIFE_S = 24 * 24 * 3600
/** The largest window a header can tell without a shift. */
const LARGEST_WINDOW = 0xffff

/**
 * Whether this is what nearly every segment is (header prediction): the next octets or none, all within the window, an acknowledgement of
 * what is in flight or was acknowledged last, and nothing else to look at. All that {@link accepts} checks holds for it then.
 */
export function isExpected(tcb: Tcb, segment: Segment): boolean {
  return (
    tcb.state === ESTABLISHED &&
    segment.seq === tcb.rcvNxt &&
    (segment.flags & (TCP_ACK | TCP_RST | TCP_SYN | TCP_FIN)) === TCP_ACK &&
    segment.textLength < receiveWindow(tcb) &&
    distance(tcb.sndUna, segment.ack) >= 0 &&
    lessOrEqual(segment.ack, tcb.sndNxt) &&
    (!segment.hasTimestamps || ((segment.timestampValue - tcb.tsRecent) | 0) >= 0)
  )
}

/** The first five steps. What is outside of the window is cut off. @returns whether the segment goes on to the next ones. */
export function accepts(tcb: Tcb, segment: Segment, effects: Effects): boolean {
  const { seq } = segment
  if (!isAcceptable(tcb, segment, effects)) return false
  const { flags } = segment

  // Second, the RST bit (RFC 5961 3.2).
  if ((flags & TCP_RST) !== 0) {
    if (seq === tcb.rcvNxt) {
      effects.counters.tcpResetsIn++
      resetArrives(tcb, effects)
    } else {
      effects.counters.drop('tcp.reset')
      effects.challenge()
    }
    return false
  }
  // Fourth, the SYN bit (RFC 5961 4.2). A connection that is not synchronised goes back to LISTEN.
  if ((flags & TCP_SYN) !== 0) {
    effects.counters.drop('tcp.syn')
    if (tcb.state === SYN_RECEIVED && (tcb.flags & PASSIVE) !== 0) effects.ended(null)
    else effects.challenge()
    return false
  }
  // Fifth, the ACK field.
  if ((flags & TCP_ACK) === 0) {
    effects.counters.drop('tcp.no-ack')
    return false
  }
  return isAckAcceptable(tcb, segment, effects)
}

/** First, the sequence number; PAWS before it (RFC 7323 5.3). What is outside of the window is cut off. */
function isAcceptable(tcb: Tcb, segment: Segment, effects: Effects): boolean {
  const isReset = (segment.flags & TCP_RST) !== 0
  if (segment.hasTimestamps && (tcb.flags & TIMESTAMPS) !== 0) {
    const isOld = ((segment.timestampValue - tcb.tsRecent) | 0) < 0
    if (isOld && !isReset && effects.nowS - tcb.tsRecentAt < TIMESTAMP_LIFE_S) {
      effects.counters.drop('tcp.paws')
      answerUnacceptable(tcb, segment, effects)
      return false
    }
  }
  const window = receiveWindow(tcb)
  const start = distance(tcb.rcvNxt, segment.seq)
  const length = segment.sequenceLength
  let acceptable: boolean
  if (length === 0) acceptable = window === 0 ? start === 0 : start >= 0 && start < window
  else if (window === 0) acceptable = false
  else acceptable = start < window && start + length > 0
  if (!acceptable) {
    // A window probe, or text for a window that is full: its ACK, RST and window still count (3.10.7.4, first).
    if (window === 0 && start === 0 && (segment.flags & TCP_SYN) === 0) {
      segment.trimTo(0)
      segment.flags &= ~TCP_FIN
      if (!isReset) effects.acknowledge()
      return true
    }
    effects.counters.drop('tcp.window')
    if (!isReset) answerUnacceptable(tcb, segment, effects)
    return false
  }
  if (isReset || (segment.flags & TCP_SYN) !== 0) return true
  if (start < 0) {
    oldTextArrived(tcb, segment)
    segment.trimLeft(-start)
  }
  const right = start < 0 ? window : window - start
  if (segment.sequenceLength > right) segment.trimTo(Math.min(right, segment.textLength))
  if (segment.textLength === right) segment.flags &= ~TCP_FIN
  return true
}

/**
 * What is not acceptable draws an ACK (3.10.7.4, first). Text that came again needs its own; anything else is a guess, or half of two
 * stacks that answer each other for ever, and is answered within limits.
 */
function answerUnacceptable(tcb: Tcb, segment: Segment, effects: Effects): void {
  const age = distance(segment.seq, tcb.rcvNxt)
  const length = segment.sequenceLength
  const isAgain = age > 0 && age <= LARGEST_WINDOW << tcb.rcvScale && length > 0 && (segment.flags & TCP_SYN) === 0
  if (isAgain) {
    oldTextArrived(tcb, segment)
    effects.acknowledge()
  } else {
    effects.challenge()
  }
}

/** Text before RCV.NXT came again, or some of it: the peer hears of it (RFC 2883). What can never have come is somebody else's. */
function oldTextArrived(tcb: Tcb, segment: Segment): void {
  const { seq, textLength } = segment
  const age = distance(seq, tcb.rcvNxt)
  if (textLength === 0 || age <= 0 || age > tcb.rcvLimit) return
  if (lessOrEqual(seq, tcb.irs) && lessThan(tcb.irs, tcb.rcvNxt)) return
  const end = add(seq, textLength)
  duplicateArrived(tcb, seq, lessThan(tcb.rcvNxt, end) ? tcb.rcvNxt : end)
}

function resetArrives(tcb: Tcb, effects: Effects): void {
  if (tcb.state === SYN_RECEIVED) effects.ended((tcb.flags & PASSIVE) !== 0 ? 'ECONNRESET' : 'ECONNREFUSED')
  else if (tcb.state === CLOSING || tcb.state === LAST_ACK)
    effects.ended((tcb.flags & ORPHAN) !== 0 ? null : 'ECONNRESET')
  else effects.ended(tcb.state === CLOSE_WAIT ? 'EPIPE' : 'ECONNRESET')
}

/** Fifth, first part: whether the segment acknowledges what can have been sent (RFC 5961 5.2). */
function isAckAcceptable(tcb: Tcb, segment: Segment, effects: Effects): boolean {
  const { ack } = segment
  const isAcceptable =
    tcb.state === SYN_RECEIVED
      ? ack === tcb.sndNxt
      : lessOrEqual(ack, tcb.sndNxt) && distance(tcb.sndUna, ack) >= -tcb.maxSndWnd
  if (isAcceptable) return true
  effects.counters.drop('tcp.ack')
  if (tcb.state === SYN_RECEIVED) effects.refuse(segment)
  else effects.challenge()
  return false
}
