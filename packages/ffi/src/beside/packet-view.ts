/**
 * IP packets in frames, as a library beside which we stand sends and gets them: read where they lie, and changed in place with their sums kept
 * right. A view is made once and set on packet after packet.
 *
 * Of IPv6 extension headers only a fragment header is looked behind: others are nobody's business here.
 *
 * @module
 */
import {
  ETH_TYPE,
  ETHERNET_HEADER,
  ETHERTYPE_IP4,
  ETHERTYPE_IP6,
  ICMP_CHECKSUM,
  ICMP_HEADER,
  IP4_CHECKSUM,
  IP4_DESTINATION,
  IP4_FRAGMENT,
  IP4_FRAGMENT_OFFSET,
  IP4_HEADER,
  IP4_MORE_FRAGMENTS,
  IP4_PROTOCOL,
  IP4_SOURCE,
  IP4_TOTAL_LENGTH,
  IP4_TTL,
  IP6_DESTINATION,
  IP6_HEADER,
  IP6_HOP_LIMIT,
  IP6_NEXT_HEADER,
  IP6_PAYLOAD_LENGTH,
  IP6_SOURCE,
  IpAddress,
  PROTO_FRAGMENT,
  PROTO_ICMP,
  PROTO_ICMP6,
  PROTO_TCP,
  PROTO_UDP,
  TCP_ACKNOWLEDGMENT,
  TCP_CHECKSUM,
  TCP_DATA_OFFSET,
  TCP_DESTINATION,
  TCP_FIN,
  TCP_FLAGS,
  TCP_HEADER,
  TCP_SEQUENCE,
  TCP_SOURCE,
  TCP_SYN,
  TCP_WINDOW,
  toBytes,
  UDP_CHECKSUM,
  UDP_HEADER,
  UDP_LENGTH,
} from '@ioth/core'
import { patchedSum, sumOf, transportSum } from './checksum.ts'

export const IP6_FRAGMENT_HEADER = 8
/** Options of TCP. */
const END = 0
const NOP = 1
const MSS = 2
export const WINDOW_SCALE = 3
export const SACK_PERMITTED = 4
export const SACK = 5
export const TIMESTAMPS = 8
const LENGTHS: Readonly<Record<number, number>> = {
  [MSS]: 4,
  [WINDOW_SCALE]: 3,
  [SACK_PERMITTED]: 2,
  [TIMESTAMPS]: 10,
}
/** RFC 7323 2.3 */
const LARGEST_SCALE = 14

export class PacketView {
  bytes: Uint8Array = new Uint8Array(0)
  /** Where the frame begins, and its octets. */
  at = 0
  length = 0
  family: 4 | 6 = 4
  /** Where the IP header begins. */
  ipAt = 0
  /** The protocol, or the first next header of IPv6 that is no fragment header. */
  protocol = 0
  /** Where what follows the IP header begins, or the fragment header. */
  payloadAt = 0
  /** Where the packet ends, by its own length; the frame may go on. */
  end = 0
  isFragment = false
  /** It is no fragment, or the one that holds the beginning of what was cut. */
  isFirst = true

  // ---------- reading ----------

  /**
   * Sets the view on a frame.
   * @param linkHeader octets in front of the IP header: 14, or 0.
   * @returns false when there is no IP packet in it, or not a whole one.
   */
  read(bytes: Uint8Array, at: number, length: number, linkHeader: number = ETHERNET_HEADER): boolean {
    this.bytes = bytes
    this.at = at
    this.length = length
    const ipAt = at + linkHeader
    const limit = at + length
    if (ipAt + IP4_HEADER > limit) return false
    const version = (bytes[ipAt] as number) >>> 4
    if (linkHeader === ETHERNET_HEADER) {
      const type = this.word16(at + ETH_TYPE)
      if (type !== (version === 4 ? ETHERTYPE_IP4 : version === 6 ? ETHERTYPE_IP6 : -1)) return false
    }
    return this.readHeader(ipAt, limit, version) && this.end <= limit && this.payloadAt <= this.end
  }

  /** Sets the view on the beginning of a packet, as an error message quotes it: the ports must be there. */
  readCut(bytes: Uint8Array, at: number, limit: number): boolean {
    this.bytes = bytes
    this.at = at
    this.length = limit - at
    if (at + IP4_HEADER > limit || !this.readHeader(at, limit, (bytes[at] as number) >>> 4)) return false
    this.end = limit
    return this.isFirst && this.payloadAt + 8 <= limit
  }

