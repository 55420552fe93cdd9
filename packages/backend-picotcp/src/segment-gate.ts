/**
 * The gate's part for TCP. The library cannot reset, takes a FIN only alone, resets connections for flags that it does not know, and believes
 * segments that it should not: which it sees, and in which form, is decided here; and so is what leaves in its name.
 *
 * @module
 */
import { type IpAddress, TCP_ACK, TCP_FIN, TCP_PSH, TCP_RST, TCP_SYN, toBytes } from '@ioth/core'
import {
  cutSegment,
  makeSegment,
  mssOn,
  type PacketView,
  type Piece,
  plainSyn,
  refusalOf,
  reversed,
  roomIn,
  type SegmentEnds,
  sumOf,
  TIMESTAMPS,
  type Verdict,
  WINDOW_SCALE,
  withoutSack,
} from '@ioth/ffi'
import { DROP, PASS, type PicoDevice } from './device.ts'
import type { Flow, Flows } from './flows.ts'
import type { PortAliases } from './port-aliases.ts'
import type { Rewrite } from './rewrite.ts'

/** What it asks of its stack. */
export interface SegmentHost {
  readonly flows: Flows
  readonly tcpAliases: PortAliases
  /** Whether the library has room for one more connection, besides those that nobody holds yet. */
  hasRoomFor(others: number): boolean
  isOurs(address: IpAddress): boolean
  isBroadcast(address: IpAddress): boolean
  /** The library's port of whoever listens there; {@link NO_ROOM} for one more handshake, or {@link NOBODY} does. */
  listenerPort(family: 4 | 6, address: IpAddress, port: number): number
  /** Lets the library work on what it has, now. */
  settle(): void
  /** Lets it work on what it was given, in this turn. */
  touch(): void
  count(what: SegmentCount): void
}

export const NOBODY = -1
export const NO_ROOM = 0

export type SegmentCount = 'tcpStray' | 'tcpResetsOut' | 'synDropped'

/** Those that the library knows: for others it resets connections, or drops what bears them (pico_tcp.c, invalid_flags). */
const FLAGS = TCP_FIN | TCP_SYN | TCP_RST | TCP_PSH | TCP_ACK
const NO_OCTETS: Piece = [0, 0]

export class SegmentGate {
  /** The connection that the segment which {@link arrives} just let pass acknowledges, when it does nothing else. */
  acknowledged: Flow | null = null
  private readonly host: SegmentHost
  /** Of the frame that comes or goes. */
  private readonly packet: PacketView
  private readonly rewrite: Rewrite

  constructor(host: SegmentHost, packet: PacketView, rewrite: Rewrite) {
    this.host = host
    this.packet = packet
    this.rewrite = rewrite
  }

  /** A segment of the library, which is read. @returns its length from now on; 0: it shall not leave. */
  leaves(device: PicoDevice, frame: Uint8Array, at: number, length: number): number {
    const { packet, host } = this
    const port = packet.sourcePort
    const real = host.tcpAliases.real(port)
    host.flows.undisguise(packet)
    if (real !== port) packet.sourcePort = real
    const flow = host.flows.sent(packet, frame, at, device.linkHeader, port)
    if (flow !== null) {
      flow.device = device
      this.endWith(flow)
    }
    // The library puts the scale of its window, always 0, on every segment; it belongs on SYNs only (RFC 7323 2.2).
    if ((packet.flags & TCP_SYN) === 0) packet.withoutOption(WINDOW_SCALE)
    // It offers no more than its peer does (pico_tcp.c, tcp_syn).
    else packet.mss = mssOn(device.mtu, packet.family)
    if (flow !== null) withoutWhatWasNotOffered(flow, packet)
    // Those of the peer's SYN come back.
    if (packet.reserved !== 0) packet.reserved = 0
    // The library leaves a number where a RST has no ACK (RFC 9293 3.10.7.1: the field is 0).
    if ((packet.flags & (TCP_RST | TCP_ACK)) === TCP_RST) packet.acknowledgment = 0
    return flow?.isOver === true || (flow !== null && !this.fits(flow, device)) ? 0 : length
  }

  /** What is too long for its path leaves in pieces: the library knows only its own links. */
  private fits(flow: Flow, device: PicoDevice): boolean {
    if (flow.pathMss === Number.POSITIVE_INFINITY) return true
    const room = roomIn(this.packet, flow.pathMss)
    if (this.packet.dataLength <= room) return true
    for (const piece of cutSegment(this.packet, room)) device.emit(piece)
    return false
  }

