/**
 * Sending (RFC 9293 3.7.4, 3.8.4, 3.8.6): which octets may leave now. The windows of peer and congestion control, Nagle's rule,
 * silly-window avoidance, retransmissions first, the FIN after all, an acknowledgement if nothing carried it.
 *
 * @module
 */
import { TCP_ACK, TCP_FIN, TCP_PSH, TCP_SYN } from '@ioth/core'
import type { Emitter } from './emitter.ts'
import { limitedTransmit } from './loss-recovery.ts'
import { fitSegments } from './options.ts'
import { startPersist, startRetransmit, stopRetransmit } from './retransmit-timer.ts'
import { startTiming, stopTiming } from './rto.ts'
import type { SendEffects } from './send-effects.ts'
import { add, distance, lessThan } from './seq.ts'
import { CLOSED, LISTEN, SYN_RECEIVED, SYN_SENT, TIME_WAIT } from './state.ts'
import {
  ACK_NOW,
  FIN_QUEUED,
  flightSize,
  MTU_LOWERED,
  NO_DELAY,
  PROBE_PEER,
  PROBE_WINDOW,
  RESEND_FIRST,
  SEND_SMALL,
  type Tcb,
  TIMER_PERSIST,
} from './tcb.ts'

/**
 * Sends all that may be sent now.
 * @returns false when the path takes no more frames or memory is short: call again when there is room.
 */
export function transmit(tcb: Tcb, emitter: Emitter, effects: SendEffects): boolean {
  const { state } = tcb
  if (state === CLOSED || state === LISTEN || state === TIME_WAIT) return true
  const done =
    state === SYN_SENT || state === SYN_RECEIVED ? sendSyn(tcb, emitter, effects) : sendText(tcb, emitter, effects)
  if (done && (tcb.flags & ACK_NOW) !== 0) return acknowledge(tcb, emitter)
  return done
}

/**
 * A segment without text, now. Its number is SND.NXT, or the end of the peer's window when a probe went beyond it: two sides that probe
 * each other's closed windows would take each other's acknowledgements for unacceptable, and answer them for ever.
 */
export function acknowledge(tcb: Tcb, emitter: Emitter): boolean {
  // A SYN needs no window.
  const beyond = tcb.sndUna === tcb.iss ? 0 : (tcb.sndNxt - tcb.sndUna - tcb.sndWnd) | 0
  return emitter.send(tcb, beyond > 0 ? add(tcb.sndNxt, -beyond) : tcb.sndNxt, TCP_ACK, 0)
}

function sendSyn(tcb: Tcb, emitter: Emitter, effects: SendEffects): boolean {
  if (tcb.sndCursor !== tcb.iss) return true
  if (tcb.path.isBusy) return false
  const isFirst = tcb.sndNxt === tcb.iss
  tcb.sndNxt = add(tcb.iss, 1)
  if (!emitter.send(tcb, tcb.iss, tcb.state === SYN_SENT ? TCP_SYN : TCP_SYN | TCP_ACK, 0)) return false
  tcb.sndCursor = tcb.sndNxt
  if (isFirst) startTiming(tcb, tcb.iss, effects.nowUs)
  else stopTiming(tcb)
  tcb.lastSentAt = effects.nowMs
  startRetransmit(tcb, effects.nowMs)
  effects.timersChanged()
  return true
}

function sendText(tcb: Tcb, emitter: Emitter, effects: SendEffects): boolean {
  const { nowMs } = effects
  if ((tcb.flags & (RESEND_FIRST | PROBE_WINDOW | PROBE_PEER)) !== 0 && !sendSpecial(tcb, emitter, effects))
    return false
  // What was told about the path is forgotten in the end, and larger segments are tried (RFC 1191 6.3).
  if ((tcb.flags & MTU_LOWERED) !== 0) fitSegments(tcb)
  // RFC 5681 4.1
  if (flightSize(tcb) === 0 && ((nowMs - tcb.lastSentAt) | 0) > tcb.rto) effects.congestion.onIdle(tcb)
  let complete = true
  for (;;) {
    const length = nextLength(tcb, emitter)
    if (length < 0) break
    if (tcb.path.isBusy) {
      complete = false
      break
    }
    const cursor = tcb.sndCursor
    if (!sendAt(tcb, emitter, effects, cursor, length)) {
      complete = false
      break
    }
  }
  tcb.flags &= ~SEND_SMALL
  setTimer(tcb, effects)
  return complete
}

/** Octets of the next segment: 0 is a FIN alone, -1 nothing. */
function nextLength(tcb: Tcb, emitter: Emitter): number {
  const cursor = tcb.sndCursor
  const waiting = distance(cursor, tcb.sndEnd)
  const finDue = (tcb.flags & FIN_QUEUED) !== 0 && waiting >= 0
  if (waiting <= 0 && !(finDue && waiting === 0)) return -1
  const inFlight = distance(tcb.sndUna, cursor)
  const window = Math.min(tcb.sndWnd, tcb.cwnd + limitedTransmit(tcb))
  const usable = window - inFlight
  if (usable <= 0) return -1
  if (waiting === 0) return 0
  const { mss } = tcb
  let length = Math.min(waiting, usable)
  if (length >= mss) {
    if (length === mss) return mss
    const most = largestSegment(tcb)
    if (length > most) length = most
    if (length <= mss) return length
    // A super-segment is one run of memory and, unless it ends the queue, whole segments.
    const run = emitter.contiguous(tcb, cursor)
    if (run < length) length = run
    if (length <= mss) return mss
    const keepsTail = length < waiting || (inFlight > 0 && (tcb.flags & (NO_DELAY | FIN_QUEUED)) === 0)
    return keepsTail ? length - (length % mss) : length
  }
  if (isSmallAllowed(tcb, length, waiting, inFlight)) return length
  return -1
}

