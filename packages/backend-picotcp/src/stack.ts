/**
 * The stack: a copy of the library, its devices, and the sockets on it. What is decided about a frame is in `gate.ts`, what about a
 * connection in `sockets/`; here it is joined.
 *
 * @module
 */
import {
  Alarm,
  BROADCAST_V4,
  type Capabilities,
  createPortTable,
  type ErrorCode,
  EventQueue,
  type FramePool,
  holdDuring,
  type Interface,
  type InterfaceOptions,
  IP6_HEADER,
  IP6_NEXT_HEADER,
  type IpAddress,
  inPrefix,
  type Limits,
  type LinkState,
  LOOPBACK_V4,
  LOOPBACK_V6,
  type Neighbor,
  NetError,
  type PingOptions,
  type PingReply,
  type PortTable,
  PROTO_ICMP6,
  parseCidr,
  parseIpAddress,
  parseMac,
  prefixToNetmask,
  randomMac,
  type Scheduler,
  type SocketInfo,
  type Stack,
  type StackEvent,
  type StackOptions,
  type Table,
  type TcpSocket,
  type UdpSocket,
} from '@ioth/core'
import { createStation } from '@ioth/core/station'
import {
  answerArp,
  answerSolicitation,
  askedFor,
  Callbacks,
  Echo,
  type EchoWay,
  isArp,
  isSolicitation,
  isStray,
  type LibraryHandle,
  type PacketView,
  ProbedNeighbors,
  type QuestionWay,
} from '@ioth/ffi'
import type { Pico } from './bindings.ts'
import { DatagramMarks } from './datagram-marks.ts'
import { type DeviceHost, PicoDevice } from './device.ts'
import { Engine, type PicoUser } from './engine.ts'
import { type Flow, Flows } from './flows.ts'
import { Gate, type GateCount, type GateHost } from './gate.ts'
import { GroupDatagrams, type GroupDatagramsHost } from './group-datagrams.ts'
import { type InterfaceHost, PicoInterface } from './interface.ts'
import { type FoundLibrary, loadLibrary } from './library.ts'
import { capabilitiesWith } from './limits.ts'
import { LoopbackLink } from './loopback.ts'
import { PortAliases } from './port-aliases.ts'
import { RoutingTable, type Way } from './routes.ts'
import { NO_ROOM, NOBODY } from './segment-gate.ts'
import { readLimits } from './settings.ts'
import { DatagramSocket } from './sockets/datagram-socket.ts'
import { invalid, notImplemented, type PicoSocket, type SocketHost } from './sockets/endpoint.ts'
import { insidePort, type LibraryPorts } from './sockets/library-port.ts'
import type { ListenerSocket } from './sockets/listener-socket.ts'
import type { Remains } from './sockets/remains.ts'
import { StreamSocket } from './sockets/stream-socket.ts'

/** The library forgets a handshake after this, at the latest. */
const HANDSHAKE_US = 80_000_000
/** A FIN that was not acknowledged leaves again after twice this, then after twice as long as the time before. */
const FIN_AGAIN_US = 300_000
/** A window that is shut is asked for, and one that is nearly shut is used, after this, then after twice as long as the time before. */
const PROBE_US = 500_000
/** What has a time limit is looked after as often as this. */
const LOOK_US = 100_000
/** The messages of neighbour discovery (RFC 4861 4). */
const ROUTER_SOLICITATION = 133
const REDIRECT = 137
/** Ticks at the end, for the library's last words. */
const LAST_TICKS = 8

