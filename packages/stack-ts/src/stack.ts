/**
 * The stack: builds the layers and joins them. No protocol logic here.
 *
 * @module
 */
import {
  AbortError,
  Alarm,
  ANY_V6,
  type Capabilities,
  type Clock,
  checkPing,
  createPortTable,
  ETHERTYPE_IP4,
  ETHERTYPE_IP6,
  EventQueue,
  type FramePool,
  holdDuring,
  type Interface,
  type InterfaceOptions,
  type IpAddress,
  inPrefix,
  type Limits,
  type Link,
  type LinkState,
  type MovedConnection,
  type Neighbor,
  NetError,
  type PingOptions,
  type PingReply,
  type PortTable,
  PROTO_ICMP,
  PROTO_ICMP6,
  PROTO_TCP,
  PROTO_UDP,
  parseCidr,
  parseIpAddress,
  parseMac,
  type Random,
  type Route,
  randomMac,
  type Scheduler,
  type SocketInfo,
  type Stack,
  type StackOptions,
  type Table,
  Task,
  type TcpSocket,
  type UdpSocket,
} from '@ioth/core'
import { PROTO_IGMP } from '@ioth/core/groups'
import { capabilitiesWith } from './capabilities.ts'
import { Counters } from './counters.ts'
import type { Events } from './events.ts'
import { Echo } from './icmp/echo.ts'
import { Icmpv4 } from './icmp/icmpv4.ts'
import { type DiscoveryHandler, Icmpv6 } from './icmp/icmpv6.ts'
import { igmpInput } from './igmp/igmp.ts'
import { type InterfaceHost, StackInterface } from './interface.ts'
import { FragmentIds } from './ip/fragment-ids.ts'
import { Ipv4 } from './ip/ipv4.ts'
import { Ipv6 } from './ip/ipv6.ts'
import { KnownAddresses } from './ip/known-addresses.ts'
import type { Network } from './ip/network.ts'
import { Packet } from './ip/packet.ts'
import { PacketIds } from './ip/packet-id.ts'
import { PathMtu } from './ip/path-mtu.ts'
import { Reassembly } from './ip/reassembly.ts'
import { Loopback } from './link/loopback.ts'
import { NodeLoopback } from './link/node-loopback.ts'
import type { Path } from './link/path.ts'
import { type PacketTaker, Port } from './link/port.ts'
import type { Undeliverable } from './neighbor/cache.ts'
import type { ProbeMode } from './neighbor/dad.ts'
import { type IdentifierKind, randomSecret } from './neighbor/interface-identifier.ts'
import { readLimits, readSettings, type Settings } from './settings.ts'
import { DatagramSocket } from './sockets/datagram-socket.ts'
import type { SocketHost, StackSocket } from './sockets/endpoint.ts'
import { remnants } from './sockets/remnant.ts'
import { StreamSocket } from './sockets/stream-socket.ts'
import { NeighborTable, RoutingTable } from './tables.ts'
import { Tcp } from './tcp/tcp.ts'
import { Udp } from './udp/udp.ts'
import { isGroupMac, macFromBytes } from './wire/ethernet.ts'

/** Rounds of sending in one job: more than the link takes at once has to wait for its next turn anyway. */
const ROUNDS = 16
/** The longest packet of each family carries so much beside the header of an echo. */

export class TsStack implements Stack, SocketHost, InterfaceHost, PacketTaker {
  readonly backend = 'ts'
  readonly name: string
  readonly scheduler: Scheduler
  readonly pool: FramePool
  readonly limits: Limits
  readonly capabilities: Capabilities
  readonly ports: PortTable
  readonly closed: Promise<void>
  readonly openSockets: Set<StackSocket> = new Set()
  readonly stats: Counters = new Counters()
  readonly tcp: Tcp
  readonly udp: Udp
  readonly ip: Ipv4
  readonly ip6: Ipv6
  readonly icmp6: Icmpv6
  readonly routes: Table<Route>
  readonly neighbors: Table<Neighbor>
  nameServers: readonly IpAddress[]
  searchDomains: readonly string[]
  readonly events: Events
  private readonly settings: Settings
  readonly loopback: Loopback
  readonly loopback6: Loopback
  private readonly reassembly: Reassembly
  private readonly echo: Echo
  private readonly icmp: Icmpv4
  /** One queue entry in the scheduler for all that it has to do after its input, or after its user's calls. */
  private readonly job: Task
  private readonly attached: StackInterface[] = []
  private interfaceNumber = 0
  private ownSecret: Uint8Array | null = null
  private resolveClosed!: () => void
  private closing: Promise<void> | null = null