  private readHeader(ipAt: number, limit: number, version: number): boolean {
    const { bytes } = this
    this.ipAt = ipAt
    if (version === 4) {
      const fragment = this.word16(ipAt + IP4_FRAGMENT)
      this.family = 4
      this.protocol = bytes[ipAt + IP4_PROTOCOL] as number
      this.payloadAt = ipAt + ((bytes[ipAt] as number) & 15) * 4
      this.end = ipAt + this.word16(ipAt + IP4_TOTAL_LENGTH)
      this.isFragment = (fragment & (IP4_MORE_FRAGMENTS | IP4_FRAGMENT_OFFSET)) !== 0
      this.isFirst = (fragment & IP4_FRAGMENT_OFFSET) === 0
      return this.payloadAt >= ipAt + IP4_HEADER
    }
    if (version !== 6 || ipAt + IP6_HEADER > limit) return false
    this.family = 6
    this.protocol = bytes[ipAt + IP6_NEXT_HEADER] as number
    this.payloadAt = ipAt + IP6_HEADER
    this.end = this.payloadAt + this.word16(ipAt + IP6_PAYLOAD_LENGTH)
    const behind = this.payloadAt + IP6_FRAGMENT_HEADER
    this.isFragment = this.protocol === PROTO_FRAGMENT && behind <= Math.min(this.end, limit)
    this.isFirst = !this.isFragment || (this.word16(this.payloadAt + 2) & 0xfff8) === 0
    if (this.isFragment) {
      this.protocol = bytes[this.payloadAt] as number
      this.payloadAt = behind
    }
    return true
  }

  // ---------- what it is ----------

  /** Whether it is a whole TCP segment. */
  get isTcp(): boolean {
    const { payloadAt, end } = this
    if (this.protocol !== PROTO_TCP || this.isFragment || payloadAt + TCP_HEADER > end) return false
    return this.dataAt >= payloadAt + TCP_HEADER && this.dataAt <= end
  }

  /** Whether it is a whole UDP datagram. */
  get isUdp(): boolean {
    return this.protocol === PROTO_UDP && !this.isFragment && this.payloadAt + UDP_HEADER <= this.end
  }

  /** Whether it is a message of the family's ICMP, or the first fragment of one. */
  get isIcmp(): boolean {
    if (this.protocol !== (this.family === 4 ? PROTO_ICMP : PROTO_ICMP6)) return false
    return this.isFirst && this.payloadAt + ICMP_HEADER <= this.end
  }

  // ---------- IP ----------

  /** One of the four words of an address; the words of IPv4 are those of its mapped form. */
  source(word: number): number {
    if (this.family === 6) return this.word32(this.ipAt + IP6_SOURCE + word * 4)
    return word === 3 ? this.word32(this.ipAt + IP4_SOURCE) : word === 2 ? 0xffff : 0
  }

  destination(word: number): number {
    if (this.family === 6) return this.word32(this.ipAt + IP6_DESTINATION + word * 4)
    return word === 3 ? this.word32(this.ipAt + IP4_DESTINATION) : word === 2 ? 0xffff : 0
  }

  get sourceAddress(): IpAddress {
    if (this.family === 4) return IpAddress.v4(this.source(3))
    return new IpAddress(6, this.source(0), this.source(1), this.source(2), this.source(3))
  }

  /** Sums the packet anew: the library may have summed it for either address. */
  set sourceAddress(address: IpAddress) {
    this.writeAddress(this.family === 4 ? IP4_SOURCE : IP6_SOURCE, address)
  }

  get destinationAddress(): IpAddress {
    if (this.family === 4) return IpAddress.v4(this.destination(3))
    return new IpAddress(6, this.destination(0), this.destination(1), this.destination(2), this.destination(3))
  }

  /** As {@link sourceAddress}. */
  set destinationAddress(address: IpAddress) {
    this.writeAddress(this.family === 4 ? IP4_DESTINATION : IP6_DESTINATION, address)
  }

  /** The time to live of IPv4, the hop limit of IPv6. */
  get hops(): number {
    return this.bytes[this.ipAt + (this.family === 4 ? IP4_TTL : IP6_HOP_LIMIT)] as number
  }

  set hops(value: number) {
    const { ipAt, bytes } = this
    if (this.family === 6) bytes[ipAt + IP6_HOP_LIMIT] = value
    else this.writeIp(ipAt + IP4_TTL, (value << 8) | (bytes[ipAt + IP4_TTL + 1] as number))
  }

  set trafficClass(value: number) {
    const word = this.word16(this.ipAt)
    this.writeIp(this.ipAt, this.family === 4 ? (word & 0xff00) | value : (word & 0xf00f) | (value << 4))
  }

