/**
 * The Internet checksum (RFC 1071), as libraries' frames are changed beside them.
 *
 * @module
 */
import { IP4_SOURCE, IP6_SOURCE } from '@ioth/core'

/** The sum over some octets in 16 bits, not complemented. @param initial a sum to go on from */
export function sumOf(bytes: Uint8Array, at: number, length: number, initial = 0): number {
  let sum = initial
  const last = at + length - 1
  for (let word = at; word < last; word += 2) sum += ((bytes[word] as number) << 8) | (bytes[word + 1] as number)
  if ((length & 1) !== 0) sum += (bytes[last] as number) << 8
  while (sum > 0xffff) sum = (sum & 0xffff) + Math.floor(sum / 0x10000)
  return sum
}

/** The sum over what an IP packet carries, with the pseudo-header (RFC 9293 3.1, RFC 8200 8.1): 0xffff when its checksum is right. */
export function transportSum(
  bytes: Uint8Array,
  family: 4 | 6,
  ipAt: number,
  at: number,
  length: number,
  protocol: number,
): number {
  const addresses = family === 4 ? sumOf(bytes, ipAt + IP4_SOURCE, 8) : sumOf(bytes, ipAt + IP6_SOURCE, 32)
  return sumOf(bytes, at, length, addresses + protocol + length)
}

/** A checksum after a word that it covers was changed (RFC 1624: HC' = ~(~HC + ~m + m')). */
export function patchedSum(checksum: number, before: number, after: number): number {
  const sum = (~checksum & 0xffff) + (~before & 0xffff) + after
  const folded = (sum & 0xffff) + (sum >>> 16)
  return ~((folded & 0xffff) + (folded >>> 16)) & 0xffff
}
