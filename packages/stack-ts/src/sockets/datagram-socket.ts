/**
 * UDP sockets: the contract's calls on top of `udp/`.
 *
 * @module
 */
import {
  type BindFlags,
  type DatagramSink,
  ERROR,
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
  type UdpSocket,
  WOULD_BLOCK,
  WRITABLE,
} from '@ioth/core'
import { JoinedGroups } from '@ioth/core/groups'
import type { NetInterface } from '../ip/interface.ts'
import type { Network, Unreachable } from '../ip/network.ts'
import type { Packet } from '../ip/packet.ts'
import type { Path } from '../link/path.ts'
import { type EndpointUser, UdpEndpoint } from '../udp/endpoint.ts'
import { checkRange, invalid, notImplemented, type SocketHost, StackSocket } from './endpoint.ts'

const SMALLEST_BUFFER = 1024

/** The way of the last datagram. One object for each socket, filled again for another destination. */
interface Route {
  remote: IpAddress
  path: Path
  source: IpAddress
  network: Network
  /** Of addresses and routes when it was found; {@link UNFIT}: not for the next datagram. */
  generation: number
}

const UNFIT = -1

export class DatagramSocket extends StackSocket implements UdpSocket, EndpointUser {
  private endpoint: UdpEndpoint | null = null
  private binding: PortBinding | null = null
  /** How it is bound to a port of the stack's choice; null: to none, or to one that was asked for. */
  private choice: { readonly address: IpAddress; readonly flags: BindFlags | undefined } | null = null
  /** 0: what the network says. */
  private ttl = 0
  private trafficClass = 0
  private broadcast = 0
  private multicastTtl = 1
  private multicastLoop = 1
  /** Index of the interface that groups are sent to by; 0: as the routes say. */
  private multicastInterface = 0
  private readonly groups: JoinedGroups<NetInterface> = new JoinedGroups()
  private route: Route | null = null
  /** Made for a socket of IPv6 that takes IPv4, too. */
  private mapping: MappingSink | null = null
  private receiveBuffer: number
  /** An ICMP error that has not been told. */
  private pending: Unreachable | null = null

  constructor(host: SocketHost, family: 4 | 6) {
    super(host, family)
    this.receiveBuffer = host.limits.receiveBuffer
    this.raise(WRITABLE)
  }

  override get localAddress(): IpAddress | null {
    const { endpoint, binding, choice } = this
    return this.shown(endpoint?.address ?? binding?.address ?? choice?.address ?? null)
  }

  override get localPort(): number {
    return this.binding?.port ?? 0
  }

  override get remoteAddress(): IpAddress | null {
    return this.shown(this.endpoint?.remote ?? null)
  }

  override get remotePort(): number {
    return this.endpoint?.remotePort ?? 0
  }

  override get info(): SocketInfo {
    return { endpoint: this, transport: 'udp', state: '' }
  }

  override bind(address: IpAddress, port: number, flags?: BindFlags): void {
    if (this.binding !== null || this.isClosed) throw invalid('bind')
    const { host } = this
    if (flags?.ipv6Only === true) this.ipv6Only = this.family === 6
    const real = this.real(address, port, 'bind')
    const network = this.networkOf(real)
    const isGroup = real.isMulticast || network.isGroup(real)
    if (!isGroup) this.checkLocal(real, port)
    this.binding = host.ports.bind(17, real, port, flags)
    const families = {
      v4: real.family === 4 || (real.isUnspecified && !this.ipv6Only),
      v6: real.family === 6,
    }
    this.choice = port === 0 ? { address, flags } : null
    if (this.endpoint === null) {
      this.endpoint = new UdpEndpoint(families, host.tcp.pool, this.binding.port, this.receiveBuffer, this)
    } else this.endpoint.move(families, this.binding.port)
    this.endpoint.settle(real.isUnspecified ? null : real, network)
    host.udp.add(this.endpoint)
  }

