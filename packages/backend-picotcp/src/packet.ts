/**
 * Reads where the TCP header of a frame lies and what it says, and makes resets. The view is one object, filled again for each frame.
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
  IP4_HEADER,
  IP4_PROTOCOL,
  IP4_SOURCE,
  IP4_TOTAL_LENGTH,
  IP6_DESTINATION,
  IP6_HEADER,
  IP6_NEXT_HEADER,
  IP6_PAYLOAD_LENGTH,
  IP6_SOURCE,
  PROTO_TCP,
  TCP_ACK,
  TCP_ACKNOWLEDGMENT,
  TCP_CHECKSUM,
  TCP_DATA_OFFSET,
  TCP_DESTINATION,
  TCP_FIN,
  TCP_FLAGS,
  TCP_HEADER,
  TCP_RST,
  TCP_SEQUENCE,
  TCP_SOURCE,
  TCP_SYN,
  TCP_WINDOW,
  UDP_CHECKSUM,
} from '@ioth/core'

export const IP6_NEXT_FRAGMENT = 44
export const IP6_FRAGMENT_HEADER = 8

/** Beginning and end of what is looked at, in some memory. */
export class PacketView {
  family: 4 | 6 = 4
  /** Where the IP header begins. */
  ipAt = 0
  /** The protocol, or the first next header of IPv6 that is no fragment header. */
  protocol = 0
  /** Where what follows the IP header begins; of IPv6 extension headers only that of a fragment is skipped. */
  payloadAt = 0
  /** Where the packet ends, by its own length. */
  end = 0
  isFragment = false
  /** It is no fragment, or the one that holds the beginning of what was cut. */
  isFirst = true
  bytes: Uint8Array = new Uint8Array(0)

  /**
   * @param linkHeader octets in front of the IP header: 14 or 0.
   * @returns false when it is no IP packet, or not a whole one.
   */
  read(bytes: Uint8Array, at: number, length: number, linkHeader: number): boolean {
    this.bytes = bytes
    const ipAt = at + linkHeader
    const limit = at + length
    if (ipAt + IP4_HEADER > limit) return false
    const version = (bytes[ipAt] as number) >>> 4
    if (linkHeader === ETHERNET_HEADER) {
      const type = this.word16(at + ETH_TYPE)
      if (type !== (version === 4 ? ETHERTYPE_IP4 : version === 6 ? ETHERTYPE_IP6 : -1)) return false
    }
    this.ipAt = ipAt
    if (version === 4) {
      this.family = 4
      this.protocol = bytes[ipAt + IP4_PROTOCOL] as number
      this.payloadAt = ipAt + ((bytes[ipAt] as number) & 15) * 4
      this.end = ipAt + this.word16(ipAt + IP4_TOTAL_LENGTH)
      this.isFragment = (this.word16(ipAt + IP4_FRAGMENT) & 0x3fff) !== 0
      this.isFirst = (this.word16(ipAt + IP4_FRAGMENT) & 0x1fff) === 0
    } else if (version === 6 && ipAt + IP6_HEADER <= limit) {
      this.family = 6
      this.protocol = bytes[ipAt + IP6_NEXT_HEADER] as number
      this.payloadAt = ipAt + IP6_HEADER
      this.end = this.payloadAt + this.word16(ipAt + IP6_PAYLOAD_LENGTH)
      this.isFragment = this.protocol === IP6_NEXT_FRAGMENT && this.payloadAt + IP6_FRAGMENT_HEADER <= this.end
      this.isFirst = !this.isFragment || (this.word16(this.payloadAt + 2) & 0xfff8) === 0
      if (this.isFragment) {
        this.protocol = bytes[this.payloadAt] as number
        this.payloadAt += IP6_FRAGMENT_HEADER
      }
    } else return false
    return this.end <= limit && this.payloadAt <= this.end
  }

