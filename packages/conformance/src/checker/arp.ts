/**
 * ARP for IPv4 over Ethernet (RFC 826, RFC 5227).
 *
 * @module
 */
import { checkPadding, type EthernetFrame } from './ethernet.ts'
import type { Findings } from './finding.ts'
import { hex, ipv4Text, macText, u8, u16 } from './octets.ts'

const ARP_LENGTH = 28

export interface ArpPacket {
  readonly operation: 'request' | 'reply'
  readonly senderMac: string
  readonly senderAddress: string
  readonly targetMac: string
  readonly targetAddress: string
}

export function checkArp(frame: EthernetFrame, findings: Findings): ArpPacket | null {
  const { payload } = frame
  if (!findings.expect(payload.length >= ARP_LENGTH, 'arp.length', `${payload.length} octets instead of ${ARP_LENGTH}`))
    return null
  checkPadding(payload, ARP_LENGTH, findings)
  findings.expect(u16(payload, 0) === 1, 'arp.hardware', `hardware type ${u16(payload, 0)} instead of 1`)
  findings.expect(u16(payload, 2) === 0x800, 'arp.protocol', `protocol type ${hex(u16(payload, 2))} instead of 0x0800`)
  const lengths = `${u8(payload, 4)} and ${u8(payload, 5)}`
  findings.expect(lengths === '6 and 4', 'arp.address-lengths', `address lengths ${lengths} instead of 6 and 4`)
  const operation = u16(payload, 6)
  if (!findings.expect(operation === 1 || operation === 2, 'arp.operation', `operation ${operation}`)) return null
  const senderMac = macText(payload, 8)
  findings.expect(
    senderMac === frame.source,
    'arp.sender',
    `the sender says ${senderMac}, the Ethernet header ${frame.source}`,
  )
  const packet: ArpPacket = {
    operation: operation === 1 ? 'request' : 'reply',
    senderMac,
    senderAddress: ipv4Text(payload, 14),
    targetMac: macText(payload, 18),
    targetAddress: ipv4Text(payload, 24),
  }
  // A reply to a probe has no target address: the one who probes has none yet (RFC 5227 2.1.1).
  if (packet.operation === 'request')
    findings.expect(packet.targetAddress !== '0.0.0.0', 'arp.target', 'asks for 0.0.0.0')
  else findings.expect(packet.senderAddress !== '0.0.0.0', 'arp.sender', 'a reply without a sender address')
  return packet
}
