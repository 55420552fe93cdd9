/**
 * Fragments put together in front of a library that does it badly. The armour holds them back until their packet is whole and consistent, and
 * then lets them pass together, in order; so all that is left is to join what follows each other.
 *
 * @module
 */
import {
  IP4_CHECKSUM,
  IP4_FRAGMENT,
  IP4_FRAGMENT_OFFSET,
  IP4_ID,
  IP4_MORE_FRAGMENTS,
  IP4_TOTAL_LENGTH,
  IP6_HEADER,
  IP6_NEXT_HEADER,
  IP6_PAYLOAD_LENGTH,
  PROTO_DESTINATION_OPTIONS,
  PROTO_FRAGMENT,
  PROTO_HOP_BY_HOP,
  PROTO_ROUTING,
} from '@ioth/core'
import { sumOf } from './checksum.ts'
import { IP6_FRAGMENT_HEADER, type PacketView } from './packet-view.ts'

/** Congestion experienced (RFC 3168 5). */
const MARKED = 3

export class Pieces {
  /** Headers that may stand in front of that of a fragment (RFC 8200 4.5). */
  private static readonly BEFORE: readonly number[] = [PROTO_HOP_BY_HOP, PROTO_ROUTING, PROTO_DESTINATION_OPTIONS]
  private id = 0
  /** Which of the four marks of congestion its fragments have, a bit for each. */
  private marks = 0
  /** Of the first one, without the fragment header of IPv6; where what names the next header lies in them, and what it is. */
  private headers: Uint8Array | null = null
  private ip = 0
  private nextAt = 0
  private protocol = 0
  private parts: Uint8Array[] = []
  private length = 0

  /** Takes a packet. @returns the whole of which it was the last fragment, in one frame; null: more follows; `'whole'`: it is no fragment. */
  add(packet: PacketView): Uint8Array | null | 'whole' {
    return packet.family === 4 ? this.add4(packet) : this.add6(packet)
  }

  private add4(packet: PacketView): Uint8Array | null | 'whole' {
    const { bytes, at, ipAt, payloadAt, end } = packet
    if (!packet.isFragment) return 'whole'
    const field = packet.word16(ipAt + IP4_FRAGMENT)
    const offset = (field & IP4_FRAGMENT_OFFSET) << 3
    const id = packet.word16(ipAt + IP4_ID)
    const congestion = (bytes[ipAt + 1] as number) & 3
    if (offset === 0) this.begin(bytes.slice(at, payloadAt), ipAt - at, id, congestion)
    if (!this.continues(id, offset, bytes.slice(payloadAt, end), congestion) || (field & IP4_MORE_FRAGMENTS) !== 0)
      return null
    const { frame, ip, headers } = this.joined()
    // The whole is marked when one of them is.
    if (this.isMarked) frame[ip + 1] = (frame[ip + 1] as number) | MARKED
    const view = new DataView(frame.buffer)
    view.setUint16(ip + IP4_TOTAL_LENGTH, frame.length - ip)
    view.setUint16(ip + IP4_FRAGMENT, 0)
    view.setUint16(ip + IP4_CHECKSUM, 0)
    view.setUint16(ip + IP4_CHECKSUM, ~sumOf(frame, ip, headers - ip))
    return frame
  }

  private add6(packet: PacketView): Uint8Array | null | 'whole' {
    const { bytes, at, ipAt, end } = packet
    let nextAt = ipAt + IP6_NEXT_HEADER
    let header = ipAt + IP6_HEADER
    while (Pieces.BEFORE.includes(bytes[nextAt] as number) && header + 8 <= end) {
      nextAt = header
      header += ((bytes[header + 1] as number) + 1) * 8
    }
    const payloadAt = header + IP6_FRAGMENT_HEADER
    if (bytes[nextAt] !== PROTO_FRAGMENT || payloadAt > end) return 'whole'
    const field = packet.word16(header + 2)
    const offset = field & 0xfff8
    const id = packet.word32(header + 4)
    const congestion = ((bytes[ipAt + 1] as number) >>> 4) & 3
    if (offset === 0) {
      this.begin(bytes.slice(at, header), ipAt - at, id, congestion)
      // What follows is what the first one says (RFC 8200 4.5).
      this.protocol = bytes[header] as number
      this.nextAt = nextAt - at
    }
    if (!this.continues(id, offset, bytes.slice(payloadAt, end), congestion) || (field & 1) !== 0) return null
    const { frame, ip } = this.joined()
    if (this.isMarked) frame[ip + 1] = (frame[ip + 1] as number) | (MARKED << 4)
    new DataView(frame.buffer).setUint16(ip + IP6_PAYLOAD_LENGTH, frame.length - ip - IP6_HEADER)
    frame[this.nextAt] = this.protocol
    return frame
  }

  private get isMarked(): boolean {
    return (this.marks & (1 << MARKED)) !== 0
  }

  private begin(headers: Uint8Array, ip: number, id: number, congestion: number): void {
    this.marks = 1 << congestion
    this.headers = headers
    this.ip = ip
    this.id = id
    this.parts = []
    this.length = 0
  }

  private continues(id: number, offset: number, part: Uint8Array, congestion: number): boolean {
    if (this.headers === null || this.id !== id || this.length !== offset) return false
    this.marks |= 1 << congestion
    // RFC 3168 5.3: what cannot be marked and is, is no packet.
    if (this.isMarked && (this.marks & 1) !== 0) {
      this.headers = null
      return false
    }
    this.parts.push(part)
    this.length += part.length
    return true
  }

  private joined(): { readonly frame: Uint8Array; readonly ip: number; readonly headers: number } {
    const { ip, parts, length } = this
    const headers = this.headers as Uint8Array
    this.headers = null
    this.parts = []
    const frame = new Uint8Array(headers.length + length)
    frame.set(headers)
    let at = headers.length
    for (const part of parts) {
      frame.set(part, at)
      at += part.length
    }
    return { frame, ip, headers: headers.length }
  }
}
