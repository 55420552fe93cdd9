/**
 * UDP (RFC 768).
 *
 * ```
 *  0        2        4        6        8
 *  +--------+--------+--------+--------+---------
 *  | source | dest.  | length | sum    | payload
 *  +--------+--------+--------+--------+---------
 * ```
 *
 * @module
 */
import { UDP_CHECKSUM, UDP_DESTINATION, UDP_HEADER, UDP_LENGTH, UDP_SOURCE } from '@ioth/core'
import { complement, sumOctets } from './checksum.ts'

export interface UdpDatagram {
  readonly sourcePort: number
  readonly destinationPort: number
  readonly payload: Uint8Array
}

/**
 * @param pseudoSum sum of the pseudo-header's addresses and protocol.
 * @returns the datagram, octets behind its length left out, or why it is none.
 */
export function parseUdp(octets: Uint8Array, pseudoSum: number): UdpDatagram | string {
  if (octets.length < UDP_HEADER) return 'short'
  const view = new DataView(octets.buffer, octets.byteOffset, octets.length)
  const length = view.getUint16(UDP_LENGTH)
  if (length < UDP_HEADER || length > octets.length) return 'length'
  const checksum = view.getUint16(UDP_CHECKSUM)
  if (checksum !== 0 && sumOctets(octets.subarray(0, length), pseudoSum + length) !== 0xffff) return 'checksum'
  return {
    sourcePort: view.getUint16(UDP_SOURCE),
    destinationPort: view.getUint16(UDP_DESTINATION),
    payload: octets.subarray(UDP_HEADER, length),
  }
}

export function serializeUdp(datagram: UdpDatagram, pseudoSum: number): Uint8Array {
  const octets = new Uint8Array(UDP_HEADER + datagram.payload.length)
  const view = new DataView(octets.buffer)
  view.setUint16(UDP_SOURCE, datagram.sourcePort)
  view.setUint16(UDP_DESTINATION, datagram.destinationPort)
  view.setUint16(UDP_LENGTH, octets.length)
  octets.set(datagram.payload, UDP_HEADER)
  view.setUint16(UDP_CHECKSUM, complement(sumOctets(octets, pseudoSum + octets.length)) || 0xffff)
  return octets
}
