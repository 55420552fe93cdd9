/**
 * Datagrams to groups and broadcasts, which do not go through the library. What it has for them hears no group on an unbound socket, and
 * none of IPv6 at all; picoTCP-NG reports and hears nothing. So they are taken from the link, and put on it, in its place.
 *
 * @module
 */
import {
  BROADCAST_V4,
  ETH_SOURCE,
  ETH_TYPE,
  ETHERNET_HEADER,
  ETHERTYPE_IP4,
  ETHERTYPE_IP6,
  IP4_DESTINATION,
  IP4_HEADER,
  IP4_PROTOCOL,
  IP4_SOURCE,
  IP4_TOTAL_LENGTH,
  IP4_TTL,
  IP6_DESTINATION,
  IP6_HEADER,
  IP6_HOP_LIMIT,
  IP6_NEXT_HEADER,
  IP6_PAYLOAD_LENGTH,
  IP6_SOURCE,
  type IpAddress,
  PROTO_UDP,
  parseMac,
  toBytes,
  UDP_DESTINATION,
  UDP_HEADER,
  UDP_LENGTH,
  UDP_SOURCE,
  WOULD_BLOCK,
} from '@ioth/core'
import { ALL_HOSTS, ALL_NODES, groupMac } from '@ioth/core/groups'
import { IP6_FRAGMENT_HEADER, PacketView } from '@ioth/ffi'
import { datagramFrames } from './datagram-frames.ts'
import type { PicoDevice } from './device.ts'
import type { PicoInterface } from './interface.ts'

/** What comes for a group's members. */
export interface GroupDatagram {
  readonly on: PicoInterface
  readonly from: IpAddress
  readonly fromPort: number
  readonly to: IpAddress
  readonly port: number
  readonly octets: Uint8Array
}

export interface GroupListener {
  /** Whether it is bound to where the datagram goes, and wants it. */
  wants(datagram: GroupDatagram): boolean
  /** @returns false when there is no room. */
  deliver(octets: Uint8Array, from: IpAddress, port: number, to: IpAddress): boolean
}

export interface GroupDatagramsHost {
  readonly interfaces: readonly PicoInterface[]
  isBroadcast(address: IpAddress): boolean
  /** Sockets that are bound to a port. */
  datagramSockets(port: number): Iterable<GroupListener>
  randomId(): number
  touch(): void
  count(what: 'udpUnwanted' | 'udpFull'): void
}

export interface Outgoing extends GroupDatagram {
  /** 0: nobody but ourselves hears it. */
  readonly ttl: number
  readonly trafficClass: number
  /** Whether ourselves hear it. */
  readonly isLooped: boolean
}

export class GroupDatagrams {
  private readonly host: GroupDatagramsHost
  private readonly view = new PacketView()

  constructor(host: GroupDatagramsHost) {
    this.host = host
  }

  /** A packet with UDP in it, to a group or everybody. */
  arrives(device: PicoDevice, packet: PacketView): void {
    const on = this.host.interfaces.find((candidate) => candidate.device === device)
    const payload = packet.bytes.subarray(packet.payloadAt, packet.end)
    if (on === undefined || payload.length < UDP_HEADER) return
    const view = new DataView(payload.buffer, payload.byteOffset, payload.length)
    const length = view.getUint16(UDP_LENGTH)
    if (length < UDP_HEADER || length > payload.length) return
    const from = packet.sourceAddress
    const to = packet.destinationAddress
    // Who has no address yet asks all for one (RFC 1122 3.2.1.3 a).
    const isSomebody = !from.isUnspecified || to.equals(BROADCAST_V4)
    const isSound = isSomebody && !from.isMulticast && !from.isLoopback && !this.host.isBroadcast(from)
    // RFC 1122 3.3.6: what is addressed to one, and comes to all, is for nobody.
    const isGroup = to.isMulticast ? isMember(on, to) : this.host.isBroadcast(to)
    const datagram = {
      on,
      from: from.isLinkLocal && from.family === 6 ? from.withScope(on.index) : from,
      fromPort: view.getUint16(UDP_SOURCE),
      to,
      port: view.getUint16(UDP_DESTINATION),
      octets: payload.slice(UDP_HEADER, length),
    }
    if (!isSound || !isGroup) this.host.count('udpUnwanted')
    else this.deliver(datagram, true)
  }

