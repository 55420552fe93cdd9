/**
 * The hub's end of a member's connection for frames: records of the stream plug protocol, as a switch's port has them.
 *
 * @module
 */
import type { Socket } from 'node:net'
import {
  createBatch,
  type FrameBatch,
  type FramePool,
  FULL_OFFLOAD,
  Job,
  pushFrame,
  releaseAll,
  type Scheduler,
} from '@ioth/core'
import { isRefusal, MAX_OPENING, parsePlugOpening, switchOpening } from '../stream/opening.ts'
import { Outbox } from '../stream/outbox.ts'
import { adopt } from '../stream/read-into.ts'
import {
  flagsOf,
  KIND_FRAME,
  kindOf,
  lengthOf,
  RECORD_HEADER,
  recordFault,
  segmentSizeOf,
  transportAtOf,
} from '../stream/record.ts'
import { inputBytes, inputEnd, inputView, StreamInput } from '../stream/stream-input.ts'
import { writeFrame } from '../stream/write-frame.ts'
import { memberOf } from './desk-protocol.ts'

/** Octets that may wait for a member to read them: a member that is busy for seconds loses nothing that its peers' windows allow. */
const QUEUE_OCTETS = 16 * 1024 * 1024
/** Frames shown to the hub at once. */
const BATCH = 256

export interface MemberPortHandler {
  /** The member that this number stands for opens its port. @returns false: there is none. */
  opened(port: MemberPort, member: number): boolean
  /** The port takes frames and messages. */
  begun(port: MemberPort): void
  /** Frames from the member. References stay with the port. @returns false to read no more until {@link MemberPort.resume}. */
  takes(port: MemberPort, batch: FrameBatch): boolean
  closed(port: MemberPort): void
}

export interface MemberPortSetup {
  readonly scheduler: Scheduler
  readonly pool: FramePool
  readonly mtu: number
  readonly handler: MemberPortHandler
}

export class MemberPort extends Job {
  /** Frames that found no room. */
  dropped = 0
  private readonly setup: MemberPortSetup
  private readonly socket: Socket
  private readonly outbox: Outbox
  private readonly input = new StreamInput()
  private readonly batch: FrameBatch
  private isOpen = false
  private isClosed = false
  private isPaused = false

  constructor(accepted: Socket, setup: MemberPortSetup) {
    super()
    this.setup = setup
    this.batch = createBatch(setup.pool, BATCH)
    this.socket = adopt(accepted, (octets) => this.received(octets))
    this.outbox = new Outbox(this.socket, QUEUE_OCTETS, () => {})
    this.socket.on('error', () => {})
    this.socket.on('close', () => this.close())
  }

  /** Queues a frame of a batch, whose references stay with the batch; {@link run} writes it. */
  send(batch: FrameBatch, index: number): void {
    const headLength = batch.headLength[index] as number
    const bodyLength = batch.bodyLength[index] as number
    if (!this.isOpen || !this.outbox.room(RECORD_HEADER + headLength + bodyLength)) {
      this.dropped++
      return
    }
    writeFrame(
      this.outbox,
      batch.pool,
      batch.head[index] as number,
      headLength,
      batch.body[index] as number,
      bodyLength,
      batch.flags[index] as number,
      batch.segmentSize[index] as number,
      batch.transportAt[index] as number,
    )
    this.setup.scheduler.defer(this)
  }

  /** Queues a message to the member. @returns false: the port takes none yet, or no more. */
  control(message: object): boolean {
    if (!this.isOpen) return false
    this.outbox.control(message)
    this.setup.scheduler.defer(this)
    return true
  }

  override run(): void {
    this.outbox.write()
  }

  /** Goes on reading. */
  resume(): void {
    if (!this.isPaused || this.isClosed) return
    this.isPaused = false
    this.socket.resume()
  }

  close(): void {
    if (this.isClosed) return
    this.isClosed = true
    this.isOpen = false
    this.outbox.close()
    this.socket.destroy()
    this.setup.handler.closed(this)
  }

  private received(octets: number): boolean {
    if (this.isClosed) return false
    let at = this.input.begin()
    const end = inputEnd(octets)
    if (!this.isOpen) at = this.readOpening(at, end)
    if (this.isOpen) at = this.readRecords(at, end)
    if (this.isClosed) return false
    this.input.keep(at, end)
    return !this.isPaused
  }

  private readOpening(from: number, end: number): number {
    const lineFeed = inputBytes.subarray(from, Math.min(end, from + MAX_OPENING)).indexOf(10)
    if (lineFeed < 0) {
      if (end - from >= MAX_OPENING) this.close()
      return from
    }
    const line = Buffer.from(inputBytes.buffer, inputBytes.byteOffset + from, lineFeed).toString()
    const opening = parsePlugOpening(line)
    const member = isRefusal(opening) ? null : memberOf(opening.name)
    if (member === null || !this.setup.handler.opened(this, member)) {
      this.close()
      return from
    }
    this.isOpen = true
    const ours = { pid: process.pid, port: member, mtu: this.setup.mtu, accepts: FULL_OFFLOAD }
    this.outbox.text(switchOpening(ours), false)
    this.outbox.write()
    this.setup.handler.begun(this)
    return from + lineFeed + 1
  }

  private readRecords(from: number, end: number): number {
    const { batch } = this
    const { pool } = this.setup
    let at = from
    while (end - at >= RECORD_HEADER) {
      const first = inputView.getInt32(at)
      const second = inputView.getInt32(at + 4)
      if (recordFault(first, second) !== null) {
        this.close()
        break
      }
      const length = lengthOf(second)
      const next = at + RECORD_HEADER + length
      if (next > end) break
      if (kindOf(first) === KIND_FRAME) {
        const slot = pool.take(length)
        if (slot < 0) this.dropped++
        else {
          pool.bytes.set(inputBytes.subarray(at + RECORD_HEADER, next), slot)
          pushFrame(batch, slot, length, 0, 0, flagsOf(first), segmentSizeOf(first), transportAtOf(second))
          if (batch.count === batch.capacity) this.show()
        }
      }
      at = next
    }
    this.show()
    return at
  }

  private show(): void {
    if (this.batch.count === 0) return
    if (!this.setup.handler.takes(this, this.batch)) this.isPaused = true
    releaseAll(this.batch)
  }
}
