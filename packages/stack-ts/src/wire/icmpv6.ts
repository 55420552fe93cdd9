/**
 * ICMP for IPv6 (RFC 4443): echo, the errors that quote a packet, and the numbers of what travels by it (RFC 4861, RFC 3810).
 *
 * ```
 *  0    1    2       4          8
 *  +----+----+-------+----------+--------------------------------
 *  |type|code| sum   | rest     | echo data, or the quoted packet
 *  +----+----+-------+----------+--------------------------------
 *  rest: identifier and sequence number (echo); MTU (too big); pointer (parameter problem)
 * ```
 *
 * The checksum covers a pseudo-header: who parses or serializes hands in its sum ({@link pseudoSum6} with protocol 58).
 *
 * @module
 */
import { ICMP_CHECKSUM, ICMP_CODE, ICMP_HEADER, ICMP_TYPE } from '@ioth/core'
import { complement, sumOctets } from './checksum.ts'

export const ICMP6_REST = 4

// Errors have the types below 128 (RFC 4443 2.1).
export const ICMP6_UNREACHABLE = 1
export const ICMP6_TOO_BIG = 2
export const ICMP6_TIME_EXCEEDED = 3
export const ICMP6_PARAMETER_PROBLEM = 4
export const ICMP6_FIRST_INFORMATIONAL = 128
export const ICMP6_ECHO = 128
export const ICMP6_ECHO_REPLY = 129
// Neighbour discovery (RFC 4861)
export const ICMP6_ROUTER_SOLICITATION = 133
export const ICMP6_ROUTER_ADVERTISEMENT = 134
export const ICMP6_NEIGHBOR_SOLICITATION = 135
export const ICMP6_NEIGHBOR_ADVERTISEMENT = 136
export const ICMP6_REDIRECT = 137

// Codes of "unreachable"
export const UNREACHABLE6_PORT = 4
// Codes of "time exceeded"
export const EXCEEDED6_REASSEMBLY = 1
// Codes of "parameter problem"
export const PROBLEM6_HEADER = 0
export const PROBLEM6_NEXT_HEADER = 1
export const PROBLEM6_OPTION = 2
/** A first fragment without the whole chain of headers (RFC 7112 5). */
export const PROBLEM6_CHAIN = 3

export interface Icmpv6Message {
  readonly type: number
  readonly code: number
  /** The second word of the header, as a signed 32-bit integer. */
  readonly rest: number
  readonly body: Uint8Array
}

/** @param pseudoSum without the length. @returns the message, or why it is none. */
export function parseIcmpv6(octets: Uint8Array, pseudoSum: number): Icmpv6Message | string {
  if (octets.length < ICMP_HEADER) return 'short'
  if (sumOctets(octets, pseudoSum + octets.length) !== 0xffff) return 'checksum'
  const view = new DataView(octets.buffer, octets.byteOffset, octets.length)
  return {
    type: octets[ICMP_TYPE]!,
    code: octets[ICMP_CODE]!,
    rest: view.getInt32(ICMP6_REST),
    body: octets.subarray(ICMP_HEADER),
  }
}

/** @param pseudoSum without the length. */
export function serializeIcmpv6(message: Icmpv6Message, pseudoSum: number): Uint8Array {
  const octets = new Uint8Array(ICMP_HEADER + message.body.length)
  const view = new DataView(octets.buffer)
  octets[ICMP_TYPE] = message.type
  octets[ICMP_CODE] = message.code
  view.setInt32(ICMP6_REST, message.rest)
  octets.set(message.body, ICMP_HEADER)
  view.setUint16(ICMP_CHECKSUM, complement(sumOctets(octets, pseudoSum + octets.length)))
  return octets
}