  constructor(options: StackOptions) {
    const { scheduler, pool } = options
    const { clock, random } = scheduler
    this.scheduler = scheduler
    this.pool = pool
    this.name = options.name ?? ''
    this.limits = readLimits(options.limits)
    this.settings = readSettings(options.settings, this.limits)
    this.capabilities = capabilitiesWith(this.limits, this.settings.tcp.sack)
    this.ports = options.ports ?? createPortTable(random)
    this.nameServers = (options.nameServers ?? []).map((text) => parseIpAddress(text))
    this.searchDomains = options.searchDomains ?? []
    this.closed = new Promise((resolve) => {
      this.resolveClosed = resolve
    })
    this.events = new EventQueue(scheduler, options.onEvent)
    this.job = new Task(() => this.work())
    const defer = (): void => scheduler.defer(this.job)
    const packet = new Packet()
    this.loopback = new Loopback(pool, this.stats, defer)
    this.reassembly = new Reassembly(pool, clock, random, this.stats, this.settings.reassembly)
    this.ip = new Ipv4(
      pool,
      this.stats,
      this.loopback,
      packet,
      this.reassembly,
      new PacketIds(random),
      new PathMtu(clock, 4),
      this.settings.anyAddress,
    )
    this.loopback6 = new Loopback(pool, this.stats, defer)
    this.ip6 = new Ipv6(
      pool,
      this.stats,
      this.loopback6,
      new Packet(),
      new KnownAddresses(random),
      this.reassembly,
      new FragmentIds(random),
      new PathMtu(clock, 6),
      this.attached,
      this.settings.anyAddress,
    )
    this.tcp = new Tcp(scheduler, pool, this.stats, this.ports, this.settings.tcp, defer)
    this.udp = new Udp(pool, this.stats)
    const beyond = new NodeLoopback(this)
    this.loopback.beyond = beyond
    this.tcp.movedAway.strayed = (packet) => beyond.sendBack(packet)
    this.loopback6.beyond = beyond
    this.echo = new Echo(scheduler, pool)
    this.icmp = new Icmpv4(pool, clock, random, this.stats, this.ip, this.echo)
    this.icmp6 = new Icmpv6(pool, clock, random, this.stats, this.ip6, this.echo)
    this.ip.transports[PROTO_TCP] = this.tcp
    this.ip.transports[PROTO_UDP] = this.udp
    this.ip.transports[PROTO_ICMP] = this.icmp
    this.ip.transports[PROTO_IGMP] = igmpInput
    this.ip6.transports[PROTO_TCP] = this.tcp
    this.ip6.transports[PROTO_UDP] = this.udp
    this.ip6.transports[PROTO_ICMP6] = this.icmp6
    this.ip6.onProblem = (packet, code, pointer, toGroup) => this.icmp6.parameterProblem(packet, code, pointer, toGroup)
    this.icmp6.discovery = discovery
    this.ip.onUnknownProtocol = (unknown) => this.icmp.protocolUnreachable(unknown)
    this.udp.onUnknownPort = (unknown) => {
      if (unknown.network.family === 4) this.icmp.portUnreachable(unknown)
      else this.icmp6.portUnreachable(unknown)
    }
    this.reassembly.onExpired = (family, headerAt, length) => {
      if (family === 4) this.icmp.reassemblyExpired(headerAt, length)
      else this.icmp6.reassemblyExpired(headerAt, length)
    }
    this.routes = new RoutingTable(this.ip.routes, this.ip6.routes, this.attached)
    this.neighbors = new NeighborTable(this.attached)
  }

  // ---------- interfaces ----------

  get interfaces(): readonly StackInterface[] {
    return this.attached
  }

