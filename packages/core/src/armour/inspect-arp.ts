/**
 * ARP packets for IPv4 over Ethernet (RFC 826).
 *
 * @module
 */
import {
  ARP_HARDWARE,
  ARP_HARDWARE_LENGTH,
  ARP_LENGTH,
  ARP_OPERATION,
  ARP_PROTOCOL,
  ARP_SENDER_IP,
  ARP_SENDER_MAC,
  ETHERTYPE_IP4,
} from '../frame/offsets.ts'
import { areAll, half, word } from './octets.ts'
import type { ArmourReason } from './reasons.ts'

const ETHERNET = 1
/** Six and four octets, as one field. */
const LENGTHS = 0x0604
const REQUEST = 1
const REPLY = 2

/** @param end of the frame; the packet lies together. */
export function inspectArp(bytes: Uint8Array, arp: number, end: number): ArmourReason | null {
  if (end - arp < ARP_LENGTH) return 'arp-short'
  if (half(bytes, arp + ARP_HARDWARE) !== ETHERNET || half(bytes, arp + ARP_PROTOCOL) !== ETHERTYPE_IP4)
    return 'arp-format'
  if (half(bytes, arp + ARP_HARDWARE_LENGTH) !== LENGTHS) return 'arp-format'
  const operation = half(bytes, arp + ARP_OPERATION)
  if (operation !== REQUEST && operation !== REPLY) return 'arp-format'
  const mac = arp + ARP_SENDER_MAC
  if (((bytes[mac] as number) & 1) !== 0 || areAll(bytes, mac, mac + 6, 0)) return 'arp-sender'
  return isSender(bytes, arp + ARP_SENDER_IP, operation) ? null : 'arp-sender'
}

/** A request may come from nobody: it probes (RFC 5227 2.1.1). */
function isSender(bytes: Uint8Array, at: number, operation: number): boolean {
  const first = bytes[at] as number
  if (first === 0) return operation === REQUEST && word(bytes, at) === 0
  return first !== 127 && first < 224
}
