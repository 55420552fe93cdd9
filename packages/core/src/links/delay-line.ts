/**
 * Frames that wait for their time: a binary heap by time, then by order of entry, over typed arrays.
 *
 * @module
 */
import type { FrameBatch, FramePool } from '../contract/frame.ts'
import { pushFrame } from '../frame/batch.ts'

const COLUMNS = 7
const FIRST_CAPACITY = 16

export class DelayLine {
  /** Frames that wait. */
  length = 0
  private readonly pool: FramePool
  /** Numbers of entries, in heap order; behind {@link length} those that are free. */
  private heap = new Int32Array(0)
  private due = new Float64Array(0)
  private order = new Float64Array(0)
  private entries = new Int32Array(0)
  private entered = 0

  constructor(pool: FramePool) {
    this.pool = pool
  }

  /** When the first frame is due, or Infinity. */
  get earliest(): number {
    return this.length === 0 ? Number.POSITIVE_INFINITY : (this.due[this.heap[0] as number] as number)
  }

  /** Takes a frame with its references until `due`. */
  push(
    due: number,
    head: number,
    headLength: number,
    body: number,
    bodyLength: number,
    flags: number,
    segmentSize: number,
    transportAt: number,
  ): void {
    if (this.length === this.heap.length) this.enlarge()
    const entry = this.heap[this.length] as number
    const at = entry * COLUMNS
    this.entries[at] = head
    this.entries[at + 1] = headLength
    this.entries[at + 2] = body
    this.entries[at + 3] = bodyLength
    this.entries[at + 4] = flags
    this.entries[at + 5] = segmentSize
    this.entries[at + 6] = transportAt
    this.due[entry] = due
    this.order[entry] = this.entered++
    this.rise(this.length++)
  }

  /** Moves the first frame to the end of a batch. */
  pop(batch: FrameBatch): void {
    const entry = this.heap[0] as number
    this.length--
    this.heap[0] = this.heap[this.length] as number
    this.heap[this.length] = entry
    this.sink()
    const at = entry * COLUMNS
    const { entries } = this
    pushFrame(
      batch,
      entries[at] as number,
      entries[at + 1] as number,
      entries[at + 2],
      entries[at + 3],
      entries[at + 4],
      entries[at + 5],
      entries[at + 6],
    )
  }

  /** Releases all frames. */
  clear(): void {
    for (let place = 0; place < this.length; place++) {
      const at = (this.heap[place] as number) * COLUMNS
      this.pool.release(this.entries[at] as number)
      if (this.entries[at + 3] !== 0) this.pool.release(this.entries[at + 2] as number)
    }
    this.length = 0
  }

  private isBefore(a: number, b: number): boolean {
    const earlier = (this.due[a] as number) - (this.due[b] as number)
    return earlier < 0 || (earlier === 0 && (this.order[a] as number) < (this.order[b] as number))
  }

  private rise(from: number): void {
    const { heap } = this
    const entry = heap[from] as number
    let place = from
    while (place > 0) {
      const above = (place - 1) >> 1
      if (!this.isBefore(entry, heap[above] as number)) break
      heap[place] = heap[above] as number
      place = above
    }
    heap[place] = entry
  }

  private sink(): void {
    const { heap, length } = this
    const entry = heap[0] as number
    let place = 0
    for (;;) {
      let below = 2 * place + 1
      if (below >= length) break
      if (below + 1 < length && this.isBefore(heap[below + 1] as number, heap[below] as number)) below++
      if (!this.isBefore(heap[below] as number, entry)) break
      heap[place] = heap[below] as number
      place = below
    }
    heap[place] = entry
  }

  private enlarge(): void {
    const before = this.heap.length
    const capacity = Math.max(FIRST_CAPACITY, before * 2)
    const heap = new Int32Array(capacity)
    const due = new Float64Array(capacity)
    const order = new Float64Array(capacity)
    const entries = new Int32Array(capacity * COLUMNS)
    heap.set(this.heap)
    for (let entry = before; entry < capacity; entry++) heap[entry] = entry
    due.set(this.due)
    order.set(this.order)
    entries.set(this.entries)
    this.heap = heap
    this.due = due
    this.order = order
    this.entries = entries
  }
}
