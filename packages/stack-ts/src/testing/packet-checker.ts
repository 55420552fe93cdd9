/**
 * Frames as values: everything a stack emitted, taken apart and checked on the way (lengths, checksums, padding of options).
 *
 * @module
 */
import { ETHERTYPE_ARP, ETHERTYPE_IP4, PROTO_ICMP, PROTO_TCP, PROTO_UDP } from '@ioth/core'
import { type ArpPacket, parseArp } from '../wire/arp.ts'
import { pseudoSum4 } from '../wire/checksum.ts'
import { type EthernetFrame, parseEthernet } from '../wire/ethernet.ts'
import { type Icmpv4Message, parseIcmpv4 } from '../wire/icmpv4.ts'
import { type Ipv4Packet, parseIpv4 } from '../wire/ipv4.ts'
import { formatFlags, parseTcp, type TcpSegment } from '../wire/tcp.ts'
import { parseOptions, type TcpOptions } from '../wire/tcp-option.ts'
import { parseUdp, type UdpDatagram } from '../wire/udp.ts'

export interface CheckedSegment extends TcpSegment {
  /** `SYN,ACK` */
  readonly names: string
  readonly parsedOptions: TcpOptions
}

/** One frame, down to the highest layer that is known. */
export interface CheckedFrame {
  readonly ethernet: EthernetFrame
  readonly arp?: ArpPacket
  readonly ip?: Ipv4Packet
  readonly tcp?: CheckedSegment
  readonly udp?: UdpDatagram
  readonly icmp?: Icmpv4Message
}

/** Takes a frame apart. @throws Error that says what is wrong with it. */
export function checkFrame(octets: Uint8Array): CheckedFrame {
  const ethernet = legal('ethernet', parseEthernet(octets))
  if (ethernet.type === ETHERTYPE_ARP) return { ethernet, arp: legal('arp', parseArp(ethernet.payload)) }
  if (ethernet.type !== ETHERTYPE_IP4) return { ethernet }
  const ip = legal('ipv4', parseIpv4(ethernet.payload))
  if (ip.ttl === 0) throw new Error('ipv4: a time to live of 0 was sent')
  if (ip.moreFragments || ip.fragmentOffset > 0) return { ethernet, ip }
  const sum = pseudoSum4(ip.source, ip.destination, ip.protocol)
  if (ip.protocol === PROTO_TCP) {
    const tcp = legal('tcp', parseTcp(ip.payload, sum))
    return { ethernet, ip, tcp: { ...tcp, names: formatFlags(tcp.flags), parsedOptions: parseOptions(tcp.options) } }
  }
  if (ip.protocol === PROTO_UDP) return { ethernet, ip, udp: legal('udp', parseUdp(ip.payload, sum)) }
  if (ip.protocol === PROTO_ICMP) return { ethernet, ip, icmp: legal('icmp', parseIcmpv4(ip.payload)) }
  return { ethernet, ip }
}

function legal<Value>(layer: string, parsed: Value | string): Value {
  if (typeof parsed === 'string') throw new Error(`${layer}: ${parsed}`)
  return parsed
}