  connect(address: IpAddress, port: number): void {
    if (this.isClosed) throw invalid('connect')
    const where = { address: address.toString(), port }
    if (!Number.isInteger(port) || port < 1 || port > 65535) throw invalid('connect')
    const remote = reachable(this.real(address, port, 'connect'))
    const network = this.networkOf(remote)
    const isGroup = network.isGroup(remote)
    if (isGroup && this.isForbidden(remote)) throw new NetError('EACCES', 'connect', where)
    const source = this.sourceTowards(remote, isGroup)
    if (source === null || this.pathTo(remote, isGroup) === null) throw new NetError('ENETUNREACH', 'connect', where)
    const endpoint = this.bound()
    if (!this.isOpenTo(remote)) throw new NetError('ENETUNREACH', 'connect', where)
    // As on Linux: a connected socket has one address; what else comes for its port is not its business.
    this.forgetRoute()
    if (this.isWildcard) endpoint.settle(source, network)
    endpoint.fix(remote, port, network)
  }

  disconnect(): void {
    const { endpoint } = this
    if (endpoint?.remote == null) throw new NetError('ENOTCONN', 'disconnect')
    this.forgetRoute()
    if (this.isWildcard) endpoint.settle(null, this.host.ip)
    endpoint.fix(null, 0, null)
    if (this.choice === null) return
    // As on Linux: the next one who sends from here gets another port.
    this.host.udp.remove(endpoint)
    this.binding?.release()
    this.binding = null
  }

  send(from: Uint8Array, offset: number, length: number, to: IpAddress | null, port: number): number {
    const { host } = this
    if (this.isClosed) return this.fail('EBADF')
    if (this.pending !== null) return this.tellPending('send')
    const endpoint = this.bound()
    const remotePort = to === null ? endpoint.remotePort : port
    if (to !== null && endpoint.remote !== null) return this.fail('EISCONN')
    if (to !== null && (remotePort < 1 || remotePort > 65535)) return this.fail('EINVAL', to, remotePort)
    const target = to ?? endpoint.remote
    if (target === null) return this.fail('EDESTADDRREQ')
    if (length > host.limits.maxDatagram) return this.fail('EMSGSIZE', target, remotePort)
    // The fixed peer of a socket of IPv6 may be IPv4; a destination that is given has to be of the socket's family.
    const isPeer = to === null
    if (!((isPeer || this.family === 4) && this.isRouted(target)) && !this.findRoute(target, remotePort, isPeer)) {
      return FAILED
    }
    const { remote, path, source, network } = this.route as Route
    if (path.room <= Math.ceil(length / path.mtu) + 1) {
      this.lower(WRITABLE)
      host.udp.awaitRoom(endpoint)
      return WOULD_BLOCK
    }
    const ttl = remote.isMulticast ? this.multicastTtl : this.ttl || network.hopLimit
    const { trafficClass } = this
    const isSent = host.udp.send(
      network,
      path,
      source,
      endpoint.port,
      remote,
      remotePort,
      ttl,
      trafficClass,
      from,
      offset,
      length,
    )
    return isSent ? length : this.fail('ENOBUFS', remote, remotePort)
  }

  receive(max: number, sink: DatagramSink): number {
    const { endpoint } = this
    if (this.pending !== null) return this.tellPending('recvmsg')
    if (endpoint === null || endpoint.count === 0) {
      this.lower(READABLE)
      return WOULD_BLOCK
    }
    try {
      if (!endpoint.families.v4 || this.family === 4) return endpoint.take(max, sink)
      this.mapping ??= new MappingSink()
      return endpoint.take(max, this.mapping.before(sink))
    } finally {
      if (endpoint.count === 0 && this.pending === null) this.lower(READABLE)
    }
  }

  join(group: IpAddress, on: Interface | null, source?: IpAddress): void {
    const where = { address: group.toString() }
    const network = this.networkOf(group)
    const isFitting = group.isMulticast && group.family === this.family
    const isFrom = source === undefined || (source.family === this.family && !network.isGroup(source))
    if (this.isClosed || !isFitting || !isFrom) throw new NetError('EINVAL', 'join', where)
    const chosen = this.interfaceFor(group, on, 'join')
    this.groups.join(group, chosen, source ?? null, network.memberships(chosen))
  }

  leave(group: IpAddress, on: Interface | null, source?: IpAddress): void {
    this.groups.leave(group, this.interfaceFor(group, on, 'leave'), source ?? null)
  }

  override close(): void {
    if (this.isClosed) return
    this.groups.drop(() => true)
    if (this.endpoint !== null) {
      this.host.udp.remove(this.endpoint)
      this.endpoint.clear()
      this.endpoint = null
    }
    this.binding?.release()
    this.choice = null
    this.depart()
  }

