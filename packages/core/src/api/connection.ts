/**
 * A TCP connection by promises, async iteration and web streams.
 *
 * Reads and writes go straight to the socket. A call that can be answered at once is; one that cannot waits for the socket's readiness.
 * Nothing is read ahead: an octet nobody asked for stays in the stack, and closes the window.
 *
 * @module
 */
import type { IpAddress } from '../address/ip-address.ts'
import { CLOSED, END, ERROR, FAILED, type Pollable, READABLE, WOULD_BLOCK, WRITABLE } from '../contract/readiness.ts'
import type { TcpSocket } from '../contract/socket.ts'
import type { Stack } from '../contract/stack.ts'
import { NetError } from '../errors/net-error.ts'
import { type Destination, openConnection } from './open-socket.ts'
import { Pending, throwIfAborted, type WaitOptions } from './pending.ts'
import { receive } from './receive.ts'
import { type Reader, ReadInto, ReadPiece, type WaitingRead } from './waiting-read.ts'
import { WaitingWrite } from './waiting-write.ts'
import { openReadable, openWritable } from './web-streams.ts'

export interface ReadOptions extends WaitOptions {
  /** Octets, at most. @default 65536 */
  readonly max?: number
}

export interface CloseOptions {
  /** How long to wait for the peer's end, in milliseconds on the stack's clock. @default 1000 */
  readonly lingerMs?: number
}

const LINGER_MS = 1000
const DISCARD_OCTETS = 16384
const DONE: Promise<void> = Promise.resolve()

/**
 * Opens a connection; settles when it stands.
 *
 * ```ts
 * await using connection = await connect(stack, { host: '10.0.0.1', port: 80, timeoutMs: 5000 })
 * await connection.end('GET / HTTP/1.0\r\n\r\n')
 * for await (const octets of connection) process.stdout.write(octets)
 * ```
 * @throws NetError ECONNREFUSED, ETIMEDOUT, EHOSTUNREACH, ENETUNREACH, EADDRNOTAVAIL, EMFILE, EINVAL; AbortError.
 */
export async function connect(stack: Stack, options: Destination & WaitOptions): Promise<Connection> {
  throwIfAborted(options)
  const socket = openConnection(stack, options)
  const call = { syscall: 'connect', address: String(options.host), port: options.port }
  const pending = new Pending<void>(stack.scheduler, call, options)
  socket.owner = pending
  socket.onReady = onConnectReady
  socket.interest = WRITABLE | ERROR | CLOSED
  try {
    await pending.promise
  } catch (error) {
    letGo(socket)
    socket.reset()
    throw error
  }
  return new Connection(socket)
}

export class Connection implements AsyncDisposable, AsyncIterable<Uint8Array> {
  /** The socket below. Reading or writing it beside the connection mixes up the order. */
  readonly socket: TcpSocket
  private reading: Reader | null = null
  private readonly writes: WaitingWrite[] = []
  private ending: Promise<void> | null = null
  private closing: Promise<void> | null = null
  private released = false
  private readableStream: ReadableStream<Uint8Array> | null = null
  private writableStream: WritableStream<Uint8Array | string> | null = null

  /** @param socket connected, and from now on the connection's. */
  constructor(socket: TcpSocket) {
    this.socket = socket
    socket.owner = this
    socket.onReady = onConnectionReady
    socket.interest = 0
  }

  get localAddress(): IpAddress {
    return this.socket.localAddress as IpAddress
  }

  get localPort(): number {
    return this.socket.localPort
  }

  get remoteAddress(): IpAddress {
    return this.socket.remoteAddress as IpAddress
  }

  get remotePort(): number {
    return this.socket.remotePort
  }

  // ---- reading ----

  /**
   * Waits for octets and gives them, in memory of their own; null: the peer has ended. One read at a time.
   * @throws NetError ECONNRESET, ETIMEDOUT…; AbortError.
   */
  async read(options: ReadOptions = {}): Promise<Uint8Array | null> {
    this.checkRead(options)
    const octets = receive(this.socket, options.max)
    if (typeof octets !== 'number') return octets
    if (octets === WOULD_BLOCK) return await this.wait(new ReadPiece(this.socket, options, options.max))
    return this.settled(octets, null)
  }

  /** Waits for octets and copies them; tells how many, 0: the peer has ended. @throws as {@link read}. */
  async readInto(into: Uint8Array, options: WaitOptions = {}): Promise<number> {
    this.checkRead(options)
    const count = this.socket.read(into, 0, into.length)
    if (count >= 0) return count
    if (count === WOULD_BLOCK) return await this.wait(new ReadInto(this.socket, options, into))
    return this.settled(count, 0)
  }

  /** The pieces up to the peer's end. Leaving the loop leaves the connection as it is. */
  async *[Symbol.asyncIterator](): AsyncIterator<Uint8Array> {
    for (let octets = await this.read(); octets !== null; octets = await this.read()) yield octets
  }

  /** What arrives, as a stream of bytes. Cancelling it leaves the connection as it is, and its window closed. */
  get readable(): ReadableStream<Uint8Array> {
    this.readableStream ??= openReadable(this)
    return this.readableStream
  }

  // ---- writing ----

