/**
 * Frames for plugs that do not take them as they are: super-segments are cut and checksums filled in, by core, on the way out.
 *
 * @module
 */
import {
  createBatch,
  type FrameBatch,
  type FrameEmitter,
  type FramePool,
  finishFrames,
  pushFrame,
  releaseAll,
} from '@ioth/core'
import { RECORD_HEADER } from '../stream/record.ts'
import { inputBytes } from '../stream/stream-input.ts'
import { writeFrame } from '../stream/write-frame.ts'
import type { Port } from './port.ts'

export class FrameFinisher implements FrameEmitter {
  private readonly pool: FramePool
  private readonly batch: FrameBatch
  private readonly queued: (port: Port) => void
  private to: Port | null = null

  /** @param queued a port has something to write. */
  constructor(pool: FramePool, queued: (port: Port) => void) {
    this.pool = pool
    this.batch = createBatch(pool, 1)
    this.queued = queued
  }

  /** Delivers a frame that lies in the input memory, in the form a port takes. */
  deliver(to: Port, frame: number, length: number, flags: number, segmentSize: number, transportAt: number): void {
    const { batch, pool } = this
    const slot = pool.take(length)
    if (slot === -1) {
      to.counters['drop.out.queue-full']++
      return
    }
    pool.bytes.set(inputBytes.subarray(frame, frame + length), slot)
    pushFrame(batch, slot, length, 0, 0, flags, segmentSize, transportAt)
    this.to = to
    to.counters['drop.out.unfinishable'] += finishFrames(batch, 0, 'ethernet', to.accepts, to.opening.mtu, this)
    releaseAll(batch)
    this.queued(to)
  }

  /** What core made of the frame, with references of its own. */
  emit(
    head: number,
    headLength: number,
    body: number,
    bodyLength: number,
    flags: number,
    segmentSize: number,
    transportAt: number,
  ): void {
    const { pool } = this
    const { counters, outbox } = this.to as Port
    const length = headLength + bodyLength
    if (outbox.room(RECORD_HEADER + length)) {
      writeFrame(outbox, pool, head, headLength, body, bodyLength, flags, segmentSize, transportAt)
      counters['out.frames']++
      counters['out.octets'] += length
    } else {
      counters['drop.out.queue-full']++
    }
    pool.release(head)
    if (bodyLength !== 0) pool.release(body)
  }
}
