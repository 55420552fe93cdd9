/**
 * What stands between the library and its devices. The library takes a network error for the end of a connection, answers segments for
 * nobody by ICMP, passes on what is for others, and does not send empty datagrams. All that is done here, on frames; TCP in
 * `segment-gate.ts`.
 *
 * @module
 */
import {
  type ErrorCode,
  ErrorLimit,
  fromBytes,
  type IpAddress,
  PROTO_TCP,
  PROTO_UDP,
  type Scheduler,
  UDP_HEADER,
} from '@ioth/core'
import { groupMessageAt } from '@ioth/core/station'
import { isIcmpError, isOfNobody, mendIcmp, mssOn, PacketView, pathMtuOf, reportOf } from '@ioth/ffi'
import { datagramFrames } from './datagram-frames.ts'
import type { DatagramMarks } from './datagram-marks.ts'
import { DROP, PASS, type PicoDevice } from './device.ts'
import type { Flow } from './flows.ts'
import type { PortAliases } from './port-aliases.ts'
import { Rewrite } from './rewrite.ts'
import { type SegmentCount, SegmentGate, type SegmentHost } from './segment-gate.ts'

/** What the gate asks of its stack. */
export interface GateHost extends SegmentHost {
  readonly scheduler: Scheduler
  speaksIpv6(device: PicoDevice): boolean
  /** Who asks for a neighbour of a device; null: it is no neighbour but ourselves, or there is no address to ask from. */
  askerFor(device: PicoDevice, neighbor: IpAddress): IpAddress | null
  readonly udpAliases: PortAliases
  /** The library's port of whoever takes such a datagram. */
  datagramPort(packet: PacketView): number
  /** Of a message of ICMP. @returns whether it was one of echo, which the library does not see. */
  echoArrives(device: PicoDevice, packet: PacketView): boolean
  /** Of an error of the network. @param quoted is set on the packet that it quotes. @returns whether that was a question of ours. */
  echoFailed(packet: PacketView, quoted: PacketView): boolean
  /** Of a frame that may be about a neighbour. @returns whether it is answered, and the library does not see it. */
  neighborArrives(device: PicoDevice, frame: Uint8Array): boolean
  /** Of a question of the library's for a neighbour. @returns whether it is asked for beside the library, whose question does not leave. */
  neighborSought(device: PicoDevice, frame: Uint8Array): boolean
  /** Of a datagram to a group, or to everybody: the library does not see it. */
  groupDatagramArrives(device: PicoDevice, packet: PacketView): void
  /** Whether what leaves comes back to this stack, and to nobody else. */
  isLoopback(device: PicoDevice): boolean
  /** Whether no host takes the frame. */
  isStray(device: PicoDevice, frame: Uint8Array): boolean
  tcpReported(flow: Flow, code: ErrorCode): void
  udpReported(localPort: number, to: IpAddress, port: number, code: ErrorCode): void
  count(what: GateCount): void
  readonly marks: DatagramMarks
  /** For the fragments of a datagram. */
  randomId(): number
}

export type GateCount = SegmentCount | 'icmpErrors' | 'icmpIgnored' | 'udpUnwanted' | 'udpFull'

const NEIGHBOR_SOLICITATION = 135
const NEIGHBOR_TARGET = 8

export class Gate {
  readonly segments: SegmentGate
  private readonly host: GateHost
  private readonly packet = new PacketView()
  private readonly rewrite = new Rewrite()
  private readonly inner = new PacketView()
  private readonly errors: ErrorLimit

  constructor(host: GateHost) {
    this.host = host
    this.segments = new SegmentGate(host, this.packet, this.rewrite)
    this.errors = new ErrorLimit(host.scheduler)
  }

  /** A frame of the library. @returns whether it may leave. */
  leaves(device: PicoDevice, frame: Uint8Array, at: number, length: number): number {
    const { packet, host } = this
    if (!packet.read(frame, at, length, device.linkHeader)) {
      return host.neighborSought(device, frame.subarray(at, at + length)) ? 0 : length
    }
    if (packet.family === 6 && (!host.speaksIpv6(device) || (isOfNobody(packet) && !this.ask(device)))) return 0
    if (packet.isIcmp && host.neighborSought(device, frame.subarray(at, at + length))) return 0
    // Which groups are listened to is told beside it.
    if (groupMessageAt(frame, packet.ipAt) >= 0) return 0
    mendIcmp(packet)
    if (isIcmpError(packet) && !host.isLoopback(device) && !this.errors.take()) return 0
    if (packet.isTcp) return this.segments.leaves(device, frame, at, length)
    if (packet.protocol !== PROTO_UDP || packet.isFragment) return length
    const real = host.udpAliases.real(packet.sourcePort)
    if (real !== packet.sourcePort) packet.sourcePort = real
    return this.sendDatagram(device, frame, at, length)
  }

