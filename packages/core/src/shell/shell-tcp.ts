/**
 * TCP sockets of a shell: the contract's calls, answered at once from the shell's own buffers and tables.
 *
 * @module
 */
import { type IpAddress, LOOPBACK_V4, LOOPBACK_V6 } from '../address/ip-address.ts'
import type { PortBinding } from '../contract/ports.ts'
import { END, ERROR, FAILED, READABLE, WOULD_BLOCK, WRITABLE } from '../contract/readiness.ts'
import type { BindFlags, ByteSink, Listener, OptionName, TcpSocket } from '../contract/socket.ts'
import type { SocketInfo } from '../contract/stack.ts'
import type { ErrorCode } from '../errors/codes.ts'
import { NetError } from '../errors/net-error.ts'
import { Alarm } from '../time/alarm.ts'
import { ByteQueue } from './byte-queue.ts'
import type { Ends, TcpLine, TcpUser } from './engine.ts'
import { problem } from './library-socket.ts'
import { SocketOptions } from './options.ts'
import { ShellListener } from './shell-listener.ts'
import { isPort, type ShellHost, ShellSocket } from './shell-socket.ts'

const TCP = 6
/** How long the peer's end is waited for when a library cannot half-close (see `Capabilities.halfClose`), in microseconds. */
const SILENCE = 250_000

type Stage = 'new' | 'connecting' | 'open' | 'over'

export class ShellTcpSocket extends ShellSocket implements TcpSocket, TcpUser {
  readonly outgoing: ByteQueue = new ByteQueue()
  isEnding = false
  private readonly incoming = new ByteQueue()
  private readonly options: SocketOptions
  private line: TcpLine | null = null
  private ends: Ends | null = null
  private binding: PortBinding | null = null
  private stage: Stage = 'new'
  private isUsedUp = false
  /** The peer's FIN came. */
  private atEnd = false
  /** The peer had ended before this side did. */
  private peerEndedFirst = false
  private endWasRead = false
  private sendLimit: number
  private receiveLimit: number
  private holds = false
  /** Gives up what a closed connection could not send; with a library without half-close, ends one whose peer is silent. */
  private readonly patience = new Alarm(() => this.lostPatience())

  constructor(host: ShellHost, family: 4 | 6, options?: SocketOptions) {
    super(host, family)
    const { limits, engine, backend } = host
    this.sendLimit = limits.sendBuffer
    this.receiveLimit = limits.receiveBuffer
    const known = { ...engine.tcpOptions, sendBuffer: this.sendLimit, receiveBuffer: this.receiveLimit }
    this.options = options ?? new SocketOptions(known, `a TCP socket of the stack "${backend}"`)
    this.sendLimit = Math.min(this.options.get('sendBuffer'), limits.sendBuffer)
    this.receiveLimit = Math.min(this.options.get('receiveBuffer'), limits.receiveBuffer)
  }

  /** A socket for a connection that a listener took. */
  static accepted(host: ShellHost, family: 4 | 6, line: TcpLine, ends: Ends, options: SocketOptions): ShellTcpSocket {
    const socket = new ShellTcpSocket(host, family, options)
    socket.begin(line, ends)
    socket.stage = 'open'
    socket.raise(WRITABLE)
    return socket
  }

  // ---------- who ----------

  get state(): string {
    if (this.stage === 'connecting') return 'SYN-SENT'
    if (this.stage !== 'open') return 'CLOSED'
    if (!this.isEnding) return this.atEnd ? 'CLOSE-WAIT' : 'ESTABLISHED'
    if (this.peerEndedFirst) return 'LAST-ACK'
    const isAcknowledged = this.bytesQueued === 0 && this.line?.isEndAcknowledged === true
    if (this.atEnd) return isAcknowledged ? 'TIME-WAIT' : 'CLOSING'
    return isAcknowledged ? 'FIN-WAIT-2' : 'FIN-WAIT-1'
  }

