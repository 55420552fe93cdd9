/**
 * ICMP for IPv4 (RFC 792): echo, and the errors that quote a packet.
 *
 * ```
 *  0    1    2       4          8
 *  +----+----+-------+----------+--------------------------------
 *  |type|code| sum   | rest     | echo data, or the quoted packet
 *  +----+----+-------+----------+--------------------------------
 *  rest: identifier and sequence number (echo); next-hop MTU in the low half (too big, RFC 1191)
 * ```
 *
 * @module
 */
import { ICMP_CHECKSUM, ICMP_CODE, ICMP_HEADER, ICMP_TYPE } from '@ioth/core'
import { complement, sumOctets } from './checksum.ts'

export const ICMP_REST = 4

export const ICMP4_ECHO_REPLY = 0
export const ICMP4_UNREACHABLE = 3
export const ICMP4_ECHO = 8
export const ICMP4_TIME_EXCEEDED = 11
export const ICMP4_PARAMETER_PROBLEM = 12
/** Types that tell of an error, source quench and redirect among them. */
export const ICMP4_ERRORS: readonly number[] = [3, 4, 5, 11, 12]

export const UNREACHABLE_PROTOCOL = 2
export const UNREACHABLE_PORT = 3
export const UNREACHABLE_TOO_BIG = 4

export interface Icmpv4Message {
  readonly type: number
  readonly code: number
  /** The second word of the header, as a signed 32-bit integer. */
  readonly rest: number
  readonly body: Uint8Array
}

/** @returns the message, or why it is none. */
export function parseIcmpv4(octets: Uint8Array): Icmpv4Message | string {
  if (octets.length < ICMP_HEADER) return 'short'
  if (sumOctets(octets) !== 0xffff) return 'checksum'
  const view = new DataView(octets.buffer, octets.byteOffset, octets.length)
  return {
    type: octets[ICMP_TYPE]!,
    code: octets[ICMP_CODE]!,
    rest: view.getInt32(ICMP_REST),
    body: octets.subarray(ICMP_HEADER),
  }
}

export function serializeIcmpv4(message: Icmpv4Message): Uint8Array {
  const octets = new Uint8Array(ICMP_HEADER + message.body.length)
  const view = new DataView(octets.buffer)
  octets[ICMP_TYPE] = message.type
  octets[ICMP_CODE] = message.code
  view.setInt32(ICMP_REST, message.rest)
  octets.set(message.body, ICMP_HEADER)
  view.setUint16(ICMP_CHECKSUM, complement(sumOctets(octets)))
  return octets
}
