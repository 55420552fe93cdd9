/**
 * An interface of the library on a link of ours: its device in a switch with one port, a bridge from there to the link, and what stands beside
 * the library and looks at each frame on the way.
 *
 * What is dealt with here: it answers segments for nobody by ICMP, takes errors of the network for the end of connections, flags it does not
 * know for a reason to reset them, tells a connected datagram socket what strangers send, and speaks IPv6 from the start.
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
  TCP_ACK,
  TCP_FIN,
  TCP_PSH,
  TCP_RST,
  TCP_SYN,
  toBytes,
  UDP_CHECKSUM,
} from '@ioth/core'
import {
  answerSolicitation,
  cutSegment,
  Echo,
  type EchoWay,
  endsOf,
  type Flow,
  FlowTable,
  FrameBridge,
  type FrameGuard,
  isIcmpError,
  isOfNobody,
  isSolicitation,
  isStray,
  makeSegment,
  mendIcmp,
  mssOn,
  NeighborProbe,
  ndFrame,
  PacketView,
  pathMtuOf,
  plainSyn,
  ROUTER_SOLICITATION,
  refusalOf,
  reportOf,
  roomIn,
  TIMESTAMPS,
  WINDOW_SCALE,
  withoutSack,
} from '@ioth/ffi'
import type { FdPico, Pointer } from './bindings.ts'
import { InsidePorts } from './inside-ports.ts'
import { type Wire, wireTo } from './private-switch.ts'

/** What a device needs of its engine. */
export interface DeviceOwner {
  readonly scheduler: Scheduler
  readonly pool: FramePool
  readonly library: FdPico
  /** Octets that stand for an empty datagram, which the library does not send; nobody else can know them. */
  readonly emptyMark: Uint8Array
  isOurs(address: IpAddress): boolean
  isBroadcast(address: IpAddress): boolean
  sourceFor(destination: IpAddress): IpAddress | null
  /** A SYN has come for a port of ours: `inside`, or that nobody listens, or that there is no room. */
  admits(device: Device, frame: PacketView): number
  /** The library has a frame more. */
  delivered(): void
  /** A connection that is being made, or a datagram, cannot get there. */
  reported(flow: Flow, code: ErrorCode): void
  /** A RST has come; the library hears of it after this. */
  wasReset(flow: Flow): void
}

/** {@link DeviceOwner.admits} */
export const NOBODY = 0
export const NO_ROOM = -1

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

/** Where a connection stands inside the library. */
interface Place {
  readonly flow: Flow
  readonly port: number
  readonly local: IpAddress
  /** The address that the library speaks from, when it is another one than `local`. */
  other: IpAddress | null
}

export interface DeviceCounters {
  dropBacklog: number
  dropStray: number
  dropStranger: number
  dropFragment: number
  resetsOut: number
  icmpErrors: number
}

/** RFC 4291 2.7.1. */
const ALL_ROUTERS = toBytes(parseIpAddress('ff02::2'))

/** Neighbours that the library is told of: each takes one of its timers over IPv4. The others it asks for itself. */
const MOST_INTRODUCED = 1024

const FLAGS = TCP_FIN | TCP_SYN | TCP_RST | TCP_PSH | TCP_ACK

