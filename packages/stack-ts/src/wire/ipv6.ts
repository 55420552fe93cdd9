/**
 * IPv6 header (RFC 8200 3).
 *
 * ```
 *  0       4       6    7    8               24              40
 *  +-------+-------+----+----+---------------+---------------+
 *  |v/c/flw| length|next|hops| source        | destination   |
 *  +-------+-------+----+----+---------------+---------------+
 *  v/c/flw: 4 bits version, 8 bits traffic class, 20 bits flow label; length: octets behind the header
 * ```
 *
 * @module
 */
import {
  fromBytes,
  IP6_DESTINATION,
  IP6_HEADER,
  IP6_HOP_LIMIT,
  IP6_NEXT_HEADER,
  IP6_PAYLOAD_LENGTH,
  IP6_SOURCE,
  IP6_VERSION_CLASS_FLOW,
  type IpAddress,
  toBytes,
} from '@ioth/core'

export interface Ipv6Packet {
  readonly trafficClass: number
  readonly flowLabel: number
  readonly nextHeader: number
  readonly hopLimit: number
  readonly source: IpAddress
  readonly destination: IpAddress
  /** Extension headers and what they lead to. */
  readonly payload: Uint8Array
}

/** @returns the packet without padding behind it, or why it is none. */
export function parseIpv6(octets: Uint8Array): Ipv6Packet | string {
  const view = new DataView(octets.buffer, octets.byteOffset, octets.length)
  const reason = checkIpv6(view, 0, octets.length)
  if (reason !== null) return reason
  const first = view.getInt32(IP6_VERSION_CLASS_FLOW)
  return {
    trafficClass: (first >>> 20) & 0xff,
    flowLabel: first & 0xfffff,
    nextHeader: octets[IP6_NEXT_HEADER]!,
    hopLimit: octets[IP6_HOP_LIMIT]!,
    source: fromBytes(octets, IP6_SOURCE, 16),
    destination: fromBytes(octets, IP6_DESTINATION, 16),
    payload: octets.subarray(IP6_HEADER, IP6_HEADER + view.getUint16(IP6_PAYLOAD_LENGTH)),
  }
}

export function serializeIpv6(packet: Ipv6Packet): Uint8Array {
  const octets = new Uint8Array(IP6_HEADER + packet.payload.length)
  const view = new DataView(octets.buffer)
  view.setInt32(IP6_VERSION_CLASS_FLOW, 0x60000000 | (packet.trafficClass << 20) | packet.flowLabel)
  view.setUint16(IP6_PAYLOAD_LENGTH, packet.payload.length)
  octets[IP6_NEXT_HEADER] = packet.nextHeader
  octets[IP6_HOP_LIMIT] = packet.hopLimit
  octets.set(toBytes(packet.source), IP6_SOURCE)
  octets.set(toBytes(packet.destination), IP6_DESTINATION)
  octets.set(packet.payload, IP6_HEADER)
  return octets
}

/** View level. @returns why what stands at `at` is no IPv6 packet within `length` octets, or null. */
export function checkIpv6(view: DataView, at: number, length: number): string | null {
  if (length < IP6_HEADER) return 'short'
  if (view.getUint8(at) >>> 4 !== 6) return 'version'
  return IP6_HEADER + view.getUint16(at + IP6_PAYLOAD_LENGTH) > length ? 'length' : null
}

/** View level: the whole header. */
export function writeIpv6(
  view: DataView,
  at: number,
  payloadLength: number,
  nextHeader: number,
  hopLimit: number,
  trafficClass: number,
  source: IpAddress,
  destination: IpAddress,
): void {
  view.setInt32(at, 0x60000000 | (trafficClass << 20))
  view.setInt32(at + IP6_PAYLOAD_LENGTH, (payloadLength << 16) | (nextHeader << 8) | hopLimit)
  view.setInt32(at + IP6_SOURCE, source.w0)
  view.setInt32(at + IP6_SOURCE + 4, source.w1)
  view.setInt32(at + IP6_SOURCE + 8, source.w2)
  view.setInt32(at + IP6_SOURCE + 12, source.w3)
  view.setInt32(at + IP6_DESTINATION, destination.w0)
  view.setInt32(at + IP6_DESTINATION + 4, destination.w1)
  view.setInt32(at + IP6_DESTINATION + 8, destination.w2)
  view.setInt32(at + IP6_DESTINATION + 12, destination.w3)
}
