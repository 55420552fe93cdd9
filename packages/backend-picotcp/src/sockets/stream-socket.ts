/**
 * TCP sockets: the contract's calls on top of the library's.
 *
 * @module
 */
import {
  type BindFlags,
  type ByteSink,
  END,
  ERROR,
  type ErrorCode,
  FAILED,
  type IpAddress,
  type Listener,
  LOOPBACK_V4,
  LOOPBACK_V6,
  NetError,
  type OptionName,
  type PortBinding,
  READABLE,
  type SocketInfo,
  type TcpSocket,
  toBytes,
  WOULD_BLOCK,
  WRITABLE,
} from '@ioth/core'
import {
  PICO_EVENT_CLOSE,
  PICO_EVENT_CONNECTION,
  PICO_EVENT_ERROR,
  PICO_EVENT_FIN,
  PICO_EVENT_READ,
  PICO_EVENT_WRITE,
  picoPort,
} from '@ioth/ffi'
import { type Pointer, PROTO_TCP, SHUT_WRITE } from '../bindings.ts'
import { PicoUser } from '../engine.ts'
import { ECONNRESET, ESHUTDOWN, picoError } from '../errno.ts'
import type { Flow, FlowOwner } from '../flows.ts'
import { CONNECT_TIMEOUT_MS, NEIGHBOR_TIMEOUT_MS, USER_TIMEOUT_MS } from '../limits.ts'
import { bindPico, invalid, openPico, PicoSocket, type SocketHost } from './endpoint.ts'
import { ListenerSocket } from './listener-socket.ts'
import { Outbox } from './outbox.ts'
import { Remains } from './remains.ts'
import { StreamOptions } from './stream-options.ts'

/** `idle`: not connected yet. `open` until both directions are over, or it failed. */
type Phase = 'idle' | 'opening' | 'open' | 'over'

export class StreamSocket extends PicoSocket implements TcpSocket, FlowOwner {
  /** The library's socket; null before there is one, and when it must not be touched any more. */
  private socket: Pointer | null = null
  private readonly user: StreamUser = new StreamUser(this)
  private flow: Flow | null = null
  private phase: Phase = 'idle'
  private binding: PortBinding | null = null
  private readonly options: StreamOptions
  private local: IpAddress | null = null
  private remote: IpAddress | null = null
  private isUsedUp = false
  /** It is bound to an address from which the library does not connect. */
  private isDisguised = false
  /** Octets that were taken from the library to know that it has some, or because it ended. */
  private rest: Uint8Array[] = []
  private readonly outbox = new Outbox()
  private endCame = false
  private endWasRead = false
  private finWanted = false
  private finSent = false
  /** When the connect began, and when an acknowledgement came last. */
  private since = 0
  private lastUna = 0

  constructor(host: SocketHost, family: 4 | 6, options?: StreamOptions) {
    super(host, family)
    this.options = options ?? new StreamOptions(host.limits.sendBuffer, host.limits.receiveBuffer)
  }

  /** A socket for a connection that a listener took. */
  static accepted(
    host: SocketHost,
    family: 4 | 6,
    options: StreamOptions,
    socket: Pointer,
    flow: Flow | null,
    local: IpAddress,
    localPort: number,
    remote: IpAddress,
    remotePort: number,
  ): StreamSocket {
    const made = new StreamSocket(host, family, options.copy())
    made.socket = socket
    made.local = local
    made.remote = remote
    made.localPort = localPort
    made.remotePort = remotePort
    made.flow = flow
    if (flow !== null) host.flows.own(flow, made)
    host.engine.register(socket, made.user, true)
    made.options.apply(host.pico, socket)
    made.phase = 'open'
    made.connected()
    // What came between the handshake and now was told to the listener, or to nobody.
    made.pull(made.options.foretaste)
    return made
  }

  // ---------- who ----------

  localPort = 0
  remotePort = 0

  get state(): string {
    const { phase, finSent, endCame, flow } = this
    if (phase === 'opening') return 'SYN-SENT'
    if (phase !== 'open') return 'CLOSED'
    if (finSent) {
      if (endCame) return flow?.peerEndedFirst === false ? 'CLOSING' : 'LAST-ACK'
      return flow !== null && flow.finAt !== null && flow.inFlight === 0 ? 'FIN-WAIT-2' : 'FIN-WAIT-1'
    }
    return endCame ? 'CLOSE-WAIT' : 'ESTABLISHED'
  }

  override get localAddress(): IpAddress | null {
    return this.shown(this.local ?? this.binding?.address ?? null)
  }

