/**
 * A wrapper that records every frame, in both directions, as a capture file.
 *
 * @module
 */
import type { FrameBatch, FramePool } from '../contract/frame.ts'
import type { Link } from '../contract/link.ts'
import type { Scheduler } from '../contract/scheduler.ts'
import { wallClockOrigin } from '../time/host-scheduler.ts'
import { LinkWrapper } from './link-wrapper.ts'
import { PcapEncoder, type PcapOptions, type PcapWriter } from './pcap.ts'

export interface CaptureOptions {
  readonly scheduler: Scheduler
  readonly pool: FramePool
  readonly resolution?: PcapOptions['resolution']
  /** Unix time at which the scheduler's clock showed 0, in microseconds. @default the real one; 0 under virtual time */
  readonly timeOrigin?: number
}

/**
 * Records the frames of a link. The file header is written at once, then one chunk for each batch.
 * @param write takes the pieces of the file in order.
 */
export function capture(link: Link, write: PcapWriter, options: CaptureOptions): Link {
  return new Capture(link, write, options)
}

class Capture extends LinkWrapper {
  private readonly write: PcapWriter
  private readonly scheduler: Scheduler
  private readonly timeOrigin: number
  private readonly encoder: PcapEncoder

  constructor(link: Link, write: PcapWriter, options: CaptureOptions) {
    super(link)
    const { scheduler, pool, resolution, timeOrigin } = options
    this.write = write
    this.scheduler = scheduler
    this.timeOrigin = timeOrigin ?? wallClockOrigin(scheduler)
    this.encoder = new PcapEncoder({
      pool,
      type: link.type,
      mtu: link.mtu,
      ...(resolution === undefined ? {} : { resolution }),
    })
    write(this.encoder.take())
  }

  protected sendFrames(batch: FrameBatch): void {
    this.record(batch)
    this.outbox.send(batch)
  }

  frames(batch: FrameBatch): void {
    this.record(batch)
    this.sink?.frames(batch)
  }

  private record(batch: FrameBatch): void {
    const time = this.timeOrigin + this.scheduler.clock.now
    for (let index = 0; index < batch.count; index++) this.encoder.add(batch, index, time)
    this.write(this.encoder.take())
  }
}
