/**
 * IPv4 header (RFC 791).
 *
 * ```
 *  0   1   2       4       6       8   9   10      12        16        20
 *  +---+---+-------+-------+-------+---+---+-------+---------+---------+---------+
 *  |v/l|tos| total | id    | frag  |ttl|prt| sum   | source  | dest.   | options
 *  +---+---+-------+-------+-------+---+---+-------+---------+---------+---------+
 *  frag: reserved, don't fragment, more fragments, 13 bits of offset in units of 8 octets
 * ```
 *
 * @module
 */
import {
  IP4_CHECKSUM,
  IP4_DESTINATION,
  IP4_DONT_FRAGMENT,
  IP4_FRAGMENT,
  IP4_FRAGMENT_OFFSET,
  IP4_HEADER,
  IP4_ID,
  IP4_MORE_FRAGMENTS,
  IP4_PROTOCOL,
  IP4_SOURCE,
  IP4_TOTAL_LENGTH,
  IP4_TRAFFIC_CLASS,
  IP4_TTL,
  IP4_VERSION_IHL,
} from '@ioth/core'
import { complement, sumOctets } from './checksum.ts'

export interface Ipv4Packet {
  readonly trafficClass: number
  readonly id: number
  readonly dontFragment: boolean
  readonly moreFragments: boolean
  /** Octets, a multiple of 8. */
  readonly fragmentOffset: number
  readonly ttl: number
  readonly protocol: number
  readonly source: number
  readonly destination: number
  /** 0 to 40 octets, a multiple of 4. */
  readonly options: Uint8Array
  readonly payload: Uint8Array
}

/** @returns the packet without padding behind it, or why it is none. */
export function parseIpv4(octets: Uint8Array): Ipv4Packet | string {
  const view = new DataView(octets.buffer, octets.byteOffset, octets.length)
  const reason = checkIpv4(view, 0, octets.length)
  if (reason !== null) return reason
  const header = (octets[IP4_VERSION_IHL]! & 15) * 4
  if (sumOctets(octets.subarray(0, header)) !== 0xffff) return 'checksum'
  const fragment = view.getUint16(IP4_FRAGMENT)
  return {
    trafficClass: octets[IP4_TRAFFIC_CLASS]!,
    id: view.getUint16(IP4_ID),
    dontFragment: (fragment & IP4_DONT_FRAGMENT) !== 0,
    moreFragments: (fragment & IP4_MORE_FRAGMENTS) !== 0,
    fragmentOffset: (fragment & IP4_FRAGMENT_OFFSET) * 8,
    ttl: octets[IP4_TTL]!,
    protocol: octets[IP4_PROTOCOL]!,
    source: view.getInt32(IP4_SOURCE),
    destination: view.getInt32(IP4_DESTINATION),
    options: octets.subarray(IP4_HEADER, header),
    payload: octets.subarray(header, view.getUint16(IP4_TOTAL_LENGTH)),
  }
}

export function serializeIpv4(packet: Ipv4Packet): Uint8Array {
  const header = IP4_HEADER + packet.options.length
  const octets = new Uint8Array(header + packet.payload.length)
  const view = new DataView(octets.buffer)
  const flags =
    (packet.dontFragment ? IP4_DONT_FRAGMENT : 0) |
    (packet.moreFragments ? IP4_MORE_FRAGMENTS : 0) |
    (packet.fragmentOffset >>> 3)
  octets[IP4_VERSION_IHL] = 0x40 | (header >>> 2)
  octets[IP4_TRAFFIC_CLASS] = packet.trafficClass
  view.setUint16(IP4_TOTAL_LENGTH, octets.length)
  view.setUint16(IP4_ID, packet.id)
  view.setUint16(IP4_FRAGMENT, flags)
  octets[IP4_TTL] = packet.ttl
  octets[IP4_PROTOCOL] = packet.protocol
  view.setInt32(IP4_SOURCE, packet.source)
  view.setInt32(IP4_DESTINATION, packet.destination)
  octets.set(packet.options, IP4_HEADER)
  view.setUint16(IP4_CHECKSUM, complement(sumOctets(octets.subarray(0, header))))
  octets.set(packet.payload, header)
  return octets
}

/** View level: everything but the checksum. @returns why what stands at `at` is no IPv4 packet within `length` octets, or null. */
export function checkIpv4(view: DataView, at: number, length: number): string | null {
  if (length < IP4_HEADER) return 'short'
  const versionLength = view.getUint8(at)
  if (versionLength >>> 4 !== 4) return 'version'
  const header = (versionLength & 15) * 4
  if (header < IP4_HEADER) return 'header-length'
  const total = view.getUint16(at + IP4_TOTAL_LENGTH)
  return total < header || total > length ? 'length' : null
}

/** View level: a header without options, its checksum filled in. */
export function writeIpv4(
  view: DataView,
  at: number,
  totalLength: number,
  id: number,
  fragment: number,
  ttl: number,
  trafficClass: number,
  protocol: number,
  source: number,
  destination: number,
): void {
  const first = 0x4500 | trafficClass
  const lifetime = (ttl << 8) | protocol
  let sum =
    first +
    totalLength +
    id +
    fragment +
    lifetime +
    (source >>> 16) +
    (source & 0xffff) +
    (destination >>> 16) +
    (destination & 0xffff)
  sum = (sum & 0xffff) + (sum >>> 16)
  sum += sum >>> 16
  view.setInt32(at, (first << 16) | totalLength)
  view.setInt32(at + 4, (id << 16) | fragment)
  view.setInt32(at + 8, (lifetime << 16) | (~sum & 0xffff))
  view.setInt32(at + 12, source)
  view.setInt32(at + 16, destination)
}
