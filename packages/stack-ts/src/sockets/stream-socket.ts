/**
 * TCP sockets: the contract's calls on top of `tcp/`.
 *
 * @module
 */
import {
  type BindFlags,
  type ByteSink,
  END,
  ERROR,
  type ErrorCode,
  type EventQueue,
  FAILED,
  type IpAddress,
  type Listener,
  LOOPBACK_V4,
  LOOPBACK_V6,
  type MovedConnection,
  NetError,
  type OptionName,
  type PortBinding,
  READABLE,
  type SocketInfo,
  type TcpSocket,
  WOULD_BLOCK,
  WRITABLE,
} from '@ioth/core'
import type { Connection, ConnectionUser } from '../tcp/connection.ts'
import { tcpInfo } from '../tcp/info.ts'
import { CLOSED, ESTABLISHED, maySend, SYN_RECEIVED, SYN_SENT, stateName } from '../tcp/state.ts'
import { extrasOf, KEEP_ALIVE, NO_DELAY } from '../tcp/tcb.ts'
import type { TraceEvent } from '../tcp/trace.ts'
import { checkRange, invalid, notImplemented, type SocketHost, StackSocket } from './endpoint.ts'
import { ListenerSocket } from './listener-socket.ts'

/** Options set before there is a connection. */
export class StreamOptions {
  noDelay = 0
  keepAlive = 0
  keepAliveDelay = 7200
  sendBuffer: number
  receiveBuffer: number
  /** 0: what the network says. */
  ttl = 0
  trafficClass = 0
  userTimeout = 0
  trace: EventQueue<TraceEvent> | null = null

  constructor(sendBuffer: number, receiveBuffer: number) {
    this.sendBuffer = sendBuffer
    this.receiveBuffer = receiveBuffer
  }
}

const SMALLEST_BUFFER = 1024
const LONGEST_KEEP_ALIVE_S = 32767
const LONGEST_USER_TIMEOUT_MS = 0x3fffffff

export class StreamSocket extends StackSocket implements TcpSocket, ConnectionUser {
  private connection: Connection | null = null
  private binding: PortBinding | null = null
  /** Made when an option is set before there is a connection. */
  private options: StreamOptions | null = null
  private isUsedUp = false
  private endWasRead = false

  /** A socket for a connection that a listener took. */
  static accepted(host: SocketHost, family: 4 | 6, connection: Connection): StreamSocket {
    const socket = new StreamSocket(host, family)
    socket.connection = connection
    connection.user = socket
    if (connection.error !== null) socket.failed(connection.error)
    else socket.connected()
    socket.readable()
    return socket
  }

  // ---------- who ----------

  get state(): string {
    return stateName(this.connection?.tcb.state ?? CLOSED)
  }

  override get localAddress(): IpAddress | null {
    return this.shown(this.connection?.tcb.local ?? this.binding?.address ?? null)
  }

  override get localPort(): number {
    return this.connection?.tcb.localPort ?? this.binding?.port ?? 0
  }

  override get remoteAddress(): IpAddress | null {
    return this.shown(this.connection?.tcb.remote ?? null)
  }

  override get remotePort(): number {
    return this.connection?.tcb.remotePort ?? 0
  }

  get bytesQueued(): number {
    const { connection } = this
    return connection === null ? 0 : connection.tcb.sndLimit - connection.sendRoom
  }

  override get info(): SocketInfo {
    const { connection, state } = this
    const info = { endpoint: this, transport: 'tcp', state } as const
    return connection === null ? info : { ...info, tcp: tcpInfo(connection.tcb) }
  }

  // ---------- opening ----------

  override bind(address: IpAddress, port: number, flags?: BindFlags): void {
    if (this.binding !== null || this.connection !== null || this.isClosed || this.isUsedUp) throw invalid('bind')
    if (flags?.ipv6Only === true) this.ipv6Only = this.family === 6
    const local = this.real(address, port, 'bind')
    this.checkLocal(local, port)
    this.binding = this.host.ports.bind(6, local, port, flags)
  }

  listen(backlog: number): Listener {
    const { host } = this
    if (this.connection !== null || this.isClosed || this.isUsedUp) throw invalid('listen')
    if (this.binding === null) this.bind(this.wildcard, 0)
    const options = this.options ?? this.defaults()
    const most = Math.min(Math.max(backlog, 1), host.limits.backlog)
    const binding = this.binding as PortBinding
    const isDual = this.family === 6 && !this.ipv6Only && binding.address.isUnspecified && binding.address.family === 6
    const listener = host.tcp.openListener(binding, isDual, most, options)
    listener.noDelay = options.noDelay !== 0
    listener.ttl = options.ttl
    this.binding = null
    this.isUsedUp = true
    this.isClosed = true
    host.openSockets.delete(this)
    const { family } = this
    return new ListenerSocket(host, family, listener, options, (connection) =>
      StreamSocket.accepted(host, family, connection),
    )
  }

