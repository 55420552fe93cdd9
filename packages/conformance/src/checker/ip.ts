/**
 * What IPv4 and IPv6 have in common for the layers above: a payload, two addresses, and the pseudo-header of transport checksums.
 *
 * @module
 */
import { internetChecksum } from './octets.ts'

/** What a transport checksum covers besides the segment. */
export interface PseudoHeader {
  readonly family: 4 | 6
  readonly sourceOctets: Uint8Array
  readonly destinationOctets: Uint8Array
  readonly protocol: number
}

export interface IpPacket extends PseudoHeader {
  readonly source: string
  readonly destination: string
  /** Transport header and data, of this fragment. */
  readonly payload: Uint8Array
  /** Set when this packet is a fragment: where its payload belongs, and whether more follow. */
  readonly fragment: { readonly id: number; readonly offset: number; readonly more: boolean } | null
  readonly timeToLive: number
  readonly dontFragment: boolean
  /** Identification; of IPv4 only. */
  readonly id?: number
  /** Whether the header has the router alert option (RFC 2113, RFC 2711). */
  readonly routerAlert?: boolean
}

/** The checksum over pseudo-header and segment (RFC 768, RFC 9293 3.1, RFC 8200 8.1); 0 when the one inside is right. */
export function transportChecksum(packet: PseudoHeader, segment: Uint8Array): number {
  const { length } = segment
  const tail =
    packet.family === 4
      ? Uint8Array.of(0, packet.protocol, length >> 8, length & 255)
      : Uint8Array.of(length >>> 24, (length >> 16) & 255, (length >> 8) & 255, length & 255, 0, 0, 0, packet.protocol)
  return internetChecksum(packet.sourceOctets, packet.destinationOctets, tail, segment)
}
