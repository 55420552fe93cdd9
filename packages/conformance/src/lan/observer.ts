/**
 * A link wrapper that shows every frame as it is on a wire: super-segments cut, checksums filled in.
 *
 * @module
 */
import {
  CHECKSUM_MISSING,
  type Direction,
  type FrameBatch,
  type FrameEmitter,
  finishFrames,
  type Link,
  LinkWrapper,
  NO_OFFLOAD,
  releaseFrame,
  retainFrame,
  SEGMENT_ME,
} from '@ioth/core'

export interface FrameObserver {
  /** A frame passes; the octets are the observer's. */
  frame(direction: Direction, octets: Uint8Array): void
  /** The stack handed over what the link had not offered to take. */
  unfinished(text: string): void
}

export class Observer extends LinkWrapper implements FrameEmitter {
  private readonly observer: FrameObserver
  private batch: FrameBatch | null = null
  private direction: Direction = 'out'

  constructor(link: Link, observer: FrameObserver) {
    super(link)
    this.observer = observer
  }

  protected sendFrames(batch: FrameBatch): void {
    this.checkFlags(batch)
    this.show('out', batch)
    this.outbox.send(batch)
  }

  frames(batch: FrameBatch): void {
    this.show('in', batch)
    this.sink?.frames(batch)
  }

  /** {@link FrameEmitter}: a frame in the form it has on a wire. */
  emit(head: number, headLength: number, body: number, bodyLength: number): void {
    const { pool } = this.batch as FrameBatch
    const octets = new Uint8Array(headLength + bodyLength)
    octets.set(pool.bytes.subarray(head, head + headLength))
    pool.release(head)
    if (bodyLength !== 0) {
      octets.set(pool.bytes.subarray(body, body + bodyLength), headLength)
      pool.release(body)
    }
    this.observer.frame(this.direction, octets)
  }

  private show(direction: Direction, batch: FrameBatch): void {
    this.batch = batch
    this.direction = direction
    for (let index = 0; index < batch.count; index++) {
      // With a second reference the header is copied before a checksum is filled in.
      retainFrame(batch, index)
      finishFrames(batch, index, this.type, NO_OFFLOAD, this.mtu, this)
      releaseFrame(batch, index)
    }
  }

  private checkFlags(batch: FrameBatch): void {
    const { offload } = this
    for (let index = 0; index < batch.count; index++) {
      const flags = batch.flags[index] as number
      if ((flags & CHECKSUM_MISSING) !== 0 && !offload.checksum)
        this.observer.unfinished('a frame without checksum on a link that does not fill it in')
      if ((flags & SEGMENT_ME) !== 0 && !offload.segment)
        this.observer.unfinished('a super-segment on a link that does not cut it')
      const body = batch.bodyLength[index] as number
      if ((flags & SEGMENT_ME) !== 0 && body > offload.maxSegment)
        this.observer.unfinished(`a super-segment of ${body} octets on a link that takes ${offload.maxSegment}`)
    }
  }
}
