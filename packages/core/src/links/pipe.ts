/**
 * A pipe: two links joined back to back inside one thread. Frames are handed over by reference, never copied.
 *
 * What one end sends is delivered by a job, in a later step of the turn, in batches. A queue that is full takes no more frames until the
 * far sink has seen some: nothing is lost in a pipe, unless nobody is attached to the far end.
 *
 * @module
 */
import { type FrameBatch, type FramePool, NO_OFFLOAD, type Offload } from '../contract/frame.ts'
import type { Link, LinkSink, LinkState } from '../contract/link.ts'
import { Job, type Scheduler } from '../contract/scheduler.ts'
import { NetError } from '../errors/net-error.ts'
import { discardFrames, intersectOffload } from '../frame/batch.ts'
import { FrameDeliverer } from '../frame/deliver.ts'
import { FrameQueue } from '../frame/frame-queue.ts'

export interface PipeOptions {
  readonly scheduler: Scheduler
  readonly pool: FramePool
  /** Whether frames begin with an Ethernet header. @default 'ethernet' */
  readonly type?: 'ethernet' | 'ip'
  /** @default 1500 */
  readonly mtu?: number
  /** What may pass unfinished, when the far sink accepts it. @default NO_OFFLOAD */
  readonly offload?: Offload
  /** Frames that wait in each direction, at most. @default 256 */
  readonly queueFrames?: number
  /** @default 'pipe' */
  readonly name?: string
}

/** Makes a pipe and gives its two ends. Closing one end loses the other. */
export function createPipe(options: PipeOptions): [Link, Link] {
  const { pool, type = 'ethernet', mtu = 1500 } = options
  const deliverer = new FrameDeliverer(pool, type, mtu)
  const a = new PipeEnd(options, deliverer, 'a')
  const b = new PipeEnd(options, deliverer, 'b')
  a.far = b
  b.far = a
  return [a, b]
}

/** The job of an end carries what this end sent, and tells this end's sink its news. */
class PipeEnd extends Job implements Link {
  readonly type: 'ethernet' | 'ip'
  readonly mtu: number
  readonly name: string
  far: PipeEnd | null = null
  state: LinkState = 'up'

  private readonly scheduler: Scheduler
  private readonly option: Offload
  private readonly deliverer: FrameDeliverer
  private readonly queue: FrameQueue
  private sink: LinkSink | null = null
  private negotiated: Offload = NO_OFFLOAD
  /** The last `send` was short. */
  private short = false
  /** The state the sink knows. */
  private told: LinkState = 'up'

  constructor(options: PipeOptions, deliverer: FrameDeliverer, end: string) {
    super()
    const { scheduler, pool, type = 'ethernet', mtu = 1500, offload = NO_OFFLOAD, queueFrames = 256 } = options
    this.scheduler = scheduler
    this.type = type
    this.mtu = mtu
    this.option = offload
    this.name = `${options.name ?? 'pipe'}:${end}`
    this.deliverer = deliverer
    this.queue = new FrameQueue(pool, queueFrames)
  }

  get offload(): Offload {
    return this.negotiated
  }

  attach(sink: LinkSink): void {
    if (this.sink !== null) throw new NetError('EINVAL', 'attach', { message: `${this.name} has a sink already` })
    this.sink = sink
    if (this.far !== null) this.far.negotiated = intersectOffload(this.option, sink.accepts)
  }

  send(batch: FrameBatch): number {
    if (this.state === 'closed') return discardFrames(batch)
    const taken = Math.min(batch.count, this.queue.room)
    for (let index = 0; index < taken; index++) this.queue.push(batch, index)
    if (taken < batch.count) this.short = true
    if (taken > 0) this.scheduler.defer(this)
    return taken
  }

  run(): void {
    this.carry()
    if (this.short && this.queue.room > 0) {
      this.short = false
      this.sink?.writable()
    }
    if (this.queue.length > 0) this.scheduler.defer(this)
    else this.tell()
  }

  /** A pipe ends in this process: there is nothing to bring out of it but what its far end brings out. */
  flush(): boolean {
    return this.queue.length === 0
  }

  close(): Promise<void> {
    if (this.state !== 'closed') {
      this.state = 'closed'
      this.scheduler.defer(this)
      const { far } = this
      if (far !== null && far.state === 'up') {
        // What this end sent before arrives there first: the news travels behind it, in this end's job.
        far.queue.release(far.queue.length)
        far.state = 'lost'
      }
    }
    return Promise.resolve()
  }

  /** One batch at most, so that other jobs have their turn. */
  private carry(): void {
    const count = Math.min(this.queue.length, 64)
    const sink = this.far?.sink ?? null
    try {
      if (sink !== null && this.far?.state !== 'closed') this.deliverer.deliver(this.queue, 0, count, sink)
    } finally {
      this.queue.release(count)
    }
  }

  private tell(): void {
    for (const end of [this, this.far]) {
      if (end === null || end.told === end.state) continue
      end.told = end.state
      end.sink?.changed(end.state)
    }
  }
}
