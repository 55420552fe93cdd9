/**
 * The receive queue: octets in order that the user has not read. Arrived frames are kept by reference; small ones that have to wait are
 * copied together, so that a slot is not pinned for a few octets.
 *
 * @module
 */
import { type ByteSink, WOULD_BLOCK } from '@ioth/core'
import { NONE } from './pieces.ts'
import type { ReceiveMemory } from './receive-memory.ts'
import type { Tcb } from './tcb.ts'

/** Appends octets that lie in somebody else's slot. @returns false when there is no memory for them. */
export function enqueue(tcb: Tcb, memory: ReceiveMemory, at: number, length: number): boolean {
  if (length === 0) return true
  const node = memory.place(tcb, tcb.rcvTail, tcb.rcvTailRoom, at, length)
  if (node === NONE) return false
  if (node !== tcb.rcvTail) link(tcb, memory, node, node)
  tcb.rcvTailRoom = memory.room
  tcb.rcvQueued += length
  tcb.octetsReceived += length
  return true
}

/** Appends nodes that are linked to each other. @param room octets free in the last one. */
export function enqueueNodes(tcb: Tcb, memory: ReceiveMemory, first: number, last: number, room: number): void {
  const { pieces } = memory
  let octets = 0
  for (let node = first; node !== NONE; node = pieces.next[node]!) octets += pieces.length[node]!
  tcb.rcvQueued += octets
  tcb.octetsReceived += octets
  link(tcb, memory, first, last)
  tcb.rcvTailRoom = room
}

function link(tcb: Tcb, { pieces }: ReceiveMemory, first: number, last: number): void {
  if (tcb.rcvTail === NONE) tcb.rcvHead = first
  else pieces.next[tcb.rcvTail] = first
  tcb.rcvTail = last
}

/** Takes the first node out of the queue. */
function unlink(tcb: Tcb, { pieces }: ReceiveMemory): number {
  const node = tcb.rcvHead
  tcb.rcvHead = pieces.next[node]!
  if (tcb.rcvHead === NONE) {
    tcb.rcvTail = NONE
    tcb.rcvTailRoom = 0
  }
  return node
}

/** Copies octets out. @returns how many, or WOULD_BLOCK. */
export function dequeue(tcb: Tcb, memory: ReceiveMemory, into: Uint8Array, offset: number, length: number): number {
  if (tcb.rcvQueued === 0) return WOULD_BLOCK
  const { pieces, pool } = memory
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
      memory.release(tcb, unlink(tcb, memory))
    }
  }
  return copied
}

/** A view costs more than a short loop, and is garbage. */
const SHORT = 64

function copyOut(bytes: Uint8Array, at: number, count: number, into: Uint8Array, offset: number): void {
  if (count > SHORT) {
    into.set(bytes.subarray(at, at + count), offset)
    return
  }
  let i = 0
  // Eight octets a round: half the time of one.
  for (; i + 8 <= count; i += 8) {
    const from = at + i
    const to = offset + i
    into[to] = bytes[from]!
    into[to + 1] = bytes[from + 1]!
    into[to + 2] = bytes[from + 2]!
    into[to + 3] = bytes[from + 3]!
    into[to + 4] = bytes[from + 4]!
    into[to + 5] = bytes[from + 5]!
    into[to + 6] = bytes[from + 6]!
    into[to + 7] = bytes[from + 7]!
  }
  for (; i < count; i++) into[offset + i] = bytes[at + i]!
}

/**
 * Shows octets in place. What is shown is consumed before the sink sees it: the sink may read, close or reset, and may throw.
 * @returns how many, or WOULD_BLOCK.
 */
export function lend(tcb: Tcb, memory: ReceiveMemory, max: number, sink: ByteSink): number {
  if (tcb.rcvQueued === 0) return WOULD_BLOCK
  const { pieces, pool } = memory
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
      memory.forget(tcb, unlink(tcb, memory))
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

export function clearReceived(tcb: Tcb, memory: ReceiveMemory): void {
  while (tcb.rcvHead !== NONE) memory.release(tcb, unlink(tcb, memory))
  tcb.rcvQueued = 0
}
