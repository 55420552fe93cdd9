/**
 * How a group is addressed on Ethernet.
 *
 * @module
 */
import type { IpAddress } from '../address/ip-address.ts'

/** RFC 1112 6.4: the low 23 bits of an IPv4 group; RFC 2464 7: the low 32 bits of an IPv6 group. A broadcast is everybody's. */
export function groupMac({ family, isMulticast, w3 }: IpAddress): Uint8Array {
  if (!isMulticast) return Uint8Array.of(0xff, 0xff, 0xff, 0xff, 0xff, 0xff)
  if (family === 6) return Uint8Array.of(0x33, 0x33, w3 >>> 24, w3 >>> 16, w3 >>> 8, w3)
  return Uint8Array.of(1, 0, 0x5e, (w3 >>> 16) & 0x7f, w3 >>> 8, w3)
}
