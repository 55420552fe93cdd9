/**
 * The hardware addresses that follow from where a packet goes alone.
 *
 * @module
 */
import { type IpAddress, toBytes } from '@ioth/core'

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
