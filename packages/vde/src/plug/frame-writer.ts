/**
 * Frames of a batch on their way to the switch: as they are where the switch and the protocol take them, else finished by core.
 *
 * @module
 */
import {
  type FrameBatch,
  type FrameEmitter,
  type FramePool,
  finishFrames,
  isAccepted,
  NO_OFFLOAD,
  type Offload,
  SEGMENT_ME,
} from '@ioth/core'
import type { Outbox } from '../stream/outbox.ts'
import {
  MAX_FRAME,
  MAX_TRANSPORT_AT,
  MIN_FRAME,
  MIN_SEGMENT_SIZE,
  RECORD_HEADER,
  UNFINISHED,
} from '../stream/record.ts'
import { writeFrame } from '../stream/write-frame.ts'
import type { PlugCounters } from './plug-counters.ts'

export class FrameWriter implements FrameEmitter {
  private readonly pool: FramePool
  private readonly mtu: number
  private readonly counters: PlugCounters
  private outbox: Outbox | null = null

  constructor(pool: FramePool, mtu: number, counters: PlugCounters) {
    this.pool = pool
    this.mtu = mtu
    this.counters = counters
  }

  /** Copies a frame into the outbox, or drops and counts it. The batch keeps its references. @returns false when there is no room. */
  put(outbox: Outbox, offload: Offload, batch: FrameBatch, index: number): boolean {
    const headLength = batch.headLength[index] as number
    const bodyLength = batch.bodyLength[index] as number
    const length = headLength + bodyLength
    const flags = batch.flags[index] as number
    if (!outbox.room(RECORD_HEADER + length)) return false
    this.outbox = outbox
    if (length < MIN_FRAME || length > MAX_FRAME) {
      this.counters['drop.out.malformed']++
    } else if ((flags & UNFINISHED) !== 0 && !fits(offload, batch, index, flags)) {
      this.counters['drop.out.malformed'] += finishFrames(batch, index, 'ethernet', NO_OFFLOAD, this.mtu, this)
    } else {
      const { head, body, segmentSize, transportAt } = batch
      this.write(
        head[index] as number,
        headLength,
        body[index] as number,
        bodyLength,
        flags,
        segmentSize[index] as number,
        transportAt[index] as number,
      )
    }
    return true
  }

  /** What core made of a frame, with references of its own. */
  emit(
    head: number,
    headLength: number,
    body: number,
    bodyLength: number,
    flags: number,
    segmentSize: number,
    transportAt: number,
  ): void {
    this.write(head, headLength, body, bodyLength, flags, segmentSize, transportAt)
    this.pool.release(head)
    if (bodyLength !== 0) this.pool.release(body)
  }

  private write(
    head: number,
    headLength: number,
    body: number,
    bodyLength: number,
    flags: number,
    segmentSize: number,
    transportAt: number,
  ): void {
    const outbox = this.outbox as Outbox
    writeFrame(outbox, this.pool, head, headLength, body, bodyLength, flags, segmentSize, transportAt)
    this.counters['out.frames']++
    this.counters['out.octets'] += headLength + bodyLength
  }
}

/** Whether the record header can say what an unfinished frame needs, and the switch takes it. */
function fits(offload: Offload, batch: FrameBatch, index: number, flags: number): boolean {
  if (!isAccepted(flags, offload) || (batch.transportAt[index] as number) > MAX_TRANSPORT_AT) return false
  return (flags & SEGMENT_ME) === 0 || (batch.segmentSize[index] as number) >= MIN_SEGMENT_SIZE
}
