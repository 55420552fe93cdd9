/**
 * SEGMENT ARRIVES (RFC 9293 3.10.7), for a connection that exists; CLOSED and LISTEN are in `refuse.ts` and `listener.ts`. The steps stand
 * in the RFC's order, with the blind-attack mitigations of RFC 5961 where they belong. The urgent pointer is ignored: urgent octets
 * stay in line (RFC 6093).
 *
 * @module
 */
import { TCP_ACK, TCP_FIN, TCP_RST, TCP_SYN } from '@ioth/core'
import { accepts, isExpected } from './acceptance.ts'
import { openWindow } from './congestion/controller.ts'
import { ackArrived, inOrderArrived } from './delayed-ack.ts'
import type { Effects } from './effects.ts'
import { onDuplicateAck, onNewAck } from './loss-recovery.ts'
import { agree } from './options.ts'
import { restartRetransmit, stopRetransmit } from './retransmit-timer.ts'
import { timeAcknowledgement } from './rto.ts'
import { plainAckArrives, type RecoveryRules, selectiveAckArrives } from './sack-recovery.ts'
import type { Segment } from './segment.ts'
import { add, distance, lessOrEqual, lessThan } from './seq.ts'
import {
  CLOSE_WAIT,
  CLOSED,
  CLOSING,
  ESTABLISHED,
  FIN_WAIT_1,
  FIN_WAIT_2,
  LAST_ACK,
  mayReceive,
  SYN_RECEIVED,
  SYN_SENT,
} from './state.ts'
import {
  extrasOf,
  FIN_AHEAD,
  FIN_QUEUED,
  FIN_TAKEN,
  flightSize,
  ORPHAN,
  pipe,
  queuedOctets,
  SACK,
  type Tcb,
  TIMER_LINGER,
  TIMESTAMPS,
} from './tcb.ts'

/** What the machine is set to. */
export interface Rules extends RecoveryRules {
  readonly finWait2Ms: number
}

export function segmentArrives(tcb: Tcb, segment: Segment, effects: Effects, rules: Rules): void {
  if (tcb.state === SYN_SENT) arrivesInSynSent(tcb, segment, effects, rules)
  else arrives(tcb, segment, effects, rules)
}

/** 3.10.7.3 */
function arrivesInSynSent(tcb: Tcb, segment: Segment, effects: Effects, rules: Rules): void {
  const { flags } = segment
  const hasAck = (flags & TCP_ACK) !== 0
  // First, the ACK bit.
  if (hasAck && (segment.ack !== tcb.sndNxt || tcb.sndNxt === tcb.iss)) {
    effects.counters.drop('tcp.ack')
    if ((flags & TCP_RST) === 0) effects.refuse(segment)
    return
  }
  // Second, the RST bit: it counts only with an acceptable ACK.
  if ((flags & TCP_RST) !== 0) {
    if (hasAck) effects.ended('ECONNREFUSED')
    else effects.counters.drop('tcp.reset')
    return
  }
  // Fourth, the SYN bit.
  if ((flags & TCP_SYN) === 0) {
    effects.counters.drop('tcp.no-syn')
    return
  }
  tcb.irs = segment.seq
  tcb.rcvNxt = add(segment.seq, 1)
  tcb.rcvAdv = (tcb.rcvNxt + Math.min(tcb.rcvLimit, 0xffff)) | 0
  tcb.lastAckSent = tcb.rcvNxt
  agree(tcb, segment, effects.nowS)
  tcb.lastHeardAt = effects.nowMs
  updateWindow(tcb, segment, segment.wnd)
  if (!hasAck) {
    // Simultaneous open: our SYN goes again, with the ACK. Text on the SYN is dropped; the peer sends it again.
    tcb.state = SYN_RECEIVED
    tcb.sndCursor = tcb.iss
    effects.wantOutput()
    return
  }
  acknowledgeSyn(tcb, segment, effects, rules)
  effects.acknowledge()
  // Text and FIN on the SYN are left to be sent again: the ACK just sent says so.
}

/** Our SYN is acknowledged: the connection is established. */
function acknowledgeSyn(tcb: Tcb, segment: Segment, effects: Effects, rules: Rules): void {
  tcb.sndUna = segment.ack
  tcb.sndCursor = tcb.sndNxt
  tcb.path.confirm()
  timeAcknowledgement(
    tcb,
    segment.ack,
    segment.hasTimestamps,
    segment.timestampEcho,
    effects.nowUs,
    (effects.nowMs + tcb.tsOffset) | 0,
    rules.minRtoMs,
  )
  stopRetransmit(tcb)
  openWindow(tcb)
  // RFC 6298 5.7
  if (tcb.retries > 0) tcb.rto = Math.max(tcb.rto, 3000)
  tcb.retries = 0
  tcb.state = (tcb.flags & FIN_QUEUED) === 0 ? ESTABLISHED : FIN_WAIT_1
  effects.timersChanged()
  effects.established()
  effects.wantOutput()
}