  /** As {@link read}, for the beginning of a packet that an error message carries: the ports must be there. */
  readCut(bytes: Uint8Array, at: number, limit: number): boolean {
    if (at + IP4_HEADER + 8 > limit) return false
    this.bytes = bytes
    this.ipAt = at
    const version = (bytes[at] as number) >>> 4
    this.family = version === 6 ? 6 : 4
    this.payloadAt = at + (version === 6 ? IP6_HEADER : ((bytes[at] as number) & 15) * 4)
    this.end = limit
    if ((version !== 4 && version !== 6) || this.payloadAt + 8 > limit) return false
    this.protocol = bytes[at + (version === 6 ? IP6_NEXT_HEADER : IP4_PROTOCOL)] as number
    this.isFragment = version === 4 && (this.word16(at + IP4_FRAGMENT) & 0x1fff) !== 0
    return !this.isFragment
  }

  /** Whether it is a whole TCP segment. */
  get isTcp(): boolean {
    return (
      this.protocol === PROTO_TCP &&
      !this.isFragment &&
      this.payloadAt + TCP_HEADER <= this.end &&
      this.dataAt <= this.end &&
      this.dataAt >= this.payloadAt + TCP_HEADER
    )
  }

  get dataAt(): number {
    return this.payloadAt + ((this.bytes[this.payloadAt + TCP_DATA_OFFSET] as number) >>> 4) * 4
  }

  /** Bits beside the data offset (RFC 9293 3.1). */
  get reserved(): number {
    return (this.bytes[this.payloadAt + TCP_DATA_OFFSET] as number) & 15
  }

  set reserved(value: number) {
    const at = this.payloadAt + TCP_DATA_OFFSET
    this.write16(at, (this.word16(at) & 0xf0ff) | (value << 8))
  }

  get flags(): number {
    return this.bytes[this.payloadAt + TCP_FLAGS] as number
  }

  set flags(value: number) {
    const at = this.payloadAt + TCP_DATA_OFFSET
    this.write16(at, (this.word16(at) & 0xff00) | value)
  }

  get sourcePort(): number {
    return this.word16(this.payloadAt + TCP_SOURCE)
  }

  get destinationPort(): number {
    return this.word16(this.payloadAt + TCP_DESTINATION)
  }

  /** Signed, as sequence numbers are compared. */
  get sequence(): number {
    return this.word32(this.payloadAt + TCP_SEQUENCE)
  }

  set sequence(value: number) {
    this.write16(this.payloadAt + TCP_SEQUENCE, value >>> 16)
    this.write16(this.payloadAt + TCP_SEQUENCE + 2, value & 0xffff)
  }

  get acknowledgment(): number {
    return this.word32(this.payloadAt + TCP_ACKNOWLEDGMENT)
  }

  set acknowledgment(value: number) {
    this.write16(this.payloadAt + TCP_ACKNOWLEDGMENT, value >>> 16)
    this.write16(this.payloadAt + TCP_ACKNOWLEDGMENT + 2, value & 0xffff)
  }

  /** As it stands in the header. */
  get window(): number {
    return this.word16(this.payloadAt + TCP_WINDOW)
  }

  set window(value: number) {
    this.write16(this.payloadAt + TCP_WINDOW, value)
  }

  /** The scale that a SYN offers; 0 when it offers none. At most 14 (RFC 7323 2.3). */
  get windowScale(): number {
    const at = this.optionAt(3, 3)
    return at === -1 ? 0 : Math.min(this.bytes[at + 2] as number, 14)
  }

  /** Where the timestamps lie (RFC 7323 3.2), value and echo; -1: there are none. */
  get timestampsAt(): number {
    const at = this.optionAt(8, 10)
    return at === -1 ? -1 : at + 2
  }

  private optionAt(wanted: number, wantedLength: number): number {
    const { bytes, dataAt } = this
    for (let at = this.payloadAt + TCP_HEADER; at + 1 < dataAt; ) {
      const kind = bytes[at] as number
      if (kind === 0) break
      const length = kind === 1 ? 1 : (bytes[at + 1] as number)
      if (kind === wanted && length === wantedLength && at + length <= dataAt) return at
      if (length < 1 || (kind !== 1 && length < 2)) break
      at += length
    }
    return -1
  }

  /** Sequence numbers that the segment takes: its octets, and one for each of SYN and FIN. */
  get sequenceLength(): number {
    const { flags } = this
    return this.end - this.dataAt + (flags & TCP_SYN ? 1 : 0) + (flags & TCP_FIN ? 1 : 0)
  }

