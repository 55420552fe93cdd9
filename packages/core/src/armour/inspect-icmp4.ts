/**
 * ICMP and IGMP messages (RFC 792, RFC 1122 3.2.2, RFC 3376): what a host needs, with its lengths right. The whole message lies together.
 *
 * @module
 */
import { ICMP_HEADER, ICMP_SEQUENCE, ICMP_TYPE, IP4_DESTINATION, IP4_HEADER, IP4_SOURCE } from '../frame/offsets.ts'
import { areEqual, half } from './octets.ts'
import type { ArmourReason } from './reasons.ts'

const ECHO_REPLY = 0
const UNREACHABLE = 3
const ECHO_REQUEST = 8
const TIME_EXCEEDED = 11
const PARAMETER_PROBLEM = 12
const FRAGMENTATION_NEEDED = 4
/** Below it a path MTU is nobody's honest word (RFC 1191 has 68, of nets long gone). */
const SMALLEST_MTU = 552
/** What an error quotes at least behind the IP header: ports, and the sequence number of TCP. */
const LEAST_QUOTED = 8
const MTU_FIELD = ICMP_SEQUENCE

const IGMP_QUERY = 0x11
const IGMP_REPORTS: readonly number[] = [0x12, 0x16, 0x17]
const IGMP3_REPORT = 0x22
const IGMP_LENGTH = 8
const IGMP3_QUERY_LENGTH = 12
const IGMP3_SOURCES = 10

/** @param ip the IP header around it. */
export function inspectIcmp4(bytes: Uint8Array, ip: number, icmp: number, end: number): ArmourReason | null {
  if (end - icmp < ICMP_HEADER) return 'icmp4-short'
  switch (bytes[icmp + ICMP_TYPE]) {
    case ECHO_REPLY:
    case ECHO_REQUEST:
      return null
    case UNREACHABLE:
      if (bytes[icmp + 1] === FRAGMENTATION_NEEDED && half(bytes, icmp + MTU_FIELD) < SMALLEST_MTU) return 'icmp4-mtu'
      return inspectQuote(bytes, ip, icmp + ICMP_HEADER, end)
    case TIME_EXCEEDED:
    case PARAMETER_PROBLEM:
      return inspectQuote(bytes, ip, icmp + ICMP_HEADER, end)
    default:
      return 'icmp4-type'
  }
}

/** Whether a fragmented message is one that may be. */
export function isEcho4(bytes: Uint8Array, icmp: number): boolean {
  const type = bytes[icmp + ICMP_TYPE]
  return type === ECHO_REPLY || type === ECHO_REQUEST
}

/** The quoted packet must be one that the receiver of the error sent. */
function inspectQuote(bytes: Uint8Array, ip: number, quoted: number, end: number): ArmourReason | null {
  if (end - quoted < IP4_HEADER) return 'icmp4-quote'
  const first = bytes[quoted] as number
  const header = (first & 15) * 4
  if (first >>> 4 !== 4 || header < IP4_HEADER || end - quoted < header + LEAST_QUOTED) return 'icmp4-quote'
  return areEqual(bytes, quoted + IP4_SOURCE, ip + IP4_DESTINATION, 4) ? null : 'icmp4-quote'
}

export function inspectIgmp(bytes: Uint8Array, igmp: number, end: number): ArmourReason | null {
  const length = end - igmp
  if (length < IGMP_LENGTH) return 'igmp-length'
  const type = bytes[igmp] as number
  if (IGMP_REPORTS.includes(type)) return length === IGMP_LENGTH ? null : 'igmp-length'
  if (type === IGMP3_REPORT) return null
  if (type !== IGMP_QUERY) return 'igmp-length'
  if (length === IGMP_LENGTH) return null
  const sources = length >= IGMP3_QUERY_LENGTH ? half(bytes, igmp + IGMP3_SOURCES) : -1
  return sources >= 0 && IGMP3_QUERY_LENGTH + 4 * sources <= length ? null : 'igmp-length'
}