  connect(address: IpAddress, port: number): void {
    const { host } = this
    if (this.isClosed || this.isUsedUp) throw invalid('connect')
    const where = { address: address.toString(), port }
    if (this.connection !== null) {
      const isOpening = this.connection.tcb.state === SYN_SENT
      throw new NetError(isOpening ? 'EALREADY' : 'EISCONN', 'connect', where)
    }
    if (!Number.isInteger(port) || port < 0 || port > 65535) throw invalid('connect')
    const real = this.real(address, port, 'connect')
    const network = this.networkOf(real)
    // The unspecified address means this host; a port 0 has no listener anywhere.
    const loopback = real.family === 4 ? LOOPBACK_V4 : LOOPBACK_V6
    const remote = real.isUnspecified ? loopback : real
    if (network.isGroup(remote)) throw new NetError('ENETUNREACH', 'connect', where)
    const bound = this.binding
    const local = bound === null || bound.address.isUnspecified ? null : bound.address
    // A socket that is bound to an address of one family has no address for the other.
    if (local !== null && local.family !== remote.family) throw new NetError('ENETUNREACH', 'connect', where)
    const options = this.options ?? this.defaults()
    const connection = host.tcp.connect(network, local, bound, remote, port, options)
    this.binding = null
    this.connection = connection
    connection.user = this
    this.applyOptions(connection, options)
  }

  // ---------- data ----------

  read(into: Uint8Array, offset: number, length: number): number {
    const { connection } = this
    if (connection === null) return this.fail('ENOTCONN', 'read')
    if (connection.tcb.rcvQueued === 0) return this.nothingToRead(connection)
    const count = connection.read(into, offset, length)
    this.afterReading(connection)
    return count
  }

  lend(max: number, sink: ByteSink): number {
    const { connection } = this
    if (connection === null) return this.fail('ENOTCONN', 'read')
    if (connection.tcb.rcvQueued === 0) return this.nothingToRead(connection)
    try {
      return connection.lend(max, sink)
    } finally {
      this.afterReading(connection)
    }
  }

  write(from: Uint8Array, offset: number, length: number): number {
    const { connection } = this
    if (connection === null) return this.fail('ENOTCONN', 'write')
    const { state } = connection.tcb
    if (state === SYN_SENT || state === SYN_RECEIVED) return WOULD_BLOCK
    if (!maySend(state)) return this.fail('EPIPE', 'write')
    if (length === 0) return 0
    const taken = connection.write(from, offset, length)
    if (connection.sendRoom * 3 < connection.tcb.sndLimit || taken < length) this.lower(WRITABLE)
    return taken === 0 ? this.blocked(connection) : taken
  }

  shutdown(): void {
    this.connection?.shutdown()
  }

  /** Tells what happens to the connection, or the one to be. */
  trace(events: EventQueue<TraceEvent>): void {
    if (this.connection !== null) {
      this.connection.traceTo(events)
      return
    }
    this.options ??= this.defaults()
    this.options.trace = events
  }

  // ---------- ending ----------

  override close(): void {
    if (this.isClosed) return
    this.connection?.close()
    this.release()
  }

  reset(): void {
    if (this.isClosed) return
    this.connection?.abort()
    this.release()
  }

  /** The connection goes to another stack of the node. */
  moveOut(): MovedConnection | null {
    const moved = this.connection === null ? null : this.host.tcp.moveOut(this.connection)
    if (moved !== null) this.release()
    return moved
  }

  /** The address this socket speaks from is gone. */
  abandon(): void {
    const { connection } = this
    if (connection === null) return
    connection.ended('EADDRNOTAVAIL')
  }

  // ---------- what the connection says ----------

  connected(): void {
    this.writable()
  }

  readable(): void {
    const { connection } = this
    if (connection !== null && (connection.tcb.rcvQueued > 0 || connection.atEnd)) this.raise(READABLE)
  }

  writable(): void {
    const connection = this.connection as Connection
    const { state, sndLimit } = connection.tcb
    if (state >= ESTABLISHED && connection.sendRoom * 3 >= sndLimit && connection.mayGrow) this.raise(WRITABLE)
  }

  failed(code: ErrorCode): void {
    const connection = this.connection as Connection
    this.error = connection.toError(code)
    this.raise(READABLE | WRITABLE | ERROR)
  }

  // ---------- options ----------

