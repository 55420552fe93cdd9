/**
 * Delivery: frames out of a queue to a sink, in batches, finished where the sink does not take them as they are.
 *
 * @module
 */
import type { FrameBatch, FramePool } from '../contract/frame.ts'
import type { LinkSink } from '../contract/link.ts'
import { createBatch, isAccepted, pushFrame, releaseAll } from './batch.ts'
import { type FrameEmitter, finishFrames } from './finish-frames.ts'
import type { FrameQueue } from './frame-queue.ts'

/** Frames shown to a sink at once. */
const BATCH = 64

export class FrameDeliverer implements FrameEmitter {
  /** Frames that could not be finished: no memory, or flags that do not fit the frame. */
  dropped = 0
  private readonly type: 'ethernet' | 'ip'
  private readonly mtu: number
  private readonly pool: FramePool
  private readonly shown: FrameBatch
  /** Frames with references of their own; made when a sink first needs finished frames. */
  private finished: FrameBatch | null = null
  private sink: LinkSink | null = null

  constructor(pool: FramePool, type: 'ethernet' | 'ip', mtu: number) {
    this.pool = pool
    this.type = type
    this.mtu = mtu
    this.shown = createBatch(pool, BATCH)
  }

  /**
   * Shows the frames of the queue from the place `from` up to `end` to the sink, except those with the tag `except`. They stay in the
   * queue, with their references: the caller takes them out when all sinks have seen them.
   */
  deliver(queue: FrameQueue, from: number, end: number, sink: LinkSink, except = -1): void {
    const { shown } = this
    const { accepts } = sink
    let place = from
    while (place < end) {
      let acceptable = true
      shown.count = 0
      for (; place < end && shown.count < BATCH; place++) {
        if (queue.tag(place) === except) continue
        acceptable &&= isAccepted(queue.flags(place), accepts)
        queue.copyTo(shown, place)
      }
      if (shown.count === 0) return
      if (acceptable) sink.frames(shown)
      else this.finish(sink)
    }
  }

  emit(
    head: number,
    headLength: number,
    body: number,
    bodyLength: number,
    flags: number,
    segmentSize: number,
    transportAt: number,
  ): void {
    const finished = this.finished as FrameBatch
    if (finished.count === BATCH) this.show()
    pushFrame(finished, head, headLength, body, bodyLength, flags, segmentSize, transportAt)
  }

  private finish(sink: LinkSink): void {
    const { shown } = this
    this.finished ??= createBatch(this.pool, BATCH)
    this.sink = sink
    for (let index = 0; index < shown.count; index++) {
      this.dropped += finishFrames(shown, index, this.type, sink.accepts, this.mtu, this)
    }
    this.show()
    this.sink = null
  }

  private show(): void {
    const finished = this.finished as FrameBatch
    if (finished.count === 0) return
    try {
      this.sink?.frames(finished)
    } finally {
      releaseAll(finished)
    }
  }
}
