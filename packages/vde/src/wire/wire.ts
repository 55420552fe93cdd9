/**
 * A cable between two networks, which can be made as bad as a real one while it is in, cut, and healed.
 *
 * @module
 */
import {
  createBatch,
  type FrameBatch,
  type FramePool,
  FrameQueue,
  type ImpairCounters,
  type ImpairedLink,
  type Impairments,
  impair,
  type Link,
  type LinkSink,
  type LinkState,
  type NetError,
  NO_OFFLOAD,
  retainFrame,
  type Scheduler,
} from '@ioth/core'

export interface WireOptions {
  readonly scheduler: Scheduler
  readonly pool: FramePool
  /** The two ends. The wire closes them. */
  readonly a: Link
  readonly b: Link
  /** `in`: from a to b; `out`: from b to a. @default a sound cable */
  readonly impairments?: Impairments
  /** @default chance */
  readonly seed?: number
}

/** Which way frames go. */
export type WireDirection = 'a-to-b' | 'b-to-a'

export interface WireCounters extends ImpairCounters {
  /** Came while this direction was cut. */
  cut: number
  /** The other end took them too slowly. */
  blocked: number
}

/** Frames that wait for an end to take them, in each direction. */
const QUEUE_FRAMES = 4_096

export class Wire {
  /** Resolves when an end has closed for good, or {@link close} was called, with the reason. */
  readonly closed: Promise<string>
  private readonly scheduler: Scheduler
  private readonly impaired: ImpairedLink
  private readonly far: Link
  private readonly lanes: Readonly<Record<WireDirection, Lane>>
  private impairments: Impairments
  private end!: (reason: string) => void
  private isClosed = false

  /** @throws NetError EINVAL when an impairment is out of range. */
  constructor({ scheduler, pool, a, b, impairments = {}, seed }: WireOptions) {
    this.scheduler = scheduler
    this.impairments = impairments
    this.impaired = impair(a, { ...impairments, scheduler, pool, ...(seed === undefined ? {} : { seed }) })
    this.far = b
    this.lanes = { 'a-to-b': new Lane(pool, b), 'b-to-a': new Lane(pool, this.impaired) }
    this.closed = new Promise((resolve) => {
      this.end = resolve
    })
    this.impaired.attach(this.sink(this.lanes['a-to-b'], this.lanes['b-to-a'], a))
    b.attach(this.sink(this.lanes['b-to-a'], this.lanes['a-to-b'], b))
    scheduler.hold()
  }

  /** Changes what is named, from the next frame on. @throws NetError EINVAL */
  set(impairments: Impairments): void {
    this.impaired.set(impairments)
    this.impairments = { ...this.impairments, ...impairments }
  }

  /** What is set. */
  get settings(): Impairments {
    return this.impairments
  }

  /** Lets nothing through, in one direction or both. */
  cut(direction?: WireDirection): void {
    this.setCut(true, direction)
  }

  /** Joins it again. */
  heal(direction?: WireDirection): void {
    this.setCut(false, direction)
  }

  isCut(direction: WireDirection): boolean {
    return this.lanes[direction].isCut
  }

  counters(direction: WireDirection): Readonly<WireCounters> {
    const impaired = this.impaired.counters[direction === 'a-to-b' ? 'in' : 'out']
    const { cut, blocked } = this.lanes[direction]
    return { ...impaired, cut, blocked }
  }

  async close(reason = 'stopped'): Promise<void> {
    if (this.isClosed) return
    this.isClosed = true
    this.scheduler.release()
    await Promise.all([this.impaired.close(), this.far.close()])
    this.end(reason)
  }

  private setCut(isCut: boolean, direction?: WireDirection): void {
    for (const [name, lane] of Object.entries(this.lanes)) {
      if (direction === undefined || name === direction) lane.isCut = isCut
    }
  }

  /** What comes in at an end goes onto one lane; when the end takes frames again, the other lane goes on. */
  private sink(onto: Lane, back: Lane, link: Link): LinkSink {
    return {
      accepts: NO_OFFLOAD,
      frames: (batch) => onto.take(batch),
      writable: () => back.drain(),
      changed: (state: LinkState, reason?: NetError) => {
        if (state === 'closed') void this.close(reason?.message ?? `${link.name} has closed`)
      },
    }
  }
}

/** One direction: what an end does not take at once waits, up to a limit. */
class Lane {
  isCut = false
  cut = 0
  blocked = 0
  private readonly to: Link
  private readonly queue: FrameQueue
  private readonly batch: FrameBatch

  constructor(pool: FramePool, to: Link) {
    this.to = to
    this.queue = new FrameQueue(pool, QUEUE_FRAMES)
    this.batch = createBatch(pool)
  }

  /** Takes frames that are somebody else's. */
  take(batch: FrameBatch): void {
    if (this.isCut) {
      this.cut += batch.count
      return
    }
    const room = Math.min(batch.count, this.queue.room)
    this.blocked += batch.count - room
    for (let index = 0; index < room; index++) {
      retainFrame(batch, index)
      this.queue.push(batch, index)
    }
    this.drain()
  }

  drain(): void {
    const { queue, batch, to } = this
    while (queue.length > 0) {
      batch.count = 0
      for (let place = 0; place < queue.length && batch.count < batch.capacity; place++) queue.copyTo(batch, place)
      const taken = to.send(batch)
      queue.forget(taken)
      if (taken < batch.count) return
    }
  }
}
