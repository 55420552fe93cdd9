/**
 * Messages between a program and its helper process, over a Unix socket: a length, a kind, and what belongs to it. What one turn says leaves
 * in one write.
 *
 * The length counts kind and body; numbers are in network order. Both sides are of one version and one machine, so nothing is negotiated.
 *
 * @module
 */
import { Job, type NetError, type Scheduler, WOULD_BLOCK } from '@ioth/core'
import { closeDescriptor, receive, send } from '../descriptor.ts'
import { DescriptorWatch } from '../descriptor-watch.ts'
import { koffi } from '../koffi.ts'

/** What a message is about. */
export const KIND = {
  /** JSON: `{ id, call, args }` */
  call: 1,
  /** JSON: `{ id, value }` or `{ id, error }` */
  reply: 2,
  /** Interface (2 octets), then a frame. */
  frame: 3,
  /** JSON: what is told without an answer. */
  note: 4,
  /** Socket (4), octets of its stream. */
  data: 5,
  /** Socket (4), how many octets more may be sent to it (4). */
  credit: 6,
  /** Socket (4), port (2), family (1), address (16), own family (1; 0: not known), own address (16), a datagram. */
  datagram: 7,
} as const

/** Receives the body of a message, valid during the call. */
export type MessageHandler = (kind: number, body: Uint8Array, view: DataView) => void

const HEAD = 5
/** A message longer than this is no message of ours. */
const LONGEST = 1 << 20
const READ_SIZE = 1 << 18
const POLLIN = 1
const POLLOUT = 4

export class Channel extends Job {
  /** Octets that wait to be written. */
  pending = 0
  private readonly scheduler: Scheduler
  private readonly fd: number
  private readonly handle: MessageHandler
  private readonly ended: (reason: NetError | null) => void
  private readonly watch: DescriptorWatch
  private readonly input = new Uint8Array(READ_SIZE)
  private kept: Uint8Array = new Uint8Array(0)
  private output: Uint8Array[] = []
  private isClosed = false
  private isReadable = false

  /** @param ended called once, when the other side is gone. */
  constructor(scheduler: Scheduler, fd: number, handle: MessageHandler, ended: (reason: NetError | null) => void) {
    super()
    this.scheduler = scheduler
    this.fd = fd
    this.handle = handle
    this.ended = ended
    this.watch = new DescriptorWatch(fd, { readable: true }, ({ readable, disconnect }) => {
      if (readable || disconnect) this.isReadable = true
      scheduler.defer(this)
    })
  }

  /** Whether the process stays for it. */
  keep(alive: boolean): void {
    if (alive) this.watch.ref()
    else this.watch.unref()
  }

  /** Queues a message. @param parts its body, in pieces; copied. */
  send(kind: number, ...parts: readonly Uint8Array[]): void {
    if (this.isClosed) return
    let length = 1
    for (const part of parts) length += part.length
    const message = new Uint8Array(4 + length)
    new DataView(message.buffer).setUint32(0, length)
    message[4] = kind
    let at = HEAD
    for (const part of parts) {
      message.set(part, at)
      at += part.length
    }
    this.output.push(message)
    this.pending += message.length
    this.scheduler.defer(this)
  }

  json(kind: number, value: unknown): void {
    this.send(kind, new TextEncoder().encode(JSON.stringify(value)))
  }

  run(): void {
    if (this.isClosed) return
    if (this.isReadable) this.read()
    this.write()
  }

  /** Writes what waits, and reads what comes, until `done` or the time is over; blocks. For exit handlers. */
  pump(done: () => boolean, milliseconds: number): boolean {
    const poll = koffi().load(null).func('int poll(void *, unsigned long, int)')
    const entry = new DataView(new ArrayBuffer(8))
    const end = performance.now() + milliseconds
    while (!this.isClosed) {
      this.write()
      this.isReadable = true
      this.read()
      if (done()) return true
      const left = end - performance.now()
      if (left <= 0) return false
      const little = new Uint8Array(new Uint16Array([1]).buffer)[0] === 1
      entry.setInt32(0, this.fd, little)
      entry.setInt16(4, this.pending > 0 ? POLLIN | POLLOUT : POLLIN, little)
      poll(new Uint8Array(entry.buffer), 1, Math.ceil(left))
    }
    return false
  }

  close(): void {
    if (this.isClosed) return
    this.isClosed = true
    this.watch.close()
    closeDescriptor(this.fd)
    this.output = []
    this.pending = 0
  }

  private read(): void {
    for (let round = 0; round < 4 && this.isReadable && !this.isClosed; round++) {
      let count: number
      try {
        count = receive(this.fd, this.input)
      } catch (error) {
        this.lost(error as NetError)
        return
      }
      if (count === WOULD_BLOCK) this.isReadable = false
      else if (count === 0) this.lost(null)
      else this.take(this.input.subarray(0, count))
    }
    if (this.isReadable && !this.isClosed) this.scheduler.defer(this)
  }

  private take(octets: Uint8Array): void {
    let all = octets
    if (this.kept.length > 0) {
      all = new Uint8Array(this.kept.length + octets.length)
      all.set(this.kept)
      all.set(octets, this.kept.length)
    }
    const view = new DataView(all.buffer, all.byteOffset, all.byteLength)
    let at = 0
    while (at + HEAD <= all.length && !this.isClosed) {
      const length = view.getUint32(at)
      if (length < 1 || length > LONGEST) {
        this.lost(null)
        return
      }
      if (at + 4 + length > all.length) break
      const body = all.subarray(at + HEAD, at + 4 + length)
      at += 4 + length
      this.handle(all[at - length] as number, body, new DataView(body.buffer, body.byteOffset, body.byteLength))
    }
    this.kept = at < all.length ? all.slice(at) : new Uint8Array(0)
  }

  private write(): void {
    if (this.output.length === 0 || this.isClosed) return
    const all = this.output.length === 1 ? (this.output[0] as Uint8Array) : joined(this.output, this.pending)
    let done = 0
    try {
      while (done < all.length) {
        const count = send(this.fd, done === 0 ? all : all.subarray(done))
        if (count === WOULD_BLOCK) break
        done += count
      }
    } catch (error) {
      this.lost(error as NetError)
      return
    }
    this.pending = all.length - done
    this.output = done === all.length ? [] : [all.slice(done)]
    this.watch.watch({ readable: true, writable: this.pending > 0 })
  }

  private lost(reason: NetError | null): void {
    this.close()
    this.ended(reason)
  }
}

function joined(parts: readonly Uint8Array[], length: number): Uint8Array {
  const all = new Uint8Array(length)
  let at = 0
  for (const part of parts) {
    all.set(part, at)
    at += part.length
  }
  return all
}
