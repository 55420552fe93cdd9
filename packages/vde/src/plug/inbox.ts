/**
 * Frames that arrived and wait for the turn that hands them to the stack: copied from the input memory into slots of the pool.
 *
 * @module
 */
import { createBatch, type FrameBatch, type FramePool, type LinkSink, pushFrame, releaseAll } from '@ioth/core'
import { flagsOf, segmentSizeOf, transportAtOf } from '../stream/record.ts'
import { inputBytes } from '../stream/stream-input.ts'

const BATCH = 256
/** Batches kept for reuse. */
const SPARE = 4
/** When to stop reading until the stack has had its turn. */
const ENOUGH_FRAMES = 1_024
const ENOUGH_OCTETS = 1_048_576

export class Inbox {
  frames = 0
  private octets = 0
  private readonly pool: FramePool
  private readonly batches: FrameBatch[] = []
  private filling = 0

  constructor(pool: FramePool) {
    this.pool = pool
  }

  get full(): boolean {
    return this.frames >= ENOUGH_FRAMES || this.octets >= ENOUGH_OCTETS
  }

  /** Copies a frame of the input memory. @returns false when the pool has no memory. */
  add(at: number, length: number, first: number, second: number): boolean {
    return this.put(inputBytes, at, length, flagsOf(first), segmentSizeOf(first), transportAtOf(second))
  }

  /** Copies a frame of any memory. @returns false when the pool has no memory. */
  put(from: Uint8Array, at: number, length: number, flags = 0, segmentSize = 0, transportAt = 0): boolean {
    const { pool } = this
    const slot = pool.take(length)
    if (slot === -1) return false
    pool.bytes.set(from.subarray(at, at + length), slot)
    let batch = this.batches[this.filling]
    if (batch !== undefined && batch.count === batch.capacity) batch = this.batches[++this.filling]
    if (batch === undefined) {
      batch = createBatch(pool, BATCH)
      this.batches.push(batch)
    }
    pushFrame(batch, slot, length, 0, 0, flags, segmentSize, transportAt)
    this.frames++
    this.octets += length
    return true
  }

  /** Hands over what is there; without a sink it is dropped. */
  deliver(sink: LinkSink | null): void {
    if (this.frames === 0) return
    const last = this.filling
    this.filling = 0
    this.frames = 0
    this.octets = 0
    for (let index = 0; index <= last; index++) {
      const batch = this.batches[index] as FrameBatch
      try {
        sink?.frames(batch)
      } finally {
        releaseAll(batch)
      }
    }
    if (this.batches.length > SPARE) this.batches.length = SPARE
  }
}