  /** One of the four words of an address; the words of IPv4 are those of its mapped form. */
  source(word: number): number {
    if (this.family === 6) return this.word32(this.ipAt + IP6_SOURCE + word * 4)
    return word === 3 ? this.word32(this.ipAt + IP4_SOURCE) : word === 2 ? 0xffff : 0
  }

  destination(word: number): number {
    if (this.family === 6) return this.word32(this.ipAt + IP6_DESTINATION + word * 4)
    return word === 3 ? this.word32(this.ipAt + IP4_DESTINATION) : word === 2 ? 0xffff : 0
  }

  word16(at: number): number {
    const { bytes } = this
    return ((bytes[at] as number) << 8) | (bytes[at + 1] as number)
  }

  word32(at: number): number {
    return (this.word16(at) << 16) | this.word16(at + 2)
  }

  /** Writes 16 bits at an even place of a TCP or UDP packet, and corrects its checksum by what changed (RFC 1624). */
  write16(at: number, value: number): void {
    const { bytes } = this
    const sumAt = this.payloadAt + (this.protocol === PROTO_TCP ? TCP_CHECKSUM : UDP_CHECKSUM)
    const before = this.word16(sumAt)
    // No sum at all, which UDP over IPv4 may have.
    const isSummed = this.protocol === PROTO_TCP || before !== 0
    let sum = (~before & 0xffff) + (~this.word16(at) & 0xffff) + value
    while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16)
    bytes[at] = value >>> 8
    bytes[at + 1] = value & 0xff
    if (!isSummed) return
    bytes[sumAt] = (~sum >>> 8) & 0xff
    bytes[sumAt + 1] = ~sum & 0xff
  }

  /** Takes the first octets of a TCP segment away. */
  dropFirst(count: number): void {
    const { bytes, payloadAt, dataAt, ipAt, family } = this
    bytes.copyWithin(dataAt, dataAt + count, this.end)
    this.end -= count
    this.sequence = (this.sequence + count) | 0
    const view = new DataView(bytes.buffer, bytes.byteOffset)
    if (family === 4) {
      view.setUint16(ipAt + IP4_TOTAL_LENGTH, this.end - ipAt)
      view.setUint16(ipAt + IP4_CHECKSUM, 0)
      view.setUint16(ipAt + IP4_CHECKSUM, ~sumOf(bytes, ipAt, payloadAt - ipAt, 0))
    } else view.setUint16(ipAt + IP6_PAYLOAD_LENGTH, this.end - payloadAt)
    const length = this.end - payloadAt
    view.setUint16(payloadAt + TCP_CHECKSUM, 0)
    view.setUint16(payloadAt + TCP_CHECKSUM, ~transportSum(bytes, family, ipAt, payloadAt, length, PROTO_TCP))
  }

  /** Writes 32 bits at any place of a TCP packet, as {@link write16} does. */
  write32(at: number, value: number): void {
    if ((at - this.payloadAt) % 2 === 0) {
      this.write16(at, value >>> 16)
      this.write16(at + 2, value & 0xffff)
      return
    }
    this.write16(at - 1, (this.word16(at - 1) & 0xff00) | (value >>> 24))
    this.write16(at + 1, (value >>> 8) & 0xffff)
    this.write16(at + 3, ((value & 0xff) << 8) | (this.word16(at + 3) & 0xff))
  }

  /** Whether the sum over the pseudo-header and the segment is right. */
  get isSummed(): boolean {
    const { payloadAt, end, bytes, family, ipAt } = this
    return transportSum(bytes, family, ipAt, payloadAt, end - payloadAt, this.protocol) === 0xffff
  }
}

/** What a segment without data has to say. */
export interface SegmentFields {
  readonly family: 4 | 6
  readonly source: Uint8Array
  readonly destination: Uint8Array
  readonly sourcePort: number
  readonly destinationPort: number
  readonly sequence: number
  /** Null: without ACK. */
  readonly acknowledgment: number | null
  /** @default 0 */
  readonly window?: number
  /** Value and echo. @default none */
  readonly timestamps?: readonly [number, number] | null
}

