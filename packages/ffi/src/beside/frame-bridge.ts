/**
 * The way of frames between a link and a library that has its end of a `seqpacket` pair, or of a plug, for a wire. Each frame is shown on its
 * way: it can be changed, or kept back.
 *
 * Neither side can make the other wait: a library that waits for a wire waits with all its sockets, and so would the thread that calls it.
 * What the library cannot take now is queued, and beyond that dropped and counted, as a full receive queue of a network card would drop it.
 *
 * @module
 */
import {
  createBatch,
  discardFrames,
  type FrameBatch,
  type FramePool,
  frameLength,
  Job,
  type Link,
  type LinkSink,
  NO_OFFLOAD,
  type Offload,
  pushFrame,
  readFrame,
  releaseAll,
  removeFirst,
  type Scheduler,
  WOULD_BLOCK,
} from '@ioth/core'
import { closeDescriptor, readDescriptor, socketPair, widenSendBuffer, writeDescriptor } from '../descriptor.ts'
import { DescriptorWatch } from '../descriptor-watch.ts'

/** Who sees each frame. Both may change the first `length` octets of it in place. */
export interface FrameGuard {
  /** A frame from the link, for the library. @returns whether it goes on. */
  arriving(frame: Uint8Array, length: number): boolean
  /** A frame of the library's, for the link. @returns whether it goes on. */
  leaving(frame: Uint8Array, length: number): boolean
  /** The library's end holds one frame more: for a library that is worked by whoever gives it frames. */
  delivered?(): void
  /** All frames that came together were shown. */
  arrived?(): void
}

export interface BridgeOptions {
  readonly scheduler: Scheduler
  readonly pool: FramePool
  readonly link: Link
  readonly guard: FrameGuard
  /** Our end of a wire that the library has already, one frame a message, non-blocking; the bridge closes it. @default a pair is made */
  readonly wire?: number
}

export interface BridgeCounters {
  framesIn: number
  framesOut: number
  /** The library did not take it. */
  dropLibraryFull: number
  /** No slot of the pool was free, or the link did not take it. */
  dropNoRoom: number
  dropTooLong: number
}

const ROUND = 64
/** Frames that wait for the library: about what the windows of a hundred connections let their peers send. */
const MOST_WAITING = 2048
/** Octets of frames that the library may send before they are read here; those beyond are lost. */
const LIBRARY_BUFFER = 1 << 20
/** The library has closed its end: its interface is gone, or going. */
const GONE = 0
/** Ethernet header and one VLAN tag. */
const LONGEST_HEADER = 18

export class FrameBridge extends Job implements LinkSink {
  readonly accepts: Offload = NO_OFFLOAD
  readonly link: Link
  readonly counters: BridgeCounters = { framesIn: 0, framesOut: 0, dropLibraryFull: 0, dropNoRoom: 0, dropTooLong: 0 }
  /** Memory of a frame that arrives, and of one that leaves: what the guard is shown. */
  private readonly incoming: Uint8Array
  private readonly outgoing: Uint8Array
  /** The library's end of the pair, until it takes it over; -1: it has its wire already. */
  readonly libraryEnd: number
  private readonly scheduler: Scheduler
  private readonly pool: FramePool
  private readonly guard: FrameGuard
  private readonly fd: number
  private readonly watch: DescriptorWatch
  private readonly batch: FrameBatch
  /** Frames that the library could not take yet, in their order. */
  private waiting: Uint8Array[] = []
  private isReadable = false
  private isDetached = false
  private isClosed = false

  constructor({ scheduler, pool, link, guard, wire }: BridgeOptions) {
    super()
    this.scheduler = scheduler
    this.pool = pool
    this.link = link
    this.guard = guard
    this.incoming = new Uint8Array(link.mtu + LONGEST_HEADER + 1)
    this.outgoing = new Uint8Array(link.mtu + LONGEST_HEADER + 1)
    this.batch = createBatch(pool, ROUND)
    const [ours, theirs] = wire === undefined ? socketPair('seqpacket') : [wire, -1]
    if (theirs >= 0) widenSendBuffer(theirs, LIBRARY_BUFFER)
    this.fd = ours
    this.libraryEnd = theirs
    this.watch = new DescriptorWatch(ours, { readable: true }, ({ readable, writable }) => {
      if (readable) this.isReadable = true
      if (writable) this.feed()
      scheduler.defer(this)
    })
    // Whoever uses a stack holds the process, not its wires.
    this.watch.unref()
  }

  /** Frames begin to flow. */
  attach(): void {
    this.link.attach(this)
  }

