/**
 * A stack's connection as a Duplex stream of Node, with the methods and events that users of `net.Socket` look for.
 *
 * The stream stands directly on the socket: a write goes straight into the send buffer and completes at once when that took it, what
 * arrived is pushed once per turn, and backpressure is the socket's own window. Neither promises nor closures per operation.
 *
 * Handlers run in turns of the stack's scheduler, outside any AsyncLocalStorage scope; bind those that need one (`AsyncResource.bind`).
 *
 * @module
 */
import { Duplex } from 'node:stream'
import { END, ERROR, FAILED, type Pollable, READABLE, WOULD_BLOCK, WRITABLE } from '../contract/readiness.ts'
import type { TcpSocket } from '../contract/socket.ts'
import { NetError } from '../errors/net-error.ts'
import { IdleTimeout } from './idle-timeout.ts'
import { receive } from './receive-slab.ts'

export interface StackDuplexOptions {
  /** Whether the stream stays writable after the peer's end. @default false */
  readonly allowHalfOpen?: boolean
  /** Octets that may wait in the stream, in each direction, beside the socket's own buffers. @default 65536 */
  readonly highWaterMark?: number
  /** Reads into a buffer of the user's, used again and again: no `'data'` event, and no memory per read. */
  readonly onread?: OnRead
}

/** As the option of this name of `net.Socket`. */
export interface OnRead {
  readonly buffer: Uint8Array | (() => Uint8Array)
  /** Gets the number of octets at the start of the buffer; `false` pauses until {@link StackDuplex.resume}. */
  readonly callback: (count: number, buffer: Uint8Array) => boolean | undefined
}

type Callback = (error?: Error | null) => void
type Chunks = readonly { readonly chunk: Uint8Array }[]

const HIGH_WATER_MARK = 65536

export class StackDuplex extends Duplex {
  /** The socket below. Reading or writing it beside the stream mixes up the stream. */
  readonly socket: TcpSocket
  /** Whether the connection is being set up. */
  connecting: boolean
  /** Octets read so far. */
  bytesRead = 0
  /** Milliseconds of the idle timeout, if one is set. */
  timeout: number | undefined

  // The write in progress: what the send buffer has not taken yet.
  private rest: Uint8Array | null = null
  private restAt = 0
  private queue: Chunks | null = null
  private queueAt = 0
  private written: Callback | null = null
  private taken = 0

  private lastRead = 0
  private finish: Callback | null = null
  private idle: IdleTimeout | null = null
  private readonly onread: OnRead | null
  private referenced = true
  private holding = false

  /** @param socket connected or connecting, and from now on the stream's. */
  constructor(socket: TcpSocket, options: StackDuplexOptions = {}) {
    super({
      allowHalfOpen: options.allowHalfOpen ?? false,
      highWaterMark: options.highWaterMark ?? HIGH_WATER_MARK,
    })
    this.socket = socket
    this.onread = options.onread ?? null
    this.connecting = socket.state === 'SYN-SENT' || socket.state === 'SYN-RECEIVED'
    socket.owner = this
    socket.onReady = onSocketReady
    this.want(this.connecting ? WRITABLE | ERROR : 0)
    // As net.Socket does: the peer's end is seen although nobody reads.
    this.read(0)
  }

  // ---- what is asked of a stream ----

  override _read(): void {
    this.want(READABLE)
  }

  override _write(chunk: Uint8Array, _encoding: BufferEncoding, callback: Callback): void {
    const { length } = chunk
    const count = this.connecting ? WOULD_BLOCK : this.socket.write(chunk, 0, length)
    if (count === length) {
      this.taken += count
      this.idle?.touch()
      callback()
    } else {
      this.rest = chunk
      this.restAt = 0
      this.written = callback
      this.took(count)
    }
  }

  override _writev(chunks: Chunks, callback: Callback): void {
    this.queue = chunks
    this.queueAt = 0
    this.rest = (chunks[0] as Chunks[0]).chunk
    this.restAt = 0
    this.written = callback
    if (this.connecting) this.want(WRITABLE)
    else this.writeRest()
  }

  override _final(callback: Callback): void {
    if (this.connecting) {
      this.finish = callback
      return
    }
    this.socket.shutdown()
    callback()
  }

