/**
 * One connection of a plug to its switch: from the attempt to its end. What it means for the link is the plug's to decide.
 *
 * @module
 */
import { readSync, writeSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { Alarm, type Clock, NetError } from '@ioth/core'
import {
  isRefusal,
  MAX_OPENING,
  type PlugOpening,
  parseSwitchOpening,
  plugOpening,
  type SwitchOpening,
} from '../stream/opening.ts'
import { Outbox } from '../stream/outbox.ts'
import { onReadOption } from '../stream/read-into.ts'
import { KIND_FRAME, kindOf, lengthOf, RECORD_HEADER, recordFault } from '../stream/record.ts'
import { inputBytes, inputEnd, inputView, readInto, StreamInput } from '../stream/stream-input.ts'
import { cannotConnect, noSwitch } from '../vnl/switch-directory.ts'

/** How long a switch may take to answer, in microseconds. */
const PATIENCE = 5_000_000

/** What a connection tells its plug. */
export interface ConnectionHandler {
  opened(opening: SwitchOpening): void
  /** A frame in the input memory, behind its record header's two words. */
  frame(at: number, length: number, first: number, second: number): void
  control(text: string): void
  /** A read has been worked off. @returns false to read no more until {@link SwitchConnection.resume}. */
  read(): boolean
  /** The kernel took a write. */
  written(): void
  /** It is over; told once. */
  ended(reason: NetError): void
}

export class SwitchConnection {
  readonly outbox: Outbox
  private readonly dir: string
  private readonly socket: Socket
  private readonly input = new StreamInput()
  private readonly handler: ConnectionHandler
  private readonly clock: Clock
  private readonly patience: Alarm
  private state: 'opening' | 'open' | 'closed' = 'opening'

  constructor(setup: {
    dir: string
    path: string
    opening: PlugOpening
    queueOctets: number
    clock: Clock
    handler: ConnectionHandler
    /** The event loop may not run for long: the opening is sent at once, and the answer is waited for without limit. @default false */
    isBlocking?: boolean
  }) {
    this.dir = setup.dir
    this.handler = setup.handler
    this.clock = setup.clock
    this.patience = new Alarm(() =>
      this.end(new NetError('ERR_IOTH_PROTOCOL', 'open', { message: `the switch at ${this.dir} does not answer` })),
    )
    this.socket = connect({ path: setup.path, onread: onReadOption((octets) => this.received(octets)) })
    // What keeps the process alive is the scheduler's to say.
    this.socket.unref()
    this.outbox = new Outbox(this.socket, setup.queueOctets, () => this.handler.written())
    if (setup.isBlocking === true) this.openNow(setup.opening)
    else {
      this.outbox.text(plugOpening(setup.opening), false)
      this.outbox.write()
      this.clock.arm(this.patience, this.clock.now + PATIENCE)
    }
    this.socket.on('error', (error) => this.end(this.state === 'open' ? this.gone() : cannotConnect(this.dir, error)))
    this.socket.on('close', () => this.end(this.gone()))
  }

  /** Reads past the event loop, which does not come round any more. @returns whether something was there. */
  receiveNow(): boolean {
    const fd = (this.socket as { _handle?: { fd?: number } | null })._handle?.fd ?? -1
    if (fd < 0 || this.socket.connecting || this.state === 'closed') return false
    try {
      const octets = readSync(fd, readInto, 0, readInto.length, null)
      if (octets > 0) this.received(octets)
      return octets > 0
    } catch {
      // Nothing is there yet, or nothing will be: the exit handler's patience is limited either way.
      return false
    }
  }

  /** A Unix socket connects in the call, whatever the event loop has heard of it. */
  private openNow(opening: PlugOpening): void {
    const fd = (this.socket as { _handle?: { fd?: number } | null })._handle?.fd ?? -1
    try {
      writeSync(fd, plugOpening(opening))
    } catch {
      // Nobody is there: the socket's error says so.
    }
  }

  resume(): void {
    this.socket.resume()
  }

  /** Ends when what is queued is written. */
  finish(): Promise<void> {
    this.retire()
    return new Promise((resolve) => {
      if (this.socket.destroyed) return resolve()
      this.socket.once('close', () => resolve())
      this.socket.destroySoon()
    })
  }

  /** Ends at once. */
  destroy(): void {
    this.retire()
    this.outbox.close()
    this.socket.destroy()
  }

  private end(reason: NetError): void {
    if (this.state === 'closed') return
    this.destroy()
    this.handler.ended(reason)
  }

  private retire(): void {
    this.state = 'closed'
    this.clock.disarm(this.patience)
  }

  private received(octets: number): boolean {
    if (this.state === 'closed') return false
    let at = this.input.begin()
    const end = inputEnd(octets)
    if (this.state === 'opening') at = this.readOpening(at, end)
    if (this.state === 'open') at = this.readRecords(at, end)
    if ((this.state as string) === 'closed') return false
    this.input.keep(at, end)
    return this.handler.read()
  }

  private readOpening(from: number, end: number): number {
    const lineFeed = inputBytes.subarray(from, Math.min(end, from + MAX_OPENING)).indexOf(10)
    if (lineFeed < 0 && end - from < MAX_OPENING) return from
    const line = text(from, from + (lineFeed < 0 ? MAX_OPENING : lineFeed))
    const opening = parseSwitchOpening(line)
    if (isRefusal(opening)) {
      const message = opening.known
        ? `the switch at ${this.dir} refuses: ${opening.refusal}`
        : `what listens at ${this.dir} is no switch: ${opening.refusal}. Start one elsewhere: ioth switch DIR`
      this.end(new NetError('ERR_IOTH_PROTOCOL', 'open', { message }))
      return from
    }
    this.state = 'open'
    this.clock.disarm(this.patience)
    this.handler.opened(opening)
    return from + lineFeed + 1
  }

  private readRecords(from: number, end: number): number {
    const { handler } = this
    let at = from
    while (end - at >= RECORD_HEADER) {
      const first = inputView.getInt32(at)
      const second = inputView.getInt32(at + 4)
      const fault = recordFault(first, second)
      if (fault !== null) {
        this.end(
          new NetError('ERR_IOTH_PROTOCOL', 'read', {
            message: `the switch at ${this.dir} sent something that is no record (${fault})`,
          }),
        )
        return at
      }
      const length = lengthOf(second)
      const next = at + RECORD_HEADER + length
      if (next > end) break
      if (kindOf(first) === KIND_FRAME) handler.frame(at + RECORD_HEADER, length, first, second)
      else handler.control(text(at + RECORD_HEADER, next))
      if (this.state === 'closed') return at
      at = next
    }
    return at
  }

  private gone(): NetError {
    if (this.state === 'open') return new NetError('ENETDOWN', 'read', { message: `the switch at ${this.dir} is gone` })
    return noSwitch(this.dir, 'it hung up without a word')
  }
}

function text(from: number, to: number): string {
  return Buffer.from(inputBytes.buffer, inputBytes.byteOffset + from, to - from).toString()
}
