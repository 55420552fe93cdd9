/**
 * Where a host is asked for its hardware address over IPv6.
 *
 * @module
 */
import { IpAddress } from '../address/ip-address.ts'

/** `ff02::1:ff00:0/104` with the last 24 bits of the address (RFC 4291 2.7.1). */
export function solicitedNode({ w3 }: IpAddress): IpAddress {
  return new IpAddress(6, 0xff020000, 0, 1, 0xff000000 | (w3 & 0xffffff))
}