/** 3.10.7.4 */
function arrives(tcb: Tcb, segment: Segment, effects: Effects, rules: Rules): void {
  let windowScale = tcb.sndScale
  if (tcb.state === SYN_RECEIVED && (segment.flags & TCP_SYN) !== 0 && segment.seq === tcb.irs) {
    if ((segment.flags & TCP_ACK) === 0) {
      // The SYN again: our answer was lost.
      tcb.sndCursor = tcb.iss
      effects.wantOutput()
      return
    }
    // The SYN and ACK of a simultaneous open (3.5, figure 8): the SYN is known, the ACK counts. The window of a SYN is never scaled.
    segment.trimLeft(1)
    windowScale = 0
  }
  if (!isExpected(tcb, segment) && !accepts(tcb, segment, effects)) return
  // Only now the segment is known to be no blind guess: it tells that the peer lives, and the time of its clock.
  tcb.lastHeardAt = effects.nowMs
  if (segment.hasTimestamps && (tcb.flags & TIMESTAMPS) !== 0 && lessOrEqual(segment.seq, tcb.lastAckSent)) {
    // RFC 7323 4.3
    tcb.tsRecent = segment.timestampValue
    tcb.tsRecentAt = effects.nowS
  }
  if (tcb.state === SYN_RECEIVED) {
    updateWindow(tcb, segment, segment.wnd << windowScale)
    acknowledgeSyn(tcb, segment, effects, rules)
  } else {
    ackArrives(tcb, segment, effects, rules)
    if (tcb.state === CLOSED) return
  }
  // Seventh, the segment text; eighth, the FIN bit.
  const { textLength } = segment
  if (textLength > 0 || (segment.flags & TCP_FIN) !== 0) textArrives(tcb, segment, textLength, effects)
}

/** Fifth, second part: the synchronised states. */
function ackArrives(tcb: Tcb, segment: Segment, effects: Effects, rules: Rules): void {
  const { ack } = segment
  const acknowledged = distance(tcb.sndUna, ack)
  const window = segment.wnd << tcb.sndScale
  if (acknowledged > 0) {
    newAckArrives(tcb, segment, acknowledged, effects, rules)
    if (tcb.state === CLOSED) return
  } else if ((tcb.flags & SACK) !== 0) {
    if (acknowledged === 0 && (segment.sackBlocks > 0 || tcb.board !== null)) {
      selectiveAckArrives(tcb, segment, 0, pipe(tcb), effects, rules)
      effects.wantOutput()
    }
  } else if (
    // RFC 5681 2: outstanding data, no text, no SYN or FIN, the same number, the same window.
    acknowledged === 0 &&
    flightSize(tcb) > 0 &&
    segment.textLength === 0 &&
    (segment.flags & TCP_FIN) === 0 &&
    window === tcb.sndWnd &&
    tcb.sndWnd !== 0
  ) {
    if (onDuplicateAck(tcb, rules.congestion, effects.nowMs)) effects.counters.tcpFastRetransmits++
    effects.wantOutput()
  }
  if (acknowledged < 0) return
  // The window, if this segment is not older than the one that set it (3.10.7.4). The text's test by SEG.SEQ takes one that sends its octets
  // again for older, though it acknowledges something new and so was sent later than all before it; the window it brings must not be lost,
  // or the old one would reach beyond what the peer ever offered, as it counts from the new SND.UNA. A departure, as hosts do it.
  const newer = distance(tcb.sndWl1, segment.seq)
  if (acknowledged > 0 || newer > 0 || (newer === 0 && lessOrEqual(tcb.sndWl2, ack))) {
    if (window > tcb.sndWnd) effects.wantOutput()
    updateWindow(tcb, segment, window)
  }
}

function updateWindow(tcb: Tcb, segment: Segment, window: number): void {
  tcb.sndWnd = window
  tcb.sndWl1 = segment.seq
  tcb.sndWl2 = segment.ack
  if (window > tcb.maxSndWnd) tcb.maxSndWnd = window
}

