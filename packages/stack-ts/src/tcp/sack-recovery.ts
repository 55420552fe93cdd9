/**
 * Loss recovery of connections that agreed on SACK: the scoreboard (RFC 6675) says what arrived, RACK (RFC 8985) what is lost, PRR
 * (RFC 6937) how fast it goes again. A reduction that turns out to have been for nothing is taken back: the peer reports that all that
 * went again came twice (RFC 3708), or answers a sending before it (RFC 3522, the Eifel detection).
 *
 * @module
 */
import type { CongestionController } from './congestion/controller.ts'
import type { Effects } from './effects.ts'
import { NONE } from './pieces.ts'
import { beginReduction, reduce } from './prr.ts'
import { type Detection, detect, narrowWindow, widenWindow } from './rack.ts'
import { sampleRtt, stopTiming } from './rto.ts'
import { acknowledge, boardOf, checkReneging, findAll, loseAll, type Scoreboard, takeBlocks } from './scoreboard.ts'
import type { Segment } from './segment.ts'
import type { SentRecords } from './sent-records.ts'
import { distance, lessOrEqual, lessThan } from './seq.ts'
import { probeAnswered } from './tail-loss-probe.ts'
import { flightSize, LOSS, OPEN, PROBE_TAIL, RECOVERY, type Tcb, TIMER_REORDER, TIMER_TAIL, TIMESTAMPS } from './tcb.ts'

/** What recovery is set to. */
export interface RecoveryRules {
  readonly minRtoMs: number
  readonly congestion: CongestionController
}

const found: Detection = { lost: 0, lostAgain: false, wait: 0 }

/** The same for what nearly every acknowledgement is: it reports nothing, and nothing was out of the ordinary before. */
export function plainAckArrives(
  tcb: Tcb,
  acknowledged: number,
  inFlight: number,
  effects: Effects,
  congestion: CongestionController,
): void {
  tcb.timers &= ~TIMER_TAIL
  effects.records.release(tcb)
  congestion.onAck(tcb, acknowledged, inFlight, effects.nowMs)
}

/**
 * An acknowledgement came that is no older than `sndUna`, which has moved already.
 * @param acknowledged octets by which it did. @param inFlight octets in flight before.
 */
export function selectiveAckArrives(
  tcb: Tcb,
  segment: Segment,
  acknowledged: number,
  inFlight: number,
  effects: Effects,
  rules: RecoveryRules,
): void {
  const { records, nowUs, nowMs } = effects
  const { congestion } = rules
  tcb.timers &= ~TIMER_TAIL
  let fresh = acknowledged
  if (tcb.board === null) records.release(tcb)
  const board = boardOf(tcb)
  board.sample = 0
  if (acknowledged > 0 && tcb.sentHead !== NONE)
    fresh = acknowledge(tcb, board, records, acknowledged, nowUs, echoAge(tcb, segment, nowMs))
  const isDuplicate = reportsDuplicate(tcb, segment)
  if (segment.sackBlocks > 0) fresh += takeBlocks(tcb, board, records, segment, isDuplicate ? 1 : 0, nowUs)
  if (board.sacked === 0) board.reports = 0
  if (board.sample > 0 && tcb.recovery !== OPEN) sampleRtt(tcb, board.sample, rules.minRtoMs)

  if (board.isProbing) {
    // A duplicate acknowledgement (RFC 5681 2) that reports nothing.
    const isPlain =
      acknowledged === 0 &&
      segment.sackBlocks === 0 &&
      segment.textLength === 0 &&
      segment.wnd << tcb.sndScale === tcb.sndWnd
    if (probeAnswered(tcb, board, isDuplicate, isPlain)) {
      congestion.onLoss(tcb, Math.min(flightSize(tcb) + acknowledged, tcb.cwnd), nowMs)
      tcb.cwnd = Math.min(tcb.cwnd, tcb.ssthresh)
    }
  } else if (isDuplicate) {
    widenWindow(tcb, board)
  }
  if (isDuplicate) duplicateReported(tcb, board, segment, effects, congestion)
  if (acknowledged > 0) progress(tcb, board, segment, effects, congestion)
  const wasOpen = tcb.recovery === OPEN

  let lost = 0
  if (checkReneging(tcb, board, records)) lost = board.lost
  else lost = findLosses(tcb, board, effects, congestion)
  if (lost > 0 && tcb.recovery === OPEN) beginRecovery(tcb, board, effects, congestion)
  if (tcb.recovery === RECOVERY) reduce(tcb, board, fresh, acknowledged > 0 && lost === 0)
  else if (acknowledged > 0) congestion.onAck(tcb, acknowledged, wasOpen ? inFlight : tcb.cwnd, nowMs)
}

