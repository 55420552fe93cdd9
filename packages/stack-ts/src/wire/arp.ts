/**
 * ARP for IPv4 over Ethernet (RFC 826).
 *
 * ```
 *  0      2      4    5    6      8            14           18           24           28
 *  +------+------+----+----+------+------------+------------+------------+------------+
 *  | htype| ptype|hlen|plen| op   | sender MAC | sender IP  | target MAC | target IP  |
 *  +------+------+----+----+------+------------+------------+------------+------------+
 * ```
 *
 * @module
 */
import {
  ARP_HARDWARE_LENGTH,
  ARP_LENGTH,
  ARP_OPERATION,
  ARP_SENDER_IP,
  ARP_SENDER_MAC,
  ARP_TARGET_IP,
  ARP_TARGET_MAC,
} from '@ioth/core'
import { type Mac, macFromBytes } from './ethernet.ts'

export const ARP_REQUEST = 1
export const ARP_REPLY = 2

/** The first eight octets but the operation: Ethernet, IPv4, 6, 4. */
const HEADER_WORD = 0x00010800
const LENGTHS = 0x0604

export interface ArpPacket {
  readonly operation: typeof ARP_REQUEST | typeof ARP_REPLY
  readonly senderMac: Mac
  readonly senderIp: number
  readonly targetMac: Mac
  readonly targetIp: number
}

/** @returns the packet (padding behind it is allowed), or why it is none. */
export function parseArp(octets: Uint8Array): ArpPacket | string {
  const view = new DataView(octets.buffer, octets.byteOffset, octets.length)
  const reason = checkArp(view, 0, octets.length)
  if (reason !== null) return reason
  return {
    operation: view.getUint16(ARP_OPERATION) as ArpPacket['operation'],
    senderMac: macFromBytes(octets, ARP_SENDER_MAC),
    senderIp: view.getInt32(ARP_SENDER_IP),
    targetMac: macFromBytes(octets, ARP_TARGET_MAC),
    targetIp: view.getInt32(ARP_TARGET_IP),
  }
}

export function serializeArp(packet: ArpPacket): Uint8Array {
  const octets = new Uint8Array(ARP_LENGTH)
  writeArp(new DataView(octets.buffer), 0, packet)
  return octets
}

/** View level: why what stands at `at` is no ARP packet for us to read, or null. */
export function checkArp(view: DataView, at: number, length: number): string | null {
  if (length < ARP_LENGTH) return 'short'
  if (view.getInt32(at) !== HEADER_WORD) return 'protocol'
  if (view.getUint16(at + ARP_HARDWARE_LENGTH) !== LENGTHS) return 'length'
  const operation = view.getUint16(at + ARP_OPERATION)
  return operation === ARP_REQUEST || operation === ARP_REPLY ? null : 'operation'
}

/** View level: writes the packet at `at`. */
export function writeArp(view: DataView, at: number, packet: ArpPacket): void {
  view.setInt32(at, HEADER_WORD)
  view.setUint16(at + ARP_HARDWARE_LENGTH, LENGTHS)
  view.setUint16(at + ARP_OPERATION, packet.operation)
  view.setUint16(at + ARP_SENDER_MAC, packet.senderMac.high)
  view.setInt32(at + ARP_SENDER_MAC + 2, packet.senderMac.low)
  view.setInt32(at + ARP_SENDER_IP, packet.senderIp)
  view.setUint16(at + ARP_TARGET_MAC, packet.targetMac.high)
  view.setInt32(at + ARP_TARGET_MAC + 2, packet.targetMac.low)
  view.setInt32(at + ARP_TARGET_IP, packet.targetIp)
}
