/**
 * A link whose frames some carrier of Node's brings and takes: a UDP socket, a process, a stream, a WebSocket. Complete frames only; what
 * arrives waits for its turn in the pool, what leaves is handed to the carrier at once, unless that is full.
 *
 * @module
 */
import {
  discardFrames,
  type FrameBatch,
  type FramePool,
  frameLength,
  Job,
  type Link,
  type LinkSink,
  type LinkState,
  NetError,
  NO_OFFLOAD,
  type Offload,
  readFrame,
  releaseFrame,
  type Scheduler,
} from '@ioth/core'
import { MIN_FRAME } from '../stream/record.ts'
import { Inbox } from './inbox.ts'

export interface CarrierLinkOptions {
  readonly scheduler: Scheduler
  readonly pool: FramePool
  /** Largest IP packet, in octets. */
  readonly mtu: number
  readonly name: string
  /** Octets in front of each frame that the carrier fills in. @default 0 */
  readonly headroom?: number
}

export interface CarrierCounters {
  'in.frames': number
  'in.octets': number
  'out.frames': number
  'out.octets': number
  /** No memory in the pool, or more than the stack works off. */
  'drop.in.no-memory': number
  /** Shorter than an Ethernet header, longer than the MTU, or nobody has attached yet. */
  'drop.in.unwanted': number
  'drop.out.malformed': number
}

/** What brings and takes the frames. */
export interface Carrier {
  /** Takes the octets of several frames, each with its headroom, in memory that becomes the carrier's; `ends` tells where each ends. */
  send(octets: Uint8Array, ends: readonly number[]): void
  /** Whether it takes frames at the moment. {@link CarrierLink.drained} is called when it does again. */
  ready(): boolean
  /** Synchronous best effort to bring out what is queued. */
  flush(): boolean
  /** See {@link Link.receiveNow}. For carriers that can. */
  receiveNow?(): boolean
  close(): void
  /** Reads no more until {@link resume}: the stack is behind. For carriers that can. */
  pause?(): void
  resume?(): void
}

/** Ethernet header and one VLAN tag. */
const OVERHEAD = 18

export class CarrierLink extends Job implements Link {
  readonly type = 'ethernet'
  readonly mtu: number
  readonly name: string
  readonly offload: Offload = NO_OFFLOAD
  readonly counters: CarrierCounters = {
    'in.frames': 0,
    'in.octets': 0,
    'out.frames': 0,
    'out.octets': 0,
    'drop.in.no-memory': 0,
    'drop.in.unwanted': 0,
    'drop.out.malformed': 0,
  }
  state: LinkState = 'up'
  private readonly scheduler: Scheduler
  private readonly inbox: Inbox
  private readonly headroom: number
  private carrier: Carrier | null = null
  private sink: LinkSink | null = null
  private isShort = false
  private isPaused = false
  private reason: NetError | undefined
  private isToTell = false

  constructor({ scheduler, pool, mtu, name, headroom = 0 }: CarrierLinkOptions) {
    super()
    this.scheduler = scheduler
    this.mtu = mtu
    this.name = name
    this.headroom = headroom
    this.inbox = new Inbox(pool)
  }

  /** Gives the link its carrier: once, before anything is sent. */
  ride(carrier: Carrier): this {
    this.carrier = carrier
    return this
  }

  attach(sink: LinkSink): void {
    if (this.sink !== null) throw new NetError('EINVAL', 'attach', { message: `${this.name} has a taker already` })
    this.sink = sink
    // Its carrier ended before anybody was there to hear of it.
    if (this.isToTell) this.scheduler.defer(this)
  }

  send(batch: FrameBatch): number {
    const { carrier, counters, headroom } = this
    if (this.state !== 'up' || carrier === null) return discardFrames(batch)
    if (!carrier.ready()) {
      this.isShort = true
      return 0
    }
    let octets = 0
    for (let index = 0; index < batch.count; index++) octets += headroom + frameLength(batch, index)
    const bytes = Buffer.allocUnsafe(octets)
    const ends: number[] = []
    let at = 0
    for (let index = 0; index < batch.count; index++) {
      const length = frameLength(batch, index)
      if (length < MIN_FRAME || length > this.mtu + OVERHEAD) {
        counters['drop.out.malformed']++
      } else {
        readFrame(batch, index, bytes, at + headroom)
        at += headroom + length
        ends.push(at)
        counters['out.frames']++
        counters['out.octets'] += length
      }
      releaseFrame(batch, index)
    }
    if (at > 0) carrier.send(bytes.subarray(0, at), ends)
    return batch.count
  }

  run(): void {
    this.inbox.deliver(this.state === 'closed' ? null : this.sink)
    if (this.isPaused) {
      this.isPaused = false
      this.carrier?.resume?.()
    }
    if (this.isShort && this.state === 'up' && this.carrier?.ready()) {
      this.isShort = false
      this.sink?.writable()
    }
    if (!this.isToTell || this.sink === null) return
    this.isToTell = false
    this.sink.changed('closed', this.reason)
  }

  flush(): boolean {
    return this.carrier?.flush() ?? true
  }

  receiveNow(): boolean {
    return this.state === 'up' && (this.carrier?.receiveNow?.() ?? false)
  }

  async close(): Promise<void> {
    if (this.state === 'closed') return
    this.state = 'closed'
    this.isToTell = true
    this.scheduler.defer(this)
    this.carrier?.close()
  }

  // ---- for the carrier ----

  /** A frame came. */
  arrived(from: Uint8Array, at: number, length: number): void {
    const { counters } = this
    if (this.state !== 'up' || this.sink === null || length < MIN_FRAME || length > this.mtu + OVERHEAD) {
      counters['drop.in.unwanted']++
    } else if (this.inbox.full && this.carrier?.pause === undefined) {
      counters['drop.in.no-memory']++
    } else if (this.inbox.put(from, at, length)) {
      counters['in.frames']++
      counters['in.octets'] += length
      this.scheduler.defer(this)
    } else {
      counters['drop.in.no-memory']++
    }
    if (this.inbox.full && !this.isPaused && this.carrier?.pause !== undefined) {
      this.isPaused = true
      this.carrier.pause()
    }
  }

  /** The carrier takes frames again. */
  drained(): void {
    if (this.isShort) this.scheduler.defer(this)
  }

  /** The carrier has ended. @param final there is no use in another one of its kind. */
  ended(why: string, final = false): void {
    if (this.state === 'closed') return
    const message = `${this.name}: ${why}`
    this.reason = new NetError(final ? 'ERR_IOTH_NETWORK' : 'ENETDOWN', 'read', { message })
    void this.close()
  }
}
