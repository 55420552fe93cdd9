/**
 * A link over a file descriptor that keeps message boundaries, one frame a message: a TAP or TUN device, one end of a `seqpacket` pair, a
 * datagram socket that is joined to another.
 *
 * Frames are read and written in turns of the scheduler, a bounded number in each. The kernel computes nothing for us here, so the link
 * takes complete frames only.
 *
 * @module
 */
import {
  createBatch,
  discardFrames,
  type FrameBatch,
  type FramePool,
  Job,
  type Link,
  type LinkSink,
  type LinkState,
  NetError,
  NO_OFFLOAD,
  type Offload,
  pushFrame,
  readFrame,
  releaseAll,
  releaseFrame,
  type Scheduler,
  WOULD_BLOCK,
} from '@ioth/core'
import { closeDescriptor, readDescriptor, writeDescriptor } from './descriptor.ts'
import { DescriptorWatch } from './descriptor-watch.ts'

/** How frames are read and written, where it is not by the descriptor's own calls. */
export interface FrameIo {
  /** @returns octets, 0 or less: there is none now. @throws NetError */
  read(into: Uint8Array): number
  /** @returns WOULD_BLOCK when it takes none now. @throws NetError */
  write(from: Uint8Array, length: number): number
  /** Closes the descriptor. */
  close(): void
}

export interface DescriptorLinkOptions {
  readonly scheduler: Scheduler
  readonly pool: FramePool
  /** A non-blocking descriptor; the link closes it. */
  readonly fd: number
  readonly type: 'ethernet' | 'ip'
  /** Largest IP packet, in octets. */
  readonly mtu: number
  /** The locator it was opened by. */
  readonly name: string
  /** A datagram socket has no end: an empty message is none, nor is an error of a peer that has gone. @default false */
  readonly endless?: boolean
  /** @default the calls of `descriptor.ts` */
  readonly io?: FrameIo
}

export interface DescriptorLinkCounters {
  framesIn: number
  framesOut: number
  /** No slot was free. */
  dropNoMemory: number
  /** Longer than the MTU allows. */
  dropTooLong: number
  /** The device refused the frame: an interface that is down says so. */
  dropRefused: number
}

/** Frames in one turn, in each direction. */
const ROUND = 64
/** Ethernet header and one VLAN tag. */
const LONGEST_HEADER = 18

export class DescriptorLink extends Job implements Link {
  readonly type: 'ethernet' | 'ip'
  readonly mtu: number
  readonly name: string
  readonly offload: Offload = NO_OFFLOAD
  readonly counters: DescriptorLinkCounters = {
    framesIn: 0,
    framesOut: 0,
    dropNoMemory: 0,
    dropTooLong: 0,
    dropRefused: 0,
  }
  state: LinkState = 'up'
  /** Called once, when the link closes or fails. */
  onClosed: (() => void) | null = null
  private readonly scheduler: Scheduler
  private readonly pool: FramePool
  private readonly endless: boolean
  private readonly io: FrameIo
  private readonly watch: DescriptorWatch
  /** One frame, and one octet more to see that a frame is too long. */
  private readonly frame: Uint8Array
  private readonly arrived: FrameBatch
  private sink: LinkSink | null = null
  private isReadable = false
  /** What {@link receiveNow} has told of. */
  private toldFrames = 0
  /** The last `send` took fewer frames than it was given. */
  private isShort = false
  private failure: NetError | null = null

  /** @throws NetError EBADF, EALREADY: the descriptor cannot be watched. */
  constructor({ scheduler, pool, fd, type, mtu, name, endless = false, io }: DescriptorLinkOptions) {
    super()
    this.scheduler = scheduler
    this.pool = pool
    this.endless = endless
    this.io = io ?? {
      read: (into) => readDescriptor(fd, into),
      write: (from, length) => writeDescriptor(fd, from, length),
      close: () => closeDescriptor(fd),
    }
    this.type = type
    this.mtu = mtu
    this.name = name
    this.frame = new Uint8Array(mtu + LONGEST_HEADER + 1)
    this.arrived = createBatch(pool, ROUND)
    this.watch = new DescriptorWatch(fd, {}, ({ readable, writable, disconnect }) => {
      if (readable || disconnect) this.isReadable = true
      if (writable) this.watch.watch({ readable: true })
      this.scheduler.defer(this)
    })
    // Whoever uses a stack holds the process, not its links.
    this.watch.unref()
  }