  /**
   * Ends our side of a connection, when the library was given all that was written: the FIN leaves with the last octet, or now if that has left.
   * @returns false when nothing of it was seen on the wire.
   */
  sendFin(flow: Flow): boolean {
    if (!flow.isSent || flow.device === null) return false
    flow.isEnding = true
    this.endBehind(flow)
    return true
  }

  /** Our FIN alone, behind what the library sent. */
  private endBehind(flow: Flow): void {
    if (flow.finAt !== null || flow.isOver || !flow.mayEnd) return
    this.host.flows.ended(flow)
    this.repeatFin(flow)
  }

  /** Our FIN on the segment that {@link leaves}, when it is the last one; also when that is sent again. */
  private endWith(flow: Flow): void {
    const { packet, host } = this
    if (!flow.isEnding || packet.end === packet.dataAt || flow.isOver) return
    if (((packet.sequence + packet.end - packet.dataAt) | 0) !== flow.writtenEnd) return
    if (flow.finAt === null && flow.mayEnd) host.flows.ended(flow)
    if (flow.finAt !== null) packet.flags |= TCP_FIN
  }

  /** Sends our FIN once more. */
  repeatFin(flow: Flow): void {
    if (flow.finAt !== null) this.emit(flow, TCP_FIN | TCP_ACK, flow.finAt)
  }

  /** Asks a peer whether it takes something again (RFC 9293 3.8.6.1): a segment that it must answer, of what it has already. */
  probe(flow: Flow): void {
    this.emit(flow, TCP_ACK, (flow.sndNxt - 1) | 0)
  }

  /** Says that there is room again: the library says so only when there was none at all. */
  openWindow(flow: Flow, window: number): void {
    if (!flow.isSynchronised || flow.isOver || flow.peerEnded) return
    flow.rcvWindow = window
    flow.rcvEdge = (flow.rcvNxt + window) | 0
    this.emit(flow, TCP_ACK, flow.sndNxt)
  }

  /** Flows whose peer's FIN the library does not know of. */
  private readonly finsToGive = new Set<Flow>()

  /** Tells the library of FINs, when it has acknowledged all octets in front of them. Not to be called from inside a tick. */
  giveFins(): void {
    for (const flow of this.finsToGive) {
      const { peerFinAt, device } = flow
      const isGone = flow.isForgotten || flow.isOver || flow.wasReset || device === null || peerFinAt === null
      if (isGone || ((flow.rcvNxt - peerFinAt) | 0) > 0) this.finsToGive.delete(flow)
      // Only what is established can be accepted: the end of a connection must not come before somebody could take it.
      if (isGone || flow.rcvNxt !== peerFinAt || flow.owner === null) continue
      this.finsToGive.delete(flow)
      device.inject(
        makeSegment(toLibrary(flow, device), {
          flags: TCP_FIN | TCP_ACK,
          sequence: peerFinAt,
          acknowledgment: flow.finAt !== null && flow.inFlight === 0 ? flow.finAt : flow.sndUna,
          window: Math.min(flow.peerWindow >>> flow.peerScale, 0xffff),
        }),
      )
      this.host.touch()
    }
  }

  /**
   * The library takes a FIN only from a segment without octets, and only when it is its turn. So one that comes with octets, or before octets
   * that were lost, is kept until they are there.
   */
  private keepFin(flow: Flow): void {
    const { packet } = this
    const finAt = (packet.sequence + packet.end - packet.dataAt) | 0
    const isInWindow = ((finAt - flow.rcvNxt) | 0) >= 0 && (((flow.rcvEdge ?? finAt) - finAt) | 0) >= 0
    if (!isInWindow) return
    flow.peerFinAt = finAt
    if (packet.end === packet.dataAt && finAt === flow.rcvNxt) return
    this.finsToGive.add(flow)
    this.rewrite.hidden |= TCP_FIN
  }

  /**
   * The library takes nothing of a segment that begins with octets it has, and does not bear any twice ({@link Acceptance.give}); and when it
   * has heard of the peer's FIN, it answers octets that come again by a reset (RFC 9293 3.10.7.4, first: by an acknowledgement).
   * @param isNews whether it acknowledges something, too.
   * @returns false when the library is to see nothing of it.
   */
  private giveOctets(flow: Flow, device: PicoDevice, frame: Uint8Array, at: number, isNews: boolean): boolean {
    const { packet } = this
    const { sequence, end, dataLength } = packet
    const { acceptance } = flow
    if (dataLength === 0) return true
    if (!acceptance.isWithin(packet, flow)) this.rewrite.hidden |= TCP_FIN
    if (flow.owner?.isDeaf === true && ((sequence + dataLength - flow.rcvNxt) | 0) > 0) {
      this.reset(flow)
      this.host.touch()
      return false
    }
    const pieces = acceptance.give(packet, flow)
    if (pieces === null) return true
    const [first, ...others] = pieces.map(([left, right]): Piece => [(left - sequence) | 0, (right - sequence) | 0])
    if (first === undefined) {
      this.emit(flow, TCP_ACK, flow.sndNxt)
      this.rewrite.hidden |= TCP_FIN | TCP_PSH
      this.rewrite.piece = NO_OCTETS
      return isNews
    }
    for (const piece of others) {
      this.rewrite.piece = piece
      const copy = frame.slice(at, end)
      device.inject(copy.subarray(0, this.rewrite.apply(copy, copy.length, device.linkHeader, flow.libraryPort)))
      packet.read(frame, at, end - at, device.linkHeader)
    }
    this.rewrite.piece = first
    return true
  }

