/**
 * The link of 127.0.0.1 and ::1: what goes in comes back out, in a later job.
 *
 * @module
 */
import {
  createBatch,
  type FrameBatch,
  type FramePool,
  FrameQueue,
  Job,
  type Link,
  type LinkSink,
  type LinkState,
  NO_OFFLOAD,
  type Offload,
  type Scheduler,
} from '@ioth/core'

const QUEUE = 1024

export class LoopbackLink extends Job implements Link {
  readonly type = 'ip'
  readonly mtu = 1500
  readonly name = 'loopback'
  readonly offload: Offload = NO_OFFLOAD
  state: LinkState = 'up'
  private readonly scheduler: Scheduler
  private readonly queue: FrameQueue
  private readonly shown: FrameBatch
  private sink: LinkSink | null = null

  constructor(scheduler: Scheduler, pool: FramePool) {
    super()
    this.scheduler = scheduler
    this.queue = new FrameQueue(pool, QUEUE)
    this.shown = createBatch(pool)
  }

  attach(sink: LinkSink): void {
    this.sink = sink
  }

  send(batch: FrameBatch): number {
    const taken = Math.min(batch.count, this.queue.room)
    for (let index = 0; index < taken; index++) this.queue.push(batch, index)
    if (taken > 0) this.scheduler.defer(this)
    return taken
  }

  override run(): void {
    const { queue, shown, sink } = this
    const wasFull = queue.room === 0
    for (let left = queue.length; left > 0; ) {
      shown.count = 0
      const count = Math.min(left, shown.capacity)
      for (let place = 0; place < count; place++) queue.copyTo(shown, place)
      sink?.frames(shown)
      queue.release(count)
      left -= count
    }
    if (wasFull) sink?.writable()
  }

  flush(): boolean {
    return this.queue.length === 0
  }

  close(): Promise<void> {
    this.state = 'closed'
    this.queue.release(this.queue.length)
    return Promise.resolve()
  }
}