  attach(sink: LinkSink): void {
    if (this.sink !== null) throw new NetError('EINVAL', 'attach', { message: `${this.name} has a taker already` })
    this.sink = sink
    this.watch.watch({ readable: true })
  }

  send(batch: FrameBatch): number {
    if (this.state !== 'up') return discardFrames(batch)
    for (let index = 0; index < batch.count; index++) {
      if (!this.write(batch, index)) {
        this.isShort = true
        this.watch.watch({ readable: true, writable: true })
        return index
      }
      releaseFrame(batch, index)
    }
    return batch.count
  }

  run(): void {
    if (this.failure !== null) this.end()
    if (this.state !== 'up') return
    if (this.isShort) {
      this.isShort = false
      this.sink?.writable()
    }
    if (this.isReadable && this.sink !== null) this.read(this.sink)
  }

  /** Every frame that was taken is with the kernel already. */
  flush(): boolean {
    return true
  }

  /** Has the next turn look, whether the event loop tells of something or not. */
  receiveNow(): boolean {
    const { framesIn } = this.counters
    const isNews = framesIn !== this.toldFrames
    this.toldFrames = framesIn
    if (this.state !== 'up') return false
    this.isReadable = true
    this.scheduler.defer(this)
    return isNews
  }

  async close(): Promise<void> {
    if (this.state === 'closed') return
    this.state = 'closed'
    this.watch.close()
    this.io.close()
    this.onClosed?.()
  }

  /** Somebody else has learnt that the other side is gone: the link closes in its next turn, and says why. */
  fail(reason: NetError): void {
    if (this.state === 'closed' || this.failure !== null) return
    this.failure = reason
    this.scheduler.defer(this)
  }

  private write(batch: FrameBatch, index: number): boolean {
    const length = (batch.headLength[index] as number) + (batch.bodyLength[index] as number)
    if (length >= this.frame.length) {
      this.counters.dropTooLong++
      return true
    }
    readFrame(batch, index, this.frame)
    try {
      if (this.io.write(this.frame, length) === WOULD_BLOCK) return false
      this.counters.framesOut++
    } catch {
      this.counters.dropRefused++
    }
    return true
  }

  private read(sink: LinkSink): void {
    const { arrived, pool, frame, counters } = this
    for (let round = 0; round < ROUND && this.isReadable; round++) {
      const length = this.readOne()
      if (length < 0 || (length === 0 && !this.endless)) {
        this.isReadable = false
        break
      }
      if (length === 0) continue
      if (length >= frame.length) {
        counters.dropTooLong++
        continue
      }
      const at = pool.take(length)
      if (at < 0) {
        counters.dropNoMemory++
        continue
      }
      pool.bytes.set(length === frame.length ? frame : frame.subarray(0, length), at)
      pushFrame(arrived, at, length)
    }
    counters.framesIn += arrived.count
    try {
      if (arrived.count > 0) sink.frames(arrived)
    } finally {
      releaseAll(arrived)
    }
    if (this.isReadable || this.failure !== null) this.scheduler.defer(this)
  }

  /** Octets of the next frame; 0 or less when there is none now. */
  private readOne(): number {
    try {
      const length = this.io.read(this.frame)
      // A device has no end; a pair has one.
      if (length === 0 && !this.endless)
        this.failure = new NetError('ENETDOWN', 'read', { message: `${this.name}: the other end closed` })
      return length
    } catch (error) {
      if (this.endless) return WOULD_BLOCK
      const reason = error as NetError
      const message = `${this.name} is gone: ${reason.message}`
      this.failure = new NetError('ENETDOWN', 'read', { message, cause: reason })
      return WOULD_BLOCK
    }
  }

  private end(): void {
    const reason = this.failure as NetError
    this.failure = null
    if (this.state === 'closed') return
    void this.close()
    this.sink?.changed('closed', reason)
  }
}
