/**
 * A program at one end of a connection: writes a model stream, reads another, in pieces of given sizes, and ends in a given way.
 * It uses the contract alone, as the Node layer and the promises do.
 *
 * @module
 */
import {
  type ByteSink,
  CLOSED,
  END,
  ERROR,
  FAILED,
  type NetError,
  type Pollable,
  READABLE,
  type TcpSocket,
  WOULD_BLOCK,
  WRITABLE,
} from '@ioth/core'
import { type ByteStreamModel, ModelViolation } from '../model/byte-stream.ts'

/** When a program ends its own direction. */
export type Finish =
  /** As soon as everything is written. */
  | 'when-written'
  /** After the peer's end has been read, too: the peer's half-close is answered with data. */
  | 'after-peer'
  /** Never by itself. */
  | 'never'

export interface StreamPlan {
  /** Octets to write. @default 0 */
  readonly send?: number
  /** Sizes of the writes, used round and round. @default 16 KiB */
  readonly writeSizes?: readonly number[]
  /** Sizes of the reads, used round and round. @default 64 KiB */
  readonly readSizes?: readonly number[]
  /** Reads by `lend` instead of `read`. @default false */
  readonly lend?: boolean
  /** @default 'when-written' */
  readonly finish?: Finish
  /** Begins without reading; see {@link StreamDriver.resume}. @default false */
  readonly paused?: boolean
}

/** `Host.attempt` of the host that the program runs on. */
export type Attempt = (action: () => void) => void

const DEFAULT_WRITES = [16_384]
const DEFAULT_READS = [65_536]

export class StreamDriver implements ByteSink {
  readonly socket: TcpSocket
  readonly outgoing: ByteStreamModel
  readonly incoming: ByteStreamModel
  /** Whether the connection was established. */
  connected = false
  /** The socket's own direction has been ended. */
  finished = false
  /** Why the socket failed. */
  error: NetError | null = null
  /** CLOSED was reported. */
  closed = false
  /** Times a write found no room, and times WRITABLE came after one (P-10). */
  fullEpisodes = 0
  drains = 0

  private readonly plan: Required<StreamPlan>
  private readonly attempt: Attempt
  private readonly scratch: Uint8Array
  private writes = 0
  private reads = 0
  private waitsForDrain = false
  private reading: boolean
  /** The upcall that runs now, to catch an upcall from inside another call. */
  private busy = false

  /** @param attempt runs an upcall, and takes what it throws. @default it is thrown on */
  constructor(
    socket: TcpSocket,
    outgoing: ByteStreamModel,
    incoming: ByteStreamModel,
    plan: StreamPlan = {},
    attempt: Attempt = (action) => action(),
  ) {
    this.socket = socket
    this.attempt = attempt
    this.outgoing = outgoing
    this.incoming = incoming
    this.plan = {
      send: 0,
      writeSizes: DEFAULT_WRITES,
      readSizes: DEFAULT_READS,
      lend: false,
      finish: 'when-written',
      paused: false,
      ...plan,
    }
    this.reading = !this.plan.paused
    this.scratch = new Uint8Array(Math.max(...this.plan.writeSizes, ...this.plan.readSizes))
    socket.owner = this
    socket.onReady = StreamDriver.onReady
    socket.interest = WRITABLE | ERROR | CLOSED | (this.reading ? READABLE : 0)
  }

  /** Both directions ended in order. */
  get isDone(): boolean {
    return this.finished && this.incoming.endSeen
  }

  /** In order or not, nothing more will happen. */
  get isOver(): boolean {
    return this.isDone || this.error !== null
  }

  /** Stops reading, as a program that is busy with something else. */
  pause(): void {
    this.reading = false
    this.socket.interest &= ~READABLE
  }

  resume(): void {
    this.reading = true
    this.socket.interest |= READABLE
  }