  /**
   * Writes; settles when the send buffer has taken everything, which says nothing about delivery. Writes keep their order.
   * @param options when they end the wait, what was taken until then is sent.
   * @throws NetError ECONNRESET, EPIPE (after {@link end}), ETIMEDOUT…; AbortError.
   */
  write(data: Uint8Array | string, options: WaitOptions = {}): Promise<void> {
    const octets = typeof data === 'string' ? new TextEncoder().encode(data) : data
    let taken = 0
    try {
      throwIfAborted(options)
      if (this.ending !== null || this.released) throw new NetError('EPIPE', 'write')
      if (this.writes.length === 0) taken = this.socket.write(octets, 0, octets.length)
      if (taken === FAILED) throw this.socket.error
    } catch (error) {
      return Promise.reject(error)
    }
    if (taken === octets.length) return DONE
    const write = new WaitingWrite(this.socket, octets, Math.max(0, taken), options)
    this.writes.push(write)
    this.socket.interest |= WRITABLE
    return write.promise
  }

  /**
   * No more writes: the peer sees the end after everything written so far. Settles when the send buffer has taken all of it. Idempotent.
   * @param data written before the end.
   */
  end(data?: Uint8Array | string): Promise<void> {
    if (this.ending !== null || this.released) return this.ending ?? DONE
    const written = data === undefined ? (this.writes.at(-1)?.promise ?? DONE) : this.write(data)
    this.ending = written
    if (this.writes.length === 0) this.socket.shutdown()
    return written
  }

  /** What is sent, as a stream. Closing it is {@link end}, aborting it {@link reset}. */
  get writable(): WritableStream<Uint8Array | string> {
    this.writableStream ??= openWritable(this)
    return this.writableStream
  }

  // ---- ending ----

  /**
   * Ends the connection in an orderly way: writes what is queued, sends the end, discards what still arrives up to the peer's end (unread
   * octets would turn the end into a reset), and gives the socket back. A read that waits fails with ECANCELED. Never rejects. Idempotent.
   */
  close(options: CloseOptions = {}): Promise<void> {
    this.closing ??= this.released ? DONE : this.closeGently(options.lingerMs ?? LINGER_MS)
    return this.closing
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  /** Ends the connection by a RST; what is queued is dropped, and what waits fails with ECONNABORTED. Idempotent. */
  reset(): void {
    if (this.released) return
    this.socket.reset()
    this.release(new NetError('ECONNABORTED', 'reset'))
  }

  /** Gives the socket away, as it is, to another owner. @throws NetError EALREADY when a call is waiting, EINVAL when it is closed. */
  detach(): TcpSocket {
    if (this.released) throw new NetError('EINVAL', 'detach')
    if (this.isReading || this.writes.length > 0) throw new NetError('EALREADY', 'detach')
    this.release(new NetError('ECANCELED', 'detach'))
    return this.socket
  }

  private async closeGently(lingerMs: number): Promise<void> {
    const { socket } = this
    const { clock } = socket.scheduler
    const deadline = clock.now + lingerMs * 1000
    const rest = (): WaitOptions => ({ timeoutMs: Math.max(0, deadline - clock.now) / 1000 })
    this.reading?.fail(new NetError('ECANCELED', 'read'))
    try {
      const sent = new Pending<void>(socket.scheduler, { syscall: 'close' }, rest())
      this.end().then(
        () => sent.succeed(),
        (error) => sent.fail(error),
      )
      await sent.promise
      const discarded = new Uint8Array(DISCARD_OCTETS)
      while ((await this.readInto(discarded, rest())) > 0);
    } catch {
      // It has failed, or the peer takes its time: what can be done in an orderly way has been done.
    }
    if (this.released) return
    socket.close()
    this.release(new NetError('ECANCELED', 'close'))
  }

  private release(reason: NetError): void {
    this.released = true
    letGo(this.socket)
    this.reading?.fail(reason)
    for (const write of this.writes.splice(0)) write.fail(reason)
  }

  // ---- waiting ----

  private get isReading(): boolean {
    return this.reading !== null && !this.reading.over
  }

  /** @internal @throws what makes a read impossible now. */
  checkRead(options: WaitOptions): void {
    throwIfAborted(options)
    if (this.released) throw new NetError('EINVAL', 'read', { message: 'read EINVAL: the connection is closed' })
    if (this.isReading) {
      throw new NetError('EALREADY', 'read', { message: 'read EALREADY: another read is waiting; await it first' })
    }
  }

  /** @internal The read is served when there is something. */
  wait<T>(read: WaitingRead<T>): Promise<T> {
    this.reading = read
    this.socket.interest |= READABLE
    return read.promise
  }

  /** @internal The answer for a read that got END or FAILED. */
  settled<T>(result: number, atEnd: T): T {
    if (result === END) return atEnd
    throw this.socket.error
  }

  /** @internal */
  upcall(bits: number): void {
    if ((bits & READABLE) !== 0) {
      if (this.isReading) this.reading?.serve()
      if (!this.isReading) this.socket.interest &= ~READABLE
    }
    if ((bits & WRITABLE) !== 0) this.serveWrites()
  }

  private serveWrites(): void {
    while (this.writes[0] !== undefined) {
      if (!this.writes[0].serve()) return
      this.writes.shift()
    }
    this.socket.interest &= ~WRITABLE
    if (this.ending !== null) this.socket.shutdown()
  }
}

function letGo(socket: TcpSocket): void {
  socket.interest = 0
  socket.onReady = null
  socket.owner = null
}

/** One function for all connections: the connection stands in the socket's slot. */
function onConnectionReady(source: Pollable, bits: number): void {
  ;(source.owner as Connection).upcall(bits)
}

function onConnectReady(source: Pollable, bits: number): void {
  const pending = source.owner as Pending<void>
  if ((bits & (ERROR | CLOSED)) === 0) pending.succeed()
  else pending.fail((source as TcpSocket).error ?? new NetError('ECONNABORTED', 'connect'))
  source.interest = 0
}
