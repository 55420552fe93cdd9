/**
 * TCP segments in Ethernet frames, as a library beside which we stand sends and gets them: read where they lie, changed in place with their
 * sums kept right (RFC 1624), and made anew from one that was seen.
 *
 * Fragments and segments behind IPv6 extension headers are left alone: they are nobody's business here.
 *
 * @module
 */
import {
  ETH_TYPE,
  ETHERNET_HEADER,
  ETHERTYPE_IP4,
  ETHERTYPE_IP6,
  IP4_CHECKSUM,
  IP4_DESTINATION,
  IP4_FRAGMENT,
  IP4_FRAGMENT_OFFSET,
  IP4_HEADER,
  IP4_MORE_FRAGMENTS,
  IP4_PROTOCOL,
  IP4_SOURCE,
  IP4_TOTAL_LENGTH,
  IP6_DESTINATION,
  IP6_HEADER,
  IP6_NEXT_HEADER,
  IP6_PAYLOAD_LENGTH,
  IP6_SOURCE,
  IpAddress,
  PROTO_TCP,
  TCP_ACK,
  TCP_ACKNOWLEDGMENT,
  TCP_CHECKSUM,
  TCP_DATA_OFFSET,
  TCP_FIN,
  TCP_FLAGS,
  TCP_HEADER,
  TCP_SEQUENCE,
  TCP_SYN,
  TCP_WINDOW,
} from '@ioth/core'
import { fold, patchSum, sumOf } from './checksum.ts'

/** One segment in a frame; made once, and set on frame after frame. */
export class TcpFrame {
  bytes: Uint8Array = NOTHING
  view: DataView = new DataView(NOTHING.buffer)
  length = 0
  family: 4 | 6 = 4
  /** Where the TCP header begins. */
  at = 0
  /** Where the payload begins, and its octets. */
  payloadAt = 0
  payload = 0
  flags = 0
  seq = 0
  ack = 0
  sourcePort = 0
  destinationPort = 0

  /** Memory that frames are read into; {@link parse} speaks of it. */
  use(bytes: Uint8Array): void {
    this.bytes = bytes
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  }

  /** Whether the first `length` octets are a frame with a whole TCP segment. */
  parse(length: number): boolean {
    const { bytes, view } = this
    if (length < ETHERNET_HEADER + IP4_HEADER + TCP_HEADER) return false
    const type = view.getUint16(ETH_TYPE)
    let end = 0
    if (type === ETHERTYPE_IP4) {
      const ip = ETHERNET_HEADER
      if (bytes[ip + IP4_PROTOCOL] !== PROTO_TCP) return false
      if ((view.getUint16(ip + IP4_FRAGMENT) & (IP4_MORE_FRAGMENTS | IP4_FRAGMENT_OFFSET)) !== 0) return false
      this.family = 4
      this.at = ip + ((bytes[ip] as number) & 15) * 4
      end = ip + view.getUint16(ip + IP4_TOTAL_LENGTH)
    } else if (type === ETHERTYPE_IP6) {
      const ip = ETHERNET_HEADER
      if (bytes[ip + IP6_NEXT_HEADER] !== PROTO_TCP) return false
      this.family = 6
      this.at = ip + IP6_HEADER
      end = this.at + view.getUint16(ip + IP6_PAYLOAD_LENGTH)
    } else return false
    const { at } = this
    if (end > length || at + TCP_HEADER > end) return false
    this.payloadAt = at + ((bytes[at + TCP_DATA_OFFSET] as number) >>> 4) * 4
    if (this.payloadAt < at + TCP_HEADER || this.payloadAt > end) return false
    this.length = length
    this.payload = end - this.payloadAt
    this.flags = bytes[at + TCP_FLAGS] as number
    this.seq = view.getInt32(at + TCP_SEQUENCE)
    this.ack = view.getInt32(at + TCP_ACKNOWLEDGMENT)
    this.sourcePort = view.getUint16(at)
    this.destinationPort = view.getUint16(at + 2)
    return true
  }

  /** One of the four 32-bit words of the source address; an IPv4 address has only the last. */
  source(word: 0 | 1 | 2 | 3): number {
    return this.address(word, IP4_SOURCE, IP6_SOURCE)
  }

  destination(word: 0 | 1 | 2 | 3): number {
    return this.address(word, IP4_DESTINATION, IP6_DESTINATION)
  }

  get sourceAddress(): IpAddress {
    return this.ipAddress(IP4_SOURCE, IP6_SOURCE)
  }

  get destinationAddress(): IpAddress {
    return this.ipAddress(IP4_DESTINATION, IP6_DESTINATION)
  }

  /** Sends the frame to this hardware address. */
  redirect(mac: Uint8Array): void {
    for (let i = 0; i < 6; i++) this.bytes[i] = mac[i] as number
  }

  /** Octets of sequence space: payload, SYN and FIN. */
  get space(): number {
    return this.payload + ((this.flags & TCP_SYN) === 0 ? 0 : 1) + ((this.flags & TCP_FIN) === 0 ? 0 : 1)
  }

  get window(): number {
    return this.view.getUint16(this.at + TCP_WINDOW)
  }

  /** Changes 16 bits of the TCP header at an even place of it; of a larger number the lowest count. */
  set16(place: number, value: number): void {
    const before = this.view.getUint16(this.at + place)
    this.view.setUint16(this.at + place, value)
    this.patchSum(before, value & 0xffff)
  }

