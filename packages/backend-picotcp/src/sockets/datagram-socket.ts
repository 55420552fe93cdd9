/**
 * UDP sockets. The library has no fixed peers and no empty datagrams to send, and answers what is too long by silence: that is mended here.
 *
 * @module
 */
import {
  ANY_V4,
  type BindFlags,
  type DatagramSink,
  ERROR,
  type ErrorCode,
  FAILED,
  type Interface,
  type IpAddress,
  LOOPBACK_V4,
  LOOPBACK_V6,
  NetError,
  type OptionName,
  type PortBinding,
  READABLE,
  type SocketInfo,
  toBytes,
  type UdpSocket,
  WOULD_BLOCK,
  WRITABLE,
} from '@ioth/core'
import { PICO_EVENT_READ, picoPort } from '@ioth/ffi'
import { OPTION_RECEIVE_BUFFER, type Pointer, PROTO_UDP } from '../bindings.ts'
import { PicoUser } from '../engine.ts'
import { picoError } from '../errno.ts'
import {
  addressFrom,
  bindPico,
  checkRange,
  invalid,
  notImplemented,
  openPico,
  optionValue,
  PicoSocket,
  type SocketHost,
} from './endpoint.ts'

/** What the library reads at most: with less, the rest of a datagram would be the next one. */
const WHOLE_DATAGRAM = 65_535
/** Datagrams and octets that wait here; what comes beyond is dropped, as everywhere. */
const MOST_WAITING = 1024
const SMALLEST_BUFFER = 2048
/** Of the library's, which holds what comes between two ticks. By default it holds ten frames. */
const LIBRARY_BUFFER = 256 * 1024

interface Datagram {
  readonly octets: Uint8Array
  readonly from: IpAddress
  readonly port: number
}

/** One socket of the library, for one family. */
interface Half {
  readonly socket: Pointer
  readonly family: 4 | 6
  readonly address: IpAddress
  /** Its port inside the library. */
  readonly port: number
}

export class DatagramSocket extends PicoSocket implements UdpSocket {
  localPort = 0
  remotePort = 0
  private local: IpAddress | null = null
  private remote: IpAddress | null = null
  private binding: PortBinding | null = null
  /** How it is bound to a port of the stack's choice; null: to none, or to one that was asked for. */
  private choice: { readonly address: IpAddress; readonly flags: BindFlags | undefined } | null = null
  private readonly halves: Half[] = []
  private readonly user: DatagramUser = new DatagramUser(this)
  private readonly waiting: Datagram[] = []
  private octetsWaiting = 0
  private broadcast = 0
  private receiveBuffer: number
  private pending: ErrorCode | null = null

  constructor(host: SocketHost, family: 4 | 6) {
    super(host, family)
    this.receiveBuffer = host.limits.receiveBuffer
    this.ready = WRITABLE
  }

  override get localAddress(): IpAddress | null {
    return this.shown(this.local)
  }

  override get remoteAddress(): IpAddress | null {
    return this.shown(this.remote)
  }

  override get info(): SocketInfo {
    return { endpoint: this, transport: 'udp', state: '' }
  }

  override bind(address: IpAddress, port: number, flags?: BindFlags): void {
    if (this.binding !== null || this.isClosed) throw invalid('bind')
    if (flags?.ipv6Only === true) this.ipv6Only = this.family === 6
    const local = this.real(address, port, 'bind')
    this.checkLocal(local, port)
    // The library has one socket for a port: sharing it is not possible.
    const binding = this.host.ports.bind(17, local, port, { ...flags, reuse: false })
    try {
      this.openAt(local, binding.port)
      const isDual = this.family === 6 && !this.ipv6Only && local.isUnspecified && local.family === 6
      if (isDual) this.openAt(ANY_V4, binding.port)
    } catch (error) {
      this.closeHalves()
      binding.release()
      throw error
    }
    this.binding = binding
    this.choice = port === 0 ? { address, flags } : null
    this.local = local
    this.localPort = binding.port
  }

  /** IPv6 gets a port of its own inside the library: see `port-aliases.ts`. @throws NetError EADDRINUSE */
  private openAt(address: IpAddress, port: number): void {
    const { host } = this
    const { family } = address
    const socket = openPico(host, family, PROTO_UDP)
    const shared = host.datagramPorts.get(port)
    const inside = family === 4 ? port : (shared ?? host.udpAliases.take(port))
    if (!bindPico(host, socket, address, inside, 'bind')) {
      host.pico.close(socket)
      if (inside !== shared) host.udpAliases.release(inside)
      throw new NetError('EADDRINUSE', 'bind', { address: address.toString(), port })
    }
    if (inside === shared) host.udpAliases.retain(inside)
    if (family === 6) host.datagramPorts.set(port, inside)
    host.pico.setOption(socket, OPTION_RECEIVE_BUFFER, optionValue(LIBRARY_BUFFER))
    host.engine.register(socket, this.user, false)
    this.halves.push({ socket, family, address, port: inside })
  }

