/**
 * What a gateway itself says to a sender, as whole frames: echo replies in the name of hosts outside, ICMP errors (RFC 792, RFC 1812 4.3,
 * RFC 4443), resets (RFC 9293 3.10.7.1), router advertisements.
 *
 * @module
 */
import {
  ETHERNET_HEADER,
  ETHERTYPE_IP4,
  ETHERTYPE_IP6,
  IP4_HEADER,
  IP6_HEADER,
  type IpAddress,
  PROTO_ICMP,
  PROTO_ICMP6,
  PROTO_TCP,
  TCP_ACK,
  TCP_HEADER,
  TCP_RST,
  toBytes,
} from '@ioth/core'
import { type Packet, sourceMac } from './packet.ts'

const TTL = 64
/** RFC 4861 6.1.2: packets of neighbour discovery that crossed a router are refused. */
const NEIGHBOUR_HOPS = 255
/** RFC 1812 4.3.2.3, RFC 4443 2.4 (c): with all of an error within the smallest MTU. */
const MOST_QUOTED = { 4: 548, 6: 1232 } as const

export type Trouble = 'network-unreachable' | 'host-unreachable' | 'port-unreachable' | 'prohibited' | 'time-exceeded'

/** Type and code in each family. */
const CODES: Readonly<Record<Trouble, Readonly<Record<4 | 6, readonly [type: number, code: number]>>>> = {
  'network-unreachable': { 4: [3, 0], 6: [1, 0] },
  'host-unreachable': { 4: [3, 1], 6: [1, 3] },
  'port-unreachable': { 4: [3, 3], 6: [1, 4] },
  prohibited: { 4: [3, 13], 6: [1, 1] },
  'time-exceeded': { 4: [11, 0], 6: [3, 0] },
}

/** The reply to an echo request, which must be whole. @param ttl what is left of the reply's. */
export function echoReply(request: Packet, mac: Uint8Array, ttl: number): Uint8Array {
  const message = request.frame.slice(request.transportAt, request.end)
  message[0] = request.family === 4 ? 0 : 129
  return icmp(request, mac, request.destination, message, ttl)
}

/** An ICMP error about a packet. @param from who says it. */
export function icmpError(packet: Packet, mac: Uint8Array, from: IpAddress, trouble: Trouble): Uint8Array {
  const quoted = packet.frame.subarray(ETHERNET_HEADER, Math.min(packet.end, packet.frame.length))
  const message = new Uint8Array(8 + Math.min(quoted.length, MOST_QUOTED[packet.family]))
  const [type, code] = CODES[trouble][packet.family]
  message[0] = type
  message[1] = code
  message.set(quoted.subarray(0, message.length - 8), 8)
  return icmp(packet, mac, from, message, TTL)
}

/** A reset for a segment that opens a connection. */
export function reset(syn: Packet, mac: Uint8Array): Uint8Array {
  const asked = new DataView(syn.frame.buffer, syn.frame.byteOffset + syn.transportAt, TCP_HEADER)
  const segment = new Uint8Array(TCP_HEADER)
  const view = new DataView(segment.buffer)
  view.setUint16(0, syn.destinationPort)
  view.setUint16(2, syn.sourcePort)
  view.setUint32(8, (asked.getUint32(4) + 1) >>> 0)
  view.setUint8(12, (TCP_HEADER / 4) << 4)
  view.setUint8(13, TCP_RST | TCP_ACK)
  const from = toBytes(syn.destination)
  const to = toBytes(syn.source)
  view.setUint16(16, checksum(segment, pseudoSum(from, to, PROTO_TCP, segment.length)))
  return frameOf(syn.family, sourceMac(syn.frame), mac, from, to, PROTO_TCP, segment, TTL)
}

/** A message of ICMPv6 that only neighbours may send: its checksum is filled in. */
export function neighbourMessage(
  to: Uint8Array,
  mac: Uint8Array,
  from: IpAddress,
  toIp: IpAddress,
  message: Uint8Array,
): Uint8Array {
  const [source, destination] = [toBytes(from), toBytes(toIp)]
  sumMessage(6, source, destination, message)
  return frameOf(6, to, mac, source, destination, PROTO_ICMP6, message, NEIGHBOUR_HOPS)
}

function icmp(packet: Packet, mac: Uint8Array, from: IpAddress, message: Uint8Array, ttl: number): Uint8Array {
  const source = toBytes(from)
  const destination = toBytes(packet.source)
  sumMessage(packet.family, source, destination, message)
  const protocol = packet.family === 4 ? PROTO_ICMP : PROTO_ICMP6
  return frameOf(packet.family, sourceMac(packet.frame), mac, source, destination, protocol, message, ttl)
}

function sumMessage(family: 4 | 6, from: Uint8Array, to: Uint8Array, message: Uint8Array): void {
  const view = new DataView(message.buffer, message.byteOffset, message.length)
  view.setUint16(2, 0)
  view.setUint16(2, checksum(message, family === 4 ? 0 : pseudoSum(from, to, PROTO_ICMP6, message.length)))
}

function frameOf(
  family: 4 | 6,
  to: Uint8Array,
  from: Uint8Array,
  source: Uint8Array,
  destination: Uint8Array,
  protocol: number,
  payload: Uint8Array,
  ttl: number,
): Uint8Array {
  const header = family === 4 ? IP4_HEADER : IP6_HEADER
  const frame = new Uint8Array(ETHERNET_HEADER + header + payload.length)
  const view = new DataView(frame.buffer)
  frame.set(to, 0)
  frame.set(from, 6)
  view.setUint16(12, family === 4 ? ETHERTYPE_IP4 : ETHERTYPE_IP6)
  const ip = ETHERNET_HEADER
  if (family === 4) {
    view.setUint8(ip, 0x45)
    view.setUint16(ip + 2, header + payload.length)
    view.setUint8(ip + 8, ttl)
    view.setUint8(ip + 9, protocol)
    frame.set(source, ip + 12)
    frame.set(destination, ip + 16)
    view.setUint16(ip + 10, checksum(frame.subarray(ip, ip + header), 0))
  } else {
    view.setUint8(ip, 0x60)
    view.setUint16(ip + 4, payload.length)
    view.setUint8(ip + 6, protocol)
    view.setUint8(ip + 7, ttl)
    frame.set(source, ip + 8)
    frame.set(destination, ip + 24)
  }
  frame.set(payload, ip + header)
  return frame
}

/** RFC 9293 3.1, RFC 8200 8.1. */
function pseudoSum(from: Uint8Array, to: Uint8Array, protocol: number, length: number): number {
  return sumOf(from, 0) + sumOf(to, 0) + protocol + length
}

function sumOf(octets: Uint8Array, initial: number): number {
  let sum = initial
  for (let at = 0; at < octets.length; at++) sum += at % 2 === 0 ? (octets[at] as number) << 8 : (octets[at] as number)
  return sum
}

/** RFC 1071. Sums of at most 64 KiB stay below 2^31. */
export function checksum(octets: Uint8Array, initial: number): number {
  let sum = sumOf(octets, initial)
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16)
  return ~sum & 0xffff
}
