/**
 * A wrapper that lets pass what a predicate says.
 *
 * @module
 */
import type { FrameBatch } from '../contract/frame.ts'
import type { Link } from '../contract/link.ts'
import { copyEntry, createBatch, releaseFrame } from '../frame/batch.ts'
import { type Direction, LinkWrapper } from './link-wrapper.ts'
import { frameBytes } from './trace.ts'

/** Whether a frame passes. Asked once for each frame, in order, with octets as for {@link TraceListener}. Must not throw. */
export type FramePredicate = (direction: Direction, frame: Uint8Array) => boolean

/** Drops the frames for which the predicate is false. */
export function filter(link: Link, predicate: FramePredicate): Link {
  return new Filter(link, predicate)
}

class Filter extends LinkWrapper {
  private readonly predicate: FramePredicate
  private outgoing: FrameBatch | null = null
  private incoming: FrameBatch | null = null

  constructor(link: Link, predicate: FramePredicate) {
    super(link)
    this.predicate = predicate
  }

  protected sendFrames(batch: FrameBatch): void {
    const kept = (this.outgoing = emptied(this.outgoing, batch))
    for (let index = 0; index < batch.count; index++) {
      if (this.predicate('out', frameBytes(batch, index))) copyEntry(batch, index, kept)
      else releaseFrame(batch, index)
    }
    if (kept.count > 0) this.outbox.send(kept)
  }

  frames(batch: FrameBatch): void {
    const kept = (this.incoming = emptied(this.incoming, batch))
    for (let index = 0; index < batch.count; index++) {
      if (this.predicate('in', frameBytes(batch, index))) copyEntry(batch, index, kept)
    }
    if (kept.count > 0) this.sink?.frames(kept)
  }
}

/** An empty batch that holds as many frames as the other. */
function emptied(mine: FrameBatch | null, other: FrameBatch): FrameBatch {
  if (mine === null || mine.capacity < other.count) return createBatch(other.pool, other.capacity)
  mine.count = 0
  return mine
}
