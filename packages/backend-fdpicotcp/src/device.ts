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
  type FramePool,
  type IpAddress,
  type Link,
  NetError,
  PROTO_ICMP,
  PROTO_ICMP6,
  PROTO_UDP,
  parseMac,
  randomMac,
  type Scheduler,
  TCP_ACK,
  TCP_CHECKSUM,
  TCP_DATA_OFFSET,
  TCP_DESTINATION,
  TCP_FIN,
  TCP_PSH,
  TCP_RST,
  TCP_SOURCE,
  TCP_SYN,
  UDP_CHECKSUM,
  UDP_DESTINATION,
  UDP_HEADER,
  UDP_SOURCE,
} from '@ioth/core'
import {
  type Flow,
  FlowTable,
  FrameBridge,
  type FrameGuard,
  mendIcmp,
  NeighborProbe,
  SegmentTemplate,
  TcpFrame,
  UNREACHABLE,
} from '@ioth/ffi'
import type { FdPico, Pointer } from './bindings.ts'
import { InsidePorts } from './inside-ports.ts'
import { Packet, withoutScaleAndTimestamps } from './packet.ts'
import { type Wire, wireTo } from './private-switch.ts'

/** What a device needs of its engine. */
export interface DeviceOwner {
  readonly scheduler: Scheduler
  readonly pool: FramePool
  readonly library: FdPico
  /** Octets that stand for an empty datagram, which the library does not send; nobody else can know them. */
  readonly emptyMark: Uint8Array
  isOurs(address: IpAddress): boolean
  sourceFor(destination: IpAddress): IpAddress | null
  /** A SYN has come for a port of ours: `inside`, or that nobody listens, or that there is no room. */
  admits(device: Device, frame: TcpFrame): number
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

export interface DeviceCounters {
  dropBacklog: number
  dropStray: number
  dropStranger: number
  dropFragment: number
  resetsOut: number
  icmpErrors: number
}

const FLAGS = TCP_FIN | TCP_SYN | TCP_RST | TCP_PSH | TCP_ACK
const ERRORS4: readonly number[] = [3, 4, 5, 11, 12]
const ERRORS6: readonly number[] = [1, 2, 3, 4, 137]
const ICMP_HEADER = 8
const ROUTER_SOLICITATION = 133
const NEIGHBOR_SOLICITATION = 135

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
  private readonly owner: DeviceOwner
  private readonly wire: Wire
  /** The library's port of each connection, and by that and its peer's port which connection it is. */
  private readonly inside = new Map<Flow, number>()
  private readonly known = new Map<number, { readonly flow: Flow; readonly local: IpAddress }>()
  private readonly retired = new Set<Flow>()
  private readonly segment = { in: new TcpFrame(), out: new TcpFrame(), own: new TcpFrame() }
  private readonly packet = { in: new Packet(), out: new Packet(), quoted: new Packet() }
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
    this.pointer = pointer
    this.wire = wire
    this.bridge = new FrameBridge({ scheduler, pool, link, guard: this, wire: wire.fd })
    this.segment.in.use(this.bridge.incoming)
    this.segment.out.use(this.bridge.outgoing)
    this.packet.in.use(this.bridge.incoming)
    this.packet.out.use(this.bridge.outgoing)
    this.flows = new FlowTable({
      clock,
      bareResets: true,
      toPeer: (frame) => this.bridge.toLink(frame),
      toLibrary: (frame, flow) => this.toLibrary(frame, flow),
    })
    this.neighbors = new NeighborProbe({
      clock,
      mac: parseMac(this.mac),
      sourceFor: (destination) => owner.sourceFor(destination),
      toPeer: (frame) => this.bridge.toLink(frame),
    })
  }

  /** Frames begin to flow. */
  attach(): void {
    this.bridge.attach()
  }

  // ---------- connections ----------

  /** A connection of ours, which has a port of its own inside. */
  begin(flow: Flow, local: IpAddress, inside: number, remotePort: number): void {
    this.inside.set(flow, inside)
    this.known.set(keyOf(inside, remotePort), { flow, local })
  }

  /** Whether the library could not tell a new connection from one that is there. */
  isTaken(inside: number, remotePort: number): boolean {
    return this.known.has(keyOf(inside, remotePort))
  }

  /** The library has forgotten a connection: what comes for it is answered here. */
  retire(flow: Flow, remotePort: number): void {
    this.retired.add(flow)
    const key = keyOf(this.inside.get(flow) ?? 0, remotePort)
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
    if (!packet.parse(length)) {
      this.releaseAcknowledgement()
      this.neighbors.arriving(bytes, length)
      return true
    }
    if (packet.family === 6 && this.ipv6Addresses === 0) return false
    const { in: segment } = this.segment
    if (segment.parse(length)) return this.segmentArrives(segment)
    this.releaseAcknowledgement()
    if (packet.protocol === PROTO_UDP) return this.datagramArrives(packet)
    if (packet.protocol === (packet.family === 4 ? PROTO_ICMP : PROTO_ICMP6)) {
      if (this.isError(packet) || this.isOddEcho(packet)) return false
      this.neighbors.arriving(bytes, length)
    }
    return true
  }

  leaving(_bytes: Uint8Array, length: number): boolean {
    const { out: packet } = this.packet
    if (!packet.parse(length)) return true
    if (packet.isFragment) {
      this.counters.dropFragment++
      return false
    }
    if (packet.family === 6 && (this.ipv6Addresses === 0 || isOfNobody(packet))) return false
    const { out: segment } = this.segment
    if (segment.parse(length)) return this.segmentLeaves(segment)
    if (packet.protocol === PROTO_UDP && packet.at + UDP_HEADER <= packet.end) {
      const port = packet.view.getUint16(packet.at + UDP_SOURCE)
      const real = this.udpPorts.real(port)
      for (const { inside, local } of this.exchanges) {
        if (inside === port && !packet.source.equals(local)) packet.setSource(local, UDP_CHECKSUM)
      }
      if (real >= 0 && real !== port) packet.set16(UDP_SOURCE, real, UDP_CHECKSUM)
      if (this.isEmptyMark(packet)) packet.emptyDatagram()
      // Over IPv4 the library sends datagrams without a sum.
      else if (packet.view.getUint16(packet.at + UDP_CHECKSUM) === 0) packet.sum(UDP_CHECKSUM)
    } else mendIcmp(packet.bytes, length)
    return true
  }

  private isEmptyMark({ bytes, at, end }: Packet): boolean {
    const { emptyMark } = this.owner
    const data = at + UDP_HEADER
    return end - data === emptyMark.length && emptyMark.every((octet, index) => octet === bytes[data + index])
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

  private segmentArrives(segment: TcpFrame): boolean {
    // The library resets a connection for a flag that it does not know (urgent data, congestion), and gives reserved bits back.
    const word = segment.view.getUint16(segment.at + TCP_DATA_OFFSET)
    segment.set16(TCP_DATA_OFFSET, word & (0xf000 | FLAGS))
    segment.flags &= FLAGS
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
    segment.set16(TCP_DESTINATION, this.inside.get(flow) as number)
    const isPure = segment.flags === TCP_ACK && segment.payload === 0 && !flow.isPassive
    if (isPure && flow.acknowledgedOctets !== before) {
      // Of acknowledgements in a row the last one says all; by several, after a timeout, the library loses its place for good.
      if (this.acknowledgement?.flow !== flow) this.releaseAcknowledgement()
      this.acknowledgement = { flow, frame: segment.bytes.slice(0, segment.length) }
      return false
    }
    this.releaseAcknowledgement()
    if ((segment.flags & TCP_FIN) === 0 || segment.payload === 0) return true
    this.giveApart(segment)
    return false
  }

  /** The library does not see an end that comes with octets. */
  private giveApart(segment: TcpFrame): void {
    const { seq, ack, payload, window } = segment
    const end = SegmentTemplate.of(segment).make(TCP_FIN | TCP_ACK, (seq + payload) | 0, ack, window)
    segment.set16(TCP_DATA_OFFSET, segment.view.getUint16(segment.at + TCP_DATA_OFFSET) & ~TCP_FIN)
    this.bridge.toLibrary(segment.bytes.slice(0, segment.length))
    this.bridge.toLibrary(end)
  }

  private newSegment(segment: TcpFrame, isOpening: boolean): boolean {
    this.releaseAcknowledgement()
    const { in: packet } = this.packet
    if (!this.owner.isOurs(packet.destination)) {
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
    segment.set16(TCP_DESTINATION, inside)
    return true
  }

  /** RFC 9293 3.10.7.1: a segment for nobody is answered by a RST that its sender believes. */
  private refuse(segment: TcpFrame): void {
    this.counters.dropStray++
    const { flags, seq, ack, space } = segment
    if ((flags & TCP_RST) !== 0) return
    this.counters.resetsOut++
    const back = SegmentTemplate.of(segment).reversed()
    const isKnown = (flags & TCP_ACK) !== 0
    this.bridge.toLink(isKnown ? back.make(TCP_RST, ack, 0, 0) : back.make(TCP_RST | TCP_ACK, 0, (seq + space) | 0, 0))
  }

  private segmentLeaves(segment: TcpFrame): boolean {
    const real = this.tcpPorts.real(segment.sourcePort)
    // Resets are made here, from the numbers of the connection.
    if (real < 0 || (segment.flags & TCP_RST) !== 0) return false
    // The library speaks from the first address of a network, whatever address a connection has.
    const known = this.known.get(keyOf(segment.sourcePort, segment.destinationPort))
    const { out: packet } = this.packet
    if (known !== undefined && !packet.source.equals(known.local)) packet.setSource(known.local, TCP_CHECKSUM)
    segment.set16(TCP_SOURCE, real)
    segment.sourcePort = real
    withoutScaleAndTimestamps(segment)
    const flow = this.flows.find(segment, 'out')
    // One that was given up before its SYN had left ends by it.
    if (flow === null || (this.retired.has(flow) && !flow.isDead)) return false
    return flow.leaving(segment)
  }

  private toLibrary(frame: Uint8Array, flow: Flow): void {
    const inside = this.inside.get(flow)
    if (inside === undefined) return
    const { own } = this.segment
    own.use(frame)
    if (own.parse(frame.length)) own.set16(TCP_DESTINATION, inside)
    this.bridge.toLibrary(frame)
  }

  private releaseAcknowledgement(): void {
    const { acknowledgement } = this
    this.acknowledgement = null
    if (acknowledgement !== null) this.bridge.toLibrary(acknowledgement.frame)
  }

  // ---------- UDP and ICMP ----------

  private datagramArrives(packet: Packet): boolean {
    const { view, at, end } = packet
    if (packet.isFragment || at + UDP_HEADER > end) return false
    const port = view.getUint16(at + UDP_DESTINATION)
    const from = view.getUint16(at + UDP_SOURCE)
    for (const exchange of this.exchanges) {
      if (exchange.localPort !== port || exchange.remotePort !== from) continue
      if (!exchange.remote.equals(packet.source) || !exchange.local.equals(packet.destination)) continue
      exchange.arriving(end - at - UDP_HEADER)
      if (exchange.inside !== port) packet.set16(UDP_DESTINATION, exchange.inside, UDP_CHECKSUM)
      return true
    }
    // Where nobody is, the library says so; where somebody is, it would not ask from whom it comes.
    if (!this.udpPorts.has(port)) return true
    this.counters.dropStranger++
    return false
  }

  /** A question with a code that it does not have (RFC 792): the library gives it back. */
  private isOddEcho({ bytes, at, family }: Packet): boolean {
    return bytes[at] === (family === 4 ? 8 : 128) && bytes[at + 1] !== 0
  }

  /** Whether it is an error of the network: those are told to whom they concern, and never to the library, which ends connections by them. */
  private isError(packet: Packet): boolean {
    const { bytes, at, end, family } = packet
    const [errors, unreachable] = family === 4 ? [ERRORS4, 3] : [ERRORS6, 1]
    const type = bytes[at] as number
    if (!errors.includes(type)) return false
    const code = type === unreachable ? UNREACHABLE[family][bytes[at + 1] as number] : undefined
    const { quoted } = this.packet
    quoted.use(bytes)
    if (code === undefined || !quoted.parseAt(at + ICMP_HEADER, end, family) || quoted.at + 8 > end) return true
    this.counters.icmpErrors++
    const { view } = quoted
    const localPort = view.getUint16(quoted.at)
    const remotePort = view.getUint16(quoted.at + 2)
    if (quoted.protocol === PROTO_UDP) {
      for (const exchange of this.exchanges) {
        if (exchange.localPort !== localPort || exchange.remotePort !== remotePort) continue
        if (exchange.remote.equals(quoted.destination)) exchange.reported(code)
      }
      return true
    }
    const flow = this.flows.get(quoted.source, localPort, quoted.destination, remotePort)
    if (flow !== null && !flow.isEstablished) this.owner.reported(flow, code)
    return true
  }
}

function keyOf(inside: number, remotePort: number): number {
  return inside * 65_536 + remotePort
}

/**
 * What the library asks as nobody (from `::`): routers, and whether its address is somebody else's. Nothing here is configured by what routers
 * say, and conflicts are looked for beside the library, which says who it is in questions that must not (RFC 4861 4.1, 4.3).
 */
function isOfNobody(packet: Packet): boolean {
  const { protocol, bytes, at } = packet
  if (protocol !== PROTO_ICMP6) return false
  const type = bytes[at] as number
  return type === ROUTER_SOLICITATION || (type === NEIGHBOR_SOLICITATION && packet.isFromNobody)
}