export class PicoStack implements Stack, SocketHost, InterfaceHost, DeviceHost, GateHost, GroupDatagramsHost {
  readonly backend = 'picotcp'
  readonly name: string
  readonly scheduler: Scheduler
  readonly pool: FramePool
  readonly limits: Limits
  readonly capabilities: Capabilities
  readonly ports: PortTable
  readonly closed: Promise<void>
  readonly pico: Pico
  readonly engine: Engine
  readonly flows: Flows
  readonly tcpAliases: PortAliases
  readonly udpAliases: PortAliases
  readonly openSockets: Set<PicoSocket> = new Set()
  readonly listeners: Map<number, Set<ListenerSocket>> = new Map()
  readonly remains: Set<PicoUser> = new Set()
  readonly libraryPorts: LibraryPorts = new Map()
  readonly scratch: Uint8Array = new Uint8Array(65_536)
  readonly marks: DatagramMarks
  readonly groups: GroupDatagrams
  readonly routes: RoutingTable
  readonly neighbors: Table<Neighbor>
  nameServers: readonly IpAddress[]
  searchDomains: readonly string[]
  private readonly library: LibraryHandle
  private readonly callbacks = new Callbacks()
  private readonly gate: Gate
  private readonly echo: Echo
  readonly events: EventQueue<StackEvent>
  private readonly loopback: PicoDevice
  private readonly attached: PicoInterface[] = []
  private readonly waitingForRoom: (() => void)[] = []
  private readonly counts: Record<GateCount, number> = {
    tcpStray: 0,
    tcpResetsOut: 0,
    synDropped: 0,
    icmpErrors: 0,
    icmpIgnored: 0,
    udpUnwanted: 0,
    udpFull: 0,
  }
  /** What counted in interfaces that are gone. */
  private readonly past: Record<string, number> = {}
  private interfaceNumber = 0
  private lookedAt = 0
  private closing: Promise<void> | null = null
  private resolveClosed!: () => void

  constructor(options: StackOptions, found: FoundLibrary, quiet: boolean) {
    const { scheduler, pool } = options
    this.scheduler = scheduler
    this.pool = pool
    this.name = options.name ?? ''
    this.limits = readLimits(options.limits)
    this.capabilities = capabilitiesWith(this.limits, found.abi.hasIpv6)
    this.ports = options.ports ?? createPortTable(scheduler.random)
    this.nameServers = (options.nameServers ?? []).map((text) => parseIpAddress(text))
    this.searchDomains = options.searchDomains ?? []
    this.closed = new Promise((resolve) => {
      this.resolveClosed = resolve
    })
    this.events = new EventQueue(scheduler, options.onEvent)
    this.tcpAliases = new PortAliases((port) => this.listeners.has(port) || this.flows.isBusy(port))
    this.udpAliases = new PortAliases((port) => [...this.openSockets].some((socket) => socket.localPort === port))
    this.flows = new Flows(scheduler.clock, this.tcpAliases)
    this.marks = new DatagramMarks(scheduler.clock, scheduler.random)
    const { handle, pico } = loadLibrary(found, quiet)
    this.library = handle
    this.pico = pico
    this.gate = new Gate(this)
    this.groups = new GroupDatagrams(this)
    this.engine = new Engine(
      pico,
      this.callbacks,
      scheduler,
      () => this.flushDevices(),
      () => this.look(),
    )
    this.echo = new Echo(scheduler)
    this.neighbors = new ProbedNeighbors(() => this.attached.map((on) => [on, on.neighbors ?? undefined]))
    this.routes = new RoutingTable(pico, this.attached)
    const link = new LoopbackLink(scheduler, pool)
    // First of all devices: the first address of each family stays the library's way for groups, also when it is freed. To a device of
    // this name, alone, the library gives no link-local address, which it would take for a duplicate of itself.
    this.loopback = new PicoDevice(pico, this.callbacks, this, pool, link, 'loop', new Uint8Array(6), link.mtu)
    link.attach(this.loopback)
    pico.addLink(this.loopback.pointer, LOOPBACK_V4, prefixToNetmask(8))
    if (found.abi.hasIpv6) pico.addLink(this.loopback.pointer, LOOPBACK_V6, prefixToNetmask(128, 6))
    this.engine.start()
  }

  // ---------- interfaces ----------

  get interfaces(): readonly PicoInterface[] {
    return this.attached
  }

  addInterface(options: InterfaceOptions): Promise<Interface> {
    return holdDuring(this.scheduler, () => this.plugIn(options))
  }

  private async plugIn(options: InterfaceOptions): Promise<Interface> {
    this.checkOpen('addInterface')
    const { link } = options
    if (!('attach' in link)) throw invalid('addInterface', 'the stack "picotcp" takes an open link, not a locator')
    if (options.slaac === true) throw notImplemented('SLAAC')
    const index = ++this.interfaceNumber
    const name = options.name ?? `eth${index - 1}`
    const mac = options.mac ?? randomMac(this.scheduler.random)
    const octets = parseMac(mac)
    if (((octets[0] as number) & 1) !== 0) throw invalid('addInterface', `${mac} is the address of a group of stations`)
    const cidrs = (options.addresses ?? []).map((text) => parseCidr(text))
    const mtu = Math.min(link.mtu, 1500)
    const { scheduler, pool } = this
    const onConflict = (address: IpAddress, other: string, isLost: boolean): void => {
      this.events.emit({ kind: 'address-conflict', interface: added, address, mac: other })
      if (isLost) added.conflictLost(address)
    }
    const station = createStation(link, { scheduler, pool, mac, onConflict })
    const device = new PicoDevice(this.pico, this.callbacks, this, pool, station, name.slice(0, 15), octets, mtu)
    const added: PicoInterface = new PicoInterface(this, index, name, mac, octets, mtu, station, device)
    this.attached.push(added)
    station.attach(device)
    try {
      await Promise.all(cidrs.map(({ address, prefixLength }) => added.addAddress(address, prefixLength)))
      if (options.dhcp === true) await added.dhcp()
    } catch (error) {
      await added.remove()
      throw error
    }
    return added
  }

