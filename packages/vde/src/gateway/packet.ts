/**
 * What a gateway must know of a packet that arrives, read from the beginning of its frame. Nothing here is trusted: whatever is cut or odd
 * is no packet, and the stack behind decides about it.
 *
 * @module
 */
import {
  ETH_SOURCE,
  ETH_TYPE,
  ETHERNET_HEADER,
  ETHERTYPE_IP4,
  ETHERTYPE_IP6,
  fromBytes,
  ICMP_HEADER,
  IP4_DESTINATION,
  IP4_FRAGMENT,
  IP4_FRAGMENT_OFFSET,
  IP4_HEADER,
  IP4_MORE_FRAGMENTS,
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
  PROTO_ICMP,
  PROTO_ICMP6,
  PROTO_TCP,
  PROTO_UDP,
  TCP_ACK,
  TCP_FLAGS,
  TCP_HEADER,
  TCP_SYN,
  UDP_HEADER,
} from '@ioth/core'

export interface Packet {
  /** The frame's octets, or as many of its first ones as were asked for. */
  readonly frame: Uint8Array
  readonly family: 4 | 6
  readonly source: IpAddress
  readonly destination: IpAddress
  /** Time to live, or hop limit. */
  readonly ttl: number
  readonly protocol: number
  /** Where the header of TCP, UDP or ICMP begins. */
  readonly transportAt: number
  /** Where the packet ends, padding left out; beyond `frame` when that was cut. */
  readonly end: number
  /** Whether more of the same packet comes in other frames. */
  readonly isFragment: boolean
  /** Of TCP and UDP. */
  readonly sourcePort: number
  readonly destinationPort: number
  /** Of ICMP, else 0. */
  readonly icmpType: number
}

/** Octets at the beginning of a frame that {@link parsePacket} needs for the headers. */
export const HEADERS: number = ETHERNET_HEADER + 60 + TCP_HEADER

/** ICMP types (RFC 792, RFC 4443, RFC 4861). */
export const ECHO_REQUEST = 8
export const ECHO6_REQUEST = 128
export const ROUTER_SOLICITATION = 133

/**
 * Whether a frame can be of interest: it opens a connection, is a datagram, a ping, or a packet at the end of its way. Most frames are none
 * of these, and are told apart here without allocating anything.
 */
export function isOfInterest(bytes: Uint8Array, at: number, length: number): boolean {
  if (length < ETHERNET_HEADER + IP4_HEADER) return false
  const type = ((bytes[at + ETH_TYPE] as number) << 8) | (bytes[at + ETH_TYPE + 1] as number)
  const ip = at + ETHERNET_HEADER
  if (type === ETHERTYPE_IP4) {
    if ((bytes[ip + IP4_TTL] as number) <= 1) return true
    const transport = ip + ((bytes[ip] as number) & 15) * 4
    return isOfInterestAbove(bytes, bytes[ip + IP4_PROTOCOL] as number, transport, at + length)
  }
  if (type !== ETHERTYPE_IP6 || length < ETHERNET_HEADER + IP6_HEADER) return false
  if ((bytes[ip + IP6_HOP_LIMIT] as number) <= 1) return true
  return isOfInterestAbove(bytes, bytes[ip + IP6_NEXT_HEADER] as number, ip + IP6_HEADER, at + length)
}

function isOfInterestAbove(bytes: Uint8Array, protocol: number, at: number, end: number): boolean {
  if (protocol === PROTO_TCP)
    return at + TCP_HEADER > end || ((bytes[at + TCP_FLAGS] as number) & (TCP_SYN | TCP_ACK)) === TCP_SYN
  return protocol === PROTO_UDP || protocol === PROTO_ICMP || protocol === PROTO_ICMP6
}

/** @returns null: no packet that concerns a gateway. */
export function parsePacket(frame: Uint8Array): Packet | null {
  if (frame.length < ETHERNET_HEADER + IP4_HEADER) return null
  const view = new DataView(frame.buffer, frame.byteOffset, frame.length)
  const type = view.getUint16(ETH_TYPE)
  if (type === ETHERTYPE_IP4) return parse4(frame, view)
  return type === ETHERTYPE_IP6 ? parse6(frame, view) : null
}

/** The hardware address of who sent a frame. */
export function sourceMac(frame: Uint8Array): Uint8Array {
  return frame.subarray(ETH_SOURCE, ETH_SOURCE + 6)
}

function parse4(frame: Uint8Array, view: DataView): Packet | null {
  const ip = ETHERNET_HEADER
  const header = (view.getUint8(ip) & 15) * 4
  const total = view.getUint16(ip + IP4_TOTAL_LENGTH)
  if (view.getUint8(ip) >> 4 !== 4 || header < IP4_HEADER || total < header) return null
  const fragment = view.getUint16(ip + IP4_FRAGMENT)
  // What follows a first fragment has no ports; the first one has opened the way.
  if ((fragment & IP4_FRAGMENT_OFFSET) !== 0) return null
  return withTransport(frame, view, {
    family: 4,
    source: fromBytes(frame, ip + IP4_SOURCE, 4),
    destination: fromBytes(frame, ip + IP4_DESTINATION, 4),
    ttl: view.getUint8(ip + IP4_TTL),
    protocol: view.getUint8(ip + IP4_PROTOCOL),
    transportAt: ip + header,
    end: ip + total,
    isFragment: (fragment & IP4_MORE_FRAGMENTS) !== 0,
  })
}

function parse6(frame: Uint8Array, view: DataView): Packet | null {
  const ip = ETHERNET_HEADER
  if (frame.length < ip + IP6_HEADER || view.getUint8(ip) >> 4 !== 6) return null
  return withTransport(frame, view, {
    family: 6,
    source: fromBytes(frame, ip + IP6_SOURCE, 16),
    destination: fromBytes(frame, ip + IP6_DESTINATION, 16),
    ttl: view.getUint8(ip + IP6_HOP_LIMIT),
    protocol: view.getUint8(ip + IP6_NEXT_HEADER),
    transportAt: ip + IP6_HEADER,
    end: ip + IP6_HEADER + view.getUint16(ip + IP6_PAYLOAD_LENGTH),
    isFragment: false,
  })
}

type Network = Omit<Packet, 'frame' | 'sourcePort' | 'destinationPort' | 'icmpType'>

function withTransport(frame: Uint8Array, view: DataView, network: Network): Packet | null {
  const { protocol, transportAt, end } = network
  const needed = protocol === PROTO_TCP ? TCP_HEADER : protocol === PROTO_UDP ? UDP_HEADER : ICMP_HEADER
  const isWhole = transportAt + needed <= Math.min(end, frame.length)
  if (protocol === PROTO_TCP || protocol === PROTO_UDP) {
    if (!isWhole) return null
    const sourcePort = view.getUint16(transportAt)
    const destinationPort = view.getUint16(transportAt + 2)
    return { ...network, frame, sourcePort, destinationPort, icmpType: 0 }
  }
  const isIcmp = isWhole && (protocol === PROTO_ICMP || protocol === PROTO_ICMP6)
  return { ...network, frame, sourcePort: 0, destinationPort: 0, icmpType: isIcmp ? view.getUint8(transportAt) : 0 }
}