  addInterface(options: InterfaceOptions): Promise<Interface> {
    return holdDuring(this.scheduler, () => this.plugIn(options))
  }

  private async plugIn(options: InterfaceOptions): Promise<Interface> {
    this.checkOpen('addInterface')
    const { link } = options
    if (!('attach' in link)) {
      throw new NetError('EINVAL', 'addInterface', { message: 'the stack "ts" takes an open link, not a locator' })
    }
    const index = ++this.interfaceNumber
    const name = options.name ?? `eth${index - 1}`
    const mac = macFromBytes(parseMac(options.mac ?? randomMac(this.scheduler.random)))
    if (isGroupMac(mac.high)) {
      throw new NetError('EINVAL', 'addInterface', { message: `${options.mac} is the address of a group of stations` })
    }
    const cidrs = (options.addresses ?? []).map((text) => parseCidr(text))
    const port = this.openPort(link, mac)
    const added = new StackInterface(this, index, name, port)
    this.attached.push(added)
    link.attach(port)
    try {
      await Promise.all(cidrs.map(({ address, prefixLength }) => added.addAddress(address, prefixLength)))
      await Promise.all([options.dhcp === true && added.dhcp(), options.slaac === true && added.slaac()])
    } catch (error) {
      await added.remove()
      throw error
    }
    return added
  }

  private openPort(link: Link, mac: ReturnType<typeof macFromBytes>): Port {
    const mtu = Math.min(this.settings.mtu ?? link.mtu, link.mtu)
    return new Port(link, this.pool, mac, mtu, this.stats, this, () => this.scheduler.defer(this.job))
  }

  /** Default gateways: each by the interface whose network it lies in. */
  addGateway(text: string): void {
    const via = this.scoped(parseIpAddress(text), 'createStack')
    const on = this.attached.find(({ index, addresses }) =>
      via.scope === 0
        ? addresses.some(({ address, prefixLength }) => inPrefix(via, address, prefixLength))
        : index === via.scope,
    )
    if (on === undefined) {
      const message = `the gateway ${text} lies in no network of this stack`
      throw new NetError('ENETUNREACH', 'createStack', { address: text, message })
    }
    if (via.family === 4) this.ip.routes.add(0, 0, via.w3, on)
    else this.ip6.routes.add(ANY_V6, 0, via, on)
  }

  // ---------- what interfaces and sockets need ----------

  get clock(): Clock {
    return this.scheduler.clock
  }

  get random(): Random {
    return this.scheduler.random
  }

  get dhcpWaitMs(): number {
    return this.settings.dhcpWaitMs
  }

  get probe(): ProbeMode {
    return this.settings.probe
  }

  get identifierKind(): IdentifierKind {
    return this.settings.ipv6.identifiers
  }

  /** Made when an address is formed, unless it was given. */
  get secret(): Uint8Array {
    this.ownSecret ??= this.settings.ipv6.secret ?? randomSecret(this.scheduler.random)
    return this.ownSecret
  }

  get acceptsRedirects(): boolean {
    return this.settings.ipv6.redirects
  }

  undeliverable: Undeliverable = (at, length, isFinal) => this.icmp.undeliverable(at, length, isFinal)
  undeliverable6: Undeliverable = (at, length, isFinal) => this.icmp6.undeliverable(at, length, isFinal)

  addressRemoved(address: IpAddress): void {
    for (const connection of this.tcp.list()) {
      if (connection.tcb.local.equals(address)) connection.ended('EADDRNOTAVAIL')
    }
  }

  interfaceRemoved(removed: StackInterface): void {
    const index = this.attached.indexOf(removed)
    if (index >= 0) this.attached.splice(index, 1)
    this.ip.routes.removeInterface(removed)
    this.ip6.routes.removeInterface(removed)
    this.echo.interfaceRemoved()
  }

  scoped(address: IpAddress, syscall: string): IpAddress {
    const { zone } = address
    if (zone === '' && (address.scope !== 0 || address.family === 4 || !address.isLinkLocal)) return address
    // A link-local address without a scope: there is one link, or the first is meant.
    const on = zone === '' ? this.attached[0] : this.attached.find(({ name }) => name === zone)
    if (on !== undefined) return address.withScope(on.index)
    if (zone === '') return address
    throw new NetError('EINVAL', syscall, { message: `the stack has no interface "${zone}": ${address}` })
  }