  /**
   * While its link-local address is a second old or less the library asks for its neighbours as nobody, who gets no answer (RFC 4861 7.2.2),
   * and asks again a second later. So it asks in the name of an address that it has.
   * @returns false when it asks for itself.
   */
  private ask(device: PicoDevice): boolean {
    const { packet, host } = this
    const { bytes, payloadAt } = packet
    if (bytes[payloadAt] !== NEIGHBOR_SOLICITATION) return false
    const asker = host.askerFor(device, fromBytes(bytes, payloadAt + NEIGHBOR_TARGET, 16))
    if (asker === null) return false
    packet.sourceAddress = asker
    return true
  }

  /** A frame of the link. @returns {@link DROP}, {@link PASS}, or the port that the library shall see it go to: see {@link redirect}. */
  arrives(device: PicoDevice, frame: Uint8Array, at: number, length: number): number {
    const { packet, host } = this
    this.segments.acknowledged = null
    this.rewrite.clear()
    if (!packet.read(frame, at, length, device.linkHeader)) {
      return host.neighborArrives(device, frame.subarray(at, at + length)) ? DROP : PASS
    }
    if (packet.family === 6 && !host.speaksIpv6(device)) return DROP
    const { protocol } = packet
    if (protocol === PROTO_TCP && !packet.isFragment) return this.segments.arrives(device, frame, at)
    const whole = device.pieces.add(packet)
    if (whole !== 'whole') {
      this.whole = whole
      return DROP
    }
    if (host.isStray(device, frame.subarray(at, at + length)) || !this.isForUs()) return DROP
    if (protocol === PROTO_UDP) {
      if (this.isToMany(device, frame, at)) {
        host.groupDatagramArrives(device, packet)
        return DROP
      }
      if (packet.payloadAt + UDP_HEADER > packet.end) return PASS
      const inside = host.datagramPort(packet)
      return inside === packet.destinationPort ? PASS : inside
    }
    if (isIcmpError(packet)) {
      this.errorArrives()
      return DROP
    }
    const isTaken =
      host.echoArrives(device, packet) ||
      (packet.isIcmp && packet.family === 6 && host.neighborArrives(device, frame.subarray(at, at + length)))
    return isTaken ? DROP : PASS
  }

  /** The library passes on what is for others (pico_ipv4.c, pico_ipv4_forward); no router is asked for here (RFC 1122 3.2.1.3). */
  private isForUs(): boolean {
    const { destinationAddress } = this.packet
    return (
      destinationAddress.isMulticast ||
      this.host.isOurs(destinationAddress) ||
      this.host.isBroadcast(destinationAddress)
    )
  }

  /** The packet that the fragment which {@link arrives} just dropped completes. */
  private whole: Uint8Array | null = null

  takeWhole(): Uint8Array | null {
    const { whole } = this
    this.whole = null
    return whole
  }

  /** Changes the frame that {@link arrives} just saw, in a copy: see {@link Rewrite.apply}. */
  redirect(frame: Uint8Array, length: number, linkHeader: number, port: number): number {
    return this.rewrite.apply(frame, length, linkHeader, port)
  }

  private isToMany({ linkHeader }: PicoDevice, frame: Uint8Array, at: number): boolean {
    if (linkHeader > 0) return ((frame[at] as number) & 1) !== 0
    const { destinationAddress } = this.packet
    return destinationAddress.isMulticast || this.host.isBroadcast(destinationAddress)
  }

  /** Errors of the network are told to whom they concern, and never to the library, which ends connections by them. */
  private errorArrives(): void {
    const { packet, inner, host } = this
    if (host.echoFailed(packet, inner)) return
    const mtu = pathMtuOf(packet, inner)
    if (mtu !== null) {
      host.count('icmpErrors')
      const flow = inner.protocol === PROTO_TCP ? host.flows.of(inner, true) : null
      if (flow?.isInFlight(inner.sequence)) flow.pathMss = Math.min(flow.pathMss, mssOn(mtu, inner.family))
      return
    }
    const code = reportOf(packet, inner)
    host.count(code === null ? 'icmpIgnored' : 'icmpErrors')
    if (code === null) return
    if (inner.protocol === PROTO_TCP) {
      const flow = host.flows.of(inner, true)
      const offset = flow === null ? -1 : (inner.sequence - flow.sndUna) | 0
      if (flow !== null && offset >= 0 && offset <= flow.inFlight) host.tcpReported(flow, code)
    } else if (inner.protocol === PROTO_UDP) {
      host.udpReported(inner.sourcePort, inner.destinationAddress, inner.destinationPort, code)
    }
  }

  /** Sends the datagram that a mark of the library stands for. @returns the length of the frame that shall leave besides: none. */
  private sendDatagram(device: PicoDevice, frame: Uint8Array, at: number, length: number): number {
    const { packet, host } = this
    const dataAt = packet.payloadAt + UDP_HEADER
    if (!host.marks.isMark(frame, dataAt, packet.end - dataAt)) return length
    const kept = host.marks.behind(frame, dataAt)
    if (kept === null) return 0
    if (kept.ttl !== 0) packet.hops = kept.ttl
    if (kept.trafficClass !== 0) packet.trafficClass = kept.trafficClass
    for (const each of datagramFrames(packet, at, kept.octets, device.mtu, host.randomId())) device.emit(each)
    return 0
  }
}
