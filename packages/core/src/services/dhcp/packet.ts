/**
 * The IPv4 and UDP headers of a DHCP client (RFC 2131 4.1), made and read without a stack: a host without an address has none that could.
 *
 * @module
 */
import { fromBytes, type IpAddress, toBytes } from '../../address/ip-address.ts'
import {
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
  PROTO_UDP,
  UDP_CHECKSUM,
  UDP_DESTINATION,
  UDP_HEADER,
  UDP_LENGTH,
  UDP_SOURCE,
} from '../../frame/offsets.ts'

export const SERVER_PORT = 67
export const CLIENT_PORT = 68
const TTL = 64

/** An IPv4 packet from the client's port to the server's. */
export function buildDhcpPacket(source: IpAddress, destination: IpAddress, message: Uint8Array): Uint8Array {
  const total = IP4_HEADER + UDP_HEADER + message.length
  const octets = new Uint8Array(total)
  const view = new DataView(octets.buffer)
  octets[0] = 0x45
  view.setUint16(IP4_TOTAL_LENGTH, total)
  octets[IP4_TTL] = TTL
  octets[IP4_PROTOCOL] = PROTO_UDP
  octets.set(toBytes(source), IP4_SOURCE)
  octets.set(toBytes(destination), IP4_DESTINATION)
  view.setUint16(IP4_CHECKSUM, ~sum(octets, 0, IP4_HEADER, 0) & 0xffff)
  view.setUint16(IP4_HEADER + UDP_SOURCE, CLIENT_PORT)
  view.setUint16(IP4_HEADER + UDP_DESTINATION, SERVER_PORT)
  view.setUint16(IP4_HEADER + UDP_LENGTH, total - IP4_HEADER)
  octets.set(message, IP4_HEADER + UDP_HEADER)
  view.setUint16(IP4_HEADER + UDP_CHECKSUM, ~udpSum(octets, IP4_HEADER, total - IP4_HEADER) & 0xffff || 0xffff)
  return octets
}

/** Whether a packet that begins at `at` with `length` octets at hand is one for a DHCP client: whole, UDP, to its port. Checks no more. */
export function isForDhcpClient(view: DataView, at: number, length: number): boolean {
  return isUdpTo(CLIENT_PORT, view, at, length)
}

/** As {@link isForDhcpClient}, for a server: packets that may come from a host without an address. */
export function isForDhcpServer(view: DataView, at: number, length: number): boolean {
  return isUdpTo(SERVER_PORT, view, at, length)
}

function isUdpTo(port: number, view: DataView, at: number, length: number): boolean {
  if (length < IP4_HEADER + UDP_HEADER || view.getUint8(at + IP4_PROTOCOL) !== PROTO_UDP) return false
  const header = (view.getUint8(at) & 15) * 4
  if (view.getUint8(at) >>> 4 !== 4 || header < IP4_HEADER || length < header + UDP_HEADER) return false
  if ((view.getUint16(at + IP4_FRAGMENT) & (IP4_MORE_FRAGMENTS | IP4_FRAGMENT_OFFSET)) !== 0) return false
  return view.getUint16(at + header + UDP_DESTINATION) === port
}

/** What a packet to the client carried. */
export interface DhcpPacket {
  readonly source: IpAddress
  readonly message: Uint8Array
}

/** @param trusted the checksums are known to be right, or left out. @returns what the packet carries, or why it is dropped. */
export function readDhcpPacket(octets: Uint8Array, trusted: boolean): DhcpPacket | string {
  const view = new DataView(octets.buffer, octets.byteOffset, octets.length)
  if (!isForDhcpClient(view, 0, octets.length)) return 'packet'
  const header = ((octets[0] as number) & 15) * 4
  const total = view.getUint16(IP4_TOTAL_LENGTH)
  if (total < header + UDP_HEADER || total > octets.length) return 'length'
  const length = view.getUint16(header + UDP_LENGTH)
  if (length < UDP_HEADER || header + length > total) return 'length'
  if (view.getUint16(header + UDP_SOURCE) !== SERVER_PORT) return 'port'
  if (!trusted && sum(octets, 0, header, 0) !== 0xffff) return 'checksum'
  const isSummed = view.getUint16(header + UDP_CHECKSUM) !== 0
  if (!trusted && isSummed && udpSum(octets, header, length) !== 0xffff) return 'checksum'
  return {
    source: fromBytes(octets, IP4_SOURCE, 4),
    message: octets.subarray(header + UDP_HEADER, header + length),
  }
}

function udpSum(octets: Uint8Array, at: number, length: number): number {
  return sum(octets, at, length, sum(octets, IP4_SOURCE, 8, PROTO_UDP + length))
}

/** RFC 1071, not complemented, for a few packets an hour. */
function sum(octets: Uint8Array, at: number, length: number, initial: number): number {
  let total = initial
  for (let i = 0; i < length; i++) total += (octets[at + i] as number) << ((i & 1) === 0 ? 8 : 0)
  while (total > 0xffff) total = (total & 0xffff) + (total >>> 16)
  return total
}