  /** A frame that did not come from the link goes into the library. */
  toLibrary(frame: Uint8Array): void {
    if (this.isDetached) return
    if (this.write(frame, frame.length)) this.guard.delivered?.()
    else this.counters.dropLibraryFull++
  }

  /** The library may have sent something: it is looked for in the next job. */
  look(): void {
    this.isReadable = true
    this.scheduler.defer(this)
  }

  /** A frame that did not come from the library goes onto the link. */
  toLink(frame: Uint8Array): void {
    if (this.isDetached) return
    this.take(frame, frame.length)
    this.send()
  }

  frames(batch: FrameBatch): void {
    const { incoming, guard, counters } = this
    if (this.isDetached) return
    for (let index = 0; index < batch.count; index++) {
      const length = frameLength(batch, index)
      if (length >= incoming.length) {
        counters.dropTooLong++
        continue
      }
      readFrame(batch, index, incoming)
      if (!guard.arriving(incoming, length)) continue
      if (this.write(incoming, length)) {
        counters.framesIn++
        guard.delivered?.()
      } else counters.dropLibraryFull++
    }
    guard.arrived?.()
  }

  run(): void {
    const { outgoing, guard, counters } = this
    for (let round = 0; round < ROUND && this.isReadable && !this.isDetached; round++) {
      const length = this.read()
      if (length <= 0) {
        this.isReadable = false
        break
      }
      if (length >= outgoing.length) counters.dropTooLong++
      else if (guard.leaving(outgoing, length)) this.take(outgoing, length)
    }
    this.send()
    if (this.isReadable) this.scheduler.defer(this)
  }

  /** Everything the library has sent by now goes onto the link. @returns whether the link took it all. */
  flush(): boolean {
    for (let round = 0; round < ROUND; round++) {
      this.isReadable = true
      this.run()
      if (!this.isReadable) break
    }
    return this.link.flush()
  }

  writable(): void {}

  /** A link that is gone is a cable that was pulled: connections end by their own timeouts. */
  changed(): void {}

  /** The cable is pulled: the link is closed, and the library's end stays open, for a library may not bear its end. */
  async detach(): Promise<void> {
    if (this.isDetached) return
    this.isDetached = true
    this.waiting = []
    this.watch.close()
    await this.link.close()
  }

  /** The library has let go of its end. */
  async close(): Promise<void> {
    if (this.isClosed) return
    this.isClosed = true
    await this.detach()
    closeDescriptor(this.fd)
  }

  private take(frame: Uint8Array, length: number): void {
    const { pool, batch, counters } = this
    if (batch.count === batch.capacity) this.send()
    const at = pool.take(length)
    if (at < 0) {
      counters.dropNoRoom++
      return
    }
    pool.bytes.set(length === frame.length ? frame : frame.subarray(0, length), at)
    pushFrame(batch, at, length)
    counters.framesOut++
  }

  private send(): void {
    const { batch, link, counters } = this
    if (batch.count === 0) return
    const taken = link.state === 'closed' ? discardFrames(batch) : link.send(batch)
    if (taken < batch.count) {
      counters.dropNoRoom += batch.count - taken
      removeFirst(batch, taken)
      releaseAll(batch)
    }
    batch.count = 0
  }

  /** @returns whether the library has it, or will have. */
  private write(frame: Uint8Array, length: number): boolean {
    const { waiting } = this
    const written = waiting.length === 0 ? this.writeNow(frame, length) : WOULD_BLOCK
    if (written !== WOULD_BLOCK) return written !== GONE
    if (waiting.length >= MOST_WAITING) return false
    if (waiting.length === 0) this.watch.watch({ readable: true, writable: true })
    waiting.push(frame.slice(0, length))
    return true
  }

  /** The library has taken some. */
  private feed(): void {
    const { waiting } = this
    let taken = 0
    while (taken < waiting.length) {
      const frame = waiting[taken] as Uint8Array
      if (this.writeNow(frame, frame.length) === WOULD_BLOCK) break
      taken++
      this.guard.delivered?.()
    }
    this.waiting = waiting.slice(taken)
    if (this.waiting.length === 0) this.watch.watch({ readable: true })
  }

  /** @returns a count, {@link WOULD_BLOCK} or {@link GONE}. */
  private writeNow(frame: Uint8Array, length: number): number {
    try {
      return writeDescriptor(this.fd, frame, length)
    } catch {
      return GONE
    }
  }

  private read(): number {
    try {
      return readDescriptor(this.fd, this.outgoing)
    } catch {
      return 0
    }
  }
}
