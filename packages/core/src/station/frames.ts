/**
 * The few frames a station sends in its own name: ARP requests, and solicitations and advertisements of neighbour discovery.
 *
 * @module
 */
import { type IpAddress, toBytes } from '../address/ip-address.ts'
import type { FramePool } from '../contract/frame.ts'
import {
  ARP_HARDWARE_LENGTH,
  ARP_LENGTH,
  ARP_OPERATION,
  ARP_PROTOCOL,
  ARP_PROTOCOL_LENGTH,
  ARP_SENDER_IP,
  ARP_SENDER_MAC,
  ARP_TARGET_IP,
  ETH_SOURCE,
  ETH_TYPE,
  ETHERNET_HEADER,
  ETHERTYPE_ARP,
  ETHERTYPE_IP4,
  ETHERTYPE_IP6,
  ICMP_CHECKSUM,
  ICMP_TYPE,
  IP6_DESTINATION,
  IP6_HEADER,
  IP6_HOP_LIMIT,
  IP6_NEXT_HEADER,
  IP6_PAYLOAD_LENGTH,
  IP6_SOURCE,
  IP6_VERSION_CLASS_FLOW,
  PROTO_ICMP6,
} from '../frame/offsets.ts'

export const ARP_FRAME: number = ETHERNET_HEADER + ARP_LENGTH
/** Type, code, checksum, flags, target, and one option of eight octets. */
const MESSAGE = 32
export const NEIGHBOR_FRAME: number = ETHERNET_HEADER + IP6_HEADER + MESSAGE
export const NEIGHBOR_SOLICITATION = 135
export const NEIGHBOR_ADVERTISEMENT = 136
export const NEIGHBOR_TARGET = 8
export const NEIGHBOR_OPTIONS = 24
export const OPTION_NONCE = 14
export const NONCE_OCTETS = 6
export const OPTION_TARGET_LINK = 2
const FLAGS = 4
const OVERRIDE = 0x20
const ON_LINK = 255
const ARP_REQUEST = 1
const MAC = 6
const ALL_NODES = Uint8Array.of(0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1)
/** RFC 4291 2.7.1; the last three octets are those of the address. */
const SOLICITED_NODE = Uint8Array.of(0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xff, 0, 0, 0)

/** A request to all for `target`. @param sender 0: it probes (RFC 5227 2.1.1); the target itself: it announces (2.3). */
export function writeArpRequest(
  { bytes, view }: FramePool,
  at: number,
  mac: Uint8Array,
  sender: number,
  target: number,
): void {
  bytes.fill(0xff, at, at + MAC)
  bytes.set(mac, at + ETH_SOURCE)
  view.setUint16(at + ETH_TYPE, ETHERTYPE_ARP)
  const arp = at + ETHERNET_HEADER
  bytes.fill(0, arp, arp + ARP_LENGTH)
  view.setUint16(arp, 1)
  view.setUint16(arp + ARP_PROTOCOL, ETHERTYPE_IP4)
  bytes[arp + ARP_HARDWARE_LENGTH] = MAC
  bytes[arp + ARP_PROTOCOL_LENGTH] = 4
  view.setUint16(arp + ARP_OPERATION, ARP_REQUEST)
  bytes.set(mac, arp + ARP_SENDER_MAC)
  view.setInt32(arp + ARP_SENDER_IP, sender)
  view.setInt32(arp + ARP_TARGET_IP, target)
}

/** A question from nowhere for `target` (RFC 4862 5.4.2), with a nonce, so that its echo is known (RFC 7527). */
export function writeSolicitation(
  pool: FramePool,
  at: number,
  mac: Uint8Array,
  target: IpAddress,
  nonce: Uint8Array,
): void {
  const octets = toBytes(target)
  const group = SOLICITED_NODE.slice()
  group.set(octets.subarray(13), 13)
  const icmp = writeHeaders(pool, at, mac, null, group, NEIGHBOR_SOLICITATION, octets)
  pool.bytes[icmp + NEIGHBOR_OPTIONS] = OPTION_NONCE
  pool.bytes.set(nonce, icmp + NEIGHBOR_OPTIONS + 2)
  fillChecksum(pool, at, icmp)
}

/** Tells all nodes where `target` is (RFC 4861 7.2.6). */
export function writeAdvertisement(pool: FramePool, at: number, mac: Uint8Array, target: IpAddress): void {
  const octets = toBytes(target)
  const icmp = writeHeaders(pool, at, mac, octets, ALL_NODES, NEIGHBOR_ADVERTISEMENT, octets)
  pool.bytes[icmp + FLAGS] = OVERRIDE
  pool.bytes[icmp + NEIGHBOR_OPTIONS] = OPTION_TARGET_LINK
  pool.bytes.set(mac, icmp + NEIGHBOR_OPTIONS + 2)
  fillChecksum(pool, at, icmp)
}

/** Everything but the option's octets. @returns where the message begins. */
function writeHeaders(
  { bytes, view }: FramePool,
  at: number,
  mac: Uint8Array,
  source: Uint8Array | null,
  group: Uint8Array,
  type: number,
  target: Uint8Array,
): number {
  bytes.fill(0, at, at + NEIGHBOR_FRAME)
  // RFC 2464 7: 33:33 and the last four octets of the group.
  view.setUint16(at, 0x3333)
  bytes.set(group.subarray(12), at + 2)
  bytes.set(mac, at + ETH_SOURCE)
  view.setUint16(at + ETH_TYPE, ETHERTYPE_IP6)
  const ip = at + ETHERNET_HEADER
  bytes[ip + IP6_VERSION_CLASS_FLOW] = 0x60
  view.setUint16(ip + IP6_PAYLOAD_LENGTH, MESSAGE)
  bytes[ip + IP6_NEXT_HEADER] = PROTO_ICMP6
  bytes[ip + IP6_HOP_LIMIT] = ON_LINK
  if (source !== null) bytes.set(source, ip + IP6_SOURCE)
  bytes.set(group, ip + IP6_DESTINATION)
  const icmp = ip + IP6_HEADER
  bytes[icmp + ICMP_TYPE] = type
  bytes.set(target, icmp + NEIGHBOR_TARGET)
  bytes[icmp + NEIGHBOR_OPTIONS + 1] = 1
  return icmp
}

function fillChecksum(pool: FramePool, at: number, icmp: number): void {
  const pseudo = pool.sum(at + ETHERNET_HEADER + IP6_SOURCE, 32, PROTO_ICMP6 + MESSAGE)
  pool.view.setUint16(icmp + ICMP_CHECKSUM, ~pool.sum(icmp, MESSAGE, pseudo))
}
