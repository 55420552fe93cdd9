/**
 * An interface of the library on a link of ours: its device in a switch with one port, a bridge from there to the link, and what stands beside
 * the library and looks at each frame on the way.
 *
 * What is dealt with here: it passes on what is for others, takes errors of the network for its own, tells a connected datagram socket what
 * strangers send, and speaks IPv6 from the start. TCP is in `segment-gate.ts`.
 *
 * @module
 */
import {
  type ErrorCode,
  ErrorLimit,
  type FramePool,
  type IpAddress,
  type Link,
  NetError,
  PROTO_TCP,
  PROTO_UDP,
  parseIpAddress,
  parseMac,
  randomMac,
  type Scheduler,
  toBytes,
  UDP_CHECKSUM,
} from '@ioth/core'
import {
  answerArp,
  answerSolicitation,
  DeviceEcho,
  type Echo,
  type Flow,
  FrameBridge,
  type FrameGuard,
  isArp,
  isArpReply,
  isIcmpError,
  isOfNobody,
  isSolicitation,
  isStray,
  mendIcmp,
  mssOn,
  NeighborProbe,
  ndFrame,
  PacketView,
  pathMtuOf,
  ROUTER_SOLICITATION,
  reportOf,
} from '@ioth/ffi'
import type { FdPico, Pointer } from './bindings.ts'
import { InsidePorts } from './inside-ports.ts'
import { type Wire, wireTo } from './private-switch.ts'
import { type SegmentCounters, SegmentGate } from './segment-gate.ts'

/** What a device needs of its engine. */
export interface DeviceOwner {
  readonly scheduler: Scheduler
  readonly pool: FramePool
  readonly library: FdPico
  /** The library answers an echo only when the one before had other numbers (pico_icmp4.c, pico_icmp4_process_in). */
  readonly echo: Echo
  /** Octets that stand for an empty datagram, which the library does not send; nobody else can know them. */
  readonly emptyMark: Uint8Array
  isOurs(address: IpAddress): boolean
  isBroadcast(address: IpAddress): boolean
  sourceFor(destination: IpAddress): IpAddress | null
  /** See {@link SegmentHost.admits}. */
  admits(device: Device, frame: PacketView): number
  /** The library has a frame more. */
  delivered(): void
  /** A connection that is being made, or a datagram, cannot get there. */
  reported(flow: Flow, code: ErrorCode): void
  /** See {@link SegmentHost.wasReset}. */
  wasReset(flow: Flow): void
}

/** A datagram socket that has a peer. */
export interface Exchange {
  readonly local: IpAddress
  readonly localPort: number
  readonly remote: IpAddress
  readonly remotePort: number
  readonly inside: number
  /** Octets of a datagram that the library is given. */
  arriving(length: number): void
  reported(code: ErrorCode): void
}

export interface DeviceCounters extends SegmentCounters {
  dropStranger: number
  dropFragment: number
  icmpErrors: number
}

/** RFC 4291 2.7.1. */
const ALL_ROUTERS = toBytes(parseIpAddress('ff02::2'))

/** Neighbours that the library is told of: each takes one of its timers over IPv4. The others it asks for itself. */
const MOST_INTRODUCED = 1024

export class Device implements FrameGuard {
  readonly mac: string
  readonly bridge: FrameBridge
  readonly segments: SegmentGate
  readonly neighbors: NeighborProbe
  readonly udpPorts: InsidePorts = new InsidePorts()
  readonly exchanges: Set<Exchange> = new Set()
  readonly counters: DeviceCounters = {
    dropBacklog: 0,
    dropStray: 0,
    dropStranger: 0,
    dropFragment: 0,
    resetsOut: 0,
    icmpErrors: 0,
  }
  readonly pointer: Pointer
  /** IPv6 addresses it has, or is about to have: without any, it does not speak IPv6. */
  ipv6Addresses = 0
  readonly echo: DeviceEcho
  private readonly errors: ErrorLimit
  private readonly hardware: Uint8Array
  private readonly owner: DeviceOwner
  private readonly wire: Wire
  /** Neighbours that the library was told of. */
  private readonly introduced = { 4: new Set<string>(), 6: new Set<string>() }
  private readonly packet = {
    in: new PacketView(),
    out: new PacketView(),
    quoted: new PacketView(),
  }

  /**
   * Plugs a device of the library into a link.
   * @throws NetError EINVAL; ERR_IOTH_BACKEND_UNUSABLE
   */
  static async open(owner: DeviceOwner, link: Link, place: number, mac?: string): Promise<Device> {
    if (link.type !== 'ethernet') {
      const message = `fd_picoTCP needs Ethernet frames; ${link.name} carries IP packets`
      throw new NetError('EINVAL', 'interface', { message })
    }
    const chosen = (mac ?? randomMac(owner.scheduler.random)).toLowerCase()
    const { device, wire } = await wireTo((path) => owner.library.createDevice(path, `fd${place}`, parseMac(chosen)))
    return new Device(owner, link, chosen, device, wire)
  }