  override setOption(name: OptionName, value: number): void {
    const options = this.options ?? this.defaults()
    const { limits } = this.host
    if (name === 'noDelay') options.noDelay = checkRange(name, value, 0, 1)
    else if (name === 'keepAlive') options.keepAlive = checkRange(name, value, 0, 1)
    else if (name === 'keepAliveDelay') options.keepAliveDelay = checkRange(name, value, 1, LONGEST_KEEP_ALIVE_S)
    else if (name === 'userTimeout') options.userTimeout = checkRange(name, value, 0, LONGEST_USER_TIMEOUT_MS)
    else if (name === 'ttl') options.ttl = checkRange(name, value, 1, 255)
    else if (name === 'trafficClass') options.trafficClass = checkRange(name, value, 0, 255)
    else if (name === 'sendBuffer') {
      options.sendBuffer = Math.min(checkRange(name, value, SMALLEST_BUFFER, 0x3fffffff), limits.sendBuffer)
    } else if (name === 'receiveBuffer') {
      options.receiveBuffer = Math.min(checkRange(name, value, SMALLEST_BUFFER, 0x3fffffff), limits.receiveBuffer)
    } else throw notImplemented(`the option ${name} on a TCP socket`)
    if (this.connection === null) this.options = options
    else this.applyOptions(this.connection, options)
  }

  override getOption(name: OptionName): number {
    const value = (this.options ?? this.defaults())[name as keyof StreamOptions]
    if (typeof value !== 'number') throw notImplemented(`the option ${name} on a TCP socket`)
    return name === 'ttl' ? value || this.host.ip.hopLimit : value
  }

  // ---------- inside ----------

  /** The options as they stand: of the connection, if there is one. */
  private defaults(): StreamOptions {
    const { limits } = this.host
    const options = new StreamOptions(limits.sendBuffer, limits.receiveBuffer)
    const tcb = this.connection?.tcb
    if (tcb === undefined) return options
    options.noDelay = (tcb.flags & NO_DELAY) === 0 ? 0 : 1
    options.keepAlive = (tcb.flags & KEEP_ALIVE) === 0 ? 0 : 1
    options.keepAliveDelay = tcb.extras.keepAliveMs / 1000
    options.sendBuffer = tcb.sndLimit
    options.receiveBuffer = tcb.rcvLimit
    options.ttl = tcb.ttl
    options.trafficClass = tcb.trafficClass
    options.userTimeout = tcb.extras.userTimeoutMs
    return options
  }

  private applyOptions(connection: Connection, options: StreamOptions): void {
    const { tcb } = connection
    const hadDelay = (tcb.flags & NO_DELAY) === 0
    tcb.flags &= ~(NO_DELAY | KEEP_ALIVE)
    if (options.noDelay !== 0) tcb.flags |= NO_DELAY
    if (options.keepAlive !== 0) tcb.flags |= KEEP_ALIVE
    tcb.sndLimit = options.sendBuffer
    tcb.rcvLimit = options.receiveBuffer
    if (options.ttl !== 0) tcb.ttl = options.ttl
    tcb.trafficClass = options.trafficClass
    const keepAliveMs = options.keepAliveDelay * 1000
    if (keepAliveMs !== tcb.extras.keepAliveMs) extrasOf(tcb).keepAliveMs = keepAliveMs
    if (options.userTimeout !== tcb.extras.userTimeoutMs) extrasOf(tcb).userTimeoutMs = options.userTimeout
    connection.setKeepAlive()
    if (options.trace !== null) connection.traceTo(options.trace)
    // What Nagle's rule held back goes now.
    if (hadDelay && options.noDelay !== 0 && tcb.state >= ESTABLISHED) connection.wantOutput()
    this.options = null
  }

  private afterReading(connection: Connection): void {
    if (connection.tcb.rcvQueued === 0 && !connection.atEnd && (this.ready & ERROR) === 0) this.lower(READABLE)
  }

  private nothingToRead(connection: Connection): number {
    // A write after shutdown leaves an error, too, and does not touch this direction.
    const hasFailed = (this.ready & ERROR) !== 0
    if (connection.atEnd && !(this.endWasRead && hasFailed)) {
      this.endWasRead = true
      return END
    }
    if (hasFailed) return FAILED
    const { state } = connection.tcb
    // Ended in order, and yet no FIN came: the socket was closed from within.
    if (state === CLOSED) return END
    this.lower(READABLE)
    return WOULD_BLOCK
  }

  private blocked(connection: Connection): number {
    // Out of memory, not out of buffer: acknowledgements of what it holds come back to it, or else the timer of the connection.
    if (connection.sendRoom > 0 && connection.tcb.sndHeld === 0) connection.awaitMemory()
    return WOULD_BLOCK
  }

  private fail(code: ErrorCode, syscall: string): number {
    this.error ??= new NetError(code, syscall)
    return FAILED
  }

  private release(): void {
    this.binding?.release()
    this.binding = null
    this.depart()
  }
}