  override get remoteAddress(): IpAddress | null {
    return this.shown(this.remote)
  }

  get bytesQueued(): number {
    return this.phase === 'open' ? this.outbox.length + (this.flow?.unacknowledged ?? 0) : 0
  }

  override get info(): SocketInfo {
    return { endpoint: this, transport: 'tcp', state: this.state }
  }

  // ---------- opening ----------

  override bind(address: IpAddress, port: number, flags?: BindFlags): void {
    if (this.binding !== null || this.phase !== 'idle' || this.isClosed || this.isUsedUp) throw invalid('bind')
    if (flags?.ipv6Only === true) this.ipv6Only = this.family === 6
    const local = this.real(address, port, 'bind')
    this.checkLocal(local, port)
    this.binding = this.host.ports.bind(6, local, port, flags)
    this.localPort = this.binding.port
  }

  listen(backlog: number): Listener {
    const { host, family } = this
    if (this.phase !== 'idle' || this.isClosed || this.isUsedUp) throw invalid('listen')
    if (this.binding === null) this.bind(this.wildcard, 0)
    const binding = this.binding as PortBinding
    binding.listen()
    const most = Math.min(Math.max(backlog, 1), host.limits.backlog)
    const { address } = binding
    const isDual = family === 6 && !this.ipv6Only && address.isUnspecified && address.family === 6
    const listener = new ListenerSocket(host, family, binding, isDual, most, this.options)
    this.binding = null
    this.isUsedUp = true
    this.isClosed = true
    host.openSockets.delete(this)
    return listener
  }

  connect(address: IpAddress, port: number): void {
    const { host } = this
    if (this.isClosed || this.isUsedUp) throw invalid('connect')
    const where = { address: address.toString(), port }
    if (this.phase === 'opening') throw new NetError('EALREADY', 'connect', where)
    if (this.phase !== 'idle') throw new NetError('EISCONN', 'connect', where)
    if (!Number.isInteger(port) || port < 0 || port > 65535) throw invalid('connect')
    const real = this.real(address, port, 'connect')
    const remote = real.isUnspecified ? (real.family === 4 ? LOOPBACK_V4 : LOOPBACK_V6) : real
    if (remote.isMulticast || host.isBroadcast(remote)) throw new NetError('ENETUNREACH', 'connect', where)
    const bound = this.binding?.address ?? null
    if (bound !== null && !bound.isUnspecified && bound.family !== remote.family) {
      throw new NetError('ENETUNREACH', 'connect', where)
    }
    const source = host.sourceFor(remote)
    if (source === null) throw new NetError('ENETUNREACH', 'connect', where)
    const local = bound === null || bound.isUnspecified || host.isOurs(remote) ? source : bound
    this.binding ??= host.ports.bindFor(6, local, remote, port, (free) => !host.flows.isBusy(free))
    this.localPort = this.binding.port
    this.local = local
    this.remote = remote
    this.remotePort = port
    this.phase = 'opening'
    this.since = host.scheduler.clock.now
    this.flow = host.flows.open(local, this.localPort, remote, port, this)
    this.isDisguised = !local.equals(source)
    // A port 0 has no listener anywhere, and the library takes none.
    if (port === 0) this.fail('ECONNREFUSED', 'connect')
    else host.whenRoom(() => this.begin())
  }

  private begin(): void {
    const { host, remote, local, remotePort, localPort } = this
    if (this.phase !== 'opening' || this.socket !== null || remote === null || local === null) return
    this.since = host.scheduler.clock.now
    // To ourselves the library goes without a frame, on which the port could be changed: see `port-aliases.ts`.
    const port = host.isOurs(remote) ? host.insideListenerPort(remote, remotePort) : remotePort
    if (port === null) {
      this.fail('ECONNREFUSED', 'connect')
      return
    }
    let socket: Pointer | null = null
    try {
      socket = openPico(host, remote.family, PROTO_TCP)
      host.engine.register(socket, this.user, true)
      const flow = this.flow as Flow
      if (this.isDisguised || !bindPico(host, socket, local, localPort, 'connect')) {
        // Somebody listens there, or an old connection has it: another port inside the library does as well.
        flow.libraryPort = host.tcpAliases.take(localPort)
        // It connects from the first address of a network, whatever it is bound to (pico_socket.c, pico_socket_connect).
        if (this.isDisguised) host.flows.disguise(flow, local)
        if (!bindPico(host, socket, local, flow.libraryPort, 'connect')) throw new NetError('EADDRINUSE', 'connect')
      }
      this.options.apply(host.pico, socket)
      this.socket = socket
      if (host.pico.connect(socket, toBytes(remote), picoPort(port)) !== 0) {
        throw picoError(host.pico.error(), 'connect', { address: remote.toString(), port: remotePort })
      }
    } catch (error) {
      this.socket = null
      if (socket !== null) {
        host.engine.forget(socket, true)
        host.pico.close(socket)
      }
      this.fail((error as NetError).code, 'connect')
    }
    host.engine.touch()
  }

