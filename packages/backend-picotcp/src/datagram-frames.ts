/**
 * Frames of a UDP datagram (RFC 768): one, or fragments. Addresses and ports are those of a frame of the library.
 *
 * @module
 */
import { PROTO_UDP, UDP_CHECKSUM, UDP_HEADER, UDP_LENGTH } from '@ioth/core'
import { type PacketView, packetFrames, transportSum } from '@ioth/ffi'

/**
 * @param packet a UDP packet of the library, behind the link header at `from`.
 * @param id tells the fragments of one datagram from those of others.
 */
export function datagramFrames(
  packet: PacketView,
  from: number,
  payload: Uint8Array,
  mtu: number,
  id: number,
): Iterable<Uint8Array> {
  const { bytes, family, ipAt, payloadAt } = packet
  const headers = bytes.slice(from, payloadAt)
  const ip = ipAt - from
  const length = UDP_HEADER + payload.length
  // In one piece with its headers, as it is summed.
  const whole = new Uint8Array(headers.length + length)
  whole.set(bytes.subarray(from, payloadAt + UDP_HEADER))
  whole.set(payload, headers.length + UDP_HEADER)
  const view = new DataView(whole.buffer)
  const udp = headers.length
  view.setUint16(udp + UDP_LENGTH, length)
  view.setUint16(udp + UDP_CHECKSUM, 0)
  const sum = ~transportSum(whole, family, ip, udp, length, PROTO_UDP) & 0xffff
  // No checksum is 0, which means that there is none.
  view.setUint16(udp + UDP_CHECKSUM, sum === 0 ? 0xffff : sum)
  return packetFrames(headers, ip, whole.subarray(udp), mtu, id)
}