  /** Ends the packet at a place within it: lengths and sums say so, the rest of the frame is padding. */
  endAt(end: number): void {
    const { ipAt, family } = this
    this.end = end
    if (family === 4) this.writeIp(ipAt + IP4_TOTAL_LENGTH, end - ipAt)
    else this.writeIp(ipAt + IP6_PAYLOAD_LENGTH, end - ipAt - IP6_HEADER)
    if (this.protocol === PROTO_UDP) this.put16(this.payloadAt + UDP_LENGTH, end - this.payloadAt)
    this.sum()
  }

  // ---------- TCP and UDP ----------

  get sourcePort(): number {
    return this.word16(this.payloadAt + TCP_SOURCE)
  }

  set sourcePort(value: number) {
    this.write16(this.payloadAt + TCP_SOURCE, value)
  }

  get destinationPort(): number {
    return this.word16(this.payloadAt + TCP_DESTINATION)
  }

  set destinationPort(value: number) {
    this.write16(this.payloadAt + TCP_DESTINATION, value)
  }

  /** Where the octets begin that a segment or a datagram carries. */
  get dataAt(): number {
    const { payloadAt } = this
    if (this.protocol !== PROTO_TCP) return payloadAt + UDP_HEADER
    return payloadAt + ((this.bytes[payloadAt + TCP_DATA_OFFSET] as number) >>> 4) * 4
  }

  get dataLength(): number {
    return this.end - this.dataAt
  }

  // ---------- TCP ----------

  /** Bits beside the data offset (RFC 9293 3.1). */
  get reserved(): number {
    return (this.bytes[this.payloadAt + TCP_DATA_OFFSET] as number) & 15
  }

  set reserved(value: number) {
    const at = this.payloadAt + TCP_DATA_OFFSET
    this.write8(at, ((this.bytes[at] as number) & 0xf0) | value)
  }

  get flags(): number {
    return this.bytes[this.payloadAt + TCP_FLAGS] as number
  }

  set flags(value: number) {
    this.write8(this.payloadAt + TCP_FLAGS, value)
  }

  /** Signed, as sequence numbers are compared. */
  get sequence(): number {
    return this.word32(this.payloadAt + TCP_SEQUENCE)
  }

  set sequence(value: number) {
    this.write32(this.payloadAt + TCP_SEQUENCE, value)
  }

  get acknowledgment(): number {
    return this.word32(this.payloadAt + TCP_ACKNOWLEDGMENT)
  }

  set acknowledgment(value: number) {
    this.write32(this.payloadAt + TCP_ACKNOWLEDGMENT, value)
  }

  /** As it stands in the header. */
  get window(): number {
    return this.word16(this.payloadAt + TCP_WINDOW)
  }

  set window(value: number) {
    this.write16(this.payloadAt + TCP_WINDOW, value)
  }

  /** Sequence numbers that the segment takes: its octets, and one for each of SYN and FIN. */
  get sequenceLength(): number {
    const { flags } = this
    return this.dataLength + (flags & TCP_SYN ? 1 : 0) + (flags & TCP_FIN ? 1 : 0)
  }

  /** The maximum segment size that a SYN announces; null: none. */
  get mss(): number | null {
    const at = this.optionAt(MSS)
    return at === -1 ? null : this.word16(at + 2)
  }

  /** Of a SYN that announces one. */
  set mss(value: number) {
    const at = this.optionAt(MSS)
    if (at !== -1) for (const place of [0, 1]) this.write8(at + 2 + place, (value >>> (8 - 8 * place)) & 0xff)
  }

  /** The scale that a SYN offers; 0 when it offers none. */
  get windowScale(): number {
    const at = this.optionAt(WINDOW_SCALE)
    return at === -1 ? 0 : Math.min(this.bytes[at + 2] as number, LARGEST_SCALE)
  }

  /** Where the timestamps lie (RFC 7323 3.2), value and echo; -1: there are none. */
  get timestampsAt(): number {
    const at = this.optionAt(TIMESTAMPS)
    return at === -1 ? -1 : at + 2
  }

  /** Whether there is an option of a kind that has one length. */
  hasOption(kind: number): boolean {
    return this.optionAt(kind) !== -1
  }

  /** Puts NOPs in the place of an option. */
  withoutOption(kind: number): void {
    const at = this.optionAt(kind)
    if (at === -1) return
    for (let octet = at, end = this.optionEnd(at); octet < end; octet++) this.write8(octet, NOP)
  }

