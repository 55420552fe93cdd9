/**
 * A cable between two links: what arrives at one goes out at the other. What an end does not take at once waits in a short queue; what does
 * not fit there is dropped and counted, as a switch does it.
 *
 * @module
 */
import {
  createBatch,
  type FrameBatch,
  type FramePool,
  FrameQueue,
  type Link,
  type LinkSink,
  NO_OFFLOAD,
  retainFrame,
} from '@ioth/core'

/** Frames that wait for one end. */
const MOST_WAITING = 512

export interface PatchCable {
  /** Frames that neither end had room for. */
  readonly dropped: number
  /** Settles when one of the links is closed for good. */
  readonly broken: Promise<void>
}

/** Joins two links of one pool. Both stay the caller's. */
export function joinLinks(a: Link, b: Link, pool: FramePool): PatchCable {
  let breaks = (): void => {}
  const broken = new Promise<void>((settle) => {
    breaks = settle
  })
  const left = new CableEnd(b, pool, breaks)
  const right = new CableEnd(a, pool, breaks)
  left.other = right
  right.other = left
  a.attach(left)
  b.attach(right)
  return {
    get dropped() {
      return left.dropped + right.dropped
    },
    broken,
  }
}

/** Takes what arrives at one link and sends it out by the other. */
class CableEnd implements LinkSink {
  readonly accepts = NO_OFFLOAD
  dropped = 0
  other: CableEnd | null = null
  private readonly out: Link
  private readonly queue: FrameQueue
  private readonly batch: FrameBatch
  private readonly breaks: () => void

  constructor(out: Link, pool: FramePool, breaks: () => void) {
    this.out = out
    this.queue = new FrameQueue(pool, MOST_WAITING)
    this.batch = createBatch(pool)
    this.breaks = breaks
  }

  frames(batch: FrameBatch): void {
    for (let index = 0; index < batch.count; index++) {
      if (this.queue.length >= MOST_WAITING) this.drain()
      if (this.queue.length >= MOST_WAITING) {
        this.dropped++
        continue
      }
      retainFrame(batch, index)
      this.queue.push(batch, index)
    }
    this.drain()
  }

  /** The link that frames come from can take frames again: those of the other direction. */
  writable(): void {
    this.other?.drain()
  }

  changed(state: Link['state']): void {
    if (state === 'closed') this.breaks()
  }

  private drain(): void {
    const { queue, batch } = this
    while (queue.length > 0) {
      batch.count = 0
      for (let place = 0; place < queue.length && batch.count < batch.capacity; place++) queue.copyTo(batch, place)
      const taken = this.out.send(batch)
      queue.forget(taken)
      if (taken < batch.count) return
    }
  }
}