  override get localAddress(): IpAddress | null {
    return this.shown(this.ends?.local ?? this.binding?.address ?? null)
  }

  override get localPort(): number {
    return this.ends?.localPort ?? this.binding?.port ?? 0
  }

  override get remoteAddress(): IpAddress | null {
    return this.shown(this.ends?.remote ?? null)
  }

  override get remotePort(): number {
    return this.ends?.remotePort ?? 0
  }

  /** Closed in order, and not all of it is acknowledged; of a reset nothing is waited for. */
  get isLingering(): boolean {
    return this.isClosed && this.stage === 'open'
  }

  get bytesQueued(): number {
    return this.outgoing.length + (this.line?.inFlight ?? 0)
  }

  override get info(): SocketInfo {
    return { endpoint: this, transport: 'tcp', state: this.state }
  }

  // ---------- opening ----------

  override bind(address: IpAddress, port: number, flags?: BindFlags): void {
    if (this.binding !== null || this.stage !== 'new' || this.isClosed || this.isUsedUp) throw invalid('bind')
    if (flags?.ipv6Only === true) this.ipv6Only = this.family === 6
    const local = this.real(address, port, 'bind')
    this.checkLocal(local, port)
    this.binding = this.host.ports.bind(TCP, local, port, flags)
  }

  listen(backlog: number): Listener {
    const { host } = this
    if (this.stage !== 'new' || this.isClosed || this.isUsedUp) throw invalid('listen')
    if (this.binding === null) this.bind(this.wildcard, 0)
    const binding = this.binding as PortBinding
    binding.listen()
    this.binding = null
    this.isUsedUp = true
    this.isClosed = true
    host.open.delete(this)
    const most = Math.min(Math.max(backlog, 1), host.limits.backlog)
    return new ShellListener(host, this.family, binding, this.ipv6Only, most, this.options)
  }

  connect(address: IpAddress, port: number): void {
    const { host } = this
    if (this.isClosed || this.isUsedUp) throw invalid('connect')
    if (this.stage === 'connecting') throw problem('EALREADY', 'connect', address, port)
    if (this.stage !== 'new') throw problem('EISCONN', 'connect', address, port)
    if (!isPort(port, 0)) throw invalid('connect')
    const real = this.real(address, port, 'connect')
    const remote = real.isUnspecified ? (real.family === 4 ? LOOPBACK_V4 : LOOPBACK_V6) : real
    if (remote.isMulticast || host.book.isBroadcast(remote)) throw problem('ENETUNREACH', 'connect', address, port)
    const bound = this.binding === null || this.binding.address.isUnspecified ? null : this.binding.address
    const source = bound ?? host.book.sourceFor(remote)
    if (source === null || source.family !== remote.family || !this.isReachable(remote)) {
      throw problem('ENETUNREACH', 'connect', address, port)
    }
    const isFree = (local: number): boolean => !host.tuples.has(nameOf(source, local, remote, port))
    if (this.binding === null) this.binding = host.ports.bindFor(TCP, source, remote, port, isFree)
    else if (!isFree(this.binding.port)) throw problem('EADDRNOTAVAIL', 'connect', address, port)
    const ends = { local: source, localPort: this.binding.port, remote, remotePort: port }
    const isLocal = !host.engine.carriesLoopback && host.book.isOurs(remote)
    this.stage = 'connecting'
    this.begin(isLocal ? host.local.connect(ends) : host.engine.connect(ends, this.options.all), ends)
  }

  private isReachable(remote: IpAddress): boolean {
    return this.host.book.isOurs(remote) || this.host.book.routeTo(remote) !== null
  }

  private begin(line: TcpLine, ends: Ends): void {
    this.line = line
    this.ends = ends
    line.user = this
    this.host.tuples.add(nameOf(ends.local, ends.localPort, ends.remote, ends.remotePort))
  }