/** Payload of the largest frame the path takes. */
function largestSegment(tcb: Tcb): number {
  const { offload } = tcb.path
  if (!offload.segment || !offload.checksum) return tcb.mss
  return Math.max(offload.maxSegment - (offload.maxSegment % tcb.mss), tcb.mss)
}

/** Whether a segment that is not full may go (RFC 9293 3.7.4, 3.8.6.2.1). */
function isSmallAllowed(tcb: Tcb, length: number, waiting: number, inFlight: number): boolean {
  // What is sent again goes as it is.
  if (tcb.sndCursor !== tcb.sndNxt) return true
  if ((tcb.flags & SEND_SMALL) !== 0) return true
  if (length === waiting) return inFlight === 0 || (tcb.flags & (NO_DELAY | FIN_QUEUED)) !== 0
  return length >= tcb.maxSndWnd >> 1 && inFlight === 0
}

/** Sends octets from a place on; what ends the queue is pushed, and carries the FIN when it is due. */
function sendAt(tcb: Tcb, emitter: Emitter, effects: SendEffects, sequence: number, length: number): boolean {
  const end = add(sequence, length)
  let flags = TCP_ACK
  let next = end
  if (end === tcb.sndEnd) {
    if (length > 0) flags |= TCP_PSH
    if ((tcb.flags & FIN_QUEUED) !== 0 && distance(tcb.sndUna, sequence) + length < tcb.sndWnd) {
      flags |= TCP_FIN
      next = add(end, 1)
    }
  }
  const isFirst = sequence === tcb.sndNxt
  if (!emitter.send(tcb, sequence, flags, length)) return false
  if (isFirst) startTiming(tcb, sequence, effects.nowUs)
  else {
    stopTiming(tcb)
    effects.counters.tcpRetransmitted++
  }
  if (lessThan(tcb.sndNxt, next)) tcb.sndNxt = next
  tcb.sndCursor = next
  tcb.lastSentAt = effects.nowMs
  startRetransmit(tcb, effects.nowMs)
  effects.timersChanged()
  return true
}

/** What goes beside the queue's order: the oldest segment again, a probe of the window, a probe of the peer. */
function sendSpecial(tcb: Tcb, emitter: Emitter, effects: SendEffects): boolean {
  if (tcb.path.isBusy) return false
  const cursor = tcb.sndCursor
  if ((tcb.flags & RESEND_FIRST) !== 0) {
    const waiting = distance(tcb.sndUna, tcb.sndEnd)
    const length = Math.min(waiting, emitter.contiguous(tcb, tcb.sndUna) || tcb.mss, largestSegment(tcb))
    if (
      !sendAt(
        tcb,
        emitter,
        effects,
        tcb.sndUna,
        Math.min(Math.max(length, Math.min(tcb.mss, waiting)), flightSize(tcb)),
      )
    )
      return false
    if (lessThan(tcb.sndCursor, cursor)) tcb.sndCursor = cursor
    tcb.flags &= ~RESEND_FIRST
  }
  if ((tcb.flags & PROBE_WINDOW) !== 0) {
    if (!probeWindow(tcb, emitter)) return false
    tcb.flags &= ~PROBE_WINDOW
  }
  if ((tcb.flags & PROBE_PEER) !== 0) {
    // RFC 9293 3.8.4: an octet that was acknowledged long ago draws an acknowledgement.
    if (!emitter.send(tcb, add(tcb.sndUna, -1), TCP_ACK, 0)) return false
    tcb.flags &= ~PROBE_PEER
  }
  return true
}

/** One octet beyond the window, or the FIN; it counts as lost at once, so that it leads the queue when the window opens. */
function probeWindow(tcb: Tcb, emitter: Emitter): boolean {
  const hasText = lessThan(tcb.sndUna, tcb.sndEnd)
  // An acknowledgement may have come since the timer expired: then there is nothing to probe with, or for.
  if (tcb.sndWnd > 0 || !(hasText || ((tcb.flags & FIN_QUEUED) !== 0 && tcb.sndUna === tcb.sndEnd))) return true
  if (!emitter.send(tcb, tcb.sndUna, hasText ? TCP_ACK : TCP_ACK | TCP_FIN, hasText ? 1 : 0)) return false
  const next = add(tcb.sndUna, 1)
  if (lessThan(tcb.sndNxt, next)) tcb.sndNxt = next
  tcb.sndCursor = tcb.sndUna
  stopTiming(tcb)
  return true
}

/** Something in flight: the retransmission timer. Something that cannot leave and nothing in flight: the persist timer. */
function setTimer(tcb: Tcb, effects: SendEffects): void {
  const inFlight = distance(tcb.sndUna, tcb.sndCursor)
  if (inFlight > 0) {
    startRetransmit(tcb, effects.nowMs)
    return
  }
  const waiting =
    lessThan(tcb.sndCursor, tcb.sndEnd) || ((tcb.flags & FIN_QUEUED) !== 0 && tcb.sndCursor === tcb.sndEnd)
  if (waiting) startPersist(tcb, effects.nowMs)
  else if ((tcb.timers & TIMER_PERSIST) !== 0) stopRetransmit(tcb)
  else return
  effects.timersChanged()
}