  // ---------- what the endpoint says ----------

  readable(): void {
    this.raise(READABLE)
  }

  writable(): void {
    this.raise(WRITABLE)
  }

  reported(code: Unreachable): void {
    this.pending = code
    this.raise(READABLE | ERROR)
  }

  /** Whoever names sources gets those; whoever did not join hears what others of this host joined, as on Linux. */
  wants(packet: Packet): boolean {
    const { list } = this.groups
    if (list.length === 0) return true
    const { network, source, destination } = packet
    let isMember = false
    for (const known of list) {
      if (known.on !== packet.interface || network.keyOf(known.group) !== destination) continue
      if (known.source === null || network.keyOf(known.source) === source) return true
      isMember = true
    }
    return !isMember
  }

  // ---------- options ----------

  override setOption(name: OptionName, value: number): void {
    if (name === 'ttl') this.ttl = checkRange(name, value, 1, 255)
    else if (name === 'trafficClass') this.trafficClass = checkRange(name, value, 0, 255)
    else if (name === 'broadcast') this.broadcast = checkRange(name, value, 0, 1)
    else if (name === 'multicastTtl') this.multicastTtl = checkRange(name, value, 0, 255)
    else if (name === 'multicastLoop') this.multicastLoop = checkRange(name, value, 0, 1)
    else if (name === 'multicastInterface') this.multicastInterface = this.checkInterface(value)
    else if (name === 'receiveBuffer') {
      const size = checkRange(name, value, SMALLEST_BUFFER, 0x3fffffff)
      this.receiveBuffer = Math.min(size, this.host.limits.receiveBuffer)
      if (this.endpoint !== null) this.endpoint.limit = this.receiveBuffer
    } else if (name === 'sendBuffer') checkRange(name, value, SMALLEST_BUFFER, 0x3fffffff)
    else throw notImplemented(`the option ${name} on a UDP socket`)
  }

  override getOption(name: OptionName): number {
    if (name === 'ttl') return this.ttl || this.host.ip.hopLimit
    if (name === 'trafficClass') return this.trafficClass
    if (name === 'broadcast') return this.broadcast
    if (name === 'multicastTtl') return this.multicastTtl
    if (name === 'multicastLoop') return this.multicastLoop
    if (name === 'multicastInterface') return this.multicastInterface
    if (name === 'receiveBuffer') return this.receiveBuffer
    if (name === 'sendBuffer') return this.host.limits.maxDatagram
    throw notImplemented(`the option ${name} on a UDP socket`)
  }

  // ---------- inside ----------

  /** Whether the way of the datagram before serves for this one: to the same host, while nothing changed in between. */
  private isRouted(target: IpAddress): boolean {
    const { route } = this
    if (route === null || this.family !== 4 || target.family !== 4) return false
    if (target.w3 !== route.remote.w3 || !route.path.valid) return false
    return route.generation === this.host.ip.generation
  }

  /** Finds the way to a destination. @returns false, with the error set, when there is none. */
  private findRoute(target: IpAddress, port: number, isPeer: boolean): boolean {
    this.forgetRoute()
    let remote: IpAddress
    try {
      remote = isPeer ? target : reachable(this.real(target, port, 'send'))
    } catch (error) {
      this.error = error as NetError
      return false
    }
    if (!this.isOpenTo(remote)) return this.refuse('ENETUNREACH', remote, port)
    const network = this.networkOf(remote)
    const isGroup = network.isGroup(remote)
    if (isGroup && this.isForbidden(remote)) return this.refuse('EACCES', remote, port)
    const path = this.pathTo(remote, isGroup)
    const source = this.sourceTowards(remote, isGroup)
    if (path === null || source === null) return this.refuse('ENETUNREACH', remote, port)
    // A datagram from 127.0.0.1 could not leave.
    if (source.isLoopback && !network.isOurs(remote)) return this.refuse('EINVAL', remote, port)
    // Groups follow options, and routers of IPv6 come and go: those are looked up each time.
    const generation = isGroup || remote.family === 6 ? UNFIT : this.host.ip.generation
    const { route } = this
    if (route === null) {
      this.route = { remote, path, source, network, generation }
      return true
    }
    route.remote = remote
    route.path = path
    route.source = source
    route.network = network
    route.generation = generation
    return true
  }

  private forgetRoute(): void {
    if (this.route !== null) this.route.generation = UNFIT
  }