/** Two NOPs and the option, RFC 7323 3.2. */
const TIMESTAMPS = Uint8Array.of(1, 1, 8, 10, 0, 0, 0, 0, 0, 0, 0, 0)

/** A RST segment in an IP packet, behind `linkHeader`. */
export function makeReset(linkHeader: Uint8Array, fields: SegmentFields): Uint8Array {
  return makeSegment(linkHeader, TCP_RST | (fields.acknowledgment === null ? 0 : TCP_ACK), fields)
}

/** A segment without data. */
export function makeSegment(linkHeader: Uint8Array, flags: number, fields: SegmentFields): Uint8Array {
  const { family, source, destination } = fields
  const ipAt = linkHeader.length
  const ipLength = family === 4 ? IP4_HEADER : IP6_HEADER
  const tcpAt = ipAt + ipLength
  const timestamps = fields.timestamps ?? null
  const tcpLength = TCP_HEADER + (timestamps === null ? 0 : TIMESTAMPS.length)
  const frame = new Uint8Array(tcpAt + tcpLength)
  const view = new DataView(frame.buffer)
  frame.set(linkHeader)
  if (family === 4) {
    frame[ipAt] = 0x45
    view.setUint16(ipAt + IP4_TOTAL_LENGTH, ipLength + tcpLength)
    frame[ipAt + 8] = 64
    frame[ipAt + IP4_PROTOCOL] = PROTO_TCP
    frame.set(source, ipAt + IP4_SOURCE)
    frame.set(destination, ipAt + IP4_DESTINATION)
    view.setUint16(ipAt + 10, ~sumOf(frame, ipAt, ipLength, 0))
  } else {
    frame[ipAt] = 0x60
    view.setUint16(ipAt + IP6_PAYLOAD_LENGTH, tcpLength)
    frame[ipAt + IP6_NEXT_HEADER] = PROTO_TCP
    frame[ipAt + 7] = 64
    frame.set(source, ipAt + IP6_SOURCE)
    frame.set(destination, ipAt + IP6_DESTINATION)
  }
  view.setUint16(tcpAt + TCP_SOURCE, fields.sourcePort)
  view.setUint16(tcpAt + TCP_DESTINATION, fields.destinationPort)
  view.setInt32(tcpAt + TCP_SEQUENCE, fields.sequence)
  view.setInt32(tcpAt + TCP_ACKNOWLEDGMENT, fields.acknowledgment ?? 0)
  frame[tcpAt + TCP_DATA_OFFSET] = (tcpLength / 4) << 4
  frame[tcpAt + TCP_FLAGS] = flags
  view.setUint16(tcpAt + TCP_WINDOW, fields.window ?? 0)
  if (timestamps !== null) {
    frame.set(TIMESTAMPS, tcpAt + TCP_HEADER)
    view.setInt32(tcpAt + TCP_HEADER + 4, timestamps[0])
    view.setInt32(tcpAt + TCP_HEADER + 8, timestamps[1])
  }
  view.setUint16(tcpAt + 16, ~transportSum(frame, family, ipAt, tcpAt, tcpLength, PROTO_TCP))
  return frame
}

/** The sum of RFC 1071 over pseudo-header and payload; 0xffff when the payload has its checksum. */
export function transportSum(
  bytes: Uint8Array,
  family: 4 | 6,
  ipAt: number,
  at: number,
  length: number,
  protocol: number,
): number {
  const addresses = family === 4 ? sumOf(bytes, ipAt + IP4_SOURCE, 8, 0) : sumOf(bytes, ipAt + IP6_SOURCE, 32, 0)
  return sumOf(bytes, at, length, addresses + protocol + length)
}

/** RFC 1071, folded to 16 bits, not complemented. */
export function sumOf(bytes: Uint8Array, at: number, length: number, initial: number): number {
  let sum = initial
  for (let offset = 0; offset + 1 < length; offset += 2)
    sum += ((bytes[at + offset] as number) << 8) | (bytes[at + offset + 1] as number)
  if (length % 2 === 1) sum += (bytes[at + length - 1] as number) << 8
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16)
  return sum
}
