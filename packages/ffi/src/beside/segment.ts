/**
 * TCP segments without data, made beside a library.
 *
 * @module
 */
import {
  ETH_SOURCE,
  IP4_CHECKSUM,
  IP4_DESTINATION,
  IP4_DONT_FRAGMENT,
  IP4_FRAGMENT,
  IP4_HEADER,
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
  PROTO_TCP,
  TCP_ACK,
  TCP_ACKNOWLEDGMENT,
  TCP_CHECKSUM,
  TCP_DATA_OFFSET,
  TCP_DESTINATION,
  TCP_FIN,
  TCP_FLAGS,
  TCP_HEADER,
  TCP_PSH,
  TCP_RST,
  TCP_SEQUENCE,
  TCP_SOURCE,
  TCP_SYN,
  TCP_WINDOW,
} from '@ioth/core'
import { sumOf, transportSum } from './checksum.ts'
import { PacketView, SACK, SACK_PERMITTED, WINDOW_SCALE } from './packet-view.ts'

const HOPS = 64
/** RFC 9293 3.1 */
const LONGEST_HEADER = 60
/** Two NOPs and the option, RFC 7323 3.2. */
const STAMPS = Uint8Array.of(1, 1, 8, 10, 0, 0, 0, 0, 0, 0, 0, 0)

/** Where a segment goes. */
export interface SegmentEnds {
  readonly linkHeader: Uint8Array
  readonly family: 4 | 6
  readonly source: Uint8Array
  readonly destination: Uint8Array
  readonly sourcePort: number
  readonly destinationPort: number
}

/** What it says. */
export interface SegmentNumbers {
  readonly flags: number
  readonly sequence: number
  /** Not said without ACK among the flags. */
  readonly acknowledgment?: number
  /** @default 0 */
  readonly window?: number
  /** Value and echo. @default none */
  readonly timestamps?: readonly [number, number] | null
  /** Other options, a multiple of four octets. @default none */
  readonly options?: readonly number[]
}

/** The ends of a packet that was read. */
export function endsOf(packet: PacketView): SegmentEnds {
  const { bytes, at, ipAt, family, sourcePort, destinationPort } = packet
  const [sourceAt, length] = family === 4 ? [ipAt + IP4_SOURCE, 4] : [ipAt + IP6_SOURCE, 16]
  return {
    linkHeader: bytes.slice(at, ipAt),
    family,
    source: bytes.slice(sourceAt, sourceAt + length),
    destination: bytes.slice(sourceAt + length, sourceAt + 2 * length),
    sourcePort,
    destinationPort,
  }
}

/** The way back. */
export function reversed(ends: SegmentEnds): SegmentEnds {
  const { linkHeader, family, source, destination, sourcePort, destinationPort } = ends
  const turned = linkHeader.slice()
  if (turned.length > 0) {
    turned.set(linkHeader.subarray(ETH_SOURCE, 2 * ETH_SOURCE))
    turned.set(linkHeader.subarray(0, ETH_SOURCE), ETH_SOURCE)
  }
  return {
    linkHeader: turned,
    family,
    source: destination,
    destination: source,
    sourcePort: destinationPort,
    destinationPort: sourcePort,
  }
}

/** A segment in its frame. */
export function makeSegment(ends: SegmentEnds, numbers: SegmentNumbers): Uint8Array {
  const { linkHeader, family, source, destination } = ends
  const { flags, sequence, acknowledgment = 0, window = 0, timestamps = null, options = [] } = numbers
  const ipAt = linkHeader.length
  const tcpAt = ipAt + (family === 4 ? IP4_HEADER : IP6_HEADER)
  const length = TCP_HEADER + options.length + (timestamps === null ? 0 : STAMPS.length)
  const frame = new Uint8Array(tcpAt + length)
  const view = new DataView(frame.buffer)
  frame.set(linkHeader)
  if (family === 4) {
    frame[ipAt] = 0x45
    view.setUint16(ipAt + IP4_TOTAL_LENGTH, IP4_HEADER + length)
    view.setUint16(ipAt + IP4_FRAGMENT, IP4_DONT_FRAGMENT)
    frame[ipAt + IP4_TTL] = HOPS
    frame[ipAt + IP4_PROTOCOL] = PROTO_TCP
    frame.set(source, ipAt + IP4_SOURCE)
    frame.set(destination, ipAt + IP4_DESTINATION)
    view.setUint16(ipAt + IP4_CHECKSUM, ~sumOf(frame, ipAt, IP4_HEADER))
  } else {
    frame[ipAt] = 0x60
    view.setUint16(ipAt + IP6_PAYLOAD_LENGTH, length)
    frame[ipAt + IP6_NEXT_HEADER] = PROTO_TCP
    frame[ipAt + IP6_HOP_LIMIT] = HOPS
    frame.set(source, ipAt + IP6_SOURCE)
    frame.set(destination, ipAt + IP6_DESTINATION)
  }
  view.setUint16(tcpAt + TCP_SOURCE, ends.sourcePort)
  view.setUint16(tcpAt + TCP_DESTINATION, ends.destinationPort)
  view.setInt32(tcpAt + TCP_SEQUENCE, sequence)
  // RFC 9293 3.10.7.1: without ACK the field is 0.
  if ((flags & TCP_ACK) !== 0) view.setInt32(tcpAt + TCP_ACKNOWLEDGMENT, acknowledgment)
  frame[tcpAt + TCP_DATA_OFFSET] = (length / 4) << 4
  frame[tcpAt + TCP_FLAGS] = flags
  view.setUint16(tcpAt + TCP_WINDOW, window)
  const optionsAt = tcpAt + TCP_HEADER
  frame.set(options, optionsAt)
  if (timestamps !== null) {
    const stampsAt = optionsAt + options.length
    frame.set(STAMPS, stampsAt)
    view.setInt32(stampsAt + 4, timestamps[0])
    view.setInt32(stampsAt + 8, timestamps[1])
  }
  view.setUint16(tcpAt + TCP_CHECKSUM, ~transportSum(frame, family, ipAt, tcpAt, length, PROTO_TCP))
  return frame
}

