/**
 * RACK (RFC 8985 6): a segment is lost when one that was sent later has arrived, and the time a reordered one may need has passed.
 * Retransmissions are watched in the same way, so that one which is lost needs no timeout.
 *
 * @module
 */
import { NONE } from './pieces.ts'
import type { Scoreboard } from './scoreboard.ts'
import { FATE, LOST, RESENT, SENT, type SentRecords } from './sent-records.ts'
import { distance, lessOrEqual, lessThan } from './seq.ts'
import { OPEN, type Tcb } from './tcb.ts'

/** Recoveries after which the reordering window shrinks again (6.2, step 4). */
const WINDOW_PERSISTS = 16
const DUPLICATE_THRESHOLD = 3

/**
 * A segment was delivered (6.2, steps 1 to 3).
 * @param echoAge how long ago that was sent whose timestamp the acknowledgement echoes, in microseconds; -1: unknown.
 */
export function delivered(
  tcb: Tcb,
  board: Scoreboard,
  sentAt: number,
  end: number,
  isResent: boolean,
  nowUs: number,
  echoAge: number,
): void {
  const age = distance(sentAt, nowUs)
  if (isResent) {
    // The acknowledgement of an earlier sending says nothing about the last one.
    if (age < tcb.minRtt || (echoAge >= 0 && echoAge > age + 2000)) return
  } else {
    board.sample = Math.max(age, 1)
    if (lessThan(end, board.fack)) board.reorderingSeen = true
  }
  if (board.rackRtt !== 0 && !sentAfter(sentAt, end, board.rackSentAt, board.rackEnd)) return
  board.rackSentAt = sentAt
  board.rackEnd = end
  board.rackRtt = Math.max(age, 1)
}

function sentAfter(sentAt: number, end: number, otherAt: number, otherEnd: number): boolean {
  const later = distance(otherAt, sentAt)
  return later > 0 || (later === 0 && lessThan(otherEnd, end))
}

/** What {@link detect} found beside the losses. */
export interface Detection {
  /** Octets newly believed lost. */
  lost: number
  /** Whether some of them had been sent again since the window was reduced last. */
  lostAgain: boolean
  /** Microseconds until the next may be lost; 0: none is waited for. */
  wait: number
}

/** Step 5: finds what is lost by now. */
export function detect(tcb: Tcb, board: Scoreboard, records: SentRecords, nowUs: number, found: Detection): void {
  found.lost = 0
  found.lostAgain = false
  found.wait = 0
  if (board.rackRtt === 0) return
  const patience = board.rackRtt + reorderingWindow(tcb, board)
  let start = tcb.sndUna
  let before = NONE
  for (let node = tcb.sentHead; node !== NONE; ) {
    const end = records.end[node]!
    const sentAt = records.sentAt[node]!
    const state = records.state[node]!
    if ((state & FATE) === SENT) {
      if (sentAfter(board.rackSentAt, board.rackEnd, sentAt, end)) {
        const left = (sentAt + patience - nowUs) | 0
        if (left <= 0) {
          if ((state & RESENT) !== 0 && lessOrEqual(board.reducedAt, sentAt)) found.lostAgain = true
          found.lost += distance(start, end)
          records.state[node] = (state & RESENT) | LOST
          if (before !== NONE && records.state[before] === records.state[node]) {
            records.join(tcb, before, node)
            node = before
          }
        } else if (left > found.wait) {
          found.wait = left
        }
      } else if (state === SENT && lessThan(board.rackSentAt, sentAt)) {
        // What was never sent again stands in the order of its sending: none of the rest was sent before this one, retransmissions
        // lie before `fack`.
        if (lessOrEqual(board.fack, start)) break
      }
    }
    start = end
    before = node
    node = records.next[node]!
  }
  board.lost += found.lost
}

/** Step 4: the time that a segment may be overtaken by. */
function reorderingWindow(tcb: Tcb, board: Scoreboard): number {
  if (!board.reorderingSeen) {
    const isCertain = board.reports >= DUPLICATE_THRESHOLD || board.sacked > (DUPLICATE_THRESHOLD - 1) * tcb.mss
    if (tcb.recovery !== OPEN || isCertain) return 0
  }
  return Math.min((board.windowMultiplier * tcb.minRtt) >> 2, tcb.srtt)
}

/** The peer reports a duplicate: we were too quick (6.2, step 4). Once in a round trip. */
export function widenWindow(tcb: Tcb, board: Scoreboard): void {
  if (lessThan(tcb.sndUna, board.windowRound)) return
  board.windowRound = tcb.sndNxt
  board.windowMultiplier = Math.min(board.windowMultiplier + 1, 255)
  board.windowPersist = WINDOW_PERSISTS
}

/** A recovery is over. */
export function narrowWindow(board: Scoreboard): void {
  if (board.windowPersist > 0 && --board.windowPersist === 0) board.windowMultiplier = 1
}