  networkOf(address: IpAddress): Network {
    return address.family === 4 ? this.ip : this.ip6
  }

  // ---------- sockets ----------

  openTcp(family: 4 | 6): TcpSocket {
    this.checkSocket()
    return new StreamSocket(this, family)
  }

  openUdp(family: 4 | 6): UdpSocket {
    this.checkSocket()
    return new DatagramSocket(this, family)
  }

  moveOut(socket: TcpSocket): MovedConnection | null {
    return socket instanceof StreamSocket && socket.host === this ? socket.moveOut() : null
  }

  moveIn(moved: MovedConnection, family: 4 | 6): TcpSocket {
    this.checkSocket()
    const { sendBuffer, receiveBuffer } = this.limits
    const network = this.networkOf(parseIpAddress(moved.local))
    return StreamSocket.accepted(this, family, this.tcp.moveIn(network, moved, { sendBuffer, receiveBuffer }))
  }

  sockets(): Iterable<SocketInfo> {
    return [...Array.from(this.openSockets, (socket) => socket.info), ...remnants(this.tcp)]
  }

  sourceFor(destination: IpAddress): IpAddress | null {
    return this.networkOf(destination).sourceFor(destination)
  }

  // ---------- ping ----------

  async ping(destination: IpAddress, options: PingOptions = {}): Promise<PingReply> {
    this.checkOpen('ping')
    const to = this.scoped(destination.unmapped(), 'ping')
    const network = this.networkOf(to)
    // RFC 1112 6.1: what goes to a group stays on the link, unless told otherwise.
    const { size, timeoutMs, signal, ttl = to.isMulticast ? 1 : network.hopLimit } = checkPing(to, options)
    const path = network.isGroup(to) ? this.groupPath(to) : network.findPath(to)
    const source = path === null ? null : network.sourceFor(to)
    if (path === null || source === null) throw new NetError('ENETUNREACH', 'ping', { address: to.toString() })
    return await new Promise<PingReply>((resolve, reject) => {
      const abort = (): void => {
        this.echo.cancel(id)
        reject(new AbortError(signal?.reason))
      }
      const id = this.echo.open(to, path, timeoutMs, (error, reply) => {
        signal?.removeEventListener('abort', abort)
        if (error === null) resolve(reply as PingReply)
        else reject(error)
      })
      signal?.addEventListener('abort', abort, { once: true })
      const icmp = network.family === 4 ? this.icmp : this.icmp6
      if (!icmp.ask(path, source, to, ttl, id, size)) {
        this.echo.cancel(id)
        reject(new NetError('ENOBUFS', 'ping', { address: to.toString() }))
      }
    })
  }

  private groupPath(group: IpAddress): Path | null {
    const network = this.networkOf(group)
    const on = network.groupInterface(group)
    return on === null ? null : network.groupPath(group, on, true, true)
  }

  // ---------- the way up ----------

  ipv4(port: Port, at: number, length: number, body: number, bodyLength: number, flags: number, group: boolean): void {
    this.ip.receive(port, at, length, body, bodyLength, flags, group)
  }

  ipv6(port: Port, at: number, length: number, body: number, bodyLength: number, flags: number, group: boolean): void {
    this.ip6.receive(port, at, length, body, bodyLength, flags, group)
  }

  looped(type: number, at: number, length: number, body: number, bodyLength: number, flags: number): void {
    if (type === ETHERTYPE_IP4) this.ip.looped(at, length, body, bodyLength, flags, null)
    else if (type === ETHERTYPE_IP6) this.ip6.looped(at, length, body, bodyLength, flags, null)
    else this.stats.drop('ethernet.type')
  }

  arp(port: Port, at: number, length: number): void {
    this.interfaceOf(port)?.arp?.receive(at, length)
  }

  writable(_port: Port): void {
    this.scheduler.defer(this.job)
  }