  // ---------- data ----------

  read(into: Uint8Array, offset: number, length: number): number {
    if (this.phase === 'idle') return this.refuse('ENOTCONN', 'read')
    if (this.rest.length === 0) return this.nothing()
    const count = this.take(into, offset, length)
    this.settleReadiness()
    return count
  }

  lend(max: number, sink: ByteSink): number {
    if (this.phase === 'idle') return this.refuse('ENOTCONN', 'read')
    if (this.rest.length === 0) return this.nothing()
    const { scratch } = this.host
    const octets = scratch.slice(0, this.take(scratch, 0, Math.min(max, scratch.length)))
    try {
      sink.bytes(octets, 0, octets.length)
    } finally {
      this.settleReadiness()
    }
    return octets.length
  }

  /** Takes what waits here, and what the library has behind it. */
  private take(into: Uint8Array, offset: number, length: number): number {
    const { rest } = this
    let done = 0
    for (let first = rest[0]; first !== undefined && done < length; first = rest[0]) {
      const count = Math.min(length - done, first.length)
      into.set(count === first.length ? first : first.subarray(0, count), offset + done)
      done += count
      if (count < first.length) rest[0] = first.subarray(count)
      else rest.shift()
    }
    return done < length ? done + this.fromLibrary(into, offset + done, length - done) : done
  }

  /** @returns how many octets the library gave; it may have no more, or its end may have come. */
  private fromLibrary(into: Uint8Array, offset: number, length: number): number {
    const { host, socket } = this
    if (socket === null || this.phase !== 'open' || this.endCame) return 0
    const { pico } = host
    let taken = 0
    while (taken < length) {
      const count = pico.read(socket, into.subarray(offset + taken, offset + length), length - taken)
      if (count < 0 && pico.error() === ESHUTDOWN) this.endCame = true
      if (count <= 0) break
      taken += count
    }
    if (taken > 0) host.engine.touch()
    if (taken > 0 && taken < length) this.tellRoom()
    return taken
  }

  /** Nothing waits here any more: looks whether the library has more. */
  private settleReadiness(): void {
    if (this.rest.length === 0) this.pull(this.options.foretaste)
  }

  /**
   * Takes octets from the library: it says that there are some when there are none any more, and does not say how many there are, so that
   * only what was taken is known to be there. Lowers or raises READABLE to what is true.
   */
  private pull(most: number): void {
    const { scratch } = this.host
    for (let left = most; left > 0; ) {
      const length = Math.min(scratch.length, left)
      const count = this.fromLibrary(scratch, 0, length)
      if (count > 0) this.rest.push(scratch.slice(0, count))
      left -= count
      if (count < length) break
    }
    if (this.rest.length > 0 || this.endCame || this.hasFailed) this.raise(READABLE)
    else if (this.phase !== 'over') this.lower(READABLE)
    this.conclude()
  }

  /** The library has nothing left: all of its buffer is free. */
  private tellRoom(): void {
    const { flow } = this
    const { libraryBuffer } = this.options
    if (flow?.isSent === true && flow.rcvWindow * 2 < libraryBuffer) this.host.openWindow(flow, libraryBuffer)
  }

  private nothing(): number {
    // A write after shutdown leaves an error, too, and does not touch this direction.
    const { hasFailed } = this
    if (this.endCame && !(this.endWasRead && hasFailed)) {
      this.endWasRead = true
      return END
    }
    if (hasFailed) return FAILED
    if (this.phase === 'over') return END
    this.lower(READABLE)
    return WOULD_BLOCK
  }

  private get hasFailed(): boolean {
    return (this.ready & ERROR) !== 0
  }

  write(from: Uint8Array, offset: number, length: number): number {
    if (this.phase === 'idle') return this.refuse('ENOTCONN', 'write')
    if (this.hasFailed) return FAILED
    if (this.finWanted || this.phase === 'over') return this.refuse('EPIPE', 'write')
    if (this.phase === 'opening' || this.socket === null) return WOULD_BLOCK
    if (length === 0) return 0
    const count = Math.min(length, this.room)
    if (count > 0) {
      this.outbox.push(from, offset, count)
      this.host.engine.beforeTick(this.user)
    }
    if (count < length || this.room * 3 < this.options.sendBuffer) this.lower(WRITABLE)
    return count > 0 ? count : WOULD_BLOCK
  }

