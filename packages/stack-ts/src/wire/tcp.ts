/**
 * TCP header (RFC 9293 3.1).
 *
 * ```
 *  0       2       4           8           12   13   14      16      18      20
 *  +-------+-------+-----------+-----------+----+----+-------+-------+-------+---------
 *  | source| dest. | sequence  | ack       |off | flg| window| sum   | urgent| options
 *  +-------+-------+-----------+-----------+----+----+-------+-------+-------+---------
 * ```
 *
 * @module
 */
import {
  TCP_ACKNOWLEDGMENT,
  TCP_CHECKSUM,
  TCP_DATA_OFFSET,
  TCP_DESTINATION,
  TCP_FLAGS,
  TCP_HEADER,
  TCP_SEQUENCE,
  TCP_SOURCE,
  TCP_URGENT,
  TCP_WINDOW,
} from '@ioth/core'
import { complement, sumOctets } from './checksum.ts'

export interface TcpSegment {
  readonly sourcePort: number
  readonly destinationPort: number
  /** Signed 32-bit, as all sequence numbers here. */
  readonly sequence: number
  readonly acknowledgment: number
  readonly flags: number
  readonly window: number
  readonly urgent: number
  /** 0 to 40 octets, a multiple of 4. */
  readonly options: Uint8Array
  readonly payload: Uint8Array
}

/**
 * @param pseudoSum sum of the pseudo-header's addresses and protocol.
 * @returns the segment, or why it is none.
 */
export function parseTcp(octets: Uint8Array, pseudoSum: number): TcpSegment | string {
  if (octets.length < TCP_HEADER) return 'short'
  const view = new DataView(octets.buffer, octets.byteOffset, octets.length)
  const header = (octets[TCP_DATA_OFFSET]! >>> 4) * 4
  if (header < TCP_HEADER || header > octets.length) return 'data-offset'
  if (sumOctets(octets, pseudoSum + octets.length) !== 0xffff) return 'checksum'
  return {
    sourcePort: view.getUint16(TCP_SOURCE),
    destinationPort: view.getUint16(TCP_DESTINATION),
    sequence: view.getInt32(TCP_SEQUENCE),
    acknowledgment: view.getInt32(TCP_ACKNOWLEDGMENT),
    flags: octets[TCP_FLAGS]!,
    window: view.getUint16(TCP_WINDOW),
    urgent: view.getUint16(TCP_URGENT),
    options: octets.subarray(TCP_HEADER, header),
    payload: octets.subarray(header),
  }
}

export function serializeTcp(segment: TcpSegment, pseudoSum: number): Uint8Array {
  const header = TCP_HEADER + segment.options.length
  const octets = new Uint8Array(header + segment.payload.length)
  const view = new DataView(octets.buffer)
  view.setUint16(TCP_SOURCE, segment.sourcePort)
  view.setUint16(TCP_DESTINATION, segment.destinationPort)
  view.setInt32(TCP_SEQUENCE, segment.sequence)
  view.setInt32(TCP_ACKNOWLEDGMENT, segment.acknowledgment)
  octets[TCP_DATA_OFFSET] = (header >>> 2) << 4
  octets[TCP_FLAGS] = segment.flags
  view.setUint16(TCP_WINDOW, segment.window)
  view.setUint16(TCP_URGENT, segment.urgent)
  octets.set(segment.options, TCP_HEADER)
  octets.set(segment.payload, header)
  view.setUint16(TCP_CHECKSUM, complement(sumOctets(octets, pseudoSum + octets.length)))
  return octets
}

/** `SYN,ACK` and the like, for people. */
export function formatFlags(flags: number): string {
  const names = ['FIN', 'SYN', 'RST', 'PSH', 'ACK', 'URG', 'ECE', 'CWR']
  return names.filter((_, bit) => (flags & (1 << bit)) !== 0).join(',')
}
