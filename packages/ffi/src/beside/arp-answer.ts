/**
 * Answers to ARP requests (RFC 826) in a library's place.
 *
 * @module
 */
import {
  ARP_LENGTH,
  ARP_OPERATION,
  ARP_SENDER_IP,
  ARP_SENDER_MAC,
  ARP_TARGET_IP,
  ARP_TARGET_MAC,
  ETH_SOURCE,
  ETH_TYPE,
  ETHERNET_HEADER,
  ETHERTYPE_ARP,
  fromBytes,
  type IpAddress,
} from '@ioth/core'

const ARP_REQUEST = 1
const ARP_REPLY = 2
const ARP = ETHERNET_HEADER

export function isArp(frame: Uint8Array, length: number): boolean {
  const type = ((frame[ETH_TYPE] as number) << 8) | (frame[ETH_TYPE + 1] as number)
  return type === ETHERTYPE_ARP && length >= ARP + ARP_LENGTH
}

/**
 * The reply to an ARP packet, as a frame; null: it is no request, or for somebody else.
 * @param mac what is told.
 */
export function answerArp(
  frame: Uint8Array,
  mac: Uint8Array,
  isOurs: (address: IpAddress) => boolean,
): Uint8Array | null {
  if (frame[ARP + ARP_OPERATION + 1] !== ARP_REQUEST) return null
  const target = fromBytes(frame, ARP + ARP_TARGET_IP, 4)
  if (!isOurs(target)) return null
  const reply = frame.slice(0, ARP + ARP_LENGTH)
  const [from, to] = [ARP + ARP_SENDER_MAC, ARP + ARP_TARGET_MAC]
  // Whoever asked, by both of its addresses (RFC 826, packet reception).
  reply.copyWithin(to, from, ARP + ARP_TARGET_MAC)
  reply.set(frame.subarray(ARP + ARP_TARGET_IP, ARP + ARP_TARGET_IP + 4), ARP + ARP_SENDER_IP)
  reply.set(mac, from)
  reply.copyWithin(0, to, to + 6)
  reply.set(mac, ETH_SOURCE)
  reply[ARP + ARP_OPERATION + 1] = ARP_REPLY
  return reply
}