  /** An echo of what was never sent would be a round trip (pico_tcp.c, tcp_ack); without one the library measures by itself. */
  private checkEcho(flow: Flow): void {
    const at = flow.hasTimestamps ? this.packet.timestampsAt : -1
    if (at === -1) return
    const echo = this.packet.word32(at + 4)
    const isOurs = ((echo - flow.firstTimestamp) | 0) >= 0 && ((flow.timestamp - echo) | 0) >= 0
    if (!isOurs && echo !== 0) this.rewrite.echo = 0
  }

  /** A segment that does not count. */
  private turnAway(flow: Flow, device: PicoDevice, verdict: Verdict): number {
    if (verdict === 'answer') this.emit(flow, TCP_ACK, flow.sndNxt)
    else if (verdict === 'refuse') this.refuse(device)
    return DROP
  }

  /** A SYN, or the answer to one, in a form that the library understands. */
  private giveSyn(device: PicoDevice, port: number): number {
    const frame = plainSyn(this.packet)
    device.inject(frame.subarray(0, this.rewrite.apply(frame, frame.length, device.linkHeader, port)))
    return DROP
  }

  private emit(flow: Flow, flags: number, sequence: number): void {
    const { device, rcvWindow } = flow
    device?.emit(
      makeSegment(toPeer(flow, device), {
        flags,
        sequence,
        acknowledgment: flow.rcvNxt,
        window: rcvWindow,
        timestamps: flow.hasTimestamps ? [flow.timestamp, flow.acceptance.recentStamp ?? 0] : null,
      }),
    )
  }

  /**
   * Ends a connection on both sides.
   * @param isSilent the peer knows that it is over.
   * @returns false when nothing of it was seen on the wire.
   */
  reset(flow: Flow, isSilent = false): boolean {
    const { device } = flow
    if (!flow.isSent || device === null) return false
    if (flow.isSynchronised && !flow.isOver && !flow.wasReset && !isSilent) {
      this.host.count('tcpResetsOut')
      const numbers = { flags: TCP_RST | TCP_ACK, sequence: flow.sndNxt, acknowledgment: flow.rcvNxt }
      device.emit(makeSegment(toPeer(flow, device), numbers))
    }
    flow.isOver = true
    // The library hears it from its peer, at the sequence number that it expects. It takes a RST with ACK for its SYN only, and in most states
    // none but a bare one.
    const numbers = flow.isSynchronised
      ? { flags: TCP_RST, sequence: flow.rcvNxt }
      : { flags: TCP_RST | TCP_ACK, sequence: flow.rcvNxt, acknowledgment: flow.sndNxt }
    device.inject(makeSegment(toLibrary(flow, device), numbers))
    return true
  }