  override _destroy(error: Error | null, callback: (error: Error | null) => void): void {
    const { socket, written, finish } = this
    this.connecting = false
    socket.interest = 0
    socket.onReady = null
    socket.owner = null
    this.updateHold()
    this.idle?.set(0)
    socket.close()
    this.rest = this.queue = this.written = this.finish = null
    if (written !== null || finish !== null) {
      const reason = error ?? new NetError('ECANCELED', 'write')
      written?.(reason)
      finish?.(reason)
    }
    callback(error)
  }

  // ---- what the socket tells ----

  /** @internal */
  upcall(bits: number): void {
    this.idle?.touch()
    if (this.connecting) {
      this.connected(bits)
      return
    }
    if ((bits & READABLE) !== 0) {
      if (this.onread === null) this.receive()
      else this.receiveInto(this.onread)
    }
    if ((bits & WRITABLE) !== 0 && this.written !== null) this.writeRest()
  }

  private connected(bits: number): void {
    const { socket } = this
    if ((bits & ERROR) !== 0) {
      this.destroy(socket.error as Error)
      return
    }
    if ((bits & WRITABLE) === 0) return
    this.connecting = false
    this.unwant(WRITABLE | ERROR)
    if (this.written !== null) this.writeRest()
    if (this.finish !== null) {
      const { finish } = this
      this.finish = null
      this._final(finish)
    }
    this.emit('connect')
    this.emit('ready')
  }

  private receive(): void {
    const octets = receive(this.socket, this.lastRead)
    if (typeof octets !== 'number') {
      this.lastRead = octets.length
      this.bytesRead += octets.length
      if (this.flowsThrough) this.emit('data', octets)
      else if (!this.push(octets)) this.unwant(READABLE)
    } else if (octets !== WOULD_BLOCK) {
      this.ended(octets)
    }
  }

  /**
   * Whether a push now would do no more than emit `'data'`, and then ask in a tick of its own for more: a seventh of the cost of a request
   * and its reply. The first octets are pushed in any case, so that the stream knows that it was read.
   */
  private get flowsThrough(): boolean {
    return (
      this.readableFlowing === true &&
      this.readableLength === 0 &&
      this.readableDidRead &&
      this.readableEncoding === null
    )
  }

  private receiveInto({ buffer, callback }: OnRead): void {
    const into = typeof buffer === 'function' ? buffer() : buffer
    const count = this.socket.read(into, 0, into.length)
    if (count > 0) {
      this.bytesRead += count
      if (callback(count, into) === false) this.unwant(READABLE)
    } else if (count !== WOULD_BLOCK) {
      this.ended(count)
    }
  }

  private ended(result: number): void {
    this.unwant(READABLE)
    if (result === END) {
      this.push(null)
      // 'end' comes although nobody reads, when there is nothing to read.
      this.read(0)
    } else {
      this.destroy(this.socket.error as Error)
    }
  }

  // ---- writing what the send buffer did not take at once ----

  private writeRest(): void {
    const rest = this.rest as Uint8Array
    this.took(this.socket.write(rest, this.restAt, rest.length - this.restAt))
  }

  /** Goes on after the send buffer has answered for the rest. */
  private took(answer: number): void {
    let count = answer
    for (;;) {
      if (count === FAILED) {
        this.wrote(this.socket.error)
        return
      }
      if (count > 0) {
        this.taken += count
        this.restAt += count
      }
      if (this.restAt < (this.rest as Uint8Array).length) {
        this.want(WRITABLE)
        return
      }
      if (this.queue === null || ++this.queueAt === this.queue.length) break
      const { chunk } = this.queue[this.queueAt] as Chunks[0]
      this.rest = chunk
      this.restAt = 0
      count = this.socket.write(chunk, 0, chunk.length)
    }
    this.wrote(null)
  }

  private wrote(error: Error | null): void {
    const written = this.written as Callback
    this.rest = this.queue = this.written = null
    this.unwant(WRITABLE)
    written(error)
  }

  // ---- interest, and what keeps the process alive ----

  private want(bits: number): void {
    const { socket } = this
    if ((socket.interest & bits) === bits || this.destroyed) return
    socket.interest |= bits
    this.updateHold()
  }

  private unwant(bits: number): void {
    const { socket } = this
    if ((socket.interest & bits) === 0) return
    socket.interest &= ~bits
    this.updateHold()
  }