  connect(address: IpAddress, port: number): void {
    const { host } = this
    if (this.isClosed) throw invalid('connect')
    const where = { address: address.toString(), port }
    if (!Number.isInteger(port) || port < 1 || port > 65535) throw invalid('connect')
    const remote = reachable(this.real(address, port, 'connect'))
    if (host.isBroadcast(remote) && this.broadcast === 0) throw new NetError('EACCES', 'connect', where)
    const source = remote.isMulticast ? null : host.sourceFor(remote)
    if (source === null && !host.isBroadcast(remote)) throw new NetError('ENETUNREACH', 'connect', where)
    this.bindAnywhere()
    if (this.halfFor(remote) === null) throw new NetError('ENETUNREACH', 'connect', where)
    this.remote = remote
    this.remotePort = port
    if (this.local?.isUnspecified === true && source !== null) this.local = source
    this.pending = null
    this.dropOthers()
  }

  disconnect(): void {
    if (this.remote === null) throw new NetError('ENOTCONN', 'disconnect')
    this.remote = null
    this.remotePort = 0
    this.local = this.binding?.address ?? null
    if (this.choice === null) return
    // As on Linux: the next one who sends from here gets another port.
    this.closeHalves()
    this.binding?.release()
    this.binding = null
    this.localPort = 0
  }

  send(from: Uint8Array, offset: number, length: number, to: IpAddress | null, port: number): number {
    const { host } = this
    if (this.isClosed) return this.fail('EBADF')
    if (this.pending !== null) return this.tellPending('send')
    this.bindAnywhere()
    if (to !== null && this.remote !== null) return this.fail('EISCONN')
    const remotePort = to === null ? this.remotePort : port
    if (to !== null && !(remotePort >= 1 && remotePort <= 65535)) return this.fail('EINVAL', to, remotePort)
    let target = this.remote
    if (to !== null) {
      try {
        target = reachable(this.real(to, port, 'send'))
      } catch (error) {
        this.error = error as NetError
        return FAILED
      }
    }
    if (target === null) return this.fail('EDESTADDRREQ')
    if (length > host.limits.maxDatagram) return this.fail('EMSGSIZE', target, remotePort)
    const isBroadcast = host.isBroadcast(target)
    if (isBroadcast && this.broadcast === 0) return this.fail('EACCES', target, remotePort)
    if (target.isMulticast || (!isBroadcast && host.sourceFor(target) === null)) {
      return this.fail('ENETUNREACH', target, remotePort)
    }
    const half = this.halfFor(target)
    if (half === null) return this.fail('ENETUNREACH', target, remotePort)
    const mark = host.marks.for(from, offset, length)
    host.engine.touch()
    if (mark === null) return WOULD_BLOCK
    const sent = host.pico.sendTo(half.socket, mark, mark.length, toBytes(target), picoPort(remotePort))
    if (sent >= mark.length) return length
    host.marks.takeBack()
    if (sent >= 0) return WOULD_BLOCK
    const { code } = picoError(host.pico.error(), 'send')
    return code === 'EAGAIN' || code === 'ENOMEM' ? WOULD_BLOCK : this.fail(code, target, remotePort)
  }

  receive(max: number, sink: DatagramSink): number {
    if (this.pending !== null) return this.tellPending('recvmsg')
    let count = 0
    while (count < max) {
      const next = this.waiting.shift()
      if (next === undefined) break
      this.octetsWaiting -= next.octets.length
      count++
      const from = this.shown(next.from) as IpAddress
      if (!sink.datagram(next.octets, 0, next.octets.length, from, next.port)) break
    }
    if (this.waiting.length === 0 && this.pending === null) this.lower(READABLE)
    return count === 0 ? WOULD_BLOCK : count
  }

  join(_group: IpAddress, _on: Interface | null, _source?: IpAddress): void {
    throw notImplemented('multicast')
  }

  leave(_group: IpAddress, _on: Interface | null, _source?: IpAddress): void {
    throw notImplemented('multicast')
  }

  override close(): void {
    if (this.isClosed) return
    this.closeHalves()
    this.waiting.length = 0
    this.binding?.release()
    this.lower(READABLE | WRITABLE)
    this.depart()
  }

  private closeHalves(): void {
    const { host } = this
    for (const { socket, family, port } of this.halves.splice(0)) {
      host.engine.forget(socket, false)
      host.pico.close(socket)
      const real = host.udpAliases.real(port)
      host.udpAliases.release(port)
      if (family === 6 && host.udpAliases.real(port) === port) host.datagramPorts.delete(real)
    }
    host.engine.touch()
  }

