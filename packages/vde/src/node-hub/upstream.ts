/**
 * The hub's way out to the network: frames in the form that the link takes, and a queue for those that it does not take at once.
 *
 * @module
 */
import {
  createBatch,
  type FrameBatch,
  type FrameEmitter,
  type FramePool,
  FrameQueue,
  finishFrames,
  isAccepted,
  type Link,
  pushFrame,
  retainFrame,
} from '@ioth/core'

const BATCH = 256
/** With so many frames waiting, members are not read any more. */
const CONGESTED = 512
/** Frames that may wait: what is under way when members are no longer read. */
const LIMIT = 16_384

export class Upstream implements FrameEmitter {
  dropped = 0
  private readonly link: Link
  private readonly batch: FrameBatch
  private readonly queue: FrameQueue

  constructor(link: Link, pool: FramePool) {
    this.link = link
    this.batch = createBatch(pool, BATCH)
    this.queue = new FrameQueue(pool, LIMIT)
  }

  get isCongested(): boolean {
    return this.queue.length >= CONGESTED
  }

  /** Takes a frame; the references of the caller's batch stay the caller's. */
  send(from: FrameBatch, index: number): void {
    const { offload, mtu, type } = this.link
    if (!isAccepted(from.flags[index] as number, offload)) {
      this.dropped += finishFrames(from, index, type, offload, mtu, this)
      return
    }
    retainFrame(from, index)
    this.emit(
      from.head[index] as number,
      from.headLength[index] as number,
      from.body[index] as number,
      from.bodyLength[index] as number,
      from.flags[index] as number,
      from.segmentSize[index] as number,
      from.transportAt[index] as number,
    )
  }

  /** @internal a frame with references of its own. */
  emit(
    head: number,
    headLength: number,
    body: number,
    bodyLength: number,
    flags: number,
    segmentSize: number,
    transportAt: number,
  ): void {
    if (this.batch.count === this.batch.capacity) this.flush()
    pushFrame(this.batch, head, headLength, body, bodyLength, flags, segmentSize, transportAt)
  }

  /** Hands the link what is there. */
  flush(): void {
    const { batch, queue, link } = this
    const taken = queue.length === 0 && batch.count > 0 ? link.send(batch) : 0
    for (let index = taken; index < batch.count; index++) {
      if (queue.room > 0) queue.push(batch, index)
      else {
        this.dropped++
        batch.pool.release(batch.head[index] as number)
        if (batch.bodyLength[index] !== 0) batch.pool.release(batch.body[index] as number)
      }
    }
    batch.count = 0
  }

  /** The link takes frames again. */
  drain(): void {
    const { batch, queue, link } = this
    while (queue.length > 0) {
      for (let place = 0; place < queue.length && batch.count < batch.capacity; place++) queue.copyTo(batch, place)
      const { count } = batch
      const taken = link.send(batch)
      queue.forget(taken)
      batch.count = 0
      if (taken < count) return
    }
  }

  /** What a link that went away would only drop. */
  clear(): void {
    this.queue.release(this.queue.length)
  }
}
