/**
 * What the armour changes in frames, rather than drop them: the maximum segment size of a SYN, and packets longer than the datagram in
 * them. Always in a copy of its own.
 *
 * @module
 */
import type { FramePool } from '../contract/frame.ts'
import {
  IP4_CHECKSUM,
  IP4_TOTAL_LENGTH,
  IP6_HEADER,
  IP6_PAYLOAD_LENGTH,
  TCP_CHECKSUM,
  TCP_DATA_OFFSET,
  TCP_HEADER,
  UDP_LENGTH,
} from '../frame/offsets.ts'
import { OPTION_END, OPTION_MSS, OPTION_NOP } from './inspect-transport.ts'
import { half } from './octets.ts'

/** Where the value of the MSS option of a well-formed TCP header is; -1: it has none. */
export function findMss(bytes: Uint8Array, tcp: number): number {
  const end = tcp + ((bytes[tcp + TCP_DATA_OFFSET] as number) >>> 4) * 4
  let at = tcp + TCP_HEADER
  while (at + 4 <= end) {
    const kind = bytes[at]
    if (kind === OPTION_END) return -1
    if (kind === OPTION_NOP) {
      at++
      continue
    }
    if (kind === OPTION_MSS) return at + 2
    const length = bytes[at + 1] as number
    // Frames of a library of our own are not inspected.
    if (length < 2) return -1
    at += length
  }
  return -1
}

/** Writes another value into an MSS option, and mends the checksum (RFC 1624 3). */
export function setMss({ bytes, view }: FramePool, tcp: number, at: number, value: number): void {
  const old = half(bytes, at)
  view.setUint16(at, value)
  // A field at an odd place counts with its octets turned round.
  const isOdd = ((at - tcp) & 1) !== 0
  const from = isOdd ? ((old & 0xff) << 8) | (old >>> 8) : old
  const to = isOdd ? ((value & 0xff) << 8) | (value >>> 8) : value
  let sum = (~half(bytes, tcp + TCP_CHECKSUM) & 0xffff) + (~from & 0xffff) + to
  sum = (sum & 0xffff) + (sum >>> 16)
  sum = (sum & 0xffff) + (sum >>> 16)
  view.setUint16(tcp + TCP_CHECKSUM, ~sum & 0xffff)
}

/** Makes an IP packet end where its UDP datagram does. @returns octets of the packet. */
export function cutBehindUdp(pool: FramePool, ip: number, udp: number): number {
  const { bytes, view } = pool
  const length = udp - ip + half(bytes, udp + UDP_LENGTH)
  if ((bytes[ip] as number) >>> 4 === 4) {
    view.setUint16(ip + IP4_TOTAL_LENGTH, length)
    view.setUint16(ip + IP4_CHECKSUM, 0)
    view.setUint16(ip + IP4_CHECKSUM, ~pool.sum(ip, ((bytes[ip] as number) & 15) * 4))
  } else {
    view.setUint16(ip + IP6_PAYLOAD_LENGTH, length - IP6_HEADER)
  }
  return length
}