/** The answer to a segment for nobody (RFC 9293 3.10.7.1), as its sender believes it; null: a RST has none. */
export function refusalOf(segment: PacketView): Uint8Array | null {
  const { flags, sequence, acknowledgment, sequenceLength } = segment
  if ((flags & TCP_RST) !== 0) return null
  const numbers =
    (flags & TCP_ACK) !== 0
      ? { flags: TCP_RST, sequence: acknowledgment }
      : { flags: TCP_RST | TCP_ACK, sequence: 0, acknowledgment: (sequence + sequenceLength) | 0 }
  return makeSegment(reversed(endsOf(segment)), numbers)
}

/** What a SYN without the option says by it (RFC 9293 3.7.1), by family. */
export const DEFAULT_MSS = { 4: 536, 6: 1220 } as const
const MSS_OPTION = 4

/**
 * A copy of a SYN that announces the segment size that it means, for a library that takes none for its own size; null: it does so by itself, or
 * has no room for it.
 */
export function withMss(syn: PacketView): Uint8Array | null {
  const { bytes, at, ipAt, payloadAt, dataAt, end, family } = syn
  if (syn.mss !== null || dataAt - payloadAt + MSS_OPTION > LONGEST_HEADER) return null
  const frame = new Uint8Array(end - at + MSS_OPTION)
  frame.set(bytes.subarray(at, payloadAt + TCP_HEADER))
  const options = payloadAt + TCP_HEADER
  const mss = DEFAULT_MSS[family]
  frame.set([2, MSS_OPTION, mss >>> 8, mss & 0xff], options - at)
  frame.set(bytes.subarray(options, end), options - at + MSS_OPTION)
  const offset = payloadAt - at + TCP_DATA_OFFSET
  frame[offset] = (frame[offset] as number) + (1 << 4)
  const lengthAt = ipAt - at + (family === 4 ? IP4_TOTAL_LENGTH : IP6_PAYLOAD_LENGTH)
  const length = frame.length - (ipAt - at) - (family === 4 ? 0 : IP6_HEADER)
  frame.set([length >>> 8, length & 0xff], lengthAt)
  const view = new PacketView()
  view.read(frame, 0, frame.length, ipAt - at)
  view.sumAll()
  return frame
}

/** What absurd segment sizes are raised to: the options of a segment count, too, and the library sends none that has no room beside them. */
const LEAST_MSS = 88

/** The largest segment that a SYN means, as picoTCP is to understand it. */
export function mssOf({ mss, family }: PacketView): number {
  return Math.max(LEAST_MSS, mss || DEFAULT_MSS[family])
}

/**
 * A SYN as picoTCP understands it: without octets and other flags, with the segment size that it means, and with the offer of selective
 * acknowledgements, without which the library throws away what comes before its turn (pico_tcp.c, tcp_data_in_high_segment).
 */
export function plainSyn(syn: PacketView): Uint8Array {
  const { bytes, flags, sequence, acknowledgment, window, timestampsAt } = syn
  const mss = mssOf(syn)
  const options = [2, MSS_OPTION, mss >>> 8, mss & 0xff, 4, 2]
  if (syn.hasOption(WINDOW_SCALE)) options.push(3, 3, syn.windowScale)
  if (timestampsAt !== -1) options.push(8, 10, ...bytes.subarray(timestampsAt, timestampsAt + 8))
  while (options.length % 4 !== 0) options.push(1)
  return makeSegment(endsOf(syn), { flags: flags & (TCP_SYN | TCP_ACK), sequence, acknowledgment, window, options })
}

/** A segment to a peer that offered no selective acknowledgements (RFC 2018 2): picoTCP offers them, and makes them, all the same. */
export function withoutSack(segment: PacketView): void {
  const isSyn = (segment.flags & TCP_SYN) !== 0
  if (!isSyn) segment.withoutOption(SACK)
  else if ((segment.flags & TCP_ACK) !== 0) segment.withoutOption(SACK_PERMITTED)
}

/** Octets of data that a segment may have, so that it is no longer than `mss` with its options (RFC 6691). */
export function roomIn({ payloadAt, dataAt }: PacketView, mss: number): number {
  return Math.max(LEAST_MSS, mss) - (dataAt - payloadAt - TCP_HEADER)
}

/** Of a segment that is cut no piece shall be smaller than this. */
const DUST = 48

/** A segment in pieces of so many octets at most; what it ends with is at the end of the last. */
export function cutSegment(segment: PacketView, most: number): Uint8Array[] {
  const { bytes, at, ipAt, end, dataLength, flags } = segment
  const pieces: Uint8Array[] = []
  const left = dataLength % most
  const size = left === 0 || left >= DUST ? most : Math.ceil(dataLength / Math.ceil(dataLength / most))
  for (let from = 0; from < dataLength; from += size) {
    const frame = bytes.slice(at, end)
    const piece = new PacketView()
    piece.read(frame, 0, frame.length, ipAt - at)
    const to = Math.min(from + size, dataLength)
    if (to < dataLength) piece.flags = flags & ~(TCP_FIN | TCP_PSH)
    piece.keepOctets(from, to)
    pieces.push(frame.subarray(0, piece.end))
  }
  return pieces
}

/** The largest segment that a path takes. */
export function mssOn(mtu: number, family: 4 | 6): number {
  return mtu - TCP_HEADER - (family === 4 ? IP4_HEADER : IP6_HEADER)
}
