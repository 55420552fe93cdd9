/**
 * TCP between the library and its link: which segments count, in which form the library sees them, and what leaves in its name. It takes errors
 * for the end of connections, resets them for flags it does not know, reads no end that comes with octets, and speaks from one address only.
 *
 * @module
 */
import { type Clock, type IpAddress, TCP_ACK, TCP_FIN, TCP_PSH, TCP_RST, TCP_SYN } from '@ioth/core'
import {
  cutSegment,
  endsOf,
  type Flow,
  FlowTable,
  type FrameBridge,
  makeSegment,
  mssOn,
  PacketView,
  plainSyn,
  refusalOf,
  roomIn,
  TIMESTAMPS,
  WINDOW_SCALE,
  withoutSack,
} from '@ioth/ffi'
import { InsidePorts } from './inside-ports.ts'

/** What it asks of its device. */
export interface SegmentHost {
  readonly clock: Clock
  readonly bridge: FrameBridge
  readonly counters: SegmentCounters
  isOurs(address: IpAddress): boolean
  isBroadcast(address: IpAddress): boolean
  /** A SYN has come for a port of ours. @returns the library's port; {@link NOBODY} listens, or there is {@link NO_ROOM}. */
  admits(segment: PacketView): number
  /** A RST has come; the library hears of it after this. */
  wasReset(flow: Flow): void
  /** What the library has sent goes onto the link now. */
  collect(): void
}

export interface SegmentCounters {
  dropBacklog: number
  dropStray: number
  resetsOut: number
}

/** {@link SegmentHost.admits} */
export const NOBODY = 0
export const NO_ROOM = -1

/** Where a connection stands inside the library. */
interface Place {
  readonly flow: Flow
  readonly port: number
  readonly local: IpAddress
  /** The address that the library speaks from, when it is another one than `local`. */
  other: IpAddress | null
}

const FLAGS = TCP_FIN | TCP_SYN | TCP_RST | TCP_PSH | TCP_ACK

export class SegmentGate {
  readonly flows: FlowTable
  readonly ports: InsidePorts = new InsidePorts()
  private readonly host: SegmentHost
  /** The library's port of each connection, and by that and its peer's port which connection it is. */
  private readonly inside = new Map<Flow, Place>()
  private readonly known = new Map<number, Place>()
  private readonly retired = new Set<Flow>()
  /** An acknowledgement that waits for a later one. */
  private acknowledgement: { readonly flow: Flow; readonly frame: Uint8Array } | null = null
  private readonly own = new PacketView()

  constructor(host: SegmentHost) {
    this.host = host
    this.flows = new FlowTable({
      clock: host.clock,
      bareResets: true,
      toPeer: (frame) => host.bridge.toLink(frame),
      toLibrary: (frame, flow) => this.toLibrary(frame, flow),
    })
  }

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

  /** The device goes. */
  clear(): void {
    this.flows.clear()
    this.inside.clear()
    this.known.clear()
    this.retired.clear()
  }

  /** A segment of the link. @returns whether it goes into the library as it is now. */
  arrives(segment: PacketView): boolean {
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
        this.host.wasReset(flow)
        // What it has acknowledged by now tells which number it believes.
        this.host.collect()
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
      this.host.bridge.toLibrary(makeSegment(endsOf(segment), numbers))
    }
    return false
  }

  private give(whole: Uint8Array, flags: number, from: number, to: number): void {
    const { own } = this
    own.read(whole.slice(), 0, whole.length)
    own.flags = flags
    own.keepOctets(from, to)
    this.host.bridge.toLibrary(own.bytes.subarray(0, own.end))
  }

  /** To where the connection stands inside the library. */
  private goInside(segment: PacketView, flow: Flow): void {
    const place = this.inside.get(flow)
    if (place === undefined) return
    segment.destinationPort = place.port
    if (place.other !== null) segment.destinationAddress = place.other
  }

  private newSegment(segment: PacketView, isOpening: boolean): boolean {
    const { host } = this
    this.releaseAcknowledgement()
    // RFC 1122 4.2.3.10: nobody connects from all of a network.
    if (!host.isOurs(segment.destinationAddress) || host.isBroadcast(segment.sourceAddress)) {
      this.host.counters.dropStray++
      return false
    }
    const inside = isOpening ? host.admits(segment) : NOBODY
    if (inside === NO_ROOM) {
      // The peer asks again in a second.
      this.host.counters.dropBacklog++
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
    this.host.bridge.toLibrary(plainSyn(segment))
    return false
  }

  /** RFC 9293 3.10.7.1: a segment for nobody is answered by a RST that its sender believes. */
  private refuse(segment: PacketView): void {
    this.host.counters.dropStray++
    const refusal = refusalOf(segment)
    if (refusal === null) return
    this.host.counters.resetsOut++
    this.host.bridge.toLink(refusal)
  }

  /** A segment of the library. @returns whether it goes onto the link as it is now. */
  leaves(segment: PacketView): boolean {
    const { sourcePort } = segment
    const real = this.ports.real(sourcePort)
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
    if ((segment.flags & TCP_SYN) !== 0) segment.mss = mssOn(this.host.bridge.link.mtu, segment.family)
    return flow.leaving(segment) && this.fits(segment, flow)
  }

  /** Towards a peer that connected it knows no size but its own (pico_tcp.c, tcp_syn), and of a path none: it is cut here. */
  private fits(segment: PacketView, { peerMss, pathMss }: Flow): boolean {
    const room = roomIn(segment, Math.min(peerMss, pathMss))
    if (segment.dataLength <= room) return true
    for (const piece of cutSegment(segment, room)) this.host.bridge.toLink(piece)
    return false
  }

  private toLibrary(frame: Uint8Array, flow: Flow): void {
    if (!this.inside.has(flow)) return
    const { own } = this
    if (own.read(frame, 0, frame.length)) this.goInside(own, flow)
    this.host.bridge.toLibrary(frame)
  }

  /** What waits for a later one goes now. */
  releaseAcknowledgement(): void {
    const { acknowledgement } = this
    this.acknowledgement = null
    if (acknowledgement !== null) this.host.bridge.toLibrary(acknowledgement.frame)
  }
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
