/**
 * What went over the wires of a LAN, and a plug for frames made by hand.
 *
 * @module
 */
import {
  createBatch,
  type FrameBatch,
  type FramePool,
  frameLength,
  type Link,
  type LinkSink,
  NO_OFFLOAD,
  type Offload,
  pushFrame,
  readFrame,
  type Scheduler,
} from '@ioth/core'

/** Knows every frame that was sent, by a hash of 53 bits. */
export class Wire {
  /** Whether lines may flip bits. */
  mayCorrupt = false
  private readonly scheduler: Scheduler
  private readonly known = new Set<number>()

  constructor(scheduler: Scheduler) {
    this.scheduler = scheduler
  }

  /** Microseconds. */
  get now(): number {
    return this.scheduler.clock.now
  }

  /** A frame leaves a host. */
  emitted(octets: Uint8Array): void {
    this.known.add(hash(octets))
  }

  /** Whether some host sent exactly this frame. */
  wasEmitted(octets: Uint8Array): boolean {
    return this.known.has(hash(octets))
  }
}

/** Two independent multiplicative hashes side by side. */
function hash(octets: Uint8Array): number {
  let low = 0x811c_9dc5
  let high = octets.length
  for (let at = 0; at < octets.length; at++) {
    const octet = octets[at] as number
    low = Math.imul(low ^ octet, 0x0100_0193)
    high = Math.imul(high, 31) + octet
  }
  return (low >>> 0) * 0x20_0000 + ((high ^ (high >>> 16)) & 0x1f_ffff)
}

/** A plug without a stack: hears every frame, and sends whatever octets it is given. */
export class Tap implements LinkSink {
  readonly accepts: Offload = NO_OFFLOAD
  private readonly link: Link
  private readonly pool: FramePool
  private readonly wire: Wire
  private readonly receive: (frame: Uint8Array) => void

  constructor(link: Link, pool: FramePool, wire: Wire, receive: (frame: Uint8Array) => void) {
    this.link = link
    this.pool = pool
    this.wire = wire
    this.receive = receive
    link.attach(this)
  }

  /** Puts a frame on the wire. */
  send(frame: Uint8Array): void {
    const slot = this.pool.take(Math.max(1, frame.length))
    if (slot === -1) throw new Error('the frame pool is empty')
    this.pool.bytes.set(frame, slot)
    this.wire.emitted(frame)
    const batch = createBatch(this.pool, 1)
    pushFrame(batch, slot, frame.length)
    if (this.link.send(batch) !== 1) throw new Error('the hub takes no more frames')
  }

  frames(batch: FrameBatch): void {
    for (let index = 0; index < batch.count; index++) {
      const frame = new Uint8Array(frameLength(batch, index))
      readFrame(batch, index, frame)
      this.receive(frame)
    }
  }

  writable(): void {}

  changed(): void {}

  close(): Promise<void> {
    return this.link.close()
  }
}
