/**
 * Messages of neighbour discovery (RFC 4861 4.3, 4.4) as frames.
 *
 * @module
 */
import {
  ETH_SOURCE,
  ETH_TYPE,
  ETHERNET_HEADER,
  ETHERTYPE_IP6,
  IP6_DESTINATION,
  IP6_HEADER,
  IP6_HOP_LIMIT,
  IP6_NEXT_HEADER,
  IP6_PAYLOAD_LENGTH,
  IP6_SOURCE,
  PROTO_ICMP6,
} from '@ioth/core'
import { transportSum } from './checksum.ts'

/** Where an ICMPv6 message without extension headers begins. */
export const ICMP6: number = ETHERNET_HEADER + IP6_HEADER
/** Type, code, checksum, flags, target. */
export const ND_OPTIONS: number = ICMP6 + 24
export const ND_TARGET: number = ICMP6 + 8
/** Router, solicited, override, from the highest bit down. */
export const ND_FLAGS: number = ICMP6 + 4
export const SOLICITED = 0x40
export const OVERRIDE = 0x20
export const ROUTER_SOLICITATION = 133
export const SOLICITATION = 135
export const ADVERTISEMENT = 136
/** Options: the sender's hardware address, the target's. */
export const SOURCE_MAC = 1
export const TARGET_MAC = 2

/** What a message says; addresses as octets. */
export interface NdMessage {
  readonly kind: typeof ROUTER_SOLICITATION | typeof SOLICITATION | typeof ADVERTISEMENT
  /** See {@link ND_FLAGS}. @default 0 */
  readonly flags?: number
  readonly target: Uint8Array
  readonly source: Uint8Array
  readonly destination: Uint8Array
  /** Whom the frame goes to. */
  readonly to: Uint8Array
  /** Ours: the frame's source, and the option. */
  readonly mac: Uint8Array
}

export function ndFrame({ kind, flags = 0, target, source, destination, to, mac }: NdMessage): Uint8Array {
  const frame = new Uint8Array(ND_OPTIONS + 8)
  const view = new DataView(frame.buffer)
  const length = frame.length - ICMP6
  frame.set(to)
  frame.set(mac, ETH_SOURCE)
  view.setUint16(ETH_TYPE, ETHERTYPE_IP6)
  frame[ETHERNET_HEADER] = 0x60
  view.setUint16(ETHERNET_HEADER + IP6_PAYLOAD_LENGTH, length)
  frame[ETHERNET_HEADER + IP6_NEXT_HEADER] = PROTO_ICMP6
  frame[ETHERNET_HEADER + IP6_HOP_LIMIT] = 255
  frame.set(source, ETHERNET_HEADER + IP6_SOURCE)
  frame.set(destination, ETHERNET_HEADER + IP6_DESTINATION)
  frame[ICMP6] = kind
  frame[ND_FLAGS] = flags
  frame.set(target, ND_TARGET)
  frame.set([kind === ADVERTISEMENT ? TARGET_MAC : SOURCE_MAC, 1, ...mac], ND_OPTIONS)
  view.setUint16(ICMP6 + 2, ~transportSum(frame, 6, ETHERNET_HEADER, ICMP6, length, PROTO_ICMP6))
  return frame
}

/** Whether a frame has a message of this kind that came from this network (RFC 4861 7.1). */
export function isNd(frame: Uint8Array, length: number, kind: NdMessage['kind']): boolean {
  const type = ((frame[ETH_TYPE] as number) << 8) | (frame[ETH_TYPE + 1] as number)
  return (
    type === ETHERTYPE_IP6 &&
    length >= ND_OPTIONS &&
    frame[ETHERNET_HEADER + IP6_NEXT_HEADER] === PROTO_ICMP6 &&
    frame[ETHERNET_HEADER + IP6_HOP_LIMIT] === 255 &&
    frame[ICMP6] === kind
  )
}

/** Where the hardware address of an option lies; -1: it is not there. */
export function ndOption(frame: Uint8Array, length: number, wanted: number): number {
  for (let at = ND_OPTIONS; at + 8 <= length; ) {
    const octets = (frame[at + 1] as number) * 8
    if (octets === 0 || at + octets > length) return -1
    if (frame[at] === wanted) return at + 2
    at += octets
  }
  return -1
}