  /** Keeps of the octets of a segment those from one place up to another. */
  keepOctets(from: number, to: number): void {
    const { dataAt } = this
    this.bytes.copyWithin(dataAt, dataAt + from, dataAt + to)
    this.sequence = (this.sequence + from) | 0
    this.endAt(dataAt + to - from)
  }

  private optionAt(wanted: number): number {
    const { bytes, dataAt } = this
    for (let at = this.payloadAt + TCP_HEADER; at < dataAt; ) {
      const end = this.optionEnd(at)
      if (end === -1) break
      if (bytes[at] === wanted && end - at === (LENGTHS[wanted] ?? end - at)) return at
      at = end
    }
    return -1
  }

  /** Where an option ends; -1: it is the end of all, or not right. */
  private optionEnd(at: number): number {
    const { bytes, dataAt } = this
    const kind = bytes[at] as number
    if (kind === END) return -1
    const length = kind === NOP ? 1 : (bytes[at + 1] as number)
    return length < (kind === NOP ? 1 : 2) || at + length > dataAt ? -1 : at + length
  }

  // ---------- fields and sums ----------

  word16(at: number): number {
    const { bytes } = this
    return ((bytes[at] as number) << 8) | (bytes[at + 1] as number)
  }

  word32(at: number): number {
    return (this.word16(at) << 16) | this.word16(at + 2)
  }

  /** Writes 16 bits at an even place of what the packet carries, and corrects its sum by what changed. A UDP datagram without one stays so. */
  write16(at: number, value: number): void {
    const { protocol, sumAt } = this
    const before = this.word16(sumAt)
    const was = this.word16(at)
    this.put16(at, value)
    if (protocol !== PROTO_UDP || before !== 0) this.putSum(patchedSum(before, was, value & 0xffff))
  }

  /** As {@link write16}, at any place. */
  write8(at: number, value: number): void {
    const even = at - ((at - this.payloadAt) & 1)
    const word = this.word16(even)
    this.write16(even, at === even ? (value << 8) | (word & 0xff) : (word & 0xff00) | value)
  }

  /** As {@link write16}, at any place. */
  write32(at: number, value: number): void {
    if (((at - this.payloadAt) & 1) === 0) {
      this.write16(at, value >>> 16)
      this.write16(at + 2, value)
    } else {
      this.write8(at, value >>> 24)
      this.write16(at + 1, value >>> 8)
      this.write8(at + 3, value & 0xff)
    }
  }

  /** Whether the sum of what the packet carries is right. */
  get isSummed(): boolean {
    return this.total === 0xffff
  }

  /** Sums header and payload. */
  sumAll(): void {
    const { ipAt, payloadAt } = this
    if (this.family === 4) {
      this.put16(ipAt + IP4_CHECKSUM, 0)
      this.put16(ipAt + IP4_CHECKSUM, ~sumOf(this.bytes, ipAt, payloadAt - ipAt))
    }
    this.sum()
  }

  /** Sums what the packet carries. */
  sum(): void {
    this.put16(this.sumAt, 0)
    this.putSum(~this.total & 0xffff)
  }

  private get total(): number {
    const { bytes, family, ipAt, payloadAt, end, protocol } = this
    // That of ICMP for IPv4 has no pseudo-header (RFC 792).
    if (protocol === PROTO_ICMP) return sumOf(bytes, payloadAt, end - payloadAt)
    return transportSum(bytes, family, ipAt, payloadAt, end - payloadAt, protocol)
  }

  private get sumAt(): number {
    const { protocol, payloadAt } = this
    return payloadAt + (protocol === PROTO_TCP ? TCP_CHECKSUM : protocol === PROTO_UDP ? UDP_CHECKSUM : ICMP_CHECKSUM)
  }

  /** For UDP a sum of 0 means that there is none (RFC 768). */
  private putSum(value: number): void {
    this.put16(this.sumAt, value === 0 && this.protocol === PROTO_UDP ? 0xffff : value)
  }

  private writeAddress(field: number, address: IpAddress): void {
    const octets = toBytes(address)
    const at = this.ipAt + field
    for (let place = 0; place < octets.length; place += 2) {
      this.writeIp(at + place, ((octets[place] as number) << 8) | (octets[place + 1] as number))
    }
    this.sum()
  }

  /** Writes 16 bits of the IP header. */
  private writeIp(at: number, value: number): void {
    const sumAt = this.ipAt + IP4_CHECKSUM
    if (this.family === 4) this.put16(sumAt, patchedSum(this.word16(sumAt), this.word16(at), value))
    this.put16(at, value)
  }

  private put16(at: number, value: number): void {
    this.bytes[at] = value >>> 8
    this.bytes[at + 1] = value
  }
}