  private constructor(owner: DeviceOwner, link: Link, mac: string, pointer: Pointer, wire: Wire) {
    const { scheduler, pool } = owner
    const { clock } = scheduler
    this.owner = owner
    this.mac = mac
    this.hardware = parseMac(mac)
    this.pointer = pointer
    this.wire = wire
    this.bridge = new FrameBridge({ scheduler, pool, link, guard: this, wire: wire.fd })
    const { counters, bridge } = this
    this.segments = new SegmentGate({
      clock,
      bridge,
      counters,
      isOurs: (address) => owner.isOurs(address),
      isBroadcast: (address) => owner.isBroadcast(address),
      admits: (segment) => owner.admits(this, segment),
      wasReset: (flow) => owner.wasReset(flow),
      collect: () => this.collect(),
    })
    this.neighbors = new NeighborProbe({
      clock,
      mac: this.hardware,
      sourceFor: (destination) => owner.sourceFor(destination),
      isOurs: (address) => owner.isOurs(address),
      toPeer: (frame) => this.bridge.toLink(frame),
    })
    this.errors = new ErrorLimit(scheduler)
    const way = { mac: this.hardware, mtu: link.mtu, emit: (frame: Uint8Array): void => this.bridge.toLink(frame) }
    this.echo = new DeviceEcho(owner.echo, way, (address) => owner.isOurs(address))
  }

  /** Frames begin to flow. */
  attach(): void {
    this.bridge.attach()
  }

  // ---------- neighbours ----------

  /**
   * The library is told of a neighbour before it has something for it. Over IPv4 its process ends by packets that wait for several of them at
   * once (pico_arp.c, pico_arp_queued_trigger); over IPv6 it asks for none while its link-local address is younger than a second.
   */
  introduce(neighbor: IpAddress, mac: Uint8Array): void {
    const { owner, pointer } = this
    const introduced = this.introduced[neighbor.family]
    const key = neighbor.toString()
    if (introduced.has(key) || introduced.size >= MOST_INTRODUCED) return
    introduced.add(key)
    if (neighbor.family === 4) owner.library.introduce(pointer, neighbor, mac)
    else this.bridge.toLibrary(introduction(neighbor, mac, parseMac(this.mac)))
  }

  // ---------- frames ----------

  arriving(bytes: Uint8Array, length: number): boolean {
    const { in: packet } = this.packet
    if (!packet.read(bytes, 0, length)) {
      this.segments.releaseAcknowledgement()
      this.neighbors.arriving(bytes, length)
      if (isArp(bytes, length)) this.answerArp(bytes)
      return true
    }
    if (packet.family === 6 && this.ipv6Addresses === 0) return false
    if (packet.isTcp) return this.segments.arrives(packet)
    this.segments.releaseAcknowledgement()
    // What is for others the library passes on (pico_ipv4.c, pico_ipv4_forward); no router is asked for here (RFC 1122 3.2.1.3).
    const { destinationAddress } = packet
    // Its link-local address, from which it asks for neighbours, is known to it alone.
    const isItsOwn =
      destinationAddress.isMulticast || (destinationAddress.family === 6 && destinationAddress.isLinkLocal)
    const isForUs = isItsOwn || this.owner.isOurs(destinationAddress)
    if (!isForUs || isStray(bytes, length, this.hardware, (address) => this.owner.isBroadcast(address))) {
      this.counters.dropStray++
      return false
    }
    if (this.echo.arriving(packet)) return false
    if (packet.protocol === PROTO_UDP) return this.datagramArrives(packet)
    if (isIcmpError(packet)) {
      this.errorArrives(packet)
      return false
    }
    if (packet.isIcmp) this.neighbors.arriving(bytes, length)
    return !this.answersNobody(packet)
  }

  /** The library answers one request a second, whoever asks (pico_arp.c, max_arp_reqs): the others would take us for absent. */
  private answerArp(bytes: Uint8Array): void {
    const answer = answerArp(bytes, this.hardware, (address) => this.owner.isOurs(address))
    if (answer !== null) this.bridge.toLink(answer)
  }

  /** Who asks for our address as nobody is about to take it, and the library does not say that we have it (RFC 4861 7.2.4). */
  private answersNobody({ bytes, length, family, sourceAddress }: PacketView): boolean {
    if (family === 4 || !sourceAddress.isUnspecified || !isSolicitation(bytes, length)) return false
    const answer = answerSolicitation(bytes, length, this.hardware, (address) => this.owner.isOurs(address))
    if (answer !== null) this.bridge.toLink(answer)
    return answer !== null
  }

