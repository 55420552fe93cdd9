/**
 * Segments that lie behind a gap: sorted pieces by sequence number, no octet twice. Bounded in pieces, not only in octets (the window
 * bounds those): a flood of tiny segments costs a bounded walk.
 *
 * @module
 */
import type { FramePool } from '@ioth/core'
import { NONE, type Pieces } from './pieces.ts'
import { enqueueNode } from './receive-queue.ts'
import { add, distance, lessOrEqual, lessThan } from './seq.ts'
import type { Tcb } from './tcb.ts'

/** Pieces one connection may keep ahead. */
const MOST_PIECES = 512

/** Keeps `length` octets at `at` that begin at a sequence number ahead of `rcvNxt`. What is there already stays. */
export function keep(tcb: Tcb, pieces: Pieces, pool: FramePool, sequence: number, at: number, length: number): void {
  let start = sequence
  const end = add(sequence, length)
  let before = NONE
  let node = tcb.oooHead
  // New data mostly lies behind everything that is kept.
  if (tcb.oooTail !== NONE && lessOrEqual(endOf(pieces, tcb.oooTail), start)) {
    before = tcb.oooTail
    node = NONE
  }
  while (lessThan(start, end)) {
    while (node !== NONE && lessOrEqual(endOf(pieces, node), start)) {
      before = node
      node = pieces.next[node]!
    }
    const gapEnd = node !== NONE && lessThan(pieces.sequence[node]!, end) ? pieces.sequence[node]! : end
    const count = distance(start, gapEnd)
    if (count > 0) {
      if (tcb.oooCount >= MOST_PIECES) return
      const from = at + distance(sequence, start)
      pool.retain(from)
      const piece = pieces.take(from, count, start)
      pieces.next[piece] = node
      if (before === NONE) tcb.oooHead = piece
      else pieces.next[before] = piece
      if (node === NONE) tcb.oooTail = piece
      tcb.oooCount++
      before = piece
    }
    if (node === NONE) return
    start = endOf(pieces, node)
  }
}

/** Moves what has become next to the receive queue and advances `rcvNxt`. */
export function deliverKept(tcb: Tcb, pieces: Pieces, pool: FramePool): void {
  while (tcb.oooHead !== NONE) {
    const node = tcb.oooHead
    const behind = distance(pieces.sequence[node]!, tcb.rcvNxt)
    if (behind < 0) return
    const next = pieces.next[node]!
    const length = pieces.length[node]!
    pieces.next[node] = NONE
    tcb.oooHead = next
    if (next === NONE) tcb.oooTail = NONE
    tcb.oooCount--
    if (behind >= length) {
      pool.release(pieces.at[node]!)
      pieces.release(node)
      continue
    }
    pieces.at[node] = pieces.at[node]! + behind
    pieces.length[node] = length - behind
    tcb.rcvNxt = add(tcb.rcvNxt, length - behind)
    enqueueNode(tcb, pieces, node)
  }
}

export function clearKept(tcb: Tcb, pieces: Pieces, pool: FramePool): void {
  for (let node = tcb.oooHead; node !== NONE; ) {
    const next = pieces.next[node]!
    pool.release(pieces.at[node]!)
    pieces.release(node)
    node = next
  }
  tcb.oooHead = NONE
  tcb.oooTail = NONE
  tcb.oooCount = 0
}

/** Behind the last octet of a piece. */
export function endOf(pieces: Pieces, node: number): number {
  return add(pieces.sequence[node]!, pieces.length[node]!)
}
