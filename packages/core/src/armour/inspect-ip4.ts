/**
 * IPv4 headers (RFC 791 3.1, RFC 1122 3.2.1): lengths, options, addresses. What they carry is looked at elsewhere.
 *
 * @module
 */
import {
  ETHERNET_HEADER,
  IP4_DESTINATION,
  IP4_FRAGMENT,
  IP4_FRAGMENT_OFFSET,
  IP4_HEADER,
  IP4_MORE_FRAGMENTS,
  IP4_PROTOCOL,
  IP4_SOURCE,
  IP4_TOTAL_LENGTH,
  PROTO_ICMP,
  PROTO_TCP,
  PROTO_UDP,
  UDP_DESTINATION,
} from '../frame/offsets.ts'
import { SPLIT, type Verdict } from './inspect-transport.ts'
import { half, word } from './octets.ts'

export const PROTO_IGMP = 2
const OPTION_END = 0
const OPTION_NOP = 1
const RECORD_ROUTE = 7
const TIMESTAMP = 68
const LOOSE_SOURCE_ROUTE = 131
const STRICT_SOURCE_ROUTE = 137
/** The server a client without an address speaks to. */
const BOOTP_SERVER = 67
const LOOPBACK = 127
const GROUPS = 224

/** @param end of the frame. @param seen end of the octets that lie together. */
export function inspectIp4(bytes: Uint8Array, ip: number, end: number, seen: number): Verdict {
  if (end - ip < IP4_HEADER) return 'ip4-short'
  if (seen - ip < IP4_HEADER) return SPLIT
  const first = bytes[ip] as number
  const header = (first & 15) * 4
  if (first >>> 4 !== 4 || header < IP4_HEADER) return 'ip4-header'
  const total = half(bytes, ip + IP4_TOTAL_LENGTH)
  if (total < header || total > end - ip) return 'ip4-length'
  if (seen - ip < header) return SPLIT
  const wrong = inspectAddresses(bytes, ip, header, end, seen)
  if (wrong !== null) return wrong
  if (header > IP4_HEADER && !areOptionsRight(bytes, ip + IP4_HEADER, ip + header)) return 'ip4-options'
  const protocol = bytes[ip + IP4_PROTOCOL]
  if (protocol === PROTO_TCP || protocol === PROTO_UDP || protocol === PROTO_ICMP || protocol === PROTO_IGMP)
    return null
  return 'ip4-protocol'
}

function inspectAddresses(bytes: Uint8Array, ip: number, header: number, end: number, seen: number): Verdict {
  const source = bytes[ip + IP4_SOURCE] as number
  if (source === LOOPBACK || source >= GROUPS) return 'ip4-source'
  if (source === 0) {
    const wrong = inspectUnnamed(bytes, ip, header, end, seen)
    if (wrong !== null) return wrong
  }
  const destination = bytes[ip + IP4_DESTINATION] as number
  if (destination === LOOPBACK || destination === 0) return 'ip4-destination'
  if (word(bytes, ip + IP4_SOURCE) === word(bytes, ip + IP4_DESTINATION)) return 'land'
  return null
}

/** Only who asks for an address by DHCP has none, or IGMP while it has none (RFC 3376 4.2.13). */
function inspectUnnamed(bytes: Uint8Array, ip: number, header: number, end: number, seen: number): Verdict {
  if (word(bytes, ip + IP4_SOURCE) !== 0) return 'ip4-source'
  const protocol = bytes[ip + IP4_PROTOCOL]
  if (protocol === PROTO_IGMP) return null
  const port = ip + header + UDP_DESTINATION
  if (protocol !== PROTO_UDP || port + 2 > end) return 'ip4-source'
  if (port + 2 > seen) return SPLIT
  return half(bytes, port) === BOOTP_SERVER ? null : 'ip4-source'
}

/** RFC 791 3.1: lengths within the header, pointers within their option, and no source routes. */
function areOptionsRight(bytes: Uint8Array, from: number, end: number): boolean {
  let at = from
  while (at < end) {
    const kind = bytes[at] as number
    if (kind === OPTION_END) return true
    if (kind === OPTION_NOP) {
      at++
      continue
    }
    if (kind === LOOSE_SOURCE_ROUTE || kind === STRICT_SOURCE_ROUTE || at + 2 > end) return false
    const length = bytes[at + 1] as number
    if (length < 2 || at + length > end) return false
    if (kind === RECORD_ROUTE || kind === TIMESTAMP) {
      const least = kind === RECORD_ROUTE ? 4 : 5
      if (length < 3 || (bytes[at + 2] as number) < least || (bytes[at + 2] as number) > length + 1) return false
    }
    at += length
  }
  return true
}

/** Whether the packet is a fragment. */
export function isFragment4(bytes: Uint8Array, ip: number): boolean {
  return (half(bytes, ip + IP4_FRAGMENT) & (IP4_MORE_FRAGMENTS | IP4_FRAGMENT_OFFSET)) !== 0
}

/** A broadcast or a group, on the link or in the header: nothing that TCP could speak to. */
export function isToMany4(bytes: Uint8Array, ip: number, type: 'ethernet' | 'ip'): boolean {
  if (type === 'ethernet' && ((bytes[ip - ETHERNET_HEADER] as number) & 1) !== 0) return true
  return (bytes[ip + IP4_DESTINATION] as number) >= GROUPS
}