function newAckArrives(tcb: Tcb, segment: Segment, acknowledged: number, effects: Effects, rules: Rules): void {
  const { ack } = segment
  const { nowMs } = effects
  const inFlight = (tcb.flags & SACK) === 0 ? flightSize(tcb) : pipe(tcb)
  timeAcknowledgement(
    tcb,
    ack,
    segment.hasTimestamps,
    segment.timestampEcho,
    effects.nowUs,
    (nowMs + tcb.tsOffset) | 0,
    rules.minRtoMs,
  )
  const finAcknowledged = lessThan(tcb.sndEnd, ack)
  const queued = queuedOctets(tcb)
  tcb.sndUna = ack
  tcb.path.confirm()
  if (lessThan(tcb.sndCursor, ack)) tcb.sndCursor = ack
  const octets = Math.min(acknowledged, queued)
  if (octets > 0) effects.releaseSent(octets)
  if ((tcb.flags & SACK) === 0) onNewAck(tcb, rules.congestion, acknowledged, inFlight, nowMs)
  else if (tcb.board === null && segment.sackBlocks === 0)
    plainAckArrives(tcb, acknowledged, inFlight, effects, rules.congestion)
  else selectiveAckArrives(tcb, segment, acknowledged, inFlight, effects, rules)
  tcb.retries = 0
  tcb.waitingSince = nowMs
  if (ack === tcb.sndNxt) stopRetransmit(tcb)
  else restartRetransmit(tcb, nowMs)
  effects.wantOutput()
  if (octets > 0) effects.writable()
  if (finAcknowledged) finAcknowledgedToo(tcb, effects, rules)
}

/** All that we ever send has arrived. */
function finAcknowledgedToo(tcb: Tcb, effects: Effects, rules: Rules): void {
  effects.allAcknowledged()
  if (tcb.state === FIN_WAIT_1) {
    tcb.state = FIN_WAIT_2
    if ((tcb.flags & ORPHAN) !== 0) awaitPeersFin(tcb, effects, rules)
  } else if (tcb.state === CLOSING) {
    effects.timeWait()
  } else if (tcb.state === LAST_ACK) {
    effects.ended(null)
  }
}

/** A closed socket waits for the peer's FIN for a bounded time only. */
export function awaitPeersFin(tcb: Tcb, effects: Effects, rules: Rules): void {
  tcb.timers |= TIMER_LINGER
  extrasOf(tcb).lingerAt = add(effects.nowMs, rules.finWait2Ms)
  effects.timersChanged()
}

/** Seventh and eighth. The segment is inside the window. */
function textArrives(tcb: Tcb, segment: Segment, textLength: number, effects: Effects): void {
  if (!mayReceive(tcb.state)) return
  if (textLength > 0 && (tcb.flags & ORPHAN) !== 0) {
    // RFC 9293 3.6.1: nobody will read this.
    effects.sendReset()
    effects.ended(null)
    return
  }
  const hasFin = (segment.flags & TCP_FIN) !== 0
  if (segment.seq !== tcb.rcvNxt) {
    if (textLength > 0) effects.keepAhead(segment)
    if (hasFin) {
      tcb.flags |= FIN_AHEAD
      tcb.rcvFin = add(segment.seq, textLength)
    }
    // RFC 5681 4.2: a gap is told at once.
    effects.acknowledge()
    return
  }
  const fillsGap = tcb.ahead !== null
  if (textLength > 0) {
    const taken = effects.deliver(segment)
    tcb.path.confirm()
    tcb.rcvNxt = add(tcb.rcvNxt, taken)
    if (taken < textLength) {
      // As if the rest had been lost: the peer sends it again.
      effects.counters.drop('tcp.memory')
      return
    }
    if (fillsGap) effects.deliverAhead()
  }
  if (hasFin) {
    tcb.flags |= FIN_AHEAD
    tcb.rcvFin = add(segment.seq, textLength)
  }
  if ((tcb.flags & FIN_AHEAD) !== 0 && tcb.rcvNxt === tcb.rcvFin) {
    finArrives(tcb, effects)
    return
  }
  if (fillsGap) ackArrived(tcb, effects)
  else inOrderArrived(tcb, effects)
}

/** Eighth: everything before the FIN is in the receive queue. */
function finArrives(tcb: Tcb, effects: Effects): void {
  tcb.rcvNxt = add(tcb.rcvNxt, 1)
  if (lessThan(tcb.rcvAdv, tcb.rcvNxt)) tcb.rcvAdv = tcb.rcvNxt
  tcb.flags = (tcb.flags & ~FIN_AHEAD) | FIN_TAKEN
  ackArrived(tcb, effects)
  if (tcb.state === ESTABLISHED) {
    tcb.state = CLOSE_WAIT
    effects.endReceived()
  } else if (tcb.state === FIN_WAIT_1) {
    tcb.state = CLOSING
    effects.endReceived()
  } else if (tcb.state === FIN_WAIT_2) {
    effects.endReceived()
    effects.timeWait()
  }
}
