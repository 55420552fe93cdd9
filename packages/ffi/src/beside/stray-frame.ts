/**
 * Frames that no host takes, for libraries that look at neither hardware addresses nor broadcasts: from its own hardware address or a group's,
 * from all of a network (RFC 1122 3.2.1.3), and to many by its hardware address but to one by its IPv4 address (RFC 1122 3.3.6).
 *
 * @module
 */
import {
  ETH_SOURCE,
  ETH_TYPE,
  ETHERNET_HEADER,
  ETHERTYPE_IP4,
  fromBytes,
  IP4_DESTINATION,
  IP4_HEADER,
  IP4_SOURCE,
  type IpAddress,
} from '@ioth/core'

/** @param mac its own hardware address. @param isBroadcast whether an address is that of all of a network of its. */
export function isStray(
  frame: Uint8Array,
  length: number,
  mac: Uint8Array,
  isBroadcast: (address: IpAddress) => boolean,
): boolean {
  if (((frame[ETH_SOURCE] as number) & 1) !== 0 || mac.every((octet, at) => octet === frame[ETH_SOURCE + at]))
    return true
  const type = ((frame[ETH_TYPE] as number) << 8) | (frame[ETH_TYPE + 1] as number)
  if (type !== ETHERTYPE_IP4 || length < ETHERNET_HEADER + IP4_HEADER) return false
  if (isBroadcast(fromBytes(frame, ETHERNET_HEADER + IP4_SOURCE, 4))) return true
  if (((frame[0] as number) & 1) === 0) return false
  const destination = fromBytes(frame, ETHERNET_HEADER + IP4_DESTINATION, 4)
  return !destination.isMulticast && !isBroadcast(destination)
}
