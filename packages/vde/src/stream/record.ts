/**
 * Records of the stream plug protocol: what follows the opening line, in both directions (docs/stream-plug.md).
 * Header positions and the check of a header; nothing here keeps or copies octets.
 *
 * ```
 *  0                   1                   2                   3
 *  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 * +---------------+---------------+-------------------------------+
 * |     kind      |     flags     |          segment size         |
 * +---------------+---------------+-------------------------------+
 * | transport at  |           octets that follow                  |
 * +---------------+-----------------------------------------------+
 * ```
 *
 * @module
 */
import { CHECKSUM_MISSING, CHECKSUM_VERIFIED, SEGMENT_ME } from '@ioth/core'

/** Octets of a record header. */
export const RECORD_HEADER = 8

/** The record is an Ethernet frame without its check sequence. */
export const KIND_FRAME = 0
/** The record is a control message: one JSON object in UTF-8. */
export const KIND_CONTROL = 1

/** Smallest frame: an Ethernet header. */
export const MIN_FRAME = 14
/** Largest frame, a super-segment included: what a slot of the frame pool holds. */
export const MAX_FRAME = 65_536
/** Largest control message. */
export const MAX_CONTROL = 8_192
/** Largest record with its header. */
export const MAX_RECORD: number = RECORD_HEADER + MAX_FRAME
/** Smallest segment size a super-segment may ask to be cut into: bounds what one record can grow to. */
export const MIN_SEGMENT_SIZE = 64
/** Ethernet, and at least an IPv4 header, come before the transport header. */
const MIN_TRANSPORT_AT = 34
/** What the one octet for it can say. */
export const MAX_TRANSPORT_AT = 255

const TCP_HEADER = 20
const UDP_HEADER = 8
const KNOWN_FLAGS = CHECKSUM_VERIFIED | CHECKSUM_MISSING | SEGMENT_ME
/** Flags that need the place of the transport header. */
export const UNFINISHED: number = CHECKSUM_MISSING | SEGMENT_ME

/** Octets that follow the header, from its second word. */
export function lengthOf(second: number): number {
  return second & 0xffffff
}

export function kindOf(first: number): number {
  return first >>> 24
}

export function flagsOf(first: number): number {
  return (first >>> 16) & 0xff
}

export function segmentSizeOf(first: number): number {
  return first & 0xffff
}

export function transportAtOf(second: number): number {
  return second >>> 24
}

/** Writes the header of a frame record. */
export function writeFrameHeader(
  view: DataView,
  at: number,
  length: number,
  flags: number,
  segmentSize: number,
  transportAt: number,
): void {
  view.setInt32(at, (KIND_FRAME << 24) | (flags << 16) | segmentSize)
  view.setInt32(at + 4, (transportAt << 24) | length)
}

/** Writes the header of a control record. */
export function writeControlHeader(view: DataView, at: number, length: number): void {
  view.setInt32(at, KIND_CONTROL << 24)
  view.setInt32(at + 4, length)
}

/** What is wrong with a record header, or null. The octets that follow need not be there yet. */
export function recordFault(first: number, second: number): string | null {
  const length = lengthOf(second)
  // A complete frame: by far the most frequent header, and one comparison.
  if (first === 0 && second >>> 24 === 0) {
    return length >= MIN_FRAME && length <= MAX_FRAME ? null : 'frame-length'
  }
  switch (kindOf(first)) {
    case KIND_FRAME:
      return frameFault(first, second, length)
    case KIND_CONTROL:
      if ((first & 0xffffff) !== 0 || second >>> 24 !== 0) return 'control-header'
      return length >= 2 && length <= MAX_CONTROL ? null : 'control-length'
    default:
      return 'kind'
  }
}

function frameFault(first: number, second: number, length: number): string | null {
  const flags = flagsOf(first)
  if (length < MIN_FRAME || length > MAX_FRAME) return 'frame-length'
  if ((flags & ~KNOWN_FLAGS) !== 0) return 'flags'
  const transportAt = transportAtOf(second)
  const segmentSize = segmentSizeOf(first)
  if ((flags & UNFINISHED) === 0) return transportAt === 0 && segmentSize === 0 ? null : 'frame-header'
  if (transportAt < MIN_TRANSPORT_AT) return 'transport-at'
  if ((flags & SEGMENT_ME) === 0) {
    return segmentSize === 0 && transportAt + UDP_HEADER <= length ? null : 'transport-at'
  }
  if (segmentSize < MIN_SEGMENT_SIZE) return 'segment-size'
  return transportAt + TCP_HEADER <= length ? null : 'transport-at'
}