  override addressRemoved(address: IpAddress): void {
    if (this.binding?.address.equals(address) === true) this.closeHalves()
  }

  // ---------- what the library says ----------

  /** @internal */
  happened(events: number, socket: Pointer): void {
    const half = this.halves.find((candidate) => candidate.socket === socket)
    if ((events & PICO_EVENT_READ) === 0 || half === undefined) return
    this.takeAll(half)
    if (this.waiting.length > 0) this.raise(READABLE)
  }

  /** The network said that a datagram of ours did not arrive (ICMP). Only a fixed peer makes that somebody's business. */
  reported(code: ErrorCode, to: IpAddress, port: number): void {
    if (this.remote === null || this.remotePort !== port || !this.remote.equals(to)) return
    this.pending = code
    this.raise(READABLE | ERROR)
  }

  private takeAll({ socket, family }: Half): void {
    const { host } = this
    const { scratch } = host
    const address = new Uint8Array(16)
    const port = new Uint8Array(2)
    for (let taken = 0; taken < MOST_WAITING; taken++) {
      port.fill(0)
      const length = host.pico.receiveFrom(socket, scratch, WHOLE_DATAGRAM, address, port)
      // An empty datagram has a sender, and nothing at all has none.
      if (length < 0 || (length === 0 && port[0] === 0 && port[1] === 0)) return
      const from = addressFrom(address, family)
      const fromPort = ((port[0] as number) << 8) | (port[1] as number)
      if (this.remote !== null && !(this.remotePort === fromPort && this.remote.equals(from))) continue
      if (this.octetsWaiting + length > this.receiveBuffer || this.waiting.length >= MOST_WAITING) continue
      // What the library handed to itself did not pass by where marks are replaced.
      const octets = host.marks.isMark(scratch, 0, length)
        ? host.marks.behind(scratch, 0, false)
        : scratch.slice(0, length)
      if (octets === null) continue
      this.octetsWaiting += octets.length
      this.waiting.push({ octets, from, port: fromPort })
    }
  }

  /** Those of others that came before the peer was fixed. */
  private dropOthers(): void {
    const kept = this.waiting.filter(({ from, port }) => this.remote?.equals(from) === true && port === this.remotePort)
    this.waiting.splice(0, this.waiting.length, ...kept)
    this.octetsWaiting = kept.reduce((sum, { octets }) => sum + octets.length, 0)
    if (kept.length === 0) this.lower(READABLE)
  }

  // ---------- options ----------

  override setOption(name: OptionName, value: number): void {
    if (name === 'broadcast') this.broadcast = checkRange(name, value, 0, 1)
    else if (name === 'receiveBuffer') {
      this.receiveBuffer = Math.min(
        checkRange(name, value, SMALLEST_BUFFER, 0x3fffffff),
        this.host.limits.receiveBuffer,
      )
    } else if (name === 'sendBuffer') checkRange(name, value, SMALLEST_BUFFER, 0x3fffffff)
    else throw notImplemented(`the option ${name} on a UDP socket`)
  }

  override getOption(name: OptionName): number {
    if (name === 'broadcast') return this.broadcast
    if (name === 'receiveBuffer') return this.receiveBuffer
    if (name === 'sendBuffer') return this.host.limits.maxDatagram
    throw notImplemented(`the option ${name} on a UDP socket`)
  }

  // ---------- inside ----------

  private bindAnywhere(): void {
    if (this.binding === null) this.bind(this.choice?.address ?? this.wildcard, 0, this.choice?.flags)
  }

  /** The library's socket that speaks to this address. */
  private halfFor(target: IpAddress): Half | null {
    return this.halves.find(({ family }) => family === target.family) ?? null
  }

  private tellPending(syscall: string): number {
    const code = this.pending as ErrorCode
    this.pending = null
    this.lower(ERROR)
    if (this.waiting.length === 0) this.lower(READABLE)
    const where = this.remote === null ? {} : { address: this.remote.toString(), port: this.remotePort }
    this.error = new NetError(code, syscall, where)
    return FAILED
  }

  private fail(code: ErrorCode, address?: IpAddress, port?: number): number {
    this.error = new NetError(
      code,
      'send',
      address === undefined ? {} : { address: address.toString(), port: port ?? 0 },
    )
    return FAILED
  }
}

/** As everywhere: "any" as a destination is this host. */
function reachable(remote: IpAddress): IpAddress {
  if (!remote.isUnspecified) return remote
  return remote.family === 4 ? LOOPBACK_V4 : LOOPBACK_V6
}

class DatagramUser extends PicoUser {
  private readonly datagrams: DatagramSocket

  constructor(datagrams: DatagramSocket) {
    super()
    this.datagrams = datagrams
  }

  override happened(events: number, _code: number, socket: Pointer): void {
    this.datagrams.happened(events, socket)
  }
}