  /** Default gateways: each by the interface whose network it lies in. @throws NetError ENETUNREACH */
  addGateway(text: string): void {
    const via = parseIpAddress(text)
    const on = this.attached.find(({ addresses }) =>
      addresses.some(({ address, prefixLength }) => inPrefix(via, address, prefixLength)),
    )
    if (on === undefined) {
      const message = `the gateway ${text} lies in no network of this stack`
      throw new NetError('ENETUNREACH', 'createStack', { address: text, message })
    }
    const destination = prefixToNetmask(0, via.family)
    this.routes.add({ destination, prefixLength: 0, via, interface: on })
  }

  addressAdded(on: PicoInterface, address: IpAddress): void {
    this.events.emit({ kind: 'address-added', interface: on, address })
  }

  addressRemoved(on: PicoInterface, address: IpAddress): void {
    for (const socket of [...this.openSockets]) socket.addressRemoved(address)
    // What is reset must be, while the address is still the library's.
    this.engine.settle()
    this.events.emit({ kind: 'address-removed', interface: on, address })
  }

  interfaceRemoved(removed: PicoInterface): void {
    const index = this.attached.indexOf(removed)
    if (index < 0) return
    this.routes.removeInterface(removed)
    this.attached.splice(index, 1)
    const counters = { ...removed.station.counters(), ...removed.device.counters }
    for (const [name, value] of Object.entries(counters)) this.past[name] = (this.past[name] ?? 0) + value
  }

  linkChanged(device: PicoDevice, state: LinkState): void {
    if (state !== 'closed') return
    // A link that is closed never comes back: what was connected by it is over.
    const on = this.attached.find((candidate) => candidate.device === device)
    for (const socket of [...this.openSockets]) {
      if (!(socket instanceof StreamSocket)) continue
      if (on?.addresses.some(({ address }) => socket.localAddress?.unmapped().equals(address)))
        socket.fail('ENETDOWN', 'read')
    }
  }

  // ---------- addresses ----------

  isOurs(address: IpAddress): boolean {
    if (address.family === 4 ? address.isLoopback : address.isLoopback && this.capabilities.ipv6) return true
    return this.attached.some(
      ({ addresses, linkLocal, hasIpv6 }) =>
        addresses.some((held) => held.address.equals(address)) || (hasIpv6 && linkLocal?.equals(address) === true),
    )
  }

  isBroadcast(address: IpAddress): boolean {
    return address.equals(BROADCAST_V4) || this.attached.some((on) => on.isBroadcast(address))
  }

  groupInterface(group: IpAddress): PicoInterface | null {
    const { attached } = this
    if (group.scope !== 0) return attached.find(({ index }) => index === group.scope) ?? null
    return attached.find((on) => on.isBroadcast(group)) ?? this.routes.interfaceFor(group)
  }

  sourceFor(destination: IpAddress): IpAddress | null {
    if (destination.isV4Mapped) return this.sourceFor(destination.unmapped())
    if (destination.family === 6 && !this.capabilities.ipv6) return null
    if (destination.isLoopback) return destination.family === 4 ? LOOPBACK_V4 : LOOPBACK_V6
    if (this.isOurs(destination)) return destination
    if (destination.family === 6 && destination.isLinkLocal) {
      const on = this.attached.find(
        ({ index, hasIpv6 }) => hasIpv6 && (destination.scope === 0 || destination.scope === index),
      )
      return on?.linkLocal ?? null
    }
    return this.routes.wayTo(destination)?.source ?? null
  }

  scoped(address: IpAddress, syscall: string): IpAddress {
    const { zone } = address
    if (zone === '' && (address.scope !== 0 || address.family === 4 || !address.isLinkLocal)) return address
    const on = zone === '' ? this.attached[0] : this.attached.find(({ name }) => name === zone)
    if (on !== undefined) return address.withScope(on.index)
    if (zone === '') return address
    throw invalid(syscall, `the stack has no interface "${zone}": ${address}`)
  }

