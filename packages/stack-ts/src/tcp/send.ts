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
import { NONE } from './pieces.ts'
import { restartRetransmit, startPersist, startRetransmit, stopRetransmit } from './retransmit-timer.ts'
import { startTiming, stopTiming } from './rto.ts'
import { noteSentAgain, sendAllAgain } from './sack-recovery.ts'
import { boardOf, firstLost, type Run, type Scoreboard, sentAgain } from './scoreboard.ts'
import type { SendEffects } from './send-effects.ts'
import { RESENT, SENT } from './sent-records.ts'
import { add, distance, lessThan } from './seq.ts'
import { CLOSED, LISTEN, SYN_RECEIVED, SYN_SENT, TIME_WAIT } from './state.ts'
import { probeSent, scheduleProbe } from './tail-loss-probe.ts'
import {
  ACK_NOW,
  extrasOf,
  FIN_QUEUED,
  flightSize,
  MTU_LOWERED,
  NO_DELAY,
  OPEN,
  PROBE_PEER,
  PROBE_TAIL,
  PROBE_WINDOW,
  pipe,
  RECOVERY,
  RESEND_FIRST,
  SACK,
  SEND_SMALL,
  type Tcb,
  TIMER_PERSIST,
  TIMER_TAIL,
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
  if (
    (tcb.flags & (RESEND_FIRST | PROBE_WINDOW | PROBE_PEER | PROBE_TAIL)) !== 0 &&
    !sendSpecial(tcb, emitter, effects)
  ) {
    effects.timersChanged()
    return false
  }
  // What was told about the path is forgotten in the end, and larger segments are tried (RFC 1191 6.3).
  if ((tcb.flags & MTU_LOWERED) !== 0) fitSegments(tcb)
  // RFC 5681 4.1
  const idleMs = (nowMs - tcb.lastSentAt) | 0
  if (flightSize(tcb) === 0 && idleMs > tcb.rto) effects.congestion.onIdle(tcb, idleMs)
  const { board } = tcb
  let complete = board === null || board.lost === 0 || resendLost(tcb, board, emitter, effects)
  // Nothing new while something lost waits for room.
  while (complete && (board === null || board.lost === 0)) {
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

/** The lost octets in hand. */
const run: Run = { start: 0, end: 0 }

/** Octets of the next segment: 0 is a FIN alone, -1 nothing. */
function nextLength(tcb: Tcb, emitter: Emitter): number {
  const cursor = tcb.sndCursor
  const waiting = distance(cursor, tcb.sndEnd)
  const finDue = (tcb.flags & FIN_QUEUED) !== 0 && waiting >= 0
  if (waiting <= 0 && !(finDue && waiting === 0)) return -1
  const inFlight = distance(tcb.sndUna, cursor)
  const usable = Math.min(tcb.sndWnd - inFlight, tcb.cwnd + limitedTransmit(tcb) - pipe(tcb))
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
  const { nowMs } = effects
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
  if (isFirst) {
    if (tcb.recovery === OPEN) startTiming(tcb, sequence, effects.nowUs)
  } else {
    stopTiming(tcb)
    extrasOf(tcb).retransmitted += Math.max(Math.ceil(length / tcb.mss), 1)
    effects.counters.tcpRetransmitted++
  }
  if ((tcb.flags & SACK) !== 0) recordSent(tcb, effects, sequence, next, isFirst)
  if (lessThan(tcb.sndNxt, next)) tcb.sndNxt = next
  if (lessThan(tcb.sndCursor, next)) tcb.sndCursor = next
  tcb.lastSentAt = nowMs
  startRetransmit(tcb, nowMs)
  return true
}

/** Enters what leaves into the records of what is in flight. */
function recordSent(tcb: Tcb, effects: SendEffects, sequence: number, end: number, isFirst: boolean): void {
  const { records, nowUs } = effects
  const { board } = tcb
  if (board !== null) {
    const octets = distance(sequence, end)
    if (tcb.recovery === RECOVERY) board.prrOut += octets
    if (!isFirst) noteSentAgain(tcb, board, octets, effects.nowMs)
    if (sequence !== tcb.sndCursor) sentAgain(tcb, board, records, sequence, end, nowUs)
  }
  // A FIN may join what is sent again.
  if (lessThan(tcb.sndCursor, end)) {
    records.append(tcb, end, nowUs, isFirst ? SENT : SENT | RESENT)
    tcb.timers &= ~TIMER_TAIL
  }
}

/** What is believed lost goes first, from the oldest on (RFC 6675 4, NextSeg). @returns false when the path takes no more. */
function resendLost(tcb: Tcb, board: Scoreboard, emitter: Emitter, effects: SendEffects): boolean {
  while (board.lost > 0 && firstLost(tcb, effects.records, run)) {
    const { start } = run
    // The FIN has a number, and no octet.
    const text = distance(start, lessThan(tcb.sndEnd, run.end) ? tcb.sndEnd : run.end)
    const room = Math.min(tcb.cwnd - pipe(tcb), tcb.sndWnd - distance(tcb.sndUna, start))
    let length = Math.min(text, largestSegment(tcb))
    if (length > tcb.mss) length = Math.min(length, Math.max(emitter.contiguous(tcb, start), tcb.mss))
    if (length > room) length = Math.min(length, tcb.mss)
    if (Math.max(length, 1) > room) return true
    if (length > tcb.mss && length < text) length -= length % tcb.mss
    if (tcb.path.isBusy || !sendAt(tcb, emitter, effects, start, length)) return false
    // RFC 6675 6: the timeout is counted from the retransmission.
    if (tcb.recovery === RECOVERY) restartRetransmit(tcb, effects.nowMs)
  }
  return true
}

/** New octets when there are some, else the last ones again, whatever the congestion window says (RFC 8985 7.3). */
function probeTail(tcb: Tcb, emitter: Emitter, effects: SendEffects): boolean {
  const inFlight = distance(tcb.sndUna, tcb.sndCursor)
  if (inFlight <= 0 || tcb.sentHead === NONE || tcb.recovery !== OPEN) return true
  const fresh = Math.min(distance(tcb.sndCursor, tcb.sndEnd), tcb.sndWnd - inFlight, tcb.mss)
  const text = distance(tcb.sndUna, lessThan(tcb.sndEnd, tcb.sndCursor) ? tcb.sndEnd : tcb.sndCursor)
  boardOf(tcb)
  if (fresh > 0) {
    if (!sendAt(tcb, emitter, effects, tcb.sndCursor, fresh)) return false
  } else {
    const last = Math.min(text, tcb.mss)
    if (!sendAt(tcb, emitter, effects, add(tcb.sndUna, text - last), last)) return false
  }
  effects.counters.tcpLossProbes++
  probeSent(tcb, fresh <= 0)
  return true
}

/** What goes beside the queue's order: the oldest segment again, a probe of the window, a probe of the peer. */
function sendSpecial(tcb: Tcb, emitter: Emitter, effects: SendEffects): boolean {
  if (tcb.path.isBusy) return false
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
    tcb.flags &= ~RESEND_FIRST
  }
  if ((tcb.flags & PROBE_TAIL) !== 0) {
    if (!probeTail(tcb, emitter, effects)) return false
    tcb.flags &= ~PROBE_TAIL
  }
  if ((tcb.flags & PROBE_WINDOW) !== 0) {
    if (!probeWindow(tcb, emitter, effects)) return false
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
function probeWindow(tcb: Tcb, emitter: Emitter, effects: SendEffects): boolean {
  const hasText = lessThan(tcb.sndUna, tcb.sndEnd)
  // An acknowledgement may have come since the timer expired: then there is nothing to probe with, or for.
  if (tcb.sndWnd > 0 || !(hasText || ((tcb.flags & FIN_QUEUED) !== 0 && tcb.sndUna === tcb.sndEnd))) return true
  if (!emitter.send(tcb, tcb.sndUna, hasText ? TCP_ACK : TCP_ACK | TCP_FIN, hasText ? 1 : 0)) return false
  const next = add(tcb.sndUna, 1)
  if (lessThan(tcb.sndNxt, next)) tcb.sndNxt = next
  sendAllAgain(tcb, effects.records)
  stopTiming(tcb)
  return true
}

/** Something in flight: the retransmission timer. Something that cannot leave and nothing in flight: the persist timer. */
function setTimer(tcb: Tcb, effects: SendEffects): void {
  const inFlight = distance(tcb.sndUna, tcb.sndCursor)
  if (inFlight > 0) {
    const { nowMs } = effects
    startRetransmit(tcb, nowMs)
    if ((tcb.flags & SACK) !== 0) scheduleProbe(tcb, nowMs)
    effects.timersChanged()
    return
  }
  const waiting =
    lessThan(tcb.sndCursor, tcb.sndEnd) || ((tcb.flags & FIN_QUEUED) !== 0 && tcb.sndCursor === tcb.sndEnd)
  if (waiting) startPersist(tcb, effects.nowMs)
  else if ((tcb.timers & TIMER_PERSIST) !== 0) stopRetransmit(tcb)
  else return
  effects.timersChanged()
}
