/**
 * Interface identifiers: the lower 64 bits of an address that an interface makes for itself.
 *
 * @module
 */
import { IpAddress } from '@ioth/core'
import type { Mac } from '../wire/ethernet.ts'

/** The link-local address of a hardware address (RFC 4291 2.5.6, RFC 2464 4). */
export function linkLocalOf({ high, low }: Mac): IpAddress {
  const w2 = ((high ^ 0x0200) << 16) | ((low >>> 24) << 8) | 0xff
  return new IpAddress(6, 0xfe800000, 0, w2, 0xfe000000 | (low & 0xffffff))
}