  // ---------- sockets ----------

  openTcp(family: 4 | 6): TcpSocket {
    this.checkSocket(family)
    return new StreamSocket(this, family)
  }

  openUdp(family: 4 | 6): UdpSocket {
    this.checkSocket(family)
    return new DatagramSocket(this, family)
  }

  sockets(): Iterable<SocketInfo> {
    return Array.from(this.openSockets, (socket) => socket.info)
  }

  whenRoom(begin: () => void): void {
    if (this.engine.hasRoom(this.flows.unownedCount) && this.waitingForRoom.length === 0) begin()
    else this.waitingForRoom.push(begin)
  }

  private checkSocket(family: 4 | 6): void {
    this.checkOpen('socket')
    if (family === 6 && !this.capabilities.ipv6) throw new NetError('EAFNOSUPPORT', 'socket')
    if (this.openSockets.size >= this.limits.sockets) throw new NetError('EMFILE', 'socket')
  }

  private checkOpen(syscall: string): void {
    if (this.closing !== null) throw new NetError('ENETDOWN', syscall)
  }

  // ---------- frames ----------

  touch(): void {
    this.engine.touch()
  }

  settle(): void {
    this.engine.settle()
  }

  leaves(device: PicoDevice, frame: Uint8Array, at: number, length: number): number {
    this.engine.moved()
    if (device === this.loopback && isNeighborDiscovery(frame, at)) return 0
    return this.gate.leaves(device, frame, at, length)
  }

  arrives(device: PicoDevice, frame: Uint8Array, at: number, length: number): number {
    return this.gate.arrives(device, frame, at, length)
  }

  acknowledges(): unknown {
    return this.gate.segments.acknowledged
  }

  redirect(device: PicoDevice, frame: Uint8Array, length: number, port: number): number {
    return this.gate.redirect(frame, length, device.linkHeader, port)
  }

  reset(flow: Flow, isSilent = false): boolean {
    const isDone = this.gate.segments.reset(flow, isSilent)
    if (isDone) this.touch()
    return isDone
  }

  sendFin(flow: Flow): boolean {
    const isDone = this.gate.segments.sendFin(flow)
    if (isDone) this.touch()
    return isDone
  }

  openWindow(flow: Flow, window: number): void {
    this.gate.segments.openWindow(flow, window)
    this.touch()
  }

  hasRoomFor(others: number): boolean {
    return this.engine.hasRoom(others)
  }

  speaksIpv6(device: PicoDevice): boolean {
    if (device === this.loopback) return true
    return this.attached.some((on) => on.device === device && on.speaksIpv6)
  }

  askerFor(device: PicoDevice, neighbor: IpAddress): IpAddress | null {
    return this.attached.find((on) => on.device === device)?.askerFor(neighbor) ?? null
  }

  listenerPort(family: 4 | 6, address: IpAddress, port: number): number {
    const listener = this.listenerAt(family, address, port)
    if (listener === null) return NOBODY
    return listener.hasRoom(this.flows.openingOn(port)) ? listener.portFor(family, address) : NO_ROOM
  }

  insideListenerPort(address: IpAddress, port: number): number | null {
    return this.listenerAt(address.family, address, port)?.portFor(address.family, address) ?? null
  }

  private listenerAt(family: 4 | 6, address: IpAddress, port: number): ListenerSocket | null {
    for (const listener of this.listeners.get(port) ?? []) if (listener.portFor(family, address) > 0) return listener
    return null
  }

  datagramPort(packet: PacketView): number {
    const { destinationAddress, destinationPort } = packet
    return insidePort(this.libraryPorts, destinationAddress, destinationPort) ?? destinationPort
  }

  groupDatagramArrives(device: PicoDevice, packet: PacketView): void {
    this.groups.arrives(device, packet)
  }

  *datagramSockets(port: number): Iterable<DatagramSocket> {
    for (const socket of this.openSockets)
      if (socket instanceof DatagramSocket && socket.localPort === port) yield socket
  }

  tcpReported(flow: Flow, code: ErrorCode): void {
    if (flow.owner instanceof StreamSocket) flow.owner.reported(code)
  }

  udpReported(localPort: number, to: IpAddress, port: number, code: ErrorCode): void {
    for (const socket of this.datagramSockets(localPort)) socket.reported(code, to, port)
  }