  setSeq(value: number): void {
    this.replace32(this.at + TCP_SEQUENCE, value)
    this.seq = value
  }

  setAck(value: number): void {
    this.replace32(this.at + TCP_ACKNOWLEDGMENT, value)
    this.ack = value
  }

  /** The maximum segment size that a SYN announces; null: none. */
  get mss(): number | null {
    const at = this.mssAt()
    return at < 0 ? null : this.view.getUint16(at)
  }

  /** Where the value of the option lies; -1: there is none. */
  private mssAt(): number {
    const { bytes, payloadAt } = this
    if ((this.flags & TCP_SYN) === 0) return -1
    for (let option = this.at + TCP_HEADER; option < payloadAt; ) {
      const kind = bytes[option] as number
      if (kind === 0) return -1
      const length = kind === 1 ? 1 : (bytes[option + 1] as number)
      if (length < 1 || (kind !== 1 && length < 2) || option + length > payloadAt) return -1
      if (kind === 2 && length === 4) return option + 2
      option += length
    }
    return -1
  }

  private address(word: number, at4: number, at6: number): number {
    if (this.family === 6) return this.view.getInt32(ETHERNET_HEADER + at6 + word * 4)
    if (word === 3) return this.view.getInt32(ETHERNET_HEADER + at4)
    return word === 2 ? 0xffff : 0
  }

  private ipAddress(at4: number, at6: number): IpAddress {
    const word = (n: number): number => this.address(n, at4, at6)
    return this.family === 4 ? IpAddress.v4(word(3)) : new IpAddress(6, word(0), word(1), word(2), word(3))
  }

  private replace32(at: number, value: number): void {
    const { view } = this
    const before = view.getUint32(at)
    view.setInt32(at, value)
    this.patchSum(before >>> 16, value >>> 16)
    this.patchSum(before & 0xffff, value & 0xffff)
  }

  private patchSum(before: number, after: number): void {
    patchSum(this.view, this.at + TCP_CHECKSUM, before, after)
  }
}

const NOTHING = new Uint8Array(0)

/** The headers of one direction of a connection, kept from a segment that was seen, to make others from. */
export class SegmentTemplate {
  private readonly head: Uint8Array
  private readonly family: 4 | 6

  private constructor(head: Uint8Array, family: 4 | 6) {
    this.head = head
    this.family = family
  }

  /** Of a segment that was parsed. */
  static of(frame: TcpFrame): SegmentTemplate {
    const ip = frame.family === 4 ? IP4_HEADER : IP6_HEADER
    const head = new Uint8Array(ETHERNET_HEADER + ip + TCP_HEADER)
    head.set(frame.bytes.subarray(0, ETHERNET_HEADER + ip))
    head.set(frame.bytes.subarray(frame.at, frame.at + TCP_HEADER), ETHERNET_HEADER + ip)
    if (frame.family === 4) head[ETHERNET_HEADER] = 0x45
    return new SegmentTemplate(head, frame.family)
  }

  /** Where the frames go from now on. */
  redirect(mac: Uint8Array): void {
    this.head.set(mac)
  }

  /** The same connection the other way. */
  reversed(): SegmentTemplate {
    const { head, family } = this
    const turned = head.slice()
    const swap = (a: number, b: number, length: number): void => {
      turned.set(head.subarray(a, a + length), b)
      turned.set(head.subarray(b, b + length), a)
    }
    swap(0, 6, 6)
    if (family === 4) swap(ETHERNET_HEADER + IP4_SOURCE, ETHERNET_HEADER + IP4_DESTINATION, 4)
    else swap(ETHERNET_HEADER + IP6_SOURCE, ETHERNET_HEADER + IP6_DESTINATION, 16)
    const tcp = turned.length - TCP_HEADER
    swap(tcp, tcp + 2, 2)
    return new SegmentTemplate(turned, family)
  }

  /** A segment without payload and options, as a frame. */
  make(flags: number, seq: number, ack: number, window: number): Uint8Array {
    const frame = this.head.slice()
    const view = new DataView(frame.buffer)
    const ip = ETHERNET_HEADER
    const tcp = frame.length - TCP_HEADER
    view.setInt32(tcp + TCP_SEQUENCE, seq)
    view.setInt32(tcp + TCP_ACKNOWLEDGMENT, (flags & TCP_ACK) === 0 ? 0 : ack)
    frame[tcp + TCP_DATA_OFFSET] = (TCP_HEADER / 4) << 4
    frame[tcp + TCP_FLAGS] = flags
    view.setUint16(tcp + TCP_WINDOW, window)
    view.setUint32(tcp + TCP_CHECKSUM, 0)
    let sum = PROTO_TCP + TCP_HEADER
    if (this.family === 4) {
      view.setUint16(ip + IP4_TOTAL_LENGTH, IP4_HEADER + TCP_HEADER)
      view.setUint16(ip + IP4_FRAGMENT, 0x4000)
      view.setUint16(ip + IP4_CHECKSUM, 0)
      view.setUint16(ip + IP4_CHECKSUM, ~fold(sumOf(view, ip, IP4_HEADER)))
      sum += sumOf(view, ip + IP4_SOURCE, 8)
    } else {
      view.setUint16(ip + IP6_PAYLOAD_LENGTH, TCP_HEADER)
      sum += sumOf(view, ip + IP6_SOURCE, 32)
    }
    view.setUint16(tcp + TCP_CHECKSUM, ~fold(sum + sumOf(view, tcp, TCP_HEADER)))
    return frame
  }
}