  /** Octets that may be written now: what is not acknowledged fills the buffer. */
  private get room(): number {
    return Math.max(0, this.options.sendBuffer - this.bytesQueued)
  }

  /** @internal Gives the library what waits for it. */
  pump(): void {
    const { host, socket, outbox } = this
    if (socket === null || this.phase !== 'open') return
    const isPatient = this.options.noDelay === 0 && !this.finWanted
    this.user.wantsRoom = outbox.feed(this.flow, isPatient, (octets) => host.pico.write(socket, octets, octets.length))
    if (this.finWanted && outbox.length === 0) this.sendFin()
  }

  /** {@link FlowOwner}: the peer acknowledged something, or takes more: of its window alone the library says nothing. */
  acknowledgedMore(): void {
    this.writable()
    if (this.phase === 'open' && (this.outbox.length > 0 || this.finWanted)) this.host.engine.beforeTick(this.user)
    this.conclude()
  }

  /** Both directions are over, and acknowledged: the library, which knows nothing of our FIN, does not tell of it. */
  private conclude(): void {
    if (this.phase !== 'open' || !this.finSent || !this.endCame || this.flow?.isComplete !== true) return
    this.release(true)
    this.phase = 'over'
  }

  private writable(): void {
    if (this.phase === 'open' && !this.finWanted && this.room * 3 >= this.options.sendBuffer) this.raise(WRITABLE)
  }

  shutdown(): void {
    if (this.finWanted || this.isClosed || this.phase === 'idle') return
    this.finWanted = true
    if (this.phase === 'open') this.host.engine.beforeTick(this.user)
  }

  private sendFin(): void {
    const { host, socket, flow } = this
    if (socket === null || this.finSent) return
    if (flow === null || !host.sendFin(flow)) {
      // The library puts its FIN before octets that it has not sent yet.
      if (this.bytesQueued > 0) return
      host.pico.shutdown(socket, SHUT_WRITE)
    }
    this.finSent = true
    host.engine.touch()
  }

  // ---------- ending ----------

  override close(): void {
    if (this.isClosed) return
    if (this.socket !== null && this.phase === 'open') {
      this.pull(this.options.foretaste)
      const isUnread = this.rest.length > 0
      if (isUnread && this.flow?.isSent === true) {
        this.reset()
        return
      }
    }
    this.leave(false)
  }

  reset(): void {
    if (this.isClosed) return
    const { host, socket, flow } = this
    this.outbox.clear()
    if (socket !== null && (flow === null || !host.reset(flow))) host.pico.close(socket)
    this.leave(false)
  }

  override addressRemoved(address: IpAddress): void {
    if (this.local?.equals(address) === true) this.fail('EADDRNOTAVAIL', 'read')
  }

  /** The socket is no longer the program's: what the library keeps is somebody else's business. */
  private leave(isFinished: boolean): void {
    const { host } = this
    this.release(isFinished)
    this.rest = []
    this.lower(READABLE | WRITABLE)
    this.phase = 'over'
    host.engine.touch()
    this.depart()
  }

  /** Hands the library's socket to {@link Remains}, and the port with it. */
  private release(isFinished: boolean): void {
    const { host, socket, flow, binding } = this
    this.socket = null
    this.binding = null
    if (socket !== null) new Remains(host, socket, flow, binding, isFinished, this.outbox, this.finSent)
    else if (this.flowIsMine) {
      if (flow !== null) host.flows.remove(flow)
      binding?.release()
    }
    this.flowIsMine = false
  }

  /** Nobody else accounts for the flow yet. */
  private flowIsMine = true

  // ---------- what the library says ----------

  /** @internal */
  happened(events: number, code: number): void {
    if ((events & PICO_EVENT_CONNECTION) !== 0 && this.phase === 'opening') {
      this.phase = 'open'
      this.connected()
      if (this.finWanted) this.pump()
    }
    if ((events & (PICO_EVENT_READ | PICO_EVENT_CLOSE)) !== 0 && this.phase === 'open' && this.rest.length === 0)
      this.pull(this.options.foretaste)
    if ((events & PICO_EVENT_WRITE) !== 0 && this.phase === 'open') {
      this.pump()
      this.writable()
    }
    if ((events & PICO_EVENT_ERROR) !== 0) this.failed(code)
    else if ((events & PICO_EVENT_FIN) !== 0) this.ended(code)
  }