  randomId(): number {
    return this.scheduler.random.int32()
  }

  count(what: GateCount): void {
    this.counts[what]++
  }

  private flushDevices(): void {
    this.gate.segments.giveFins()
    this.loopback.flush()
    for (const { device } of this.attached) {
      if (device.giveLater()) this.touch()
      device.flush()
    }
  }

  // ---------- time ----------

  /** With each heartbeat of the engine. */
  private look(): void {
    const { now } = this.scheduler.clock
    for (const each of this.remains) (each as Remains).check(now)
    while (this.waitingForRoom.length > 0 && this.engine.hasRoom(this.flows.unownedCount))
      (this.waitingForRoom.shift() as () => void)()
    if (now - this.lookedAt < LOOK_US) return
    this.lookedAt = now
    this.marks.sweep()
    for (const socket of [...this.openSockets]) if (socket instanceof StreamSocket) socket.check(now)
    this.flows.forgetBefore(now - HANDSHAKE_US)
    for (const flow of this.flows.all()) this.repeat(flow, now)
    this.flushDevices()
  }

  /** What the library does not send again by itself. */
  private repeat(flow: Flow, now: number): void {
    const isLost = flow.finAt !== null && flow.sndUna === flow.finAt && !flow.isOver
    if (isLost && now - flow.finSince > FIN_AGAIN_US * 2 ** Math.min(flow.finCount, 6)) {
      flow.finSince = now
      flow.finCount++
      this.gate.segments.repeatFin(flow)
    }
    if (!flow.isStalled || flow.inFlight > 0 || flow.isOver) flow.probedAt = now
    else if (now - flow.probedAt > PROBE_US * 2 ** Math.min(flow.probes, 6)) {
      flow.probedAt = now
      flow.probes++
      if (flow.peerWindow === 0) this.gate.segments.probe(flow)
      else {
        flow.isOverdue = true
        flow.owner?.acknowledgedMore?.()
      }
    }
  }

  // ---------- ping ----------

  async ping(destination: IpAddress, options: PingOptions = {}): Promise<PingReply> {
    this.checkOpen('ping')
    const to = this.scoped(destination.unmapped(), 'ping')
    if (this.isOurs(to)) return await this.echo.ask(to, null, options)
    const way = to.isMulticast ? null : this.wayTo(to)
    if (way === null) throw new NetError('ENETUNREACH', 'ping', { address: to.toString() })
    return await this.echo.ask(to, this.questionWay(way), options)
  }

  private wayTo(to: IpAddress): Way | null {
    if (to.family === 4 || !to.isLinkLocal) return this.routes.wayTo(to)
    const on = this.attached.find(({ index, hasIpv6 }) => hasIpv6 && to.scope === index)
    return on?.linkLocal == null ? null : { on, source: on.linkLocal, hop: to }
  }

  private questionWay({ on, source, hop }: Way): QuestionWay {
    return {
      ...this.echoWay(on.device),
      source,
      resolve: (done) => on.neighbors?.resolve(hop, done),
    }
  }

  private echoWay(device: PicoDevice): EchoWay {
    const { mac, mtu } = device
    return {
      mac,
      mtu,
      emit: (frame) => {
        device.emit(frame)
        this.touch()
      },
    }
  }

  echoArrives(device: PicoDevice, packet: PacketView): boolean {
    return this.echo.arriving(packet, this.echoWay(device), (address) => this.isOurs(address))
  }

  echoFailed(packet: PacketView, quoted: PacketView): boolean {
    return this.echo.errorArrives(packet, quoted)
  }

  neighborArrives(device: PicoDevice, frame: Uint8Array): boolean {
    const on = this.attached.find((candidate) => candidate.device === device)
    if (on?.neighbors == null || device.mac === null) return false
    on.neighbors.arriving(frame, frame.length)
    // The library answers nobody who has no address yet (RFC 4861 7.2.4), and gives entries of its table, and timers, to those who ask.
    const isOurs = (address: IpAddress): boolean => on.isOwn(address)
    let answer: Uint8Array | null = null
    if (isArp(frame, frame.length)) answer = answerArp(frame, device.mac, isOurs)
    else if (isSolicitation(frame, frame.length)) answer = answerSolicitation(frame, frame.length, device.mac, isOurs)
    if (answer !== null) device.emit(answer)
    return answer !== null
  }

