/**
 * The sender's scoreboard (RFC 6675): which of the octets in flight the peer says it has, and which are believed lost. It counts in octets
 * over the records of `sent-records.ts`; made for a connection with its first SACK block, probe or timeout.
 *
 * What the peer reports is a hint (RFC 2018 8): nothing leaves the send buffer before the cumulative acknowledgement covers it.
 *
 * @module
 */
import { NONE } from './pieces.ts'
import { delivered } from './rack.ts'
import type { Segment } from './segment.ts'
import { FATE, LOST, RESENT, SACKED, SENT, type SentRecords } from './sent-records.ts'
import { distance, lessOrEqual, lessThan } from './seq.ts'
import type { Tcb } from './tcb.ts'

export class Scoreboard {
  /** Octets of each fate. */
  sacked = 0
  lost = 0
  /** Acknowledgements that reported something new since nothing was reported; each stands for a segment at least. */
  reports = 0

  // ---------- RACK (RFC 8985 5.2) ----------
  /** Behind the highest octet that is acknowledged, one way or the other: RACK.fack. */
  fack = 0
  /** The segment sent last of those delivered: when, where it ends, and how long it took. 0: none yet. */
  rackSentAt = 0
  rackEnd = 0
  rackRtt = 0
  reorderingSeen = false
  /** A round trip that the acknowledgement in hand gives, in microseconds; 0: none. */
  sample = 0
  /** How wide the reordering window is, in quarters of the least round trip; for how many recoveries it stays so. */
  windowMultiplier = 1
  windowPersist = 0
  /** One step wider in a round trip, at most: until this is acknowledged. */
  windowRound = 0

  // ---------- tail loss probe (RFC 8985 7) ----------
  isProbing = false
  /** SND.NXT behind the probe. */
  probeEnd = 0
  /** Whether it was old octets. */
  probeResent = false

  // ---------- proportional rate reduction (RFC 6937 3) ----------
  prrDelivered = 0
  prrOut = 0
  recoverFlight = 0
  /** When the window was reduced last, in microseconds. */
  reducedAt = 0

  // ---------- undoing (RFC 3522, RFC 3708) ----------
  canUndo = false
  priorCwnd = 0
  priorSsthresh = 0
  /** Octets sent again since, less those reported as duplicates. */
  undoOctets = 0
  /** The timestamp of the first of them. */
  undoTimestamp = 0

  constructor(tcb: Tcb) {
    this.fack = tcb.sndUna
    this.windowRound = tcb.sndUna
  }
}

/** The connection's board, to be written. */
export function boardOf(tcb: Tcb): Scoreboard {
  if (tcb.board === null) tcb.board = new Scoreboard(tcb)
  return tcb.board
}

/** `sndUna` has moved by `acknowledged` octets. @returns how many of them are news: not reported by SACK before. */
export function acknowledge(
  tcb: Tcb,
  board: Scoreboard,
  records: SentRecords,
  acknowledged: number,
  nowUs: number,
  echoAge: number,
): number {
  const { sndUna } = tcb
  let start = (sndUna - acknowledged) | 0
  let fresh = 0
  while (tcb.sentHead !== NONE && lessThan(start, sndUna)) {
    const node = tcb.sentHead
    const end = records.end[node]!
    const isWhole = lessOrEqual(end, sndUna)
    const octets = distance(start, isWhole ? end : sndUna)
    const state = records.state[node]!
    const fate = state & FATE
    if (fate === SACKED) board.sacked -= octets
    else {
      fresh += octets
      if (fate === LOST) board.lost -= octets
      delivered(tcb, board, records.sentAt[node]!, isWhole ? end : sndUna, (state & RESENT) !== 0, nowUs, echoAge)
    }
    start = end
    if (isWhole) records.shift(tcb)
  }
  if (lessThan(board.fack, sndUna)) board.fack = sndUna
  return fresh
}

const edges = new Int32Array(8)

/** Takes the SACK blocks of a segment, but for the first `skip`. @returns how many octets they report for the first time. */
export function takeBlocks(
  tcb: Tcb,
  board: Scoreboard,
  records: SentRecords,
  segment: Segment,
  skip: number,
  nowUs: number,
): number {
  const count = sortBlocks(tcb, segment, skip)
  let fresh = 0
  let start = tcb.sndUna
  let before = NONE
  let node = tcb.sentHead
  let block = 0
  // One walk for all blocks: bounded by the records there are.
  while (node !== NONE && block < count) {
    const left = edges[2 * block]!
    const right = edges[2 * block + 1]!
    if (lessOrEqual(right, start)) {
      block++
      continue
    }
    let end = records.end[node]!
    let isNews = lessThan(left, end) && (records.state[node]! & FATE) !== SACKED
    if (isNews && lessThan(start, left)) {
      // The part in front is not reported; the walk goes on behind it.
      isNews = false
      if (records.split(tcb, node, left)) end = left
    } else if (isNews && lessThan(right, end)) {
      isNews = records.split(tcb, node, right)
      if (isNews) end = right
    }
    if (isNews) {
      const octets = distance(start, end)
      const state = records.state[node]!
      if ((state & FATE) === LOST) board.lost -= octets
      // The timestamp belongs to what came in order, not to what is reported here.
      delivered(tcb, board, records.sentAt[node]!, end, (state & RESENT) !== 0, nowUs, -1)
      records.state[node] = SACKED
      board.sacked += octets
      fresh += octets
      if (lessThan(board.fack, end)) board.fack = end
    }
    if (before !== NONE && records.state[before] === SACKED && records.state[node] === SACKED) {
      records.join(tcb, before, node)
    } else {
      before = node
    }
    start = end
    node = records.next[before]!
  }
  if (fresh > 0) board.reports++
  return fresh
}