export class Device implements FrameGuard {
  readonly mac: string
  readonly bridge: FrameBridge
  readonly flows: FlowTable
  readonly neighbors: NeighborProbe
  readonly tcpPorts: InsidePorts = new InsidePorts()
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
  /** The library answers an echo only when the one before had other numbers (pico_icmp4.c, pico_icmp4_process_in). */
  private readonly echo: Echo
  private readonly echoWay: EchoWay
  private readonly errors: ErrorLimit
  private readonly hardware: Uint8Array
  private readonly owner: DeviceOwner
  private readonly wire: Wire
  /** The library's port of each connection, and by that and its peer's port which connection it is. */
  private readonly inside = new Map<Flow, Place>()
  private readonly known = new Map<number, Place>()
  private readonly retired = new Set<Flow>()
  /** Neighbours that the library was told of. */
  private readonly introduced = { 4: new Set<string>(), 6: new Set<string>() }
  private readonly packet = {
    in: new PacketView(),
    out: new PacketView(),
    own: new PacketView(),
    quoted: new PacketView(),
  }
  /** An acknowledgement that waits for a later one. */
  private acknowledgement: { readonly flow: Flow; readonly frame: Uint8Array } | null = null

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
    this.flows = new FlowTable({
      clock,
      bareResets: true,
      toPeer: (frame) => this.bridge.toLink(frame),
      toLibrary: (frame, flow) => this.toLibrary(frame, flow),
    })
    this.neighbors = new NeighborProbe({
      clock,
      mac: this.hardware,
      sourceFor: (destination) => owner.sourceFor(destination),
      isOurs: (address) => owner.isOurs(address),
      toPeer: (frame) => this.bridge.toLink(frame),
    })
    this.echo = new Echo(scheduler)
    this.errors = new ErrorLimit(scheduler)
    this.echoWay = { mac: this.hardware, mtu: link.mtu, emit: (frame) => this.bridge.toLink(frame) }
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

  // ---------- connections ----------

  /** A connection of ours, which has a port of its own inside. */
  begin(flow: Flow, local: IpAddress, inside: number, remotePort: number): void {
    const place: Place = { flow, port: inside, local, other: null }
    this.inside.set(flow, place)
    this.known.set(keyOf(inside, remotePort), place)
  }

  /** Whether the library could not tell a new connection from one that is there. */
  isTaken(inside: number, remotePort: number): boolean {
    return this.known.has(keyOf(inside, remotePort))
  }

  /** The library has forgotten a connection: what comes for it is answered here. */
  retire(flow: Flow, remotePort: number): void {
    this.retired.add(flow)
    const key = keyOf(this.inside.get(flow)?.port ?? 0, remotePort)
    if (this.known.get(key)?.flow === flow) this.known.delete(key)
  }

  /** Nothing is known of a connection any more. */
  forget(flow: Flow): void {
    this.retired.delete(flow)
    this.inside.delete(flow)
    this.flows.remove(flow)
  }

  // ---------- frames ----------

  arriving(bytes: Uint8Array, length: number): boolean {
    const { in: packet } = this.packet
    if (!packet.read(bytes, 0, length)) {
      this.releaseAcknowledgement()
      this.neighbors.arriving(bytes, length)
      return true
    }
    if (packet.family === 6 && this.ipv6Addresses === 0) return false
    if (packet.isTcp) return this.segmentArrives(packet)
    this.releaseAcknowledgement()
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
    if (packet.protocol === PROTO_UDP) return this.datagramArrives(packet)
    if (isIcmpError(packet)) this.errorArrives(packet)
    else if (!this.echo.arriving(packet, this.echoWay, (address) => this.owner.isOurs(address))) {
      if (packet.isIcmp) this.neighbors.arriving(bytes, length)
      return !this.answersNobody(packet)
    }
    return false
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
    if (!packet.read(bytes, 0, length)) return true
    if (packet.isFragment) {
      this.counters.dropFragment++
      return false
    }
    if (packet.family === 6 && (this.ipv6Addresses === 0 || isOfNobody(packet))) return false
    if (packet.isTcp) return this.segmentLeaves(packet)
    if (packet.isUdp) this.datagramLeaves(packet)
    else mendIcmp(packet)
    return !isIcmpError(packet) || this.errors.take()
  }

  delivered(): void {
    this.owner.delivered()
  }

  arrived(): void {
    this.releaseAcknowledgement()
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
    this.flows.clear()
    this.inside.clear()
    this.known.clear()
    this.retired.clear()
  }

  /** The library's device is gone, or is never used again. */
  async close(): Promise<void> {
    await this.bridge.close()
    await this.wire.close()
  }

  // ---------- TCP ----------