  changed(port: Port, state: LinkState, reason?: NetError): void {
    const on = this.interfaceOf(port)
    if (state === 'lost' || state === 'closed') port.discard()
    if (state === 'closed' && on !== undefined) this.linkClosed(on, reason ?? new NetError('ENETDOWN', 'link'))
    if (state !== 'up') return
    on?.relinked()
    this.tcp.retryAll()
    this.scheduler.defer(this.job)
  }

  /** A link that is closed never comes back: what was connected by it is over. */
  private linkClosed(on: StackInterface, reason: NetError): void {
    on.failed(reason)
    for (const connection of this.tcp.list()) {
      const { network, local, localPort, remote, remotePort } = connection.tcb
      const isBeyond = local.isLoopback && !this.tcp.isHeld(network, remote, remotePort, local, localPort)
      if (isBeyond || this.interfaceWith(local) === on) connection.ended('ENETDOWN')
    }
  }

  private interfaceWith(address: IpAddress): unknown {
    const entry = address.family === 4 ? this.ip.addresses.find(address.w3) : this.ip6.addresses.of(address)
    return entry?.interface
  }

  private interfaceOf(port: Port): StackInterface | undefined {
    return this.attached.find((candidate) => candidate.port === port)
  }

  // ---------- the way down ----------

  /** Everything that became due by input, timers or calls: loopback first, then output, then the links. */
  private work(): void {
    this.loopback.deliver(this.ip)
    this.loopback6.deliver(this.ip6)
    for (let round = 0; round < ROUNDS; round++) {
      const hasStalled = this.tcp.output()
      const isClear = this.flushPorts()
      if (!hasStalled || !isClear) break
    }
    this.udp.roomMade()
    if (!this.loopback.isEmpty || !this.loopback6.isEmpty) this.scheduler.defer(this.job)
  }

  private flushPorts(): boolean {
    let isClear = true
    for (const { port } of this.attached) isClear = port.flush() && isClear
    return isClear
  }

  // ---------- counters and the end ----------

  get lingering(): number {
    return this.tcp.lingering
  }

  counters(): Readonly<Record<string, number>> {
    return this.stats.toRecord()
  }

  flush(): boolean {
    this.tcp.hurry()
    for (let round = 0; round < ROUNDS; round++) {
      this.work()
      if (this.loopback.isEmpty && this.loopback6.isEmpty) break
    }
    let isEmpty = this.tcp.isAllSent
    for (const { port } of this.attached) {
      if (!port.flush() || !port.link.flush()) isEmpty = false
    }
    return isEmpty
  }

  close(): Promise<void> {
    this.closing ??= holdDuring(this.scheduler, () => this.shutDown())
    return this.closing
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  private async shutDown(): Promise<void> {
    try {
      for (const socket of [...this.openSockets]) socket.close()
      await this.lingered()
      for (const connection of this.tcp.list()) connection.abort()
      this.work()
      this.tcp.clear()
      this.reassembly.clear()
      this.echo.clear(new NetError('ENETDOWN', 'ping'))
      for (const attached of [...this.attached]) await attached.remove()
      this.loopback.clear()
      this.loopback6.clear()
    } finally {
      this.resolveClosed()
    }
  }

  /** Until all that closed sockets had queued is acknowledged, or the patience is over. */
  private lingered(): Promise<void> {
    if (this.tcp.lingering === 0) return Promise.resolve()
    return new Promise((resolve) => {
      const { clock } = this
      const patience = new Alarm(() => {
        this.tcp.onLingerEnd = null
        clock.disarm(patience)
        resolve()
      })
      this.tcp.onLingerEnd = () => patience.fire()
      clock.arm(patience, clock.now + this.limits.closedHoldMs * 1000)
    })
  }

  private checkOpen(syscall: string): void {
    if (this.closing !== null) throw new NetError('ENETDOWN', syscall)
  }

  private checkSocket(): void {
    this.checkOpen('socket')
    if (this.openSockets.size >= this.limits.sockets) throw new NetError('EMFILE', 'socket')
  }
}

/** Messages of neighbour discovery go to the interface they came by. */
const discovery: DiscoveryHandler = {
  receive: (packet, type) => packet.interface?.v6.receive(packet, type),
}