  // ---------- data ----------

  read(into: Uint8Array, offset: number, length: number): number {
    if (this.incoming.length === 0) return this.nothingToRead()
    const count = this.incoming.shift(into, offset, length)
    this.afterReading()
    return count
  }

  lend(max: number, sink: ByteSink): number {
    if (this.incoming.length === 0) return this.nothingToRead()
    try {
      return this.incoming.lend(max, sink)
    } finally {
      this.afterReading()
    }
  }

  write(from: Uint8Array, offset: number, length: number): number {
    if (this.stage === 'new') return this.fail('ENOTCONN', 'write')
    if (this.stage === 'connecting') return WOULD_BLOCK
    if (this.stage === 'over' || this.isEnding) return this.fail('EPIPE', 'write')
    if (length === 0) return 0
    const taken = Math.min(length, this.sendLimit - this.bytesQueued)
    if (taken > 0) {
      this.outgoing.push(from, offset, taken)
      this.host.pumpSoon(this)
    }
    if (!this.hasRoomToWrite || taken < length) this.lower(WRITABLE)
    return taken > 0 ? taken : WOULD_BLOCK
  }

  shutdown(): void {
    if (this.stage !== 'open' || this.isEnding) return
    this.isEnding = true
    this.lower(WRITABLE)
    this.host.pumpSoon(this)
    if (!this.host.engine.canHalfClose) this.waitFor(SILENCE)
  }

  // ---------- ending ----------

  override close(): void {
    if (this.isClosed) return
    if (this.incoming.length > 0 || this.stage === 'connecting') {
      this.reset()
      return
    }
    const { line, host } = this
    if (line !== null && this.stage === 'open') {
      this.isEnding = true
      host.lingerers.add(this)
      // The program may end, but not before its last octets went.
      this.holds = true
      host.scheduler.hold()
      this.waitFor(host.limits.closedHoldMs * 1000)
      line.finish()
      host.pumpSoon(this)
    }
    this.leave()
  }

  reset(): void {
    if (this.isClosed) {
      if (this.host.lingerers.has(this)) this.dropLine()
      return
    }
    this.dropLine()
    this.leave()
  }

  override died(code: ErrorCode): void {
    const { line } = this
    if (line !== null) this.failed(code)
    this.settle()
  }

  override abandon(address: IpAddress): void {
    if (this.ends === null || !this.ends.local.equals(address) || this.stage === 'over') return
    const { line } = this
    this.failed('EADDRNOTAVAIL')
    line?.reset()
  }

  private dropLine(): void {
    const { line } = this
    this.outgoing.clear()
    this.incoming.clear()
    if (line === null || this.stage === 'over') {
      this.settle()
      return
    }
    this.stage = 'over'
    this.host.lingerers.add(this)
    line.reset()
  }

  private leave(): void {
    if (this.line === null) this.releasePort()
    this.depart()
  }

  /** Nothing is left of the connection. */
  private settle(): void {
    this.scheduler.clock.disarm(this.patience)
    if (this.holds) this.host.scheduler.release()
    this.holds = false
    this.host.settled(this)
    this.line = null
    this.stage = this.stage === 'new' ? 'new' : 'over'
    this.releasePort()
  }

  private releasePort(): void {
    this.binding?.release()
    this.binding = null
    const { ends } = this
    if (ends !== null) this.host.tuples.delete(nameOf(ends.local, ends.localPort, ends.remote, ends.remotePort))
  }

  private waitFor(microseconds: number): void {
    const { clock } = this.scheduler
    clock.arm(this.patience, clock.now + microseconds)
  }

  private lostPatience(): void {
    // Closed, and still something unsent: what the peer does not take is given up. Not closed: the peer is silent.
    if (this.isClosed) this.reset()
    else this.line?.finish()
  }

  // ---------- what the line says ----------