  private segmentArrives(segment: PacketView): boolean {
    // The library resets a connection for a flag that it does not know (urgent data, congestion), and gives reserved bits back.
    if (segment.reserved !== 0) segment.reserved = 0
    if ((segment.flags & ~FLAGS) !== 0) segment.flags &= FLAGS
    if ((segment.flags & TCP_SYN) !== 0) withoutScaleAndTimestamps(segment)
    const isOpening = (segment.flags & (TCP_SYN | TCP_ACK | TCP_RST)) === TCP_SYN
    let flow = this.flows.find(segment, 'in')
    if (flow !== null && this.retired.has(flow)) {
      if (!isOpening) {
        flow.late(segment)
        return false
      }
      this.forget(flow)
      flow = null
    }
    if (flow === null) return this.newSegment(segment, isOpening)
    // The library has forgotten it.
    if (flow.wasReset) return false
    const verdict = flow.hasBegun && !flow.isDead ? flow.acceptance.judge(segment, flow) : 'take'
    if (verdict !== 'take') {
      this.releaseAcknowledgement()
      if (verdict === 'answer') flow.acknowledge()
      else if (verdict === 'refuse') this.refuse(segment)
      return false
    }
    const before = flow.acknowledgedOctets
    if (!flow.arriving(segment)) return false
    if ((segment.flags & TCP_RST) !== 0) {
      // The library hears of it in the form it believes, and what it holds is read before.
      this.releaseAcknowledgement()
      if (flow.wasReset) {
        this.owner.wasReset(flow)
        // What it has acknowledged by now tells which number it believes.
        this.collect()
        flow.resetLibrary()
      }
      return false
    }
    this.goInside(segment, flow)
    if ((segment.flags & TCP_SYN) !== 0) return this.giveSyn(segment)
    const isNews = flow.acknowledgedOctets !== before
    const isPure = segment.flags === TCP_ACK && segment.dataLength === 0 && !flow.isPassive
    if (isPure && isNews) {
      // Of acknowledgements in a row the last one says all; by several, after a timeout, the library loses its place for good.
      if (this.acknowledgement?.flow !== flow) this.releaseAcknowledgement()
      this.acknowledgement = { flow, frame: segment.bytes.slice(0, segment.length) }
      return false
    }
    this.releaseAcknowledgement()
    return segment.dataLength === 0 || this.givesOctets(flow, segment, isNews)
  }

  /**
   * What the library has not had yet, in pieces ({@link Acceptance.give}); and an end apart, for it does not see one that comes with octets.
   * @param isNews whether it acknowledges something, too.
   */
  private givesOctets(flow: Flow, segment: PacketView, isNews: boolean): boolean {
    const { sequence, acknowledgment, dataLength, window, flags, length } = segment
    const { acceptance } = flow
    const end = (sequence + dataLength) | 0
    const hasEnd = (flags & TCP_FIN) !== 0
    const fresh = acceptance.give(segment, flow)
    if (fresh === null && !hasEnd) return true
    const pieces = fresh ?? [[sequence, end]]
    const whole = segment.bytes.slice(0, length)
    for (const [left, right] of pieces)
      this.give(whole, TCP_PSH | TCP_ACK, (left - sequence) | 0, (right - sequence) | 0)
    if (pieces.length === 0) {
      flow.acknowledge()
      if (isNews) this.give(whole, TCP_ACK, 0, 0)
    }
    if (hasEnd && acceptance.isWithin(segment, flow)) {
      const numbers = { flags: TCP_FIN | TCP_ACK, sequence: end, acknowledgment, window }
      this.bridge.toLibrary(makeSegment(endsOf(segment), numbers))
    }
    return false
  }

  private give(whole: Uint8Array, flags: number, from: number, to: number): void {
    const { own } = this.packet
    own.read(whole.slice(), 0, whole.length)
    own.flags = flags
    own.keepOctets(from, to)
    this.bridge.toLibrary(own.bytes.subarray(0, own.end))
  }

  /** To where the connection stands inside the library. */
  private goInside(segment: PacketView, flow: Flow): void {
    const place = this.inside.get(flow)
    if (place === undefined) return
    segment.destinationPort = place.port
    if (place.other !== null) segment.destinationAddress = place.other
  }