  neighborSought(device: PicoDevice, frame: Uint8Array): boolean {
    const on = this.attached.find((candidate) => candidate.device === device)
    const neighbor = on?.neighbors == null ? null : askedFor(frame, frame.length)
    if (on?.neighbors == null || neighbor === null) return false
    // The library asks once for each packet, and what waits for who has not answered keeps one of five places for ever (pico_arp.c).
    const mac = on.neighbors.seek(neighbor)
    if (typeof mac === 'boolean') return mac
    const answer =
      neighbor.family === 4
        ? answerArp(frame, mac, () => true)
        : answerSolicitation(frame, frame.length, mac, () => true)
    if (answer !== null) device.injectLater(answer)
    return true
  }

  isLoopback(device: PicoDevice): boolean {
    return device === this.loopback
  }

  isStray(device: PicoDevice, frame: Uint8Array): boolean {
    if (device.mac === null) return false
    return isStray(frame, frame.length, device.mac, (address) => this.isBroadcast(address))
  }

  takeWhole(): Uint8Array | null {
    return this.gate.takeWhole()
  }

  // ---------- counters and the end ----------

  get lingering(): number {
    let count = 0
    for (const each of this.remains) if ((each as Remains).isLingering) count++
    return count
  }

  counters(): Readonly<Record<string, number>> {
    const sums: Record<string, number> = {
      framesIn: 0,
      framesOut: 0,
      octetsIn: 0,
      octetsOut: 0,
      dropNoMemory: 0,
      dropRefused: 0,
    }
    const add = (counters: Readonly<Record<string, number>>): void => {
      for (const [name, value] of Object.entries(counters)) sums[name] = (sums[name] ?? 0) + value
    }
    add(this.past)
    for (const { device, station } of this.attached) {
      add(device.counters as unknown as Record<string, number>)
      add(station.counters())
    }
    const { dropNoMemory = 0, dropRefused = 0, ...others } = sums
    return {
      ...others,
      ticks: this.engine.ticks,
      tcpResetsOut: this.counts.tcpResetsOut,
      icmpErrors: this.counts.icmpErrors,
      'drop.link.memory': dropNoMemory,
      'drop.link.refused': dropRefused,
      'drop.tcp.stray': this.counts.tcpStray,
      'drop.tcp.backlog': this.counts.synDropped,
      'drop.icmp.ignored': this.counts.icmpIgnored,
      'drop.udp.unwanted': this.counts.udpUnwanted,
      'drop.udp.full': this.counts.udpFull,
    }
  }

  flush(): boolean {
    if (this.closing !== null) return true
    for (let round = 0; round < LAST_TICKS; round++) this.engine.settle()
    this.flushDevices()
    let isEmpty = true
    for (const flow of this.openFlows()) if (flow.inFlight > 0) isEmpty = false
    for (const { link } of this.attached) isEmpty = link.flush() && isEmpty
    return isEmpty
  }

  private *openFlows(): Iterable<Flow> {
    for (const each of this.remains) {
      const { flow } = each as Remains
      if (flow !== null) yield flow
    }
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
      for (const each of [...this.remains]) (each as Remains).abandon()
      for (let round = 0; round < LAST_TICKS; round++) this.engine.settle()
      for (const each of [...this.remains]) (each as Remains).done()
      this.flushDevices()
      this.echo.clear()
      for (const attached of [...this.attached]) await attached.remove()
      this.loopback.destroy()
      await this.loopback.link.close()
      this.engine.stop()
      this.events.stop()
      // From here on nothing of the library may run, and nothing of ours is called by it.
      this.library.unload()
      this.callbacks.release()
    } finally {
      this.resolveClosed()
    }
  }

  /** Until all that closed sockets had queued is acknowledged, or the patience is over. */
  private async lingered(): Promise<void> {
    const { clock } = this.scheduler
    const end = clock.now + this.limits.closedHoldMs * 1000
    while (this.lingering > 0 && clock.now < end) {
      await new Promise<void>((resolve) => clock.arm(new Alarm(resolve), clock.now + 5000))
    }
  }
}

/** What it asks on the loopback it would hear itself, and take for another host's. */
function isNeighborDiscovery(packet: Uint8Array, at: number): boolean {
  const type = packet[at + IP6_HEADER] as number
  const isIcmp6 = (packet[at] as number) >>> 4 === 6 && packet[at + IP6_NEXT_HEADER] === PROTO_ICMP6
  return isIcmp6 && type >= ROUTER_SOLICITATION && type <= REDIRECT
}