  /** By libuv's rule: a stream that waits for something keeps the process alive. */
  private updateHold(): void {
    const hold = this.referenced && this.socket.interest !== 0
    if (hold === this.holding) return
    this.holding = hold
    if (hold) this.socket.scheduler.hold()
    else this.socket.scheduler.release()
  }

  /** The process may end although this stream waits for something. */
  unref(): this {
    this.referenced = false
    this.updateHold()
    return this
  }

  /** Takes {@link unref} back. */
  ref(): this {
    this.referenced = true
    this.updateHold()
    return this
  }

  // ---- what users of net.Socket look for ----

  /** @throws NetError ERR_IOTH_NOT_IMPLEMENTED */
  setNoDelay(noDelay = true): this {
    this.socket.setOption('noDelay', noDelay ? 1 : 0)
    return this
  }

  /** @param initialDelayMs idleness before the first probe; 0 leaves it as it is. @throws NetError ERR_IOTH_NOT_IMPLEMENTED */
  setKeepAlive(enable = false, initialDelayMs = 0): this {
    if (enable && initialDelayMs > 0)
      this.socket.setOption('keepAliveDelay', Math.max(1, Math.trunc(initialDelayMs / 1000)))
    this.socket.setOption('keepAlive', enable ? 1 : 0)
    return this
  }

  /** Emits `'timeout'` when nothing was read or written for a while, on the stack's clock; the connection stays. @param timeoutMs 0: never. */
  setTimeout(timeoutMs: number, callback?: () => void): this {
    this.timeout = timeoutMs
    if (timeoutMs > 0) this.idle ??= new IdleTimeout(this.socket.scheduler, () => this.emit('timeout'))
    this.idle?.set(timeoutMs * 1000)
    if (callback !== undefined) {
      if (timeoutMs > 0) this.once('timeout', callback)
      else this.off('timeout', callback)
    }
    return this
  }

  override resume(): this {
    if (this.onread === null) return super.resume()
    this.want(READABLE)
    return this
  }

  override pause(): this {
    if (this.onread === null) return super.pause()
    this.unwant(READABLE)
    return this
  }

  /** Ends the stream, and destroys it when everything is written. */
  destroySoon(): void {
    if (this.writable) this.end()
    if (this.writableFinished) this.destroy()
    else this.once('finish', this.destroy)
  }

  /** Ends the connection by a RST; what is queued is dropped. */
  resetAndDestroy(): this {
    this.socket.reset()
    return this.destroy()
  }

  /** Whether `connect` was called and has not succeeded yet. */
  get pending(): boolean {
    return this.connecting
  }

  get readyState(): 'opening' | 'open' | 'readOnly' | 'writeOnly' | 'closed' {
    if (this.connecting) return 'opening'
    if (this.readable) return this.writable ? 'open' : 'readOnly'
    return this.writable ? 'writeOnly' : 'closed'
  }

  /** Octets written so far, those among them that still wait in the stream. */
  get bytesWritten(): number {
    let counted = this.restAt
    for (let i = 0; this.queue !== null && i < this.queueAt; i++) counted += (this.queue[i] as Chunks[0]).chunk.length
    return this.taken + this.writableLength - (this.written === null ? 0 : counted)
  }

  get localAddress(): string | undefined {
    return this.socket.localAddress?.toString()
  }

  get localPort(): number | undefined {
    return this.socket.localPort || undefined
  }

  get localFamily(): 'IPv4' | 'IPv6' | undefined {
    return familyName(this.socket.localAddress?.family)
  }

  get remoteAddress(): string | undefined {
    return this.socket.remoteAddress?.toString()
  }

  get remotePort(): number | undefined {
    return this.socket.remotePort || undefined
  }

  get remoteFamily(): 'IPv4' | 'IPv6' | undefined {
    return familyName(this.socket.remoteAddress?.family)
  }

  /** The local end, as `net.Socket` tells it. */
  address(): { address: string; family: string; port: number } | Record<string, never> {
    const { localAddress: address, localPort: port, localFamily: family } = this
    return address === undefined || port === undefined || family === undefined ? {} : { address, family, port }
  }
}

/** One function for all streams: the stream stands in the socket's slot. */
function onSocketReady(source: Pollable, bits: number): void {
  ;(source.owner as StackDuplex).upcall(bits)
}

function familyName(family: 4 | 6 | undefined): 'IPv4' | 'IPv6' | undefined {
  return family === undefined ? undefined : `IPv${family}`
}
