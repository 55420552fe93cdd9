/**
 * UDP sockets. The library has no fixed peers and no empty datagrams to send, answers what is too long by silence, and has groups that cannot
 * be used: that is mended here.
 *
 * @module
 */
import {
  ANY_V4,
  ANY_V6,
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
import { JoinedGroups } from '@ioth/core/groups'
import { picoPort } from '@ioth/ffi'
import { picoError } from '../errno.ts'
import type { GroupDatagram, GroupListener } from '../group-datagrams.ts'
import type { PicoInterface } from '../interface.ts'
import { checkRange, invalid, notImplemented, PicoSocket, type SocketHost } from './endpoint.ts'
import { insidePort, LibraryPort, type PortUser } from './library-port.ts'

/** Datagrams that wait here; what comes beyond is dropped, as everywhere. */
const MOST_WAITING = 1024
const SMALLEST_BUFFER = 2048
const DEFAULT_TTL = 64

interface Datagram {
  readonly octets: Uint8Array
  readonly from: IpAddress
  readonly port: number
  /** Null: the library does not say. */
  readonly to: IpAddress | null
}

export class DatagramSocket extends PicoSocket implements UdpSocket, PortUser, GroupListener {
  localPort = 0
  remotePort = 0
  private local: IpAddress | null = null
  private remote: IpAddress | null = null
  private binding: PortBinding | null = null
  /** How it is bound to a port of the stack's choice; null: to none, or to one that was asked for. */
  private choice: { readonly address: IpAddress; readonly flags: BindFlags | undefined } | null = null
  /** One for each family that it speaks. */
  private readonly halves: LibraryPort[] = []
  private readonly groups: JoinedGroups<PicoInterface> = new JoinedGroups()
  private readonly waiting: Datagram[] = []
  private octetsWaiting = 0
  private broadcast = 0
  /** 0: as the library has it. */
  private ttl = 0
  private trafficClass = 0
  private multicastTtl = 1
  private multicastLoop = 1
  /** Index of the interface that groups are sent to by; 0: as the routes say. */
  private multicastInterface = 0
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
    if (!this.isGroup(local)) this.checkLocal(local, port)
    const binding = this.host.ports.bind(17, local, port, flags)
    try {
      // Who is bound to a group hears that group; what it sends is the library's business, from anywhere.
      this.openAt(this.isGroup(local) ? anyOf(local.family) : local, binding.port)
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

  private openAt(address: IpAddress, port: number): void {
    this.halves.push(LibraryPort.open(this.host, address, port, this))
  }

  connect(address: IpAddress, port: number): void {
    const { host } = this
    if (this.isClosed) throw invalid('connect')
    const where = { address: address.toString(), port }
    if (!Number.isInteger(port) || port < 1 || port > 65535) throw invalid('connect')
    const remote = reachable(this.real(address, port, 'connect'))
    const isGroup = this.isGroup(remote)
    if (isGroup && !remote.isMulticast && this.broadcast === 0) throw new NetError('EACCES', 'connect', where)
    const source = isGroup ? this.sourceToGroup(remote) : host.sourceFor(remote)
    if (source === null) throw new NetError('ENETUNREACH', 'connect', where)
    this.bindAnywhere()
    if (this.halfFor(remote) === null) throw new NetError('ENETUNREACH', 'connect', where)
    this.remote = remote
    this.remotePort = port
    if (this.local?.isUnspecified === true) this.local = source
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
    if (this.isGroup(target)) return this.sendToGroup(from, offset, length, target, remotePort)
    if (host.sourceFor(target) === null) return this.fail('ENETUNREACH', target, remotePort)
    const half = this.halfFor(target)
    if (half === null) return this.fail('ENETUNREACH', target, remotePort)
    const inside = this.insidePort(target, remotePort)
    if (inside === null) {
      host.udpReported(this.localPort, target, remotePort, 'ECONNREFUSED')
      return length
    }
    const mark = host.marks.for(from, offset, length, this.ttl, this.trafficClass)
    host.engine.touch()
    if (mark === null) return WOULD_BLOCK
    const sent = host.pico.sendTo(half.socket, mark, mark.length, toBytes(target), picoPort(inside))
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
      const { octets, port } = next
      const from = this.shown(next.from) as IpAddress
      if (!sink.datagram(octets, 0, octets.length, from, port, this.shown(next.to) ?? undefined)) break
    }
    if (this.waiting.length === 0 && this.pending === null) this.lower(READABLE)
    return count === 0 ? WOULD_BLOCK : count
  }

  join(group: IpAddress, on: Interface | null, source?: IpAddress): void {
    const isFitting = group.isMulticast && group.family === this.family
    const isFrom = source === undefined || (source.family === this.family && !this.isGroup(source))
    if (this.isClosed || !isFitting || !isFrom) throw new NetError('EINVAL', 'join', { address: group.toString() })
    const chosen = this.interfaceFor(group, on, 'join')
    this.groups.join(group, chosen, source ?? null, chosen.groups.memberships(group.family))
  }

  leave(group: IpAddress, on: Interface | null, source?: IpAddress): void {
    this.groups.leave(group, this.interfaceFor(group, on, 'leave'), source ?? null)
  }

  override close(): void {
    if (this.isClosed) return
    this.groups.drop(() => true)
    this.closeHalves()
    this.waiting.length = 0
    this.binding?.release()
    this.lower(READABLE | WRITABLE)
    this.depart()
  }

  private closeHalves(): void {
    for (const half of this.halves.splice(0)) half.leave(this)
  }

  override addressRemoved(address: IpAddress): void {
    if (this.binding?.address.equals(address) === true) this.closeHalves()
  }

  // ---------- what arrives ----------

  scoreOf(from: IpAddress, port: number): number {
    const { remote, local } = this
    // Bound to a group: what is for us alone is not for it.
    if (local !== null && this.isGroup(local)) return -1
    if (remote === null) return 0
    return this.remotePort === port && remote.equals(from) ? 1 : -1
  }

  wants({ on, from, fromPort, to }: GroupDatagram): boolean {
    const { remote, local, groups } = this
    if (local === null || (remote !== null && !(this.remotePort === fromPort && remote.equals(from)))) return false
    // Of the wildcards, that of IPv6 may be one for both families.
    const isDual = local.isUnspecified && local.family === 6 && this.family === 6 && !this.ipv6Only
    const isBound = local.isUnspecified ? local.family === to.family || isDual : local.equals(to)
    if (!isBound) return false
    // Whoever names sources gets those; whoever did not join hears what others of this host joined, as on Linux.
    let isMember = false
    for (const known of groups.list) {
      if (known.on !== on || !known.group.equals(to)) continue
      if (known.source === null || known.source.equals(from)) return true
      isMember = true
    }
    return !isMember
  }

  deliver(octets: Uint8Array, from: IpAddress, port: number, to: IpAddress | null = null): boolean {
    if (this.octetsWaiting + octets.length > this.receiveBuffer || this.waiting.length >= MOST_WAITING) return false
    this.octetsWaiting += octets.length
    this.waiting.push({ octets, from, port, to })
    this.raise(READABLE)
    return true
  }

  /** The network said that a datagram of ours did not arrive (ICMP). Only a fixed peer makes that somebody's business. */
  reported(code: ErrorCode, to: IpAddress, port: number): void {
    if (this.remote === null || this.remotePort !== port || !this.remote.equals(to)) return
    this.pending = code
    this.raise(READABLE | ERROR)
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
    else if (name === 'ttl') this.ttl = checkRange(name, value, 1, 255)
    else if (name === 'trafficClass') this.trafficClass = checkRange(name, value, 0, 255)
    else if (name === 'multicastTtl') this.multicastTtl = checkRange(name, value, 0, 255)
    else if (name === 'multicastLoop') this.multicastLoop = checkRange(name, value, 0, 1)
    else if (name === 'multicastInterface') this.multicastInterface = this.checkInterface(value)
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
    if (name === 'ttl') return this.ttl || DEFAULT_TTL
    if (name === 'trafficClass') return this.trafficClass
    if (name === 'multicastTtl') return this.multicastTtl
    if (name === 'multicastLoop') return this.multicastLoop
    if (name === 'multicastInterface') return this.multicastInterface
    if (name === 'receiveBuffer') return this.receiveBuffer
    if (name === 'sendBuffer') return this.host.limits.maxDatagram
    throw notImplemented(`the option ${name} on a UDP socket`)
  }

  // ---------- inside ----------

  private bindAnywhere(): void {
    if (this.binding === null) this.bind(this.choice?.address ?? this.wildcard, 0, this.choice?.flags)
  }

  /** The library's socket that speaks to this address. */
  private halfFor(target: IpAddress): LibraryPort | null {
    return this.halves.find(({ address }) => address.family === target.family) ?? null
  }

  /** Whether more than one station has the address. */
  private isGroup(address: IpAddress): boolean {
    return address.isMulticast || this.host.isBroadcast(address)
  }

  /** To ourselves the library goes without a frame, on which the port could be changed. @returns null: nobody is there. */
  private insidePort(target: IpAddress, port: number): number | null {
    const { host } = this
    if (!host.isOurs(target)) return port
    return insidePort(host.libraryPorts, target, port)
  }

  private sendToGroup(from: Uint8Array, offset: number, length: number, to: IpAddress, port: number): number {
    const { host, multicastTtl, ttl, trafficClass } = this
    const isMulticast = to.isMulticast
    if (!isMulticast && this.broadcast === 0) return this.fail('EACCES', to, port)
    const on = this.groupInterface(to)
    const source = this.sourceToGroup(to)
    if (on === null || source === null || this.halfFor(to) === null) return this.fail('ENETUNREACH', to, port)
    return host.groups.send({
      on,
      from: source,
      fromPort: this.localPort,
      to: to.withScope(0),
      port,
      octets: from.slice(offset, offset + length),
      ttl: isMulticast ? multicastTtl : ttl || DEFAULT_TTL,
      trafficClass,
      isLooped: !isMulticast || this.multicastLoop === 1,
    })
  }

  /** What others see a datagram to a group come from. */
  private sourceToGroup(group: IpAddress): IpAddress | null {
    const { local } = this
    if (local !== null && !local.isUnspecified && !this.isGroup(local)) return local
    return this.groupInterface(group)?.sourceTo(group) ?? null
  }

  private groupInterface(group: IpAddress): PicoInterface | null {
    const { host, multicastInterface } = this
    if (!group.isMulticast || multicastInterface === 0) return host.groupInterface(group)
    return host.interfaces.find(({ index }) => index === multicastInterface) ?? null
  }

  private checkInterface(index: number): number {
    const isThere = index === 0 || this.host.interfaces.some((on) => on.index === index)
    if (!isThere) throw invalid('setsockopt', `no interface has the index ${index}`)
    return index
  }

  private interfaceFor(group: IpAddress, on: Interface | null, syscall: string): PicoInterface {
    const chosen =
      on === null
        ? this.groupInterface(this.scoped(group, syscall))
        : this.host.interfaces.find(({ index }) => index === on.index)
    if (chosen == null || this.family !== group.family)
      throw new NetError('ENODEV', syscall, { address: group.toString() })
    return chosen
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

function anyOf(family: 4 | 6): IpAddress {
  return family === 4 ? ANY_V4 : ANY_V6
}
