/**
 * Tail loss probes (RFC 8985 7): when no acknowledgement has come for two round trips, one segment asks for one, so that losses at the end
 * of a flight are repaired by recovery and need no timeout.
 *
 * @module
 */
import { NONE } from './pieces.ts'
import { restartRetransmit } from './retransmit-timer.ts'
import { boardOf, type Scoreboard } from './scoreboard.ts'
import { distance, lessThan } from './seq.ts'
import { flightSize, OPEN, PROBE_TAIL, type Tcb, TIMER_REORDER, TIMER_RETRANSMIT, TIMER_TAIL } from './tcb.ts'

/** A peer may keep an acknowledgement back for so long (7.2, "WCDelAckT"). */
const WORST_DELAYED_ACK_MS = 200
/** No sooner: timers are coarse, and turns take time. */
const SHORTEST_MS = 10

/** Sets the timer unless it runs (7.2); it was stopped when new octets left or an acknowledgement came. */
export function scheduleProbe(tcb: Tcb, nowMs: number): void {
  const { board, timers } = tcb
  // The reordering timer goes before: it shares the deadline (8).
  if ((timers & (TIMER_TAIL | TIMER_REORDER)) !== 0 || (timers & TIMER_RETRANSMIT) === 0) return
  if (tcb.sentHead === NONE || tcb.recovery !== OPEN || tcb.srtt === 0) return
  if (board !== null && (board.isProbing || board.sacked > 0 || board.lost > 0)) return
  let wait = Math.max(Math.ceil((2 * tcb.srtt) / 1000), SHORTEST_MS)
  if (flightSize(tcb) <= tcb.mss) wait += WORST_DELAYED_ACK_MS
  // In place of the retransmission timer when that came first: a probe costs no window.
  const left = distance(nowMs, tcb.retransmitAt)
  tcb.timers |= TIMER_TAIL
  tcb.probeAt = (nowMs + Math.max(Math.min(wait, left), 0)) | 0
}

/** The time has come (7.3). */
export function probeDue(tcb: Tcb, nowMs: number): void {
  tcb.timers &= ~TIMER_TAIL
  tcb.flags |= PROBE_TAIL
  // The timeout is counted from the probe.
  restartRetransmit(tcb, nowMs)
}

/** A probe has left. */
export function probeSent(tcb: Tcb, isResent: boolean): void {
  const board = boardOf(tcb)
  board.isProbing = true
  board.probeEnd = tcb.sndCursor
  board.probeResent = isResent
}

/**
 * An acknowledgement came while a probe is out (7.4.2).
 * @param isPlain whether it moves nothing and reports nothing.
 * @returns whether the probe repaired a loss that nobody else noticed: congestion control has to hear of it.
 */
export function probeAnswered(tcb: Tcb, board: Scoreboard, isDuplicate: boolean, isPlain: boolean): boolean {
  if (lessThan(tcb.sndUna, board.probeEnd)) return false
  if (!board.probeResent || isDuplicate) {
    // New octets, or the original was late and not lost.
    board.isProbing = false
    return false
  }
  const isBeyond = lessThan(board.probeEnd, tcb.sndUna)
  if (isBeyond || isPlain) board.isProbing = false
  return isBeyond && tcb.recovery === OPEN
}
