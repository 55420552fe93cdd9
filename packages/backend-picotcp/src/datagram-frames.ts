/**
 * Frames of a UDP datagram: one, or fragments where it is longer than a frame (RFC 768, RFC 791 2.3, RFC 8200 4.5). Addresses and ports are
 * those of a frame of the library.
 *
 * @module
 */
import {
  IP4_CHECKSUM,
  IP4_FRAGMENT,
  IP4_ID,
  IP4_MORE_FRAGMENTS,
  IP4_TOTAL_LENGTH,
  IP6_HEADER,
  IP6_NEXT_HEADER,
  IP6_PAYLOAD_LENGTH,
  PROTO_FRAGMENT,
  PROTO_UDP,
  UDP_CHECKSUM,
  UDP_HEADER,
  UDP_LENGTH,
} from '@ioth/core'
import { IP6_FRAGMENT_HEADER, type PacketView, sumOf, transportSum } from '@ioth/ffi'

/**
 * @param packet a UDP packet of the library, behind the link header at `from`.
 * @param id tells the fragments of one datagram from those of others.
 */
export function* datagramFrames(
  packet: PacketView,
  from: number,
  payload: Uint8Array,
  mtu: number,
  id: number,
): Iterable<Uint8Array> {
  const { bytes, family, ipAt, payloadAt } = packet
  const headers = bytes.slice(from, payloadAt + UDP_HEADER)
  const frame = new Uint8Array(headers.length + payload.length)
  frame.set(headers)
  frame.set(payload, headers.length)
  const ip = ipAt - from
  const udp = payloadAt - from
  const length = UDP_HEADER + payload.length
  const view = new DataView(frame.buffer)
  view.setUint16(udp + UDP_LENGTH, length)
  view.setUint16(udp + UDP_CHECKSUM, 0)
  const sum = ~transportSum(frame, family, ip, udp, length, PROTO_UDP) & 0xffff
  // No checksum is 0, which means that there is none.
  view.setUint16(udp + UDP_CHECKSUM, sum === 0 ? 0xffff : sum)
  if (udp - ip + length <= mtu) {
    if (family === 4) finishIp4(view, ip, udp, frame.length)
    else view.setUint16(ip + IP6_PAYLOAD_LENGTH, length)
    yield frame
    return
  }
  const overhead = udp - ip + (family === 4 ? 0 : IP6_FRAGMENT_HEADER)
  const most = (mtu - overhead) & ~7
  for (let at = 0; at < length; at += most) {
    const piece = frame.subarray(udp + at, udp + Math.min(length, at + most))
    const hasMore = at + most < length
    yield family === 4
      ? fragment4(frame.subarray(0, udp), ip, piece, at, hasMore, id)
      : fragment6(frame.subarray(0, udp), ip, piece, at, hasMore, id)
  }
}

function finishIp4(view: DataView, ip: number, payloadAt: number, end: number): void {
  view.setUint16(ip + IP4_TOTAL_LENGTH, end - ip)
  view.setUint16(ip + IP4_CHECKSUM, 0)
  view.setUint16(ip + IP4_CHECKSUM, ~sumOf(new Uint8Array(view.buffer), ip, payloadAt - ip))
}

function fragment4(
  headers: Uint8Array,
  ip: number,
  piece: Uint8Array,
  offset: number,
  hasMore: boolean,
  id: number,
): Uint8Array {
  const frame = new Uint8Array(headers.length + piece.length)
  frame.set(headers)
  frame.set(piece, headers.length)
  const view = new DataView(frame.buffer)
  view.setUint16(ip + IP4_ID, id)
  view.setUint16(ip + IP4_FRAGMENT, (offset >>> 3) | (hasMore ? IP4_MORE_FRAGMENTS : 0))
  finishIp4(view, ip, headers.length, frame.length)
  return frame
}

function fragment6(
  headers: Uint8Array,
  ip: number,
  piece: Uint8Array,
  offset: number,
  hasMore: boolean,
  id: number,
): Uint8Array {
  const frame = new Uint8Array(headers.length + IP6_FRAGMENT_HEADER + piece.length)
  frame.set(headers)
  frame.set(piece, headers.length + IP6_FRAGMENT_HEADER)
  const view = new DataView(frame.buffer)
  view.setUint16(ip + IP6_PAYLOAD_LENGTH, IP6_FRAGMENT_HEADER + piece.length)
  frame[ip + IP6_NEXT_HEADER] = PROTO_FRAGMENT
  const at = ip + IP6_HEADER
  frame[at] = PROTO_UDP
  view.setUint16(at + 2, offset | (hasMore ? 1 : 0))
  view.setInt32(at + 4, id)
  return frame
}
