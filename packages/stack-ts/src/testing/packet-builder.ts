/**
 * Frames by hand: whole Ethernet frames from a few named fields, the rest filled in as a well-behaved host would.
 *
 * @module
 */
import { ETHERTYPE_ARP, ETHERTYPE_IP4, PROTO_ICMP, PROTO_TCP, PROTO_UDP, parseIpAddress } from '@ioth/core'
import { type ArpPacket, serializeArp } from '../wire/arp.ts'
import { pseudoSum4 } from '../wire/checksum.ts'
import { BROADCAST_MAC, type Mac, serializeEthernet } from '../wire/ethernet.ts'
import { serializeIcmpv4 } from '../wire/icmpv4.ts'
import { type Ipv4Packet, serializeIpv4 } from '../wire/ipv4.ts'
import { serializeTcp } from '../wire/tcp.ts'
import { serializeOptions, type TcpOptions } from '../wire/tcp-option.ts'
import { serializeUdp } from '../wire/udp.ts'

/** A station: its hardware and its IPv4 address. */
export interface Station {
  readonly mac: Mac
  /** Dotted quad. */
  readonly ip: string
}

/** The 32 bits of a dotted quad, signed. */
export function ipWord(text: string): number {
  return parseIpAddress(text).w3
}

const EMPTY = new Uint8Array(0)

export type IpFields = Partial<Omit<Ipv4Packet, 'payload' | 'protocol'>>

export function buildIpv4(
  from: Station,
  to: Station,
  protocol: number,
  payload: Uint8Array,
  ip: IpFields = {},
): Uint8Array {
  const packet = serializeIpv4({
    trafficClass: 0,
    id: 0,
    dontFragment: false,
    moreFragments: false,
    fragmentOffset: 0,
    ttl: 64,
    source: ipWord(from.ip),
    destination: ipWord(to.ip),
    options: EMPTY,
    ...ip,
    protocol,
    payload,
  })
  return serializeEthernet({ destination: to.mac, source: from.mac, type: ETHERTYPE_IP4, payload: packet })
}

export interface TcpFields {
  readonly sourcePort: number
  readonly destinationPort: number
  readonly sequence: number
  /** @default 0 */
  readonly acknowledgment?: number
  readonly flags: number
  /** @default 65535 */
  readonly window?: number
  readonly urgent?: number
  /** Named options, or the octets as they are. */
  readonly options?: TcpOptions | Uint8Array
  readonly payload?: Uint8Array
}

export function buildTcp(from: Station, to: Station, tcp: TcpFields, ip: IpFields = {}): Uint8Array {
  const { options = EMPTY } = tcp
  const segment = serializeTcp(
    {
      sourcePort: tcp.sourcePort,
      destinationPort: tcp.destinationPort,
      sequence: tcp.sequence,
      acknowledgment: tcp.acknowledgment ?? 0,
      flags: tcp.flags,
      window: tcp.window ?? 65535,
      urgent: tcp.urgent ?? 0,
      options: options instanceof Uint8Array ? options : serializeOptions(options),
      payload: tcp.payload ?? EMPTY,
    },
    pseudoSum4(ip.source ?? ipWord(from.ip), ip.destination ?? ipWord(to.ip), PROTO_TCP),
  )
  return buildIpv4(from, to, PROTO_TCP, segment, ip)
}

export function buildUdp(
  from: Station,
  to: Station,
  sourcePort: number,
  destinationPort: number,
  payload: Uint8Array,
  ip: IpFields = {},
): Uint8Array {
  const sum = pseudoSum4(ip.source ?? ipWord(from.ip), ip.destination ?? ipWord(to.ip), PROTO_UDP)
  return buildIpv4(from, to, PROTO_UDP, serializeUdp({ sourcePort, destinationPort, payload }, sum), ip)
}

export function buildIcmp(
  from: Station,
  to: Station,
  type: number,
  code: number,
  rest: number,
  body: Uint8Array,
  ip: IpFields = {},
): Uint8Array {
  return buildIpv4(from, to, PROTO_ICMP, serializeIcmpv4({ type, code, rest, body }), ip)
}

export function buildArp(packet: ArpPacket, destination: Mac = BROADCAST_MAC): Uint8Array {
  const payload = serializeArp(packet)
  return serializeEthernet({ destination, source: packet.senderMac, type: ETHERTYPE_ARP, payload })
}
