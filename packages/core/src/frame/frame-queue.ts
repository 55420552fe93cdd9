/**
 * A bounded first-in-first-out queue of frames: a ring in one typed array, which grows up to the limit as it is needed.
 *
 * @module
 */
import type { FrameBatch, FramePool } from '../contract/frame.ts'
import { pushFrame } from './batch.ts'

/** Columns of an entry. */
const HEAD = 0
const HEAD_LENGTH = 1
const BODY = 2
const BODY_LENGTH = 3
const FLAGS = 4
const SEGMENT_SIZE = 5
const TRANSPORT_AT = 6
const TAG = 7
const COLUMNS = 8
const FIRST_CAPACITY = 16

export class FrameQueue {
  /** Frames in the queue. */
  length = 0
  readonly limit: number
  private readonly pool: FramePool
  private entries = new Int32Array(0)
  /** A power of two. */
  private capacity = 0
  private first = 0

  /** @param limit frames it holds at most. */
  constructor(pool: FramePool, limit: number) {
    this.pool = pool
    this.limit = limit
  }

  /** Frames that still fit. */
  get room(): number {
    return this.limit - this.length
  }

  /** Appends a frame of a batch with its references. The caller looks that there is {@link room}. @param tag a number of the caller's. */
  push(batch: FrameBatch, index: number, tag = 0): void {
    if (this.length === this.capacity) this.enlarge()
    const at = ((this.first + this.length) & (this.capacity - 1)) * COLUMNS
    const { entries } = this
    entries[at + HEAD] = batch.head[index] as number
    entries[at + HEAD_LENGTH] = batch.headLength[index] as number
    entries[at + BODY] = batch.body[index] as number
    entries[at + BODY_LENGTH] = batch.bodyLength[index] as number
    entries[at + FLAGS] = batch.flags[index] as number
    entries[at + SEGMENT_SIZE] = batch.segmentSize[index] as number
    entries[at + TRANSPORT_AT] = batch.transportAt[index] as number
    entries[at + TAG] = tag
    this.length++
  }

  /** The tag of the frame at a place in the queue; 0 is the oldest. */
  tag(place: number): number {
    return this.entries[this.at(place) + TAG] as number
  }

  /** Position of the head piece of the frame at a place in the queue. */
  head(place: number): number {
    return this.entries[this.at(place) + HEAD] as number
  }

  headLength(place: number): number {
    return this.entries[this.at(place) + HEAD_LENGTH] as number
  }

  /** Flags of the frame at a place in the queue. */
  flags(place: number): number {
    return this.entries[this.at(place) + FLAGS] as number
  }

  /** Copies the entry at a place to the end of a batch. References are not touched. */
  copyTo(batch: FrameBatch, place: number): void {
    const at = this.at(place)
    const { entries } = this
    pushFrame(
      batch,
      entries[at + HEAD] as number,
      entries[at + HEAD_LENGTH] as number,
      entries[at + BODY],
      entries[at + BODY_LENGTH],
      entries[at + FLAGS],
      entries[at + SEGMENT_SIZE],
      entries[at + TRANSPORT_AT],
    )
  }

  /** Takes the oldest `count` entries out without touching their references. */
  forget(count: number): void {
    this.first = (this.first + count) & (this.capacity - 1)
    this.length -= count
  }

  /** Takes the oldest `count` entries out and releases them. */
  release(count: number): void {
    const { entries, pool } = this
    for (let place = 0; place < count; place++) {
      const at = this.at(place)
      pool.release(entries[at + HEAD] as number)
      if (entries[at + BODY_LENGTH] !== 0) pool.release(entries[at + BODY] as number)
    }
    this.forget(count)
  }

  private at(place: number): number {
    return ((this.first + place) & (this.capacity - 1)) * COLUMNS
  }

  private enlarge(): void {
    const capacity = Math.max(FIRST_CAPACITY, this.capacity * 2)
    const entries = new Int32Array(capacity * COLUMNS)
    const tail = this.entries.subarray(this.first * COLUMNS)
    entries.set(tail)
    entries.set(this.entries.subarray(0, this.first * COLUMNS), tail.length)
    this.entries = entries
    this.capacity = capacity
    this.first = 0
  }
}