  get room(): number {
    return this.isClosed || this.atEnd ? Number.MAX_SAFE_INTEGER : Math.max(0, this.receiveLimit - this.incoming.length)
  }

  connected(): void {
    if (this.stage !== 'connecting') return
    this.stage = 'open'
    this.raise(WRITABLE)
  }

  received(bytes: Uint8Array, offset: number, length: number): void {
    if (this.stage !== 'open') return
    if (this.isClosed) {
      // Nobody will read it, and the peer has to know (RFC 1122 4.2.2.13).
      this.reset()
      return
    }
    this.incoming.push(bytes, offset, length)
    if (this.patience.armed) this.waitFor(SILENCE)
    this.raise(READABLE)
  }

  ended(): void {
    if (this.atEnd || this.stage !== 'open') return
    this.atEnd = true
    this.peerEndedFirst = !this.isEnding
    if (this.isEnding && !this.host.engine.canHalfClose && !this.isClosed) this.line?.finish()
    if (!this.isClosed) this.raise(READABLE)
  }

  failed(code: ErrorCode): void {
    if (this.stage === 'over') {
      // Its reset and this have crossed: nobody tells that it is gone any more.
      if (this.line !== null) this.settle()
      return
    }
    const { ends, stage } = this
    const syscall = stage === 'connecting' ? 'connect' : 'read'
    const where = stage === 'connecting' && ends !== null ? { address: `${ends.remote}`, port: ends.remotePort } : {}
    this.outgoing.clear()
    this.stage = 'over'
    this.settle()
    if (this.isClosed) return
    this.error = new NetError(code, syscall, where)
    this.raise(READABLE | WRITABLE | ERROR)
  }

  drained(): void {
    if (!this.isClosed && this.stage === 'open' && !this.isEnding && this.hasRoomToWrite) this.raise(WRITABLE)
  }

  gone(): void {
    this.settle()
    // The library closed it in our place: whatever the peer sent after is lost, and nothing more comes.
    if (!this.isClosed && !this.atEnd) {
      this.atEnd = true
      this.raise(READABLE)
    }
  }

  /** @internal by the stack's job. */
  pump(): void {
    if (this.stage === 'open') this.line?.pump()
  }

  // ---------- options ----------

  override setOption(name: OptionName, value: number): void {
    this.options.set(name, value)
    const { limits } = this.host
    if (name === 'sendBuffer') this.sendLimit = Math.min(value, limits.sendBuffer)
    else if (name === 'receiveBuffer') this.receiveLimit = Math.min(value, limits.receiveBuffer)
    else this.line?.set(name, value)
  }

  override getOption(name: OptionName): number {
    return this.options.get(name)
  }

  // ---------- inside ----------

  private get hasRoomToWrite(): boolean {
    return (this.sendLimit - this.bytesQueued) * 3 >= this.sendLimit
  }

  private afterReading(): void {
    if (this.incoming.length === 0 && !this.atEnd && (this.ready & ERROR) === 0) this.lower(READABLE)
    if (this.stage === 'open' && !this.atEnd) this.line?.resume()
  }

  private nothingToRead(): number {
    if (this.stage === 'new') return this.fail('ENOTCONN', 'read')
    const hasFailed = (this.ready & ERROR) !== 0
    if (this.atEnd && !(this.endWasRead && hasFailed)) {
      this.endWasRead = true
      return END
    }
    if (hasFailed) return FAILED
    if (this.stage === 'over') return END
    this.lower(READABLE)
    return WOULD_BLOCK
  }

  private fail(code: ErrorCode, syscall: string): number {
    this.error ??= new NetError(code, syscall)
    return FAILED
  }
}

/** A four-tuple as a key. */
function nameOf(local: IpAddress, localPort: number, remote: IpAddress, remotePort: number): string {
  return `${local} ${localPort} ${remote} ${remotePort}`
}

function invalid(syscall: string): NetError {
  return new NetError('EINVAL', syscall)
}
