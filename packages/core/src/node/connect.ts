/**
 * Connections and servers whose streams are Duplexes, for programs that live with Node's streams.
 *
 * @module
 */
import { EventEmitter } from 'node:events'
import { type Destination, type ListenAddress, openConnection, openListener } from '../api/open-socket.ts'
import { type Pollable, READABLE } from '../contract/readiness.ts'
import type { Listener, TcpSocket } from '../contract/socket.ts'
import type { Stack } from '../contract/stack.ts'
import { NetError } from '../errors/net-error.ts'
import { StackDuplex, type StackDuplexOptions } from './stack-duplex.ts'

/** A socket, or something that stands on one and gives it away: a `Connection`. */
export type SocketSource = TcpSocket | { detach(): TcpSocket }

/** A Duplex over a connection of a stack; the connection is the stream's from now on. */
export function toDuplex(source: SocketSource, options?: StackDuplexOptions): StackDuplex {
  return new StackDuplex('detach' in source ? source.detach() : source, options)
}

/**
 * Opens a connection. The stream may be written at once; `'connect'` tells when it stands.
 *
 * ```ts
 * const socket = connect(stack, { host: '10.0.0.1', port: 80 })
 * socket.on('connect', () => socket.end('GET / HTTP/1.0\r\n\r\n')).pipe(process.stdout)
 * ```
 * @throws NetError what is known at once: EINVAL, ENETUNREACH, EADDRNOTAVAIL, EMFILE…; anything later is an `'error'` event.
 */
export function connect(stack: Stack, options: Destination & StackDuplexOptions): StackDuplex {
  return new StackDuplex(openConnection(stack, options), options)
}

/** Options of the streams of a server. */
export interface StackServerOptions extends StackDuplexOptions {
  /** Whether {@link StackDuplex.setNoDelay} is called on each connection. @default false */
  readonly noDelay?: boolean
}

export interface StackServerEvents {
  connection: [stream: StackDuplex]
  listening: []
  close: []
}

/**
 * Makes a server.
 *
 * ```ts
 * const server = createServer(stack, (socket) => socket.pipe(socket)).listen({ port: 7 })
 * ```
 * @param listener called with each connection.
 */
export function createServer(
  stack: Stack,
  options: StackServerOptions | ((stream: StackDuplex) => void),
  listener?: (stream: StackDuplex) => void,
): StackServer {
  const server = new StackServer(stack, typeof options === 'function' ? {} : options)
  const handler = typeof options === 'function' ? options : listener
  if (handler !== undefined) server.on('connection', handler)
  return server
}

/** A listener whose connections are Duplexes. */
export class StackServer extends EventEmitter<StackServerEvents> {
  private readonly stack: Stack
  private readonly options: StackServerOptions
  private listener: Listener | null = null
  private referenced = true
  private holding = false
  private open = 0

  constructor(stack: Stack, options: StackServerOptions) {
    super()
    this.stack = stack
    this.options = options
  }

  /**
   * Accepts connections from now on; `'listening'` follows.
   * @throws NetError EADDRINUSE, EADDRNOTAVAIL, EMFILE, EINVAL (it listens already).
   */
  listen(address: ListenAddress, listening?: () => void): this {
    if (this.listener !== null)
      throw new NetError('EINVAL', 'listen', { message: 'listen EINVAL: it listens already; close it first' })
    if (listening !== undefined) this.once('listening', listening)
    const listener = openListener(this.stack, address)
    listener.owner = this
    listener.onReady = onListenerReady
    listener.interest = READABLE
    this.listener = listener
    this.updateHold()
    process.nextTick(() => this.emit('listening'))
    return this
  }

  /** Accepts no more connections; `'close'` comes when those there are have ended. */
  close(closed?: () => void): this {
    if (closed !== undefined) this.once('close', closed)
    this.listener?.close()
    this.listener = null
    this.updateHold()
    this.closeIfDone()
    return this
  }

  get listening(): boolean {
    return this.listener !== null
  }

  /** Connections that are open. */
  get connections(): number {
    return this.open
  }

  /** Where it listens, or null. */
  address(): { address: string; family: 'IPv4' | 'IPv6'; port: number } | null {
    const { localAddress, localPort } = this.listener ?? { localAddress: null, localPort: 0 }
    if (localAddress === null) return null
    return { address: localAddress.toString(), family: `IPv${localAddress.family}`, port: localPort }
  }

  /** The process may end although this server listens. */
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

  /** @internal One connection per upcall: each handler has its own ticks after it, as on the host. */
  accept(): void {
    const socket = this.listener?.accept() ?? null
    if (socket === null) return
    const { noDelay } = this.options
    if (noDelay !== undefined) socket.setOption('noDelay', noDelay ? 1 : 0)
    const stream = new StackDuplex(socket, this.options)
    this.open++
    stream.once('close', this.streamClosed)
    this.emit('connection', stream)
  }

  private readonly streamClosed = (): void => {
    this.open--
    if (this.listener === null) this.closeIfDone()
  }

  private closeIfDone(): void {
    if (this.open === 0) process.nextTick(() => this.emit('close'))
  }

  private updateHold(): void {
    const hold = this.referenced && this.listener !== null
    if (hold === this.holding) return
    this.holding = hold
    if (hold) this.stack.scheduler.hold()
    else this.stack.scheduler.release()
  }
}

function onListenerReady(source: Pollable): void {
  ;(source.owner as StackServer).accept()
}