/** Octets next to each other. */
export interface Run {
  start: number
  end: number
}

/** The first octets believed lost. @returns whether there are any. */
export function firstLost(tcb: Tcb, records: SentRecords, run: Run): boolean {
  let start = tcb.sndUna
  for (let node = tcb.sentHead; node !== NONE; node = records.next[node]!) {
    if ((records.state[node]! & FATE) === LOST) {
      run.start = start
      for (; node !== NONE && (records.state[node]! & FATE) === LOST; node = records.next[node]!) {
        run.end = records.end[node]!
      }
      return true
    }
    start = records.end[node]!
  }
  return false
}

/** Copies the blocks that can be true into {@link edges}, by their left edge. */
function sortBlocks(tcb: Tcb, segment: Segment, skip: number): number {
  const { sack } = segment
  let count = 0
  for (let i = skip; i < segment.sackBlocks; i++) {
    const left = sack[2 * i]!
    const right = sack[2 * i + 1]!
    // RFC 2018 5: a block lies above the acknowledgement, and nothing is believed about what was not sent.
    if (!lessThan(left, right) || lessThan(left, tcb.sndUna) || lessThan(tcb.sndCursor, right)) continue
    let at = count++
    for (; at > 0 && lessThan(left, edges[2 * at - 2]!); at--) {
      edges[2 * at] = edges[2 * at - 2]!
      edges[2 * at + 1] = edges[2 * at - 1]!
    }
    edges[2 * at] = left
    edges[2 * at + 1] = right
  }
  return count
}

/** All in flight counts as lost. @param trustSack whether what the peer reported is still believed. */
export function loseAll(tcb: Tcb, board: Scoreboard, records: SentRecords, trustSack: boolean): void {
  let start = tcb.sndUna
  board.lost = 0
  board.sacked = 0
  for (let node = tcb.sentHead; node !== NONE; node = records.next[node]!) {
    const end = records.end[node]!
    const state = records.state[node]!
    if (trustSack && (state & FATE) === SACKED) {
      board.sacked += distance(start, end)
    } else {
      records.state[node] = (state & RESENT) | LOST
      board.lost += distance(start, end)
    }
    start = end
  }
  if (board.sacked === 0) board.reports = 0
}

/** What is believed lost and was not sent again is in flight after all. */
export function findAll(tcb: Tcb, board: Scoreboard, records: SentRecords): void {
  for (let node = tcb.sentHead; node !== NONE; node = records.next[node]!) {
    const state = records.state[node]!
    if ((state & FATE) === LOST) records.state[node] = (state & RESENT) | SENT
  }
  board.lost = 0
}

/**
 * The peer holds the octet it asks for: it threw away what it had reported (RFC 2018 8). None of its reports is believed any more.
 * @returns whether it did.
 */
export function checkReneging(tcb: Tcb, board: Scoreboard, records: SentRecords): boolean {
  if (tcb.sentHead === NONE || (records.state[tcb.sentHead]! & FATE) !== SACKED) return false
  loseAll(tcb, board, records, false)
  return true
}

/** The octets from `start` to `end` leave again. */
export function sentAgain(
  tcb: Tcb,
  board: Scoreboard,
  records: SentRecords,
  start: number,
  end: number,
  nowUs: number,
): void {
  let from = tcb.sndUna
  let before = NONE
  let node = tcb.sentHead
  while (node !== NONE && lessThan(from, end)) {
    let to = records.end[node]!
    let isMeant = lessThan(start, to) && (records.state[node]! & FATE) !== SACKED
    if (isMeant && lessThan(from, start)) {
      // Too many records: the whole one counts as sent again.
      if (records.split(tcb, node, start)) {
        isMeant = false
        to = start
      }
    } else if (isMeant && lessThan(end, to) && records.split(tcb, node, end)) {
      to = end
    }
    if (isMeant) {
      if ((records.state[node]! & FATE) === LOST) board.lost -= distance(from, to)
      records.state[node] = SENT | RESENT
      records.sentAt[node] = nowUs
    }
    // One run again of what is sent again piece by piece.
    if (before !== NONE && isMeant && records.state[before] === (SENT | RESENT) && records.sentAt[before] === nowUs)
      records.join(tcb, before, node)
    else before = node
    from = to
    node = records.next[before]!
  }
}
