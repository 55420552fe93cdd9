/**
 * Packets in Ethernet frames, as far as their transport header: where it lies, and whose it is. What the armour let pass is well formed; what
 * the library sends has no extension headers. TCP has a view of its own: `TcpFrame` of `@ioth/ffi`.
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
  TCP_HEADER,
  TCP_SYN,
  toBytes,
  UDP_CHECKSUM,
  UDP_HEADER,
  UDP_LENGTH,
} from '@ioth/core'
import { fold, patchSum, sumOf, type TcpFrame } from '@ioth/ffi'

export class Packet {
  bytes: Uint8Array = NOTHING
  view: DataView = new DataView(NOTHING.buffer)
  family: 4 | 6 = 4
  protocol = 0
  /** Where the IP header, what it carries, and the padding begin. */
  ip = 0
  at = 0
  end = 0
  isFragment = false

  /** Memory that frames are read into; {@link parse} speaks of it. */
  use(bytes: Uint8Array): void {
    this.bytes = bytes
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  }

  /** Whether the first `length` octets are a frame with an IP packet. */
  parse(length: number): boolean {
    if (length < ETHERNET_HEADER + IP4_HEADER) return false
    const type = this.view.getUint16(ETH_TYPE)
    if (type !== ETHERTYPE_IP4 && type !== ETHERTYPE_IP6) return false
    return this.parseAt(ETHERNET_HEADER, length, type === ETHERTYPE_IP4 ? 4 : 6) && this.end <= length
  }

  /** A packet that an ICMP error quotes: it may be cut. */
  parseAt(ip: number, length: number, family: 4 | 6): boolean {
    const { bytes, view } = this
    this.ip = ip
    this.family = family
    if (ip + (family === 4 ? IP4_HEADER : IP6_HEADER) > length) return false
    if (family === 4) {
      this.protocol = bytes[ip + IP4_PROTOCOL] as number
      this.at = ip + ((bytes[ip] as number) & 15) * 4
      this.end = ip + view.getUint16(ip + IP4_TOTAL_LENGTH)
      this.isFragment = (view.getUint16(ip + IP4_FRAGMENT) & (IP4_MORE_FRAGMENTS | IP4_FRAGMENT_OFFSET)) !== 0
    } else {
      this.protocol = bytes[ip + IP6_NEXT_HEADER] as number
      this.at = ip + IP6_HEADER
      this.end = this.at + view.getUint16(ip + IP6_PAYLOAD_LENGTH)
      this.isFragment = this.protocol === FRAGMENT
    }
    return this.at <= length
  }

  get source(): IpAddress {
    return this.address(IP4_SOURCE, IP6_SOURCE)
  }

  get destination(): IpAddress {
    return this.address(IP4_DESTINATION, IP6_DESTINATION)
  }

  /** Whether it comes from `::`. */
  get isFromNobody(): boolean {
    if (this.family === 4) return false
    for (let word = 0; word < 4; word++) if (this.view.getInt32(this.ip + IP6_SOURCE + word * 4) !== 0) return false
    return true
  }

  /** Changes 16 bits of the transport header, and keeps its sum right (RFC 1624). A sum of 0 is none, and stays. */
  set16(place: number, value: number, sumAt: number): void {
    const { view, at } = this
    const before = view.getUint16(at + place)
    view.setUint16(at + place, value)
    if (view.getUint16(at + sumAt) !== 0) this.patch(at + sumAt, before, value)
  }

  /** Changes who it comes from, and sums it anew: the library may have summed it for either. @param sumAt where the sum of what it carries lies. */
  setSource(address: IpAddress, sumAt: number): void {
    const { view, ip, family } = this
    const octets = toBytes(address)
    const source = ip + (family === 4 ? IP4_SOURCE : IP6_SOURCE)
    for (let place = 0; place < octets.length; place += 2) {
      const before = view.getUint16(source + place)
      const value = ((octets[place] as number) << 8) | (octets[place + 1] as number)
      view.setUint16(source + place, value)
      if (family === 4) this.patch(ip + IP4_CHECKSUM, before, value)
    }
    this.sum(sumAt)
  }

  /** A sum that would be 0 is written as its other form, as UDP wants it. */
  private patch(sumAt: number, before: number, value: number): void {
    const { view } = this
    patchSum(view, sumAt, before, value)
    if (view.getUint16(sumAt) === 0) view.setUint16(sumAt, 0xffff)
  }

  /** Takes all octets out of a UDP datagram; the frame keeps them as padding. */
  emptyDatagram(): void {
    const { view, ip, at, family } = this
    this.end = at + UDP_HEADER
    view.setUint16(at + UDP_LENGTH, UDP_HEADER)
    if (family === 6) view.setUint16(ip + IP6_PAYLOAD_LENGTH, UDP_HEADER)
    else {
      view.setUint16(ip + IP4_TOTAL_LENGTH, at + UDP_HEADER - ip)
      view.setUint16(ip + IP4_CHECKSUM, 0)
      view.setUint16(ip + IP4_CHECKSUM, ~fold(sumOf(view, ip, at - ip)))
    }
    this.sum(UDP_CHECKSUM)
  }

  /** Sums what it carries. @param sumAt where the sum lies. */
  sum(sumAt: number): void {
    const { view, ip, at, end, family, protocol } = this
    view.setUint16(at + sumAt, 0)
    const addresses = family === 4 ? sumOf(view, ip + IP4_SOURCE, 8) : sumOf(view, ip + IP6_SOURCE, 32)
    const sum = ~fold(protocol + end - at + addresses + sumOf(view, at, end - at)) & 0xffff
    view.setUint16(at + sumAt, sum === 0 ? 0xffff : sum)
  }

  private address(at4: number, at6: number): IpAddress {
    const { view, ip } = this
    if (this.family === 4) return IpAddress.v4(view.getInt32(ip + at4))
    const word = (n: number): number => view.getInt32(ip + at6 + n * 4)
    return new IpAddress(6, word(0), word(1), word(2), word(3))
  }
}

const NOTHING = new Uint8Array(0)
const FRAGMENT = 44
const END = 0
const NOP = 1
const WINDOW_SCALE = 3
const TIMESTAMPS = 8

/**
 * Takes options out of a segment; NOPs take their place. The library puts the scale of its window on every segment and changes it, and without
 * timestamps segments can be made beside it that its peer takes.
 */
export function withoutScaleAndTimestamps(frame: TcpFrame): void {
  const { bytes, payloadAt, flags } = frame
  for (let option = frame.at + TCP_HEADER; option < payloadAt; ) {
    const kind = bytes[option] as number
    if (kind === END) return
    const length = kind === NOP ? 1 : (bytes[option + 1] as number)
    if (length < 1 || (kind !== NOP && length < 2) || option + length > payloadAt) return
    if (kind === WINDOW_SCALE || (kind === TIMESTAMPS && (flags & TCP_SYN) !== 0)) blank(frame, option, length)
    option += length
  }
}

function blank(frame: TcpFrame, from: number, length: number): void {
  const { view, at } = frame
  for (let octet = from - at; octet < from - at + length; octet++) {
    const even = octet & ~1
    const word = view.getUint16(at + even)
    frame.set16(even, octet === even ? (word & 0xff) | (NOP << 8) : (word & 0xff00) | NOP)
  }
}