/** Looks what the clock says (RFC 8985 6.2, step 5), and asks to be called again when it has not spoken yet. */
function findLosses(tcb: Tcb, board: Scoreboard, effects: Effects, congestion: CongestionController): number {
  const { nowUs, nowMs } = effects
  detect(tcb, board, effects.records, nowUs, found)
  if (found.wait > 0) {
    tcb.timers = (tcb.timers & ~TIMER_TAIL) | TIMER_REORDER
    tcb.probeAt = (nowMs + Math.ceil(found.wait / 1000)) | 0
    effects.timersChanged()
  } else {
    tcb.timers &= ~TIMER_REORDER
  }
  if (found.lostAgain && tcb.recovery === RECOVERY) {
    // RFC 5681 4.3: the loss of a retransmission is a second sign of congestion.
    congestion.onLoss(tcb, Math.min(flightSize(tcb), tcb.cwnd), nowMs)
    board.reducedAt = nowUs
    board.canUndo = false
    beginReduction(tcb, board, flightSize(tcb))
  }
  return found.lost
}

/** The time of something late has come (RFC 8985 6.3). */
export function reorderDue(tcb: Tcb, effects: Effects, congestion: CongestionController): void {
  tcb.timers &= ~TIMER_REORDER
  const { board } = tcb
  if (board === null) return
  if (findLosses(tcb, board, effects, congestion) === 0) return
  if (tcb.recovery === OPEN) beginRecovery(tcb, board, effects, congestion)
  if (tcb.recovery === RECOVERY) reduce(tcb, board, 0, false)
  effects.wantOutput()
}

function beginRecovery(tcb: Tcb, board: Scoreboard, effects: Effects, congestion: CongestionController): void {
  const flight = flightSize(tcb)
  rememberWindow(tcb, board)
  // What limited transmit let out does not count (RFC 5681 3.2).
  congestion.onLoss(tcb, Math.min(flight, tcb.cwnd), effects.nowMs)
  tcb.recovery = RECOVERY
  tcb.recover = tcb.sndNxt
  board.reducedAt = effects.nowUs
  board.isProbing = false
  beginReduction(tcb, board, flight)
  stopTiming(tcb)
  effects.counters.tcpFastRetransmits++
}

/** `sndUna` has moved: was it all for nothing, or is it over? */
function progress(
  tcb: Tcb,
  board: Scoreboard,
  segment: Segment,
  effects: Effects,
  congestion: CongestionController,
): void {
  if (tcb.recovery === OPEN) return
  if (
    board.canUndo &&
    board.undoOctets > 0 &&
    segment.hasTimestamps &&
    (tcb.flags & TIMESTAMPS) !== 0 &&
    lessThan(segment.timestampEcho, board.undoTimestamp)
  ) {
    undo(tcb, board, effects, congestion)
    return
  }
  if (!lessOrEqual(tcb.recover, tcb.sndUna)) return
  if (tcb.recovery === RECOVERY) tcb.cwnd = tcb.ssthresh
  tcb.recovery = OPEN
  narrowWindow(board)
}

