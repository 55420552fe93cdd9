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
  NO_OFFLOAD,
  pushFrame,
  releaseAll,
} from '@ioth/core'
import { MAX_FRAME, RECORD_HEADER, UNFINISHED, writeFrameHeader } from '../stream/record.ts'
import { inputBytes } from '../stream/stream-input.ts'
import { writeFrame } from '../stream/write-frame.ts'
import type { Port } from './port.ts'
import { copyTagged } from './vlan.ts'

export class FrameFinisher implements FrameEmitter {
  private readonly pool: FramePool
  private readonly batch: FrameBatch
  private readonly queued: (port: Port) => void
  private to: Port | null = null
  private vlan = 0
  private readonly tagged: Uint8Array = new Uint8Array(RECORD_HEADER + MAX_FRAME + 4)
  private readonly taggedView: DataView = new DataView(this.tagged.buffer)

  /** @param queued a port has something to write. */
  constructor(pool: FramePool, queued: (port: Port) => void) {
    this.pool = pool
    this.batch = createBatch(pool, 1)
    this.queued = queued
  }

  /**
   * Delivers a frame that lies in the input memory, in the form a port takes.
   * @param vlan the tag that what comes out of it gets, all of it finished; 0: none.
   */
  deliver(
    to: Port,
    frame: number,
    length: number,
    flags: number,
    segmentSize: number,
    transportAt: number,
    vlan = 0,
  ): void {
    const { batch, pool } = this
    const slot = pool.take(length)
    if (slot === -1) {
      to.counters['drop.out.queue-full']++
      return
    }
    pool.bytes.set(inputBytes.subarray(frame, frame + length), slot)
    pushFrame(batch, slot, length, 0, 0, flags, segmentSize, transportAt)
    this.to = to
    this.vlan = vlan
    to.counters['drop.out.unfinishable'] += finishFrames(
      batch,
      0,
      'ethernet',
      vlan === 0 ? to.accepts : NO_OFFLOAD,
      to.opening.mtu,
      this,
    )
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
    if (this.vlan !== 0) this.emitTagged(head, headLength, body, bodyLength, flags)
    else if (outbox.room(RECORD_HEADER + length)) {
      writeFrame(outbox, pool, head, headLength, body, bodyLength, flags, segmentSize, transportAt)
      counters['out.frames']++
      counters['out.octets'] += length
    } else {
      counters['drop.out.queue-full']++
    }
    pool.release(head)
    if (bodyLength !== 0) pool.release(body)
  }
  /** A finished frame with a tag. */
  private emitTagged(head: number, headLength: number, body: number, bodyLength: number, flags: number): void {
    const { pool, tagged } = this
    const { counters, outbox } = this.to as Port
    const length = copyTagged(pool.bytes, head, headLength, this.vlan, tagged) + bodyLength
    if (bodyLength !== 0) tagged.set(pool.bytes.subarray(body, body + bodyLength), RECORD_HEADER + length - bodyLength)
    if (!outbox.room(RECORD_HEADER + length)) {
      counters['drop.out.queue-full']++
      return
    }
    writeFrameHeader(this.taggedView, 0, length, flags & ~UNFINISHED, 0, 0)
    outbox.append(tagged, 0, RECORD_HEADER + length)
    counters['out.frames']++
    counters['out.octets'] += length
  }
}
