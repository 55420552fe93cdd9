/**
 * Segments that lie behind a gap: sorted pieces by sequence number, no octet twice. Bounded in pieces, not only in octets (the window
 * bounds those): a flood of tiny segments costs a bounded walk.
 *
 * @module
 */
import type { FramePool } from '@ioth/core'
import { NONE, type Pieces } from './pieces.ts'
import { enqueueNode } from './receive-queue.ts'
import type { Tcb } from './tcb.ts'

/** Pieces one connection may keep ahead. */
const MOST_PIECES = 512

/** Keeps `length` octets at `at` that begin at a sequence number ahead of `rcvNxt`. What is there already stays. */
export function keep(tcb: Tcb, pieces: Pieces, pool: FramePool, sequence: number, at: number, length: number): void {
  let start = sequence
  const end = (sequence + length) | 0
  let before = NONE
  let node = tcb.oooHead
  // New data mostly lies behind everything that is kept.
  if (tcb.oooTail !== NONE && ((start - endOf(pieces, tcb.oooTail)) | 0) >= 0) {
    before = tcb.oooTail
    node = NONE
  }
  while (((end - start) | 0) > 0) {
    while (node !== NONE && ((start - endOf(pieces, node)) | 0) >= 0) {
      before = node
      node = pieces.next[node]!
    }
    const gapEnd = node !== NONE && ((pieces.sequence[node]! - end) | 0) < 0 ? pieces.sequence[node]! : end
    const count = (gapEnd - start) | 0
    if (count > 0) {
      if (tcb.oooCount >= MOST_PIECES) return
      const from = at + ((start - sequence) | 0)
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
    const behind = (tcb.rcvNxt - pieces.sequence[node]!) | 0
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
    tcb.rcvNxt = (tcb.rcvNxt + length - behind) | 0
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

function endOf(pieces: Pieces, node: number): number {
  return (pieces.sequence[node]! + pieces.length[node]!) | 0
}