  private newSegment(segment: PacketView, isOpening: boolean): boolean {
    this.releaseAcknowledgement()
    // RFC 1122 4.2.3.10: nobody connects from all of a network.
    if (!this.owner.isOurs(segment.destinationAddress) || this.owner.isBroadcast(segment.sourceAddress)) {
      this.counters.dropStray++
      return false
    }
    const inside = isOpening ? this.owner.admits(this, segment) : NOBODY
    if (inside === NO_ROOM) {
      // The peer asks again in a second.
      this.counters.dropBacklog++
      return false
    }
    if (inside === NOBODY) {
      this.refuse(segment)
      return false
    }
    segment.destinationPort = inside
    return this.giveSyn(segment)
  }

  /** A SYN, or the answer to one, in a form that the library understands. */
  private giveSyn(segment: PacketView): false {
    this.bridge.toLibrary(plainSyn(segment))
    return false
  }

  /** RFC 9293 3.10.7.1: a segment for nobody is answered by a RST that its sender believes. */
  private refuse(segment: PacketView): void {
    this.counters.dropStray++
    const refusal = refusalOf(segment)
    if (refusal === null) return
    this.counters.resetsOut++
    this.bridge.toLink(refusal)
  }

  private segmentLeaves(segment: PacketView): boolean {
    const { sourcePort } = segment
    const real = this.tcpPorts.real(sourcePort)
    // Resets are made here, from the numbers of the connection.
    if (real < 0 || (segment.flags & TCP_RST) !== 0) return false
    // The library speaks from the first address of a network, whatever address a connection has.
    const known = this.known.get(keyOf(sourcePort, segment.destinationPort))
    if (known !== undefined && !segment.sourceAddress.equals(known.local)) {
      known.other = segment.sourceAddress
      segment.sourceAddress = known.local
    }
    segment.sourcePort = real
    withoutScaleAndTimestamps(segment)
    const flow = this.flows.find(segment, 'out')
    // One that was given up before its SYN had left ends by it.
    if (flow === null || (this.retired.has(flow) && !flow.isDead)) return false
    if (!flow.offersSack) withoutSack(segment)
    // It offers no more than its peer does (pico_tcp.c, tcp_syn).
    if ((segment.flags & TCP_SYN) !== 0) segment.mss = mssOn(this.bridge.link.mtu, segment.family)
    return flow.leaving(segment) && this.fits(segment, flow)
  }

  /** Towards a peer that connected it knows no size but its own (pico_tcp.c, tcp_syn), and of a path none: it is cut here. */
  private fits(segment: PacketView, { peerMss, pathMss }: Flow): boolean {
    const room = roomIn(segment, Math.min(peerMss, pathMss))
    if (segment.dataLength <= room) return true
    for (const piece of cutSegment(segment, room)) this.bridge.toLink(piece)
    return false
  }

  private toLibrary(frame: Uint8Array, flow: Flow): void {
    if (!this.inside.has(flow)) return
    const { own } = this.packet
    if (own.read(frame, 0, frame.length)) this.goInside(own, flow)
    this.bridge.toLibrary(frame)
  }

  private releaseAcknowledgement(): void {
    const { acknowledgement } = this
    this.acknowledgement = null
    if (acknowledgement !== null) this.bridge.toLibrary(acknowledgement.frame)
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
    const mtu = pathMtuOf(packet, quoted)
    if (mtu !== null) {
      this.counters.icmpErrors++
      const flow = quoted.protocol === PROTO_TCP ? this.flows.find(quoted, 'out') : null
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
    const flow = this.flows.get(quoted.sourceAddress, sourcePort, destinationAddress, destinationPort)
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

function keyOf(inside: number, remotePort: number): number {
  return inside * 65_536 + remotePort
}

/**
 * The library puts the scale of its window on every segment and changes it, and without timestamps segments can be made beside it that its peer
 * takes.
 */
function withoutScaleAndTimestamps(segment: PacketView): void {
  segment.withoutOption(WINDOW_SCALE)
  if ((segment.flags & TCP_SYN) !== 0) segment.withoutOption(TIMESTAMPS)
}
