/**
 * Frames on their way to a link. Anything may be appended at any time, also while input is processed; only {@link Outbox.flush} calls
 * the link, from a job of the stack. One batch is enough in the ordinary case; a burst gets more, up to a limit.
 *
 * @module
 */
import { createBatch, type FrameBatch, type FramePool, type Link, pushFrame, releaseAll, removeFirst } from '@ioth/core'

const BATCH = 64

export class Outbox {
  /** Frames queued. */
  length = 0
  private readonly pool: FramePool
  private readonly limit: number
  private readonly full: FrameBatch[] = []
  private current: FrameBatch | null = null
  /** An empty batch for the next burst. */
  private spare: FrameBatch | null = null

  /** @param limit frames queued at most. */
  constructor(pool: FramePool, limit: number) {
    this.pool = pool
    this.limit = limit
  }

  /** Frames that still fit. */
  get room(): number {
    return this.limit - this.length
  }

  /** Whether the one batch of the ordinary case is full. Who can wait, waits: it is sent, and there is room again. */
  get isBatchFull(): boolean {
    return this.length >= BATCH
  }

  /** Appends a frame with its references; false, references released, when the limit is reached. */
  append(
    head: number,
    headLength: number,
    body: number,
    bodyLength: number,
    flags: number,
    segmentSize: number,
    transportAt: number,
  ): boolean {
    if (this.length >= this.limit) {
      this.pool.release(head)
      if (bodyLength !== 0) this.pool.release(body)
      return false
    }
    this.current ??= createBatch(this.pool, BATCH)
    if (this.current.count === BATCH) {
      this.full.push(this.current)
      this.current = this.spare ?? createBatch(this.pool, BATCH)
      this.spare = null
    }
    pushFrame(this.current, head, headLength, body, bodyLength, flags, segmentSize, transportAt)
    this.length++
    return true
  }

  /** Hands over what the link takes; false when something is left, which waits for the link's `writable`. */
  flush(link: Link): boolean {
    while (this.length > 0) {
      const batch = (this.full.length > 0 ? this.full[0] : this.current) as FrameBatch
      const count = batch.count
      const taken = link.send(batch)
      this.length -= taken
      if (taken < count) {
        removeFirst(batch, taken)
        return false
      }
      batch.count = 0
      if (this.full.length > 0) this.spare = this.full.shift() as FrameBatch
    }
    return true
  }

  /** Releases everything. */
  clear(): void {
    for (const batch of this.full) releaseAll(batch)
    this.full.length = 0
    if (this.current !== null) releaseAll(this.current)
    this.current = null
    this.length = 0
  }
}
