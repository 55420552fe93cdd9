/**
 * Frames of an IP packet: one, or fragments where it is longer than a frame carries (RFC 791 2.3, RFC 8200 4.5).
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
} from '@ioth/core'
import { sumOf } from './checksum.ts'
import { IP6_FRAGMENT_HEADER } from './packet-view.ts'

/**
 * @param headers what stands in front of the payload: the link header, and that of IP, whose lengths and sum are filled in.
 * @param ip where the IP header begins. @param mtu of the packet, without the link header.
 * @param id tells the fragments of one packet from those of others.
 */
export function* packetFrames(
  headers: Uint8Array,
  ip: number,
  payload: Uint8Array,
  mtu: number,
  id: number,
): Iterable<Uint8Array> {
  const family = (headers[ip] as number) >>> 4 === 4 ? 4 : 6
  const { length } = payload
  if (headers.length - ip + length <= mtu) {
    const frame = joined(headers, 0, payload)
    const view = new DataView(frame.buffer)
    if (family === 4) finishIp4(view, ip, headers.length, frame.length)
    else view.setUint16(ip + IP6_PAYLOAD_LENGTH, length)
    yield frame
    return
  }
  const overhead = headers.length - ip + (family === 4 ? 0 : IP6_FRAGMENT_HEADER)
  const most = (mtu - overhead) & ~7
  for (let at = 0; at < length; at += most) {
    const piece = payload.subarray(at, Math.min(length, at + most))
    const hasMore = at + most < length
    yield family === 4 ? fragment4(headers, ip, piece, at, hasMore, id) : fragment6(headers, ip, piece, at, hasMore, id)
  }
}

function joined(headers: Uint8Array, between: number, piece: Uint8Array): Uint8Array {
  const frame = new Uint8Array(headers.length + between + piece.length)
  frame.set(headers)
  frame.set(piece, headers.length + between)
  return frame
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
  const frame = joined(headers, 0, piece)
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
  const frame = joined(headers, IP6_FRAGMENT_HEADER, piece)
  const view = new DataView(frame.buffer)
  view.setUint16(ip + IP6_PAYLOAD_LENGTH, IP6_FRAGMENT_HEADER + piece.length)
  frame[ip + IP6_NEXT_HEADER] = PROTO_FRAGMENT
  const at = ip + IP6_HEADER
  frame[at] = headers[ip + IP6_NEXT_HEADER] as number
  view.setUint16(at + 2, offset | (hasMore ? 1 : 0))
  view.setInt32(at + 4, id)
  return frame
}
