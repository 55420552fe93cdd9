/**
 * The Internet checksum (RFC 1071) over plain octets, for values. The hot path uses the frame pool's `sum`, which adds in the slab.
 *
 * @module
 */
import type { IpAddress } from '@ioth/core'

/** One's complement sum of 16-bit words in network order, folded, not complemented. An odd last octet counts as its word's high half. */
export function sumOctets(octets: Uint8Array, initial = 0): number {
  let sum = initial
  const even = octets.length & ~1
  for (let i = 0; i < even; i += 2) sum += ((octets[i] as number) << 8) | (octets[i + 1] as number)
  if (even < octets.length) sum += (octets[even] as number) << 8
  return fold(sum)
}

/** Folds carries back until 16 bits are left. Takes sums below 2^48. */
export function fold(sum: number): number {
  while (sum > 0xffff) sum = (sum & 0xffff) + Math.floor(sum / 0x10000)
  return sum
}

/** What goes into the header: the complement of the folded sum. */
export function complement(sum: number): number {
  return ~fold(sum) & 0xffff
}

/** Sum of the IPv4 pseudo-header without the length (RFC 9293 3.1): constant over a connection's life. */
export function pseudoSum4(source: number, destination: number, protocol: number): number {
  return fold((source >>> 16) + (source & 0xffff) + (destination >>> 16) + (destination & 0xffff) + protocol)
}

/** Sum of the IPv6 pseudo-header without the length (RFC 8200 8.1). */
export function pseudoSum6(source: IpAddress, destination: IpAddress, protocol: number): number {
  return fold(addressSum(source) + addressSum(destination) + protocol)
}

function addressSum({ w0, w1, w2, w3 }: IpAddress): number {
  const high = (w0 >>> 16) + (w1 >>> 16) + (w2 >>> 16) + (w3 >>> 16)
  return high + (w0 & 0xffff) + (w1 & 0xffff) + (w2 & 0xffff) + (w3 & 0xffff)
}