  leaving(bytes: Uint8Array, length: number): boolean {
    const { out: packet } = this.packet
    if (!packet.read(bytes, 0, length)) return !isArpReply(bytes, length)
    if (packet.isFragment) {
      this.counters.dropFragment++
      return false
    }
    if (packet.family === 6 && (this.ipv6Addresses === 0 || isOfNobody(packet))) return false
    if (packet.isTcp) return this.segments.leaves(packet)
    if (packet.isUdp) this.datagramLeaves(packet)
    else mendIcmp(packet)
    return !isIcmpError(packet) || this.errors.take()
  }

  delivered(): void {
    this.owner.delivered()
  }

  arrived(): void {
    this.segments.releaseAcknowledgement()
  }

  /** What the library has sent goes onto the link now. */
  collect(): void {
    this.bridge.look()
    this.bridge.run()
  }

  // ---------- ending ----------

  /** Frames flow no more. */
  down(): void {
    this.neighbors.close()
    this.segments.clear()
  }

  /** The library's device is gone, or is never used again. */
  async close(): Promise<void> {
    await this.bridge.close()
    await this.wire.close()
  }

  // ---------- UDP and ICMP ----------

  private datagramArrives(packet: PacketView): boolean {
    // Nobody here has joined a group or hears a broadcast; the library would say so to whoever sent it (RFC 1122 3.2.2).
    if (!packet.isUdp || ((packet.bytes[packet.at] as number) & 1) !== 0) return false
    const { sourcePort, destinationPort } = packet
    for (const exchange of this.exchanges) {
      if (exchange.localPort !== destinationPort || exchange.remotePort !== sourcePort) continue
      if (!exchange.remote.equals(packet.sourceAddress) || !exchange.local.equals(packet.destinationAddress)) continue
      exchange.arriving(packet.dataLength)
      if (exchange.inside !== destinationPort) packet.destinationPort = exchange.inside
      return true
    }
    // Where nobody is, the library says so; where somebody is, it would not ask from whom it comes.
    if (!this.udpPorts.has(destinationPort)) return true
    this.counters.dropStranger++
    return false
  }

  private datagramLeaves(packet: PacketView): void {
    const { sourcePort } = packet
    for (const { inside, local } of this.exchanges) {
      if (inside === sourcePort && !packet.sourceAddress.equals(local)) packet.sourceAddress = local
    }
    const real = this.udpPorts.real(sourcePort)
    if (real >= 0 && real !== sourcePort) packet.sourcePort = real
    if (this.isEmptyMark(packet)) packet.endAt(packet.dataAt)
    // Over IPv4 the library sends datagrams without a sum.
    else if (packet.word16(packet.payloadAt + UDP_CHECKSUM) === 0) packet.sum()
  }

  private isEmptyMark({ bytes, dataAt, dataLength }: PacketView): boolean {
    const { emptyMark } = this.owner
    return dataLength === emptyMark.length && emptyMark.every((octet, index) => octet === bytes[dataAt + index])
  }

  /** Errors of the network are told to whom they concern, and never to the library, which ends connections by them. */
  private errorArrives(packet: PacketView): void {
    const { quoted } = this.packet
    if (this.echo.errorArrives(packet)) return
    const mtu = pathMtuOf(packet, quoted)
    if (mtu !== null) {
      this.counters.icmpErrors++
      const flow = quoted.protocol === PROTO_TCP ? this.segments.flows.find(quoted, 'out') : null
      if (flow?.isInFlight(quoted.sequence)) flow.pathMss = Math.min(flow.pathMss, mssOn(mtu, quoted.family))
      return
    }
    const code = reportOf(packet, quoted)
    if (code === null) return
    this.counters.icmpErrors++
    const { sourcePort, destinationPort, destinationAddress } = quoted
    if (quoted.protocol === PROTO_UDP) {
      for (const exchange of this.exchanges) {
        if (exchange.localPort !== sourcePort || exchange.remotePort !== destinationPort) continue
        if (exchange.remote.equals(destinationAddress)) exchange.reported(code)
      }
      return
    }
    const flow = this.segments.flows.get(quoted.sourceAddress, sourcePort, destinationAddress, destinationPort)
    if (flow !== null && !flow.isEstablished) this.owner.reported(flow, code)
  }
}

/**
 * How the library learns of a neighbour of IPv6 and answers nothing: from who looks for routers, whose hardware address it seeks where messages
 * between neighbours have it (pico_ipv6_nd.c, neigh_options).
 */
function introduction(neighbor: IpAddress, mac: Uint8Array, own: Uint8Array): Uint8Array {
  const [source, nobody] = [toBytes(neighbor), new Uint8Array(16)]
  return ndFrame({ kind: ROUTER_SOLICITATION, target: nobody, source, destination: ALL_ROUTERS, to: own, mac })
}
