/**
 * Fragments put together in front of a library that does it badly. The armour holds them back until their packet is whole and consistent, and
 * then lets them pass together, in order; so all that is left is to join what follows each other.
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
} from '@ioth/core'
import { sumOf } from './checksum.ts'
import { IP6_FRAGMENT_HEADER, type PacketView } from './packet-view.ts'

export class Pieces {
  private id = 0
  /** Of the first one, without the fragment header of IPv6. */
  private headers: Uint8Array | null = null
  private ip = 0
  private protocol = 0
  private parts: Uint8Array[] = []
  private length = 0

  /** Takes a fragment. @returns the packet in one frame, when this was the last of it. */
  add(packet: PacketView): Uint8Array | null {
    const { bytes, at, family, ipAt, payloadAt, end, protocol } = packet
    const field = family === 4 ? packet.word16(ipAt + IP4_FRAGMENT) : packet.word16(payloadAt - IP6_FRAGMENT_HEADER + 2)
    const offset = family === 4 ? (field & 0x1fff) << 3 : field & 0xfff8
    const hasMore = (field & (family === 4 ? IP4_MORE_FRAGMENTS : 1)) !== 0
    const id = family === 4 ? packet.word16(ipAt + IP4_ID) : packet.word32(payloadAt - 4)
    if (offset === 0) {
      this.headers = bytes.slice(at, payloadAt - (family === 4 ? 0 : IP6_FRAGMENT_HEADER))
      this.ip = ipAt - at
      this.id = id
      // What follows is what the first one says (RFC 8200 4.5).
      this.protocol = protocol
      this.parts = []
      this.length = 0
    }
    if (this.headers === null || this.id !== id || this.length !== offset) return null
    this.parts.push(bytes.slice(payloadAt, end))
    this.length += end - payloadAt
    return hasMore ? null : this.joined(this.headers, family)
  }

  private joined(headers: Uint8Array, family: 4 | 6): Uint8Array {
    const { ip, parts, length, protocol } = this
    this.headers = null
    this.parts = []
    const frame = new Uint8Array(headers.length + length)
    frame.set(headers)
    let at = headers.length
    for (const part of parts) {
      frame.set(part, at)
      at += part.length
    }
    const view = new DataView(frame.buffer)
    if (family === 6) {
      view.setUint16(ip + IP6_PAYLOAD_LENGTH, frame.length - ip - IP6_HEADER)
      frame[ip + IP6_NEXT_HEADER] = protocol
      return frame
    }
    view.setUint16(ip + IP4_TOTAL_LENGTH, frame.length - ip)
    view.setUint16(ip + IP4_FRAGMENT, 0)
    view.setUint16(ip + IP4_CHECKSUM, 0)
    view.setUint16(ip + IP4_CHECKSUM, ~sumOf(frame, ip, headers.length - ip))
    return frame
  }
}
