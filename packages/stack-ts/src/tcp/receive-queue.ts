/**
 * The receive queue: octets in order that the user has not read. Arrived frames are kept by reference; small ones that have to wait are
 * copied together, so that a slot is not pinned for a few octets.
 *
 * @module
 */
import { type ByteSink, type FramePool, WOULD_BLOCK } from '@ioth/core'
import { NONE, type Pieces } from './pieces.ts'
import type { Tcb } from './tcb.ts'

/** Pieces up to this size are copied together when others wait already. */
const COALESCE = 512
const SLOT = 2048

/** Appends octets that lie in somebody else's slot. */
export function enqueue(tcb: Tcb, pieces: Pieces, pool: FramePool, at: number, length: number): void {
  if (length === 0) return
  if (tcb.rcvHead !== NONE && length <= COALESCE && makeTailRoom(tcb, pieces, pool, length)) {
    const tail = tcb.rcvTail
    pool.bytes.copyWithin(pieces.at[tail]! + pieces.length[tail]!, at, at + length)
    pieces.length[tail] = pieces.length[tail]! + length
    tcb.rcvTailRoom -= length
  } else {
    pool.retain(at)
    link(tcb, pieces, pieces.take(at, length))
    tcb.rcvTailRoom = 0
  }
  tcb.rcvQueued += length
}

function makeTailRoom(tcb: Tcb, pieces: Pieces, pool: FramePool, octets: number): boolean {
  if (tcb.rcvTailRoom >= octets) return true
  const slot = pool.take(SLOT)
  if (slot < 0) return false
  link(tcb, pieces, pieces.take(slot, 0))
  tcb.rcvTailRoom = SLOT
  return true
}

/** Appends a node that owns a reference already. */
export function enqueueNode(tcb: Tcb, pieces: Pieces, node: number): void {
  link(tcb, pieces, node)
  tcb.rcvTailRoom = 0
  tcb.rcvQueued += pieces.length[node]!
}

function link(tcb: Tcb, pieces: Pieces, node: number): void {
  if (tcb.rcvTail === NONE) tcb.rcvHead = node
  else pieces.next[tcb.rcvTail] = node
  tcb.rcvTail = node
}

/** Takes the first node out; its reference passes to the caller. */
function unlink(tcb: Tcb, pieces: Pieces): number {
  const node = tcb.rcvHead
  tcb.rcvHead = pieces.next[node]!
  if (tcb.rcvHead === NONE) {
    tcb.rcvTail = NONE
    tcb.rcvTailRoom = 0
  }
  return node
}

/** Copies octets out. @returns how many, or WOULD_BLOCK. */
export function dequeue(
  tcb: Tcb,
  pieces: Pieces,
  pool: FramePool,
  into: Uint8Array,
  offset: number,
  length: number,
): number {
  if (tcb.rcvQueued === 0) return WOULD_BLOCK
  let copied = 0
  while (copied < length && tcb.rcvHead !== NONE) {
    const node = tcb.rcvHead
    const at = pieces.at[node]!
    const held = pieces.length[node]!
    const count = Math.min(length - copied, held)
    copyOut(pool.bytes, at, count, into, offset + copied)
    copied += count
    tcb.rcvQueued -= count
    if (count < held) {
      pieces.at[node] = at + count
      pieces.length[node] = held - count
    } else {
      unlink(tcb, pieces)
      pool.release(at)
      pieces.release(node)
    }
  }
  return copied
}

/** A view costs more than a short loop, and is garbage. */
const SHORT = 64

function copyOut(bytes: Uint8Array, at: number, count: number, into: Uint8Array, offset: number): void {
  if (count > SHORT) into.set(bytes.subarray(at, at + count), offset)
  else for (let i = 0; i < count; i++) into[offset + i] = bytes[at + i]!
}

/**
 * Shows octets in place. What is shown is consumed before the sink sees it: the sink may read, close or reset, and may throw.
 * @returns how many, or WOULD_BLOCK.
 */
export function lend(tcb: Tcb, pieces: Pieces, pool: FramePool, max: number, sink: ByteSink): number {
  if (tcb.rcvQueued === 0) return WOULD_BLOCK
  let shown = 0
  while (shown < max && tcb.rcvHead !== NONE) {
    const node = tcb.rcvHead
    const at = pieces.at[node]!
    const held = pieces.length[node]!
    const count = Math.min(max - shown, held)
    if (count < held) {
      pool.retain(at)
      pieces.at[node] = at + count
      pieces.length[node] = held - count
    } else {
      unlink(tcb, pieces)
      pieces.release(node)
    }
    tcb.rcvQueued -= count
    shown += count
    let goOn = false
    try {
      goOn = sink.bytes(pool.bytes, at, count)
    } finally {
      pool.release(at)
    }
    if (!goOn) break
  }
  return shown
}

export function clearReceived(tcb: Tcb, pieces: Pieces, pool: FramePool): void {
  while (tcb.rcvHead !== NONE) {
    const node = unlink(tcb, pieces)
    pool.release(pieces.at[node]!)
    pieces.release(node)
  }
  tcb.rcvQueued = 0
}