  private get isWildcard(): boolean {
    return this.binding?.address.isUnspecified === true
  }

  /** A socket that is bound to an address reaches its family; one that is not, those it takes datagrams of. */
  private isOpenTo(remote: IpAddress): boolean {
    const { address, families } = this.endpoint as UdpEndpoint
    if (address !== null) return address.family === remote.family
    return remote.family === 4 ? families.v4 : families.v6
  }

  /** Whether everybody would hear it, and the socket did not ask for that. */
  private isForbidden(group: IpAddress): boolean {
    return this.broadcast === 0 && !group.isMulticast
  }

  private pathTo(remote: IpAddress, isGroup: boolean): Path | null {
    const network = this.networkOf(remote)
    if (!isGroup) return network.findPath(remote)
    const on = this.groupInterface(remote)
    if (on === null) return null
    // Nobody else hears a group packet that may not make a single hop (RFC 1112 6.1); a broadcast always loops.
    if (remote.isMulticast) return network.groupPath(remote, on, this.multicastTtl > 0, this.multicastLoop === 1)
    return network.groupPath(remote, on, true, true)
  }

  private sourceTowards(remote: IpAddress, isGroup: boolean): IpAddress | null {
    const network = this.networkOf(remote)
    const own = this.endpoint?.address ?? null
    // A socket that is bound to a group receives by it; what it sends has a source of its own.
    if (own !== null && !network.isGroup(own)) return own
    if (!isGroup) return network.sourceFor(remote)
    const on = this.groupInterface(remote)
    return on === null ? null : network.sourceOn(on, remote)
  }

  private groupInterface(group: IpAddress): NetInterface | null {
    if (group.isMulticast && this.multicastInterface !== 0) {
      return this.interfaceAt(this.multicastInterface)
    }
    return this.networkOf(group).groupInterface(group)
  }

  private interfaceAt(index: number): NetInterface | null {
    return this.host.interfaces.find((candidate) => candidate.index === index) ?? null
  }

  private checkInterface(index: number): number {
    if (index !== 0 && this.interfaceAt(index) === null)
      throw invalid('setsockopt', `no interface has the index ${index}`)
    return index
  }

  private interfaceFor(group: IpAddress, on: Interface | null, syscall: string): NetInterface {
    const { host } = this
    const { interfaces } = host
    const chosen =
      on === null
        ? this.groupInterface(host.scoped(group, syscall))
        : interfaces.find((candidate) => candidate.index === on.index)
    if (chosen == null || (on !== null && this.family !== group.family)) {
      throw new NetError('ENODEV', syscall, { address: group.toString() })
    }
    return chosen
  }

  private bound(): UdpEndpoint {
    if (this.binding === null) this.bind(this.choice?.address ?? this.wildcard, 0, this.choice?.flags)
    return this.endpoint as UdpEndpoint
  }

  private tellPending(syscall: string): number {
    const code = this.pending as Unreachable
    this.pending = null
    this.lower(ERROR)
    if (this.endpoint?.count === 0) this.lower(READABLE)
    this.error = new NetError(code, syscall, {
      address: String(this.endpoint?.remote),
      port: this.endpoint?.remotePort ?? 0,
    })
    return FAILED
  }

  private refuse(code: NetError['code'], address: IpAddress, port: number): boolean {
    this.fail(code, address, port)
    return false
  }

  private fail(code: NetError['code'], address?: IpAddress, port?: number): number {
    const where = address === undefined ? {} : { address: address.toString(), port: port ?? 0 }
    this.error = new NetError(code, 'send', where)
    return FAILED
  }
}

/** As everywhere: "any" as a destination is this host. */
function reachable(remote: IpAddress): IpAddress {
  if (!remote.isUnspecified) return remote
  return remote.family === 4 ? LOOPBACK_V4 : LOOPBACK_V6
}

/** Shows IPv4 addresses in their mapped form. */
class MappingSink implements DatagramSink {
  private sink: DatagramSink | null = null

  before(sink: DatagramSink): this {
    this.sink = sink
    return this
  }

  datagram(bytes: Uint8Array, at: number, length: number, from: IpAddress, port: number, to: IpAddress): boolean {
    return (this.sink as DatagramSink).datagram(bytes, at, length, from.mapped(), port, to.mapped())
  }
}