  private connected(): void {
    this.lastUna = this.flow?.sndUna ?? 0
    this.since = this.host.scheduler.clock.now
    this.raise(WRITABLE)
  }

  /** The library is done with the connection, in peace or not: this is the last moment to read what it has. */
  private ended(code: number): void {
    const { host, flow, socket } = this
    if (this.phase === 'over' || socket === null) return
    const wasOpening = this.phase === 'opening'
    if (!wasOpening) this.pull(Number.POSITIVE_INFINITY)
    const isReset = code === ECONNRESET && (flow === null || !flow.isSent || flow.wasReset || wasOpening)
    if (code !== ECONNRESET && !wasOpening) {
      // Both directions are over, and acknowledged.
      this.endCame = true
      this.finWanted = true
      this.release(true)
      this.phase = 'over'
      this.raise(READABLE)
      return
    }
    this.socket = null
    host.engine.forget(socket, true)
    this.fail(isReset ? (wasOpening ? 'ECONNREFUSED' : 'ECONNRESET') : 'ETIMEDOUT', wasOpening ? 'connect' : 'read')
  }

  /** While opening: the library gave up, and its socket is gone. When open: nobody answers its questions, and it would go on asking. */
  private failed(code: number): void {
    const { host, socket } = this
    if (socket === null) return
    if (this.phase === 'opening') {
      const isLate = host.scheduler.clock.now - this.since > (CONNECT_TIMEOUT_MS - 5000) * 1000
      if (isLate) {
        this.socket = null
        host.engine.forget(socket, true)
      }
      this.fail(isLate ? 'ETIMEDOUT' : picoError(code, 'connect').code, 'connect')
    } else if (this.phase === 'open') this.fail('ETIMEDOUT', 'read')
  }

  /** The network said so (ICMP). An established connection does not end by that (RFC 1122 4.2.3.9). */
  reported(code: ErrorCode): void {
    if (this.phase === 'opening') this.fail(code, 'connect')
  }

  /** The socket failed: the library's side of it is ended, and everybody hears why. */
  fail(code: ErrorCode, syscall: string): void {
    const { host, socket, flow } = this
    if (this.phase === 'over' || this.isClosed) return
    if (socket !== null && this.phase === 'open') this.pull(Number.POSITIVE_INFINITY)
    this.outbox.clear()
    if (socket !== null && (flow === null || !host.reset(flow))) host.pico.close(socket)
    this.release(false)
    this.phase = 'over'
    const where = this.remote === null ? {} : { address: this.remote.toString(), port: this.remotePort }
    this.error = new NetError(code, syscall, syscall === 'connect' ? where : {})
    this.raise(READABLE | WRITABLE | ERROR)
  }

  /** Looks after what the library has no limit for. */
  check(now: number): void {
    const { flow } = this
    if (this.phase === 'opening') {
      const waited = now - this.since
      const isRemote = this.remote !== null && !this.host.isOurs(this.remote)
      if (waited > NEIGHBOR_TIMEOUT_MS * 1000 && this.socket !== null && isRemote && flow?.isSent === false) {
        this.fail('EHOSTUNREACH', 'connect')
      } else if (waited > CONNECT_TIMEOUT_MS * 1000) this.fail('ETIMEDOUT', 'connect')
    } else if (this.phase === 'open' && flow !== null) {
      if (flow.inFlight === 0 || flow.sndUna !== this.lastUna) {
        this.lastUna = flow.sndUna
        this.since = now
        this.conclude()
      } else if (now - this.since > (this.options.userTimeout || USER_TIMEOUT_MS) * 1000) this.fail('ETIMEDOUT', 'read')
    }
  }

  // ---------- options ----------

  override setOption(name: OptionName, value: number): void {
    this.options.set(name, value, this.host.limits)
    if (this.socket === null) return
    this.options.apply(this.host.pico, this.socket)
    if (name === 'noDelay' && this.phase === 'open') this.host.engine.beforeTick(this.user)
  }

  override getOption(name: OptionName): number {
    return this.options.get(name)
  }

  private refuse(code: ErrorCode, syscall: string): number {
    this.error ??= new NetError(code, syscall)
    return FAILED
  }
}

/** The library's socket of a stream; a class of its own, as {@link Pollable} is the base of the other. */
class StreamUser extends PicoUser {
  private readonly stream: StreamSocket

  constructor(stream: StreamSocket) {
    super()
    this.stream = stream
  }

  override happened(events: number, code: number): void {
    this.stream.happened(events, code)
  }

  override beforeTick(): void {
    this.stream.pump()
  }
}