  /** Gives everybody who wants it the datagram; they share the octets, which nobody changes. */
  private deliver(datagram: GroupDatagram, isCounted: boolean): void {
    const { host } = this
    const { to, port, octets, from, fromPort } = datagram
    let isWanted = false
    let isTaken = false
    for (const socket of host.datagramSockets(port)) {
      if (!socket.wants(datagram)) continue
      isWanted = true
      isTaken = socket.deliver(octets, from, fromPort, to) || isTaken
    }
    if (isCounted && !isTaken) host.count(isWanted ? 'udpFull' : 'udpUnwanted')
  }

  /** @returns the number of octets, or WOULD_BLOCK while the link has no room. */
  send(outgoing: Outgoing): number {
    const { on, octets, ttl, to } = outgoing
    const { device } = on
    const mtu = device.mtu - (to.family === 4 ? IP4_HEADER : IP6_HEADER + IP6_FRAGMENT_HEADER) - 7
    if (ttl > 0 && device.room < Math.ceil((UDP_HEADER + octets.length) / mtu)) return WOULD_BLOCK
    if (ttl > 0) {
      const headers = headersOf(outgoing)
      this.view.read(headers, 0, headers.length, device.linkHeader)
      for (const frame of datagramFrames(this.view, 0, octets, device.mtu, this.host.randomId())) device.emit(frame)
      this.host.touch()
    }
    if (outgoing.isLooped && (!to.isMulticast || isMember(on, to))) this.deliver(outgoing, false)
    return octets.length
  }
}

/** Whether the interface listens to the group; to all hosts, and all nodes, it always does. */
function isMember(on: PicoInterface, to: IpAddress): boolean {
  if (to.family === 4 ? to.w3 === ALL_HOSTS : to.equals(ALL_NODES)) return true
  return on.groups.memberships(to.family).find(to.w0, to.w1, to.w2, to.w3) !== null
}

/** The headers of an empty datagram. */
function headersOf({ on, from, fromPort, to, port, ttl, trafficClass }: Outgoing): Uint8Array {
  const ip = on.device.linkHeader
  const udp = ip + (to.family === 4 ? IP4_HEADER : IP6_HEADER)
  const frame = new Uint8Array(udp + UDP_HEADER)
  const view = new DataView(frame.buffer)
  if (ip === ETHERNET_HEADER) {
    frame.set(groupMac(to))
    frame.set(parseMac(on.mac), ETH_SOURCE)
    view.setUint16(ETH_TYPE, to.family === 4 ? ETHERTYPE_IP4 : ETHERTYPE_IP6)
  }
  if (to.family === 4) {
    view.setUint16(ip, 0x4500 | trafficClass)
    view.setUint16(ip + IP4_TOTAL_LENGTH, IP4_HEADER + UDP_HEADER)
    frame[ip + IP4_TTL] = ttl
    frame[ip + IP4_PROTOCOL] = PROTO_UDP
  } else {
    view.setUint16(ip, 0x6000 | (trafficClass << 4))
    view.setUint16(ip + IP6_PAYLOAD_LENGTH, UDP_HEADER)
    frame[ip + IP6_NEXT_HEADER] = PROTO_UDP
    frame[ip + IP6_HOP_LIMIT] = ttl
  }
  frame.set(toBytes(from), ip + (to.family === 4 ? IP4_SOURCE : IP6_SOURCE))
  frame.set(toBytes(to), ip + (to.family === 4 ? IP4_DESTINATION : IP6_DESTINATION))
  view.setUint16(udp + UDP_SOURCE, fromPort)
  view.setUint16(udp + UDP_DESTINATION, port)
  return frame
}