  /** A segment of the link, which is read. @returns as {@link Gate.arrives}. */
  arrives(device: PicoDevice, frame: Uint8Array, at: number): number {
    const { packet, host } = this
    if (!packet.isTcp) return DROP
    const flow = host.flows.of(packet, false)
    const { flags } = packet
    if (flow !== null) {
      if (flow.isOver) {
        this.refuse(device)
        return DROP
      }
      // Both ends are acknowledged: that of an old segment of ours changes nothing (RFC 1337 3), also when the program has not read all yet.
      if ((flags & TCP_RST) !== 0 && flow.isComplete && flow.hasTakenFin) return DROP
      // Only what is established can be accepted: the end of a connection must not come before somebody could take it.
      if (flow.owner === null && (flags & (TCP_FIN | TCP_RST)) !== 0) this.settle(device, frame, at)
      const verdict = flow.isSent ? flow.acceptance.judge(packet, flow) : 'take'
      if (verdict !== 'take') return this.turnAway(flow, device, verdict)
      const before = flow.sndUna
      host.flows.arrived(flow, packet)
      this.rewrite.unknownFin = flow.finAt
      this.rewrite.inside = flow.disguise?.inside ?? null
      this.rewrite.hidden = flags & ~FLAGS
      if ((flags & TCP_SYN) !== 0) return this.giveSyn(device, flow.libraryPort)
      this.checkEcho(flow)
      if (flow.isSynchronised && (flags & TCP_RST) === 0) {
        if ((flags & TCP_FIN) !== 0) this.keepFin(flow)
        if (!this.giveOctets(flow, device, frame, at, flow.sndUna !== before)) return DROP
      }
      // One that nobody holds had its place in a backlog.
      if ((flags & TCP_RST) !== 0 && flow.owner === null) host.flows.remove(flow)
      this.endBehind(flow)
      // Duplicates are told one by one: they say that something was lost.
      if (flags === TCP_ACK && packet.sequenceLength === 0 && flow.sndUna !== before) this.acknowledged = flow
      return flow.libraryPort === flow.localPort && this.rewrite.isNone ? PASS : flow.libraryPort
    }
    const address = packet.destinationAddress
    // RFC 1122 4.2.3.10: nobody connects from all of a network.
    if (!host.isOurs(address) || host.isBroadcast(packet.sourceAddress)) return DROP
    if ((flags & (TCP_SYN | TCP_ACK | TCP_RST)) === TCP_SYN) {
      const port = host.listenerPort(packet.family, address, packet.destinationPort)
      if (port > 0 && this.hasRoom()) {
        host.flows.asked(packet)
        return this.giveSyn(device, port)
      }
      if (port !== NOBODY) {
        // The peer asks again in a second.
        host.count('synDropped')
        return DROP
      }
    }
    host.count('tcpStray')
    this.refuse(device)
    return DROP
  }

  /** Lets the library work, which sends frames: the view is filled again. */
  private settle(device: PicoDevice, frame: Uint8Array, at: number): void {
    const { packet, host } = this
    const length = packet.end - at
    host.settle()
    packet.read(frame, at, length, device.linkHeader)
  }

  /** Room in the library for one more handshake; the oldest makes some, when it came to nothing. */
  private hasRoom(): boolean {
    const { flows } = this.host
    if (this.host.hasRoomFor(flows.unownedCount)) return true
    const oldest = flows.oldestUnowned
    if (oldest === null || !flows.isOld(oldest) || !this.reset(oldest)) return false
    flows.remove(oldest)
    return true
  }

  /** RFC 9293 3.10.7.1: a segment for nobody is answered by a RST that its sender believes. */
  private refuse(device: PicoDevice): void {
    const { packet } = this
    const { bytes, family, ipAt, payloadAt } = packet
    const isRight = family === 6 || sumOf(bytes, ipAt, payloadAt - ipAt) === 0xffff
    const refusal = isRight && packet.isSummed ? refusalOf(packet) : null
    if (refusal === null) return
    this.host.count('tcpResetsOut')
    device.emit(refusal)
  }
}

/** From us to the peer of a connection. */
function toPeer(flow: Flow, device: PicoDevice): SegmentEnds {
  return {
    linkHeader: flow.linkHeader.subarray(0, device.linkHeader),
    family: flow.family,
    source: octetsOf(flow, 0),
    destination: octetsOf(flow, 4),
    sourcePort: flow.localPort,
    destinationPort: flow.remotePort,
  }
}

/** From the peer of a connection to the library. */
function toLibrary(flow: Flow, device: PicoDevice): SegmentEnds {
  const ends = { ...reversed(toPeer(flow, device)), destinationPort: flow.libraryPort }
  const inside = flow.disguise?.inside ?? null
  return inside === null ? ends : { ...ends, destination: toBytes(inside) }
}

/** The library offers and says all that it knows, whatever the peer's SYN says. */
function withoutWhatWasNotOffered({ offer }: Flow, packet: PacketView): void {
  const isAnswer = (packet.flags & (TCP_SYN | TCP_ACK)) === (TCP_SYN | TCP_ACK)
  if (isAnswer && !offer.hasScale) packet.withoutOption(WINDOW_SCALE)
  if (isAnswer && offer.timestamp === null) packet.withoutOption(TIMESTAMPS)
  if (!offer.hasSack) withoutSack(packet)
}

function octetsOf({ family, words }: Flow, first: 0 | 4): Uint8Array {
  const octets = new Uint8Array(family === 4 ? 4 : 16)
  const view = new DataView(octets.buffer)
  if (family === 4) view.setInt32(0, words[first + 3] as number)
  else for (let word = 0; word < 4; word++) view.setInt32(word * 4, words[first + word] as number)
  return octets
}