/** Whether the first block reports a duplicate (RFC 2883 4). */
function reportsDuplicate(tcb: Tcb, segment: Segment): boolean {
  if (segment.sackBlocks === 0) return false
  const { sack } = segment
  const left = sack[0]!
  const right = sack[1]!
  if (!lessThan(left, right)) return false
  if (lessOrEqual(right, tcb.sndUna)) return distance(left, tcb.sndUna) <= tcb.maxSndWnd
  return segment.sackBlocks > 1 && lessOrEqual(sack[2]!, left) && lessOrEqual(right, sack[3]!)
}

function duplicateReported(
  tcb: Tcb,
  board: Scoreboard,
  segment: Segment,
  effects: Effects,
  congestion: CongestionController,
): void {
  if (!board.canUndo || board.undoOctets === 0) return
  board.undoOctets -= distance(segment.sack[0]!, segment.sack[1]!)
  if (board.undoOctets <= 0) undo(tcb, board, effects, congestion)
}

/** The window as it is before a reduction. */
function rememberWindow(tcb: Tcb, board: Scoreboard): void {
  board.canUndo = true
  board.priorCwnd = tcb.cwnd
  board.priorSsthresh = tcb.ssthresh
  board.undoOctets = 0
}

/** Nothing was lost. */
function undo(tcb: Tcb, board: Scoreboard, effects: Effects, congestion: CongestionController): void {
  board.canUndo = false
  tcb.cwnd = Math.max(tcb.cwnd, board.priorCwnd)
  tcb.ssthresh = Math.max(tcb.ssthresh, board.priorSsthresh)
  congestion.onUndo(tcb)
  findAll(tcb, board, effects.records)
  tcb.recovery = OPEN
  effects.counters.tcpSpuriousRecoveries++
}

/** Octets of old leave again: undoing wants to know how many, and when the first did. */
export function noteSentAgain(tcb: Tcb, board: Scoreboard, octets: number, nowMs: number): void {
  // The timestamp on the segment is rounded down, this time is rounded up.
  if (board.undoOctets === 0) board.undoTimestamp = (nowMs + tcb.tsOffset - 1) | 0
  board.undoOctets += octets
}

/** The retransmission timer expired: all in flight counts as lost. */
export function selectiveTimeout(tcb: Tcb, records: SentRecords, congestion: CongestionController): void {
  const board = boardOf(tcb)
  const isFirst = tcb.retries === 0
  if (tcb.recovery === OPEN) rememberWindow(tcb, board)
  congestion.onTimeout(tcb, flightSize(tcb), isFirst)
  tcb.recovery = LOSS
  tcb.recover = tcb.sndNxt
  board.isProbing = false
  tcb.flags &= ~PROBE_TAIL
  tcb.timers &= ~TIMER_REORDER
  stopTiming(tcb)
  // What is outside of a window that shrank must wait for it; then nothing counts as sent.
  if (tcb.sndWnd < distance(tcb.sndUna, tcb.sndCursor)) sendAllAgain(tcb, records)
  // RFC 2018 8: after a second timeout the peer's reports are no longer trusted.
  else loseAll(tcb, board, records, isFirst)
}

/** Everything from `sndUna` on goes again in order, as if it had never left. */
export function sendAllAgain(tcb: Tcb, records: SentRecords): void {
  const { board } = tcb
  records.clear(tcb)
  tcb.sndCursor = tcb.sndUna
  tcb.timers &= ~TIMER_REORDER
  if (board === null) return
  board.sacked = 0
  board.lost = 0
  board.reports = 0
}

/** How long ago that was sent which the acknowledgement echoes, in microseconds; -1 when it does not say. */
function echoAge(tcb: Tcb, segment: Segment, nowMs: number): number {
  if (!segment.hasTimestamps || (tcb.flags & TIMESTAMPS) === 0) return -1
  const age = (nowMs + tcb.tsOffset - segment.timestampEcho) | 0
  return age >= 0 && age < 1_000_000 ? age * 1000 : -1
}