  /** A line for failure messages. */
  toString(): string {
    const { socket, outgoing, incoming } = this
    const end = this.error?.message ?? (this.isDone ? 'done' : 'going on')
    const sent = `wrote ${outgoing.written} of ${this.plan.send}${this.finished ? ' and the end' : ''}`
    const got = `read ${incoming.read} of ${incoming.written}${incoming.endSeen ? ' and the end' : ''}`
    return `${socket.state}: ${sent}, ${got}; queued ${socket.bytesQueued}, ready ${socket.ready}, interest ${socket.interest}; ${end}`
  }

  private static onReady(source: Pollable, bits: number): void {
    const driver = source.owner as StreamDriver
    driver.attempt(() => driver.upcall(bits))
  }

  private upcall(bits: number): void {
    if (this.busy) throw new ModelViolation('an upcall runs inside a call of its own socket')
    this.busy = true
    try {
      this.onReady(bits)
    } finally {
      this.busy = false
    }
  }

  private onReady(bits: number): void {
    if (this.closed) throw new ModelViolation(`bits ${bits} reported after CLOSED`)
    this.closed = (bits & CLOSED) !== 0
    if ((bits & WRITABLE) !== 0) this.write()
    if ((bits & READABLE) !== 0 && this.reading && this.error === null) this.read()
    if ((bits & ERROR) !== 0 && this.error === null) this.fail()
    this.finishIfDue()
  }

  private write(): void {
    const { socket, plan, outgoing } = this
    this.connected ||= socket.error === null
    if (this.waitsForDrain) this.drains++
    this.waitsForDrain = false
    const size = plan.writeSizes[this.writes % plan.writeSizes.length] as number
    const wanted = Math.min(size, plan.send - outgoing.written)
    if (wanted === 0 && socket.error === null) {
      socket.interest &= ~WRITABLE
      return
    }
    outgoing.produce(this.scratch, wanted)
    const count = socket.write(this.scratch, 0, wanted)
    if (count === FAILED) {
      this.fail()
      return
    }
    if (count === WOULD_BLOCK) throw new ModelViolation('write found no room although WRITABLE was reported')
    if (!(count > 0 && count <= wanted)) throw new ModelViolation(`write of ${wanted} octets returned ${count}`)
    outgoing.wrote(count)
    if (count === wanted) this.writes++
    else {
      this.fullEpisodes++
      this.waitsForDrain = true
    }
  }

  private read(): void {
    const { socket, plan, incoming } = this
    const size = plan.readSizes[this.reads++ % plan.readSizes.length] as number
    const before = incoming.read
    const count = plan.lend ? socket.lend(size, this) : socket.read(this.scratch, 0, size)
    if (count === END) {
      incoming.receivedEnd()
      socket.interest &= ~READABLE
    } else if (count === FAILED) {
      this.fail()
    } else if (count === WOULD_BLOCK) {
      throw new ModelViolation('read found nothing although READABLE was reported')
    } else if (!(count > 0 && count <= size)) {
      throw new ModelViolation(`read of ${size} octets returned ${count}`)
    } else if (!plan.lend) {
      incoming.received(this.scratch, 0, count)
    } else if (incoming.read - before !== count) {
      throw new ModelViolation(`lend returned ${count}, ${incoming.read - before} octets were shown`)
    }
  }

  /** {@link ByteSink}: what `lend` shows. */
  bytes(memory: Uint8Array, offset: number, length: number): boolean {
    this.incoming.received(memory, offset, length)
    return true
  }

  /** After a failure this program leaves what it has not read. */
  private fail(): void {
    this.error = this.socket.error
    if (this.error === null) throw new ModelViolation('the socket failed without an error')
    if (this.closed) return
    this.socket.interest = CLOSED
    this.socket.close()
  }

  private finishIfDue(): void {
    if (this.error !== null || this.socket.error !== null) return
    const { plan, outgoing, incoming } = this
    if (!this.finished && plan.finish !== 'never' && outgoing.written === plan.send && this.connected) {
      if (plan.finish === 'when-written' || incoming.endSeen) this.finish()
    }
    if (this.isDone) this.socket.close()
  }

  /** Ends this direction now. */
  finish(): void {
    this.socket.shutdown()
    this.outgoing.ended = true
    this.finished = true
    this.socket.interest &= ~WRITABLE
  }
}
