/**
 * IP packets in Ethernet frames, as far as their way out of the host asks: where they go, and the hardware address that follows from it alone.
 *
 * @module
 */
import {
  ETH_TYPE,
  ETHERNET_HEADER,
  ETHERTYPE_IP4,
  ETHERTYPE_IP6,
  fromBytes,
  IP4_DESTINATION,
  IP4_HEADER,
  IP6_DESTINATION,
  IP6_HEADER,
  type IpAddress,
  toBytes,
} from '@ioth/core'

/** Where the packet goes; null: the frame has none, or not a whole header. */
export function destinationOf(frame: Uint8Array, length: number): IpAddress | null {
  const type = ((frame[ETH_TYPE] as number) << 8) | (frame[ETH_TYPE + 1] as number)
  if (type === ETHERTYPE_IP4 && length >= ETHERNET_HEADER + IP4_HEADER) {
    return fromBytes(frame, ETHERNET_HEADER + IP4_DESTINATION, 4)
  }
  if (type === ETHERTYPE_IP6 && length >= ETHERNET_HEADER + IP6_HEADER) {
    return fromBytes(frame, ETHERNET_HEADER + IP6_DESTINATION, 16)
  }
  return null
}

/** Sends a frame to all of a group (RFC 1112 6.4, RFC 2464 7), or, where the address is no group's, to all (RFC 919 7). */
export function addressToGroup(frame: Uint8Array, destination: IpAddress): void {
  if (!destination.isMulticast) {
    frame.fill(0xff, 0, 6)
    return
  }
  const octets = toBytes(destination)
  if (destination.family === 4) {
    frame.set([0x01, 0x00, 0x5e, (octets[1] as number) & 0x7f, octets[2] as number, octets[3] as number])
  } else frame.set([0x33, 0x33, ...octets.subarray(12)])
}
