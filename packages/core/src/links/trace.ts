/**
 * A wrapper that shows every frame to a listener, as it passes.
 *
 * @module
 */
import type { Clock } from '../contract/clock.ts'
import type { FrameBatch } from '../contract/frame.ts'
import type { Link } from '../contract/link.ts'
import { frameLength, readFrame } from '../frame/batch.ts'
import { defaultScheduler } from '../time/defaults.ts'
import { type Direction, LinkWrapper } from './link-wrapper.ts'

/**
 * Told of a frame: its octets from the link header on, in memory of its own, and the time of the clock. A super-segment is shown whole,
 * and a checksum that is left to the link is not filled in: see {@link capture} for frames as they are on a wire. Must not throw.
 */
export type TraceListener = (direction: Direction, frame: Uint8Array, microseconds: number) => void

/** Shows the frames of a link to a listener. @param clock tells the time. @default the thread's */
export function trace(link: Link, listener: TraceListener, clock: Clock = defaultScheduler().clock): Link {
  return new Trace(link, listener, clock)
}

/** A whole frame in memory of its own. */
export function frameBytes(batch: FrameBatch, index: number): Uint8Array {
  const frame = new Uint8Array(frameLength(batch, index))
  readFrame(batch, index, frame)
  return frame
}

class Trace extends LinkWrapper {
  private readonly listener: TraceListener
  private readonly clock: Clock

  constructor(link: Link, listener: TraceListener, clock: Clock) {
    super(link)
    this.listener = listener
    this.clock = clock
  }

  protected sendFrames(batch: FrameBatch): void {
    this.show('out', batch)
    this.outbox.send(batch)
  }

  frames(batch: FrameBatch): void {
    this.show('in', batch)
    this.sink?.frames(batch)
  }

  private show(direction: Direction, batch: FrameBatch): void {
    const { now } = this.clock
    for (let index = 0; index < batch.count; index++) this.listener(direction, frameBytes(batch, index), now)
  }
}
