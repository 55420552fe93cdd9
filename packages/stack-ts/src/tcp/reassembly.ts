/**
 * Octets that lie behind a gap: ranges without a gap in them, sorted by sequence number, no octet twice. A range is found by bisection, so
 * a flood of tiny segments costs little; ranges are limited in number, octets by the window, memory by {@link ReceiveMemory}.
 *
 * @module
 */
import { NONE } from './pieces.ts'
import type { ReceiveMemory } from './receive-memory.ts'
import { enqueueNodes } from './receive-queue.ts'
import { add, distance, lessOrEqual, lessThan } from './seq.ts'
import type { Tcb } from './tcb.ts'

/** Ranges one connection may keep ahead: gaps of a window of full segments with half of them lost. */
export const MOST_RANGES = 256

// A range in the table: its edges, its nodes, and the octets free in the last node.
const LEFT = 0
const RIGHT = 1
const FIRST = 2
const LAST = 3
const ROOM = 4
const STRIDE = 5
const FIRST_CAPACITY = 4

/** The ranges of one connection, made with its first gap and given up with the last. */
export class Ahead {
  count = 0
  private table = new Int32Array(FIRST_CAPACITY * STRIDE)

  /** First sequence number of a range. */
  left(range: number): number {
    return this.table[range * STRIDE + LEFT]!
  }

  /** The sequence number behind a range. */
  right(range: number): number {
    return this.table[range * STRIDE + RIGHT]!
  }

  /** The first range that ends at or behind a sequence number; {@link count} when all end before. */
  find(sequence: number): number {
    let low = 0
    let high = this.count
    // New octets mostly lie behind everything that is kept, or at its end.
    if (high > 0 && lessThan(this.right(high - 1), sequence)) return high
    while (low < high) {
      const middle = (low + high) >>> 1
      if (lessThan(this.right(middle), sequence)) low = middle + 1
      else high = middle
    }
    return low
  }

  /** @internal */
  get(range: number, field: number): number {
    return this.table[range * STRIDE + field]!
  }

  /** @internal */
  set(range: number, field: number, value: number): void {
    this.table[range * STRIDE + field] = value
  }

  /** @internal makes place for a range. */
  insert(range: number): void {
    if (this.count * STRIDE === this.table.length) {
      const larger = new Int32Array(this.table.length * 2)
      larger.set(this.table)
      this.table = larger
    }
    this.table.copyWithin((range + 1) * STRIDE, range * STRIDE, this.count * STRIDE)
    this.count++
  }

  /** @internal */
  remove(range: number): void {
    this.table.copyWithin(range * STRIDE, (range + 1) * STRIDE, this.count * STRIDE)
    this.count--
  }
}

/**
 * Keeps `length` octets at `at` that begin at a sequence number ahead of `rcvNxt`. What is there already stays.
 * @returns the range of {@link Tcb.ahead} that holds the last of them, or {@link NONE}: nothing was kept.
 */
export function keep(tcb: Tcb, memory: ReceiveMemory, sequence: number, at: number, length: number): number {
  if (memory.isShort) return NONE
  const end = add(sequence, length)
  tcb.ahead ??= new Ahead()
  const { ahead } = tcb
  let start = sequence
  const range = ahead.find(start)
  while (lessThan(start, end)) {
    const isNew = range === ahead.count || lessThan(start, ahead.left(range))
    if (!isNew && lessThan(start, ahead.right(range))) {
      // Here already.
      start = ahead.right(range)
      continue
    }
    const from = at + distance(sequence, start)
    // Up to the next range.
    const next = isNew ? range : range + 1
    const meets = next < ahead.count && lessOrEqual(ahead.left(next), end)
    const stop = meets ? ahead.left(next) : end
    const count = distance(start, stop)
    const isKept = isNew
      ? begin(tcb, ahead, memory, range, start, stop, from, meets)
      : lengthen(tcb, ahead, memory, range, from, count)
    if (!isKept) break
    if (!isNew && meets) join(ahead, memory, range)
    start = ahead.right(range)
  }
  if (ahead.count === 0) tcb.ahead = null
  return start === sequence ? NONE : range
}

/** Octets before a range: they become its beginning when they meet it, a range of their own when not. */
function begin(
  tcb: Tcb,
  ahead: Ahead,
  memory: ReceiveMemory,
  range: number,
  start: number,
  stop: number,
  at: number,
  meets: boolean,
): boolean {
  // Octets before a range cannot be copied together with those that are there.
  if (memory.isMuch(tcb) || (!meets && ahead.count === MOST_RANGES)) return false
  const node = memory.place(tcb, NONE, 0, at, distance(start, stop))
  if (node === NONE) return false
  if (meets) {
    memory.pieces.next[node] = ahead.get(range, FIRST)
  } else {
    ahead.insert(range)
    ahead.set(range, RIGHT, stop)
    ahead.set(range, LAST, node)
    ahead.set(range, ROOM, memory.room)
  }
  ahead.set(range, LEFT, start)
  ahead.set(range, FIRST, node)
  return true
}

/** Octets that follow a range. */
function lengthen(tcb: Tcb, ahead: Ahead, memory: ReceiveMemory, range: number, at: number, count: number): boolean {
  const last = ahead.get(range, LAST)
  const node = memory.place(tcb, last, ahead.get(range, ROOM), at, count)
  if (node === NONE) return false
  if (node !== last) {
    memory.pieces.next[last] = node
    ahead.set(range, LAST, node)
  }
  ahead.set(range, RIGHT, add(ahead.right(range), count))
  ahead.set(range, ROOM, memory.room)
  return true
}

/** A range has reached the next one. */
function join(ahead: Ahead, memory: ReceiveMemory, range: number): void {
  memory.pieces.next[ahead.get(range, LAST)] = ahead.get(range + 1, FIRST)
  ahead.set(range, RIGHT, ahead.right(range + 1))
  ahead.set(range, LAST, ahead.get(range + 1, LAST))
  ahead.set(range, ROOM, ahead.get(range + 1, ROOM))
  ahead.remove(range + 1)
}

/** Moves what has become next to the receive queue and advances `rcvNxt`. */
export function deliverKept(tcb: Tcb, memory: ReceiveMemory): void {
  const { pieces } = memory
  for (let ahead = tcb.ahead; ahead !== null && lessOrEqual(ahead.left(0), tcb.rcvNxt); ahead = tcb.ahead) {
    let behind = distance(ahead.left(0), tcb.rcvNxt)
    let node = ahead.get(0, FIRST)
    // What has come again in the meantime.
    while (node !== NONE && behind >= pieces.length[node]!) {
      behind -= pieces.length[node]!
      const next = pieces.next[node]!
      memory.release(tcb, node)
      node = next
    }
    if (node !== NONE) {
      pieces.at[node] = pieces.at[node]! + behind
      pieces.length[node] = pieces.length[node]! - behind
      enqueueNodes(tcb, memory, node, ahead.get(0, LAST), ahead.get(0, ROOM))
      tcb.rcvNxt = ahead.right(0)
    }
    drop(tcb, ahead)
  }
}

export function clearKept(tcb: Tcb, memory: ReceiveMemory): void {
  for (let ahead = tcb.ahead; ahead !== null; ahead = tcb.ahead) {
    for (let node = ahead.get(0, FIRST); node !== NONE; ) {
      const next = memory.pieces.next[node]!
      memory.release(tcb, node)
      node = next
    }
    drop(tcb, ahead)
  }
}

/** The first range is done with. */
function drop(tcb: Tcb, ahead: Ahead): void {
  ahead.remove(0)
  if (ahead.count === 0) tcb.ahead = null
}
