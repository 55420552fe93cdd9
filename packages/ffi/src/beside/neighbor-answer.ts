/**
 * Answers to who asks for us, by ARP (RFC 826) or by neighbour discovery (RFC 4861), in a library's place.
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
  IP6_SOURCE,
  type IpAddress,
} from '@ioth/core'
import {
  ADVERTISEMENT,
  isNd,
  ND_TARGET,
  ndFrame,
  ndOption,
  OVERRIDE,
  SOLICITATION,
  SOLICITED,
  SOURCE_MAC,
} from './nd-frame.ts'

const ARP_REQUEST = 1
const ARP_REPLY = 2
const ARP = ETHERNET_HEADER

export function isArp(frame: Uint8Array, length: number): boolean {
  const type = ((frame[ETH_TYPE] as number) << 8) | (frame[ETH_TYPE + 1] as number)
  return type === ETHERTYPE_ARP && length >= ARP + ARP_LENGTH
}

export function isArpReply(frame: Uint8Array, length: number): boolean {
  return isArp(frame, length) && frame[ARP + ARP_OPERATION + 1] === ARP_REPLY
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

/** Whom a library asks for, by a question to all; null: the frame is none, or a probe or announcement of its own address. */
export function askedFor(frame: Uint8Array, length: number): IpAddress | null {
  if (((frame[0] as number) & 1) === 0) return null
  if (isArp(frame, length)) {
    const sender = fromBytes(frame, ARP + ARP_SENDER_IP, 4)
    const target = fromBytes(frame, ARP + ARP_TARGET_IP, 4)
    const isRequest = frame[ARP + ARP_OPERATION + 1] === ARP_REQUEST
    return !isRequest || sender.w3 === 0 || sender.equals(target) ? null : target
  }
  if (!isNd(frame, length, SOLICITATION)) return null
  const isProbe = fromBytes(frame, ETHERNET_HEADER + IP6_SOURCE, 16).isUnspecified
  return isProbe ? null : fromBytes(frame, ND_TARGET, 16)
}

export function isSolicitation(frame: Uint8Array, length: number): boolean {
  return isNd(frame, length, SOLICITATION)
}

const ALL_NODES = Uint8Array.of(0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1)
const ALL_NODES_MAC = Uint8Array.of(0x33, 0x33, 0, 0, 0, 1)

/**
 * The advertisement that a solicitation draws (RFC 4861 7.2.4), as a frame; null: it is for somebody else. It goes to whoever asked; to all,
 * when that has no address yet.
 * @param mac what is told.
 */
export function answerSolicitation(
  frame: Uint8Array,
  length: number,
  mac: Uint8Array,
  isOurs: (address: IpAddress) => boolean,
): Uint8Array | null {
  const target = frame.slice(ND_TARGET, ND_TARGET + 16)
  if (!isOurs(fromBytes(target))) return null
  const asked = fromBytes(frame, ETHERNET_HEADER + IP6_SOURCE, 16)
  const message = { kind: ADVERTISEMENT, target, source: target, mac } as const
  if (asked.isUnspecified) {
    return ndFrame({ ...message, flags: OVERRIDE, destination: ALL_NODES, to: ALL_NODES_MAC })
  }
  const option = ndOption(frame, length, SOURCE_MAC)
  const at = option < 0 ? ETH_SOURCE : option
  const destination = frame.slice(ETHERNET_HEADER + IP6_SOURCE, ETHERNET_HEADER + IP6_SOURCE + 16)
  return ndFrame({ ...message, flags: SOLICITED | OVERRIDE, destination, to: frame.slice(at, at + 6) })
}
