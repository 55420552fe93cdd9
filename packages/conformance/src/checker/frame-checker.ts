/**
 * Checks one frame after the other: lengths, checksums, option padding, header chains. What it takes apart it hands back,
 * so that checks across frames need no parser of their own.
 *
 * @module
 */
import { type ArpPacket, checkArp } from './arp.ts'
import { checkDiscovery, type DiscoveryMessage, isDiscovery } from './discovery.ts'
import { checkEthernet, checkGroupMapping, checkPadding, ETHERNET_HEADER, type EthernetFrame } from './ethernet.ts'
import { type Finding, Findings } from './finding.ts'
import { checkIcmpv4, checkIcmpv6, type IcmpMessage } from './icmp.ts'
import { checkIgmp, type IgmpMessage } from './igmp.ts'
import type { IpPacket } from './ip.ts'
import { checkIpv4 } from './ipv4.ts'
import { checkIpv6 } from './ipv6.ts'
import { hex } from './octets.ts'
import { Reassembler } from './reassembler.ts'
import { checkTcp, type TcpSegment } from './tcp.ts'
import { checkUdp, type UdpDatagram } from './udp.ts'

/** A frame taken apart, as far as it could be. */
export interface Dissection {
  readonly findings: readonly Finding[]
  readonly ethernet: EthernetFrame | null
  readonly arp: ArpPacket | null
  readonly ip: IpPacket | null
  readonly icmp: IcmpMessage | null
  readonly igmp: IgmpMessage | null
  /** Neighbour and multicast listener discovery of IPv6. */
  readonly discovery: DiscoveryMessage | null
  readonly udp: UdpDatagram | null
  readonly tcp: TcpSegment | null
}

type Parts = { -readonly [Part in keyof Dissection]: Dissection[Part] }

export interface FrameCheckerOptions {
  /** Whether frames begin with an Ethernet header or with an IP header. @default 'ethernet' */
  readonly type?: 'ethernet' | 'ip'
  /** Largest IP packet, in octets. @default 1500 */
  readonly mtu?: number
}

const IPV4 = 0x0800
const ARP = 0x0806
const IPV6 = 0x86dd

/** Checks the frames of one sender. It remembers fragments between frames, and nothing else. */
export class FrameChecker {
  private readonly type: 'ethernet' | 'ip'
  private readonly mtu: number
  private readonly reassembler = new Reassembler()

  constructor(options: FrameCheckerOptions = {}) {
    this.type = options.type ?? 'ethernet'
    this.mtu = options.mtu ?? 1500
  }

  check(frame: Uint8Array): Dissection {
    const findings = new Findings()
    const parts: Parts = {
      findings: findings.list,
      ethernet: null,
      arp: null,
      ip: null,
      icmp: null,
      igmp: null,
      discovery: null,
      udp: null,
      tcp: null,
    }
    const header = this.type === 'ethernet' ? ETHERNET_HEADER : 0
    const packetLength = frame.length - header
    findings.expect(packetLength <= this.mtu, 'link.mtu', `${packetLength} octets on a link that takes ${this.mtu}`)
    if (this.type === 'ip') {
      this.checkIp(frame, ipFamily(frame), parts, findings)
      return parts
    }
    const ethernet = checkEthernet(frame, findings)
    if (ethernet === null) return parts
    parts.ethernet = ethernet
    if (ethernet.type === ARP) parts.arp = checkArp(ethernet, findings)
    else if (ethernet.type === IPV4) this.checkIp(ethernet.payload, 4, parts, findings)
    else if (ethernet.type === IPV6) this.checkIp(ethernet.payload, 6, parts, findings)
    else findings.add('ethernet.type', `type ${hex(ethernet.type)} is none of IPv4, ARP, IPv6`)
    return parts
  }

  private checkIp(octets: Uint8Array, family: 4 | 6, parts: Parts, findings: Findings): void {
    const read = family === 4 ? checkIpv4(octets, findings) : checkIpv6(octets, findings)
    if (read === null) return
    const { packet, length } = read
    parts.ip = packet
    if (parts.ethernet === null) {
      findings.expect(octets.length === length, 'ip.trailer', `${octets.length - length} octets follow the packet`)
    } else {
      checkPadding(octets, length, findings)
      checkGroupMapping(parts.ethernet, family, packet.destinationOctets, findings)
    }
    const transport = this.reassembler.add(packet)
    if (transport === null) return
    if (packet.protocol === 6) parts.tcp = checkTcp(packet, transport, findings)
    else if (packet.protocol === 17) parts.udp = checkUdp(packet, transport, findings)
    else if (packet.protocol === 1 && family === 4) parts.icmp = checkIcmpv4(packet, transport, findings)
    else if (packet.protocol === 58 && family === 6) this.checkIcmpv6(packet, transport, parts, findings)
    else if (packet.protocol === 2 && family === 4) parts.igmp = checkIgmp(packet, transport, findings)
    else if (packet.protocol !== 59)
      findings.add('ip.protocol', `protocol ${packet.protocol} is none a host sends here`)
  }

  private checkIcmpv6(packet: IpPacket, message: Uint8Array, parts: Parts, findings: Findings): void {
    parts.icmp = checkIcmpv6(packet, message, findings)
    if (parts.icmp !== null && isDiscovery(parts.icmp.type)) {
      parts.discovery = checkDiscovery(packet, message, findings)
    }
  }
}

function ipFamily(packet: Uint8Array): 4 | 6 {
  return (packet[0] ?? 0) >> 4 === 6 ? 6 : 4
}
