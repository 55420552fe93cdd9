/**
 * One look at one frame: is it well-formed, all through? The usual case, TCP or UDP over a plain IP header, is a straight line. Nothing is
 * allocated: what else there is to know of the frame stands in fields until the next look.
 *
 * @module
 */
import type { FramePool } from '../contract/frame.ts'
import {
  ARP_LENGTH,
  ETH_SOURCE,
  ETH_TYPE,
  ETHERNET_HEADER,
  ETHERTYPE_ARP,
  ETHERTYPE_IP4,
  ETHERTYPE_IP6,
  IP4_PROTOCOL,
  IP4_SOURCE,
  IP4_TOTAL_LENGTH,
  IP6_DESTINATION,
  IP6_HEADER,
  IP6_PAYLOAD_LENGTH,
  IP6_SOURCE,
  PROTO_ICMP,
  PROTO_ICMP6,
  PROTO_TCP,
  PROTO_UDP,
  TCP_FLAGS,
  TCP_SYN,
  UDP_CHECKSUM,
  UDP_LENGTH,
} from '../frame/offsets.ts'
import { inspectArp } from './inspect-arp.ts'
import { inspectIcmp4, inspectIgmp } from './inspect-icmp4.ts'
import { inspectIcmp6, introducesNeighbor } from './inspect-icmp6.ts'
import { inspectIp4, isFragment4, isToMany4, PROTO_IGMP } from './inspect-ip4.ts'
import { Ip6Inspector } from './inspect-ip6.ts'
import { inspectTcp, inspectUdp, SPLIT, type Verdict } from './inspect-transport.ts'
import { half, shortSum } from './octets.ts'
import type { ArmourReason } from './reasons.ts'

/** What a well-formed frame needs besides a look at itself. `tail`: a UDP datagram with octets behind it. */
export type Aspect = 'plain' | 'fragment' | 'syn' | 'neighbor' | 'tail'

/** The sum of octets with their checksum among them. */
const ALL_ONES = 0xffff

export class FrameInspector {
  /** Octets without the padding of the link. */
  length = 0
  aspect: Aspect = 'plain'
  /** Where the IP (or ARP) header begins. */
  network = 0
  /** Where the transport header begins, or the octets of a fragment. */
  transport = 0
  protocol = 0
  readonly ip6: Ip6Inspector = new Ip6Inspector()
  private readonly type: 'ethernet' | 'ip'
  private readonly mtu: number
  private readonly routers: boolean
  private readonly sums: boolean

  /** @param routers whether router advertisements are wanted. @param sums whether checksums are verified. */
  constructor(type: 'ethernet' | 'ip', mtu: number, routers: boolean, sums: boolean) {
    this.type = type
    this.mtu = mtu
    this.routers = routers
    this.sums = sums
  }

  /**
   * @param head where the frame begins. @param headLength octets that lie together there. @param body where the rest begins.
   * @param isSummed whether its transport checksum is known to be right, or left to its taker.
   */
  inspect(
    pool: FramePool,
    head: number,
    headLength: number,
    body: number,
    bodyLength: number,
    isSummed: boolean,
  ): Verdict {
    const { bytes } = pool
    const end = head + headLength + bodyLength
    const seen = head + headLength
    this.aspect = 'plain'
    this.protocol = 0
    this.length = headLength + bodyLength
    let ip = head
    let version: number
    if (this.type === 'ethernet') {
      ip += ETHERNET_HEADER
      if (end < ip) return 'ethernet-short'
      if (end - ip > this.mtu) return 'ethernet-long'
      if (seen < ip) return SPLIT
      if (((bytes[head + ETH_SOURCE] as number) & 1) !== 0) return 'ethernet-source'
      const type = half(bytes, head + ETH_TYPE)
      if (type === ETHERTYPE_ARP) return this.arp(bytes, head, ip, end, seen)
      if (type === ETHERTYPE_IP4) version = 4
      else if (type === ETHERTYPE_IP6) version = 6
      else return 'ethernet-type'
    } else {
      if (end <= ip) return 'ethernet-short'
      if (end - ip > this.mtu) return 'ethernet-long'
      if (seen <= ip) return SPLIT
      version = (bytes[head] as number) >>> 4
      if (version !== 4 && version !== 6) return 'ethernet-type'
    }
    this.network = ip
    return version === 4
      ? this.ip4(pool, head, end, seen, body, isSummed)
      : this.inspectIp6(pool, head, end, seen, body, isSummed)
  }

  private arp(bytes: Uint8Array, head: number, arp: number, end: number, seen: number): Verdict {
    if (end - arp >= ARP_LENGTH && seen - arp < ARP_LENGTH) return SPLIT
    this.network = arp
    this.aspect = 'neighbor'
    const wrong = inspectArp(bytes, arp, end)
    if (wrong === null) this.length = arp + ARP_LENGTH - head
    return wrong
  }

  private ip4(pool: FramePool, head: number, end: number, seen: number, body: number, isSummed: boolean): Verdict {
    const { bytes } = pool
    const ip = this.network
    const wrong = inspectIp4(bytes, ip, end, seen)
    if (wrong !== null) return wrong
    const header = ((bytes[ip] as number) & 15) * 4
    if (this.sums && shortSum(bytes, ip, header, 0) !== ALL_ONES) return 'ip4-checksum'
    const packet = ip + half(bytes, ip + IP4_TOTAL_LENGTH)
    this.length = packet - head
    this.transport = ip + header
    this.protocol = bytes[ip + IP4_PROTOCOL] as number
    if (isFragment4(bytes, ip)) {
      this.aspect = 'fragment'
      return null
    }
    if (this.protocol === PROTO_TCP && isToMany4(bytes, ip, this.type)) return 'tcp-destination'
    const verdict = this.message(bytes, ip, packet, seen, true)
    if (verdict !== null || isSummed || !this.sums) return verdict
    return this.sum4(pool, ip, packet, seen, body)
  }

  private inspectIp6(
    pool: FramePool,
    head: number,
    end: number,
    seen: number,
    body: number,
    isSummed: boolean,
  ): Verdict {
    const { bytes } = pool
    const { ip6 } = this
    const ip = this.network
    const wrong = ip6.inspect(bytes, ip, end, seen)
    if (wrong !== null) return wrong
    const packet = ip + IP6_HEADER + half(bytes, ip + IP6_PAYLOAD_LENGTH)
    this.length = packet - head
    this.transport = ip6.transport
    this.protocol = ip6.protocol
    if (ip6.fragment !== 0) {
      this.aspect = 'fragment'
      return null
    }
    if (this.protocol === PROTO_TCP && bytes[ip + IP6_DESTINATION] === 0xff) return 'tcp-destination'
    const verdict = this.message(bytes, ip, packet, seen, false)
    if (verdict !== null || isSummed || !this.sums) return verdict
    return this.sum6(pool, ip, packet, seen, body)
  }

  /** What the IP packet carries, as the fields tell. */
  private message(bytes: Uint8Array, ip: number, end: number, seen: number, isIp4: boolean): Verdict {
    const { protocol, transport } = this
    if (protocol === PROTO_TCP) {
      const wrong = inspectTcp(bytes, transport, end, seen)
      if (wrong === null && ((bytes[transport + TCP_FLAGS] as number) & TCP_SYN) !== 0) this.aspect = 'syn'
      return wrong
    }
    if (protocol === PROTO_UDP) {
      const wrong = inspectUdp(bytes, transport, end, seen)
      if (wrong !== null) return wrong
      if (transport + half(bytes, transport + UDP_LENGTH) !== end) this.aspect = 'tail'
      // RFC 8200 8.1: over IPv6 the checksum is not optional.
      return !isIp4 && half(bytes, transport + UDP_CHECKSUM) === 0 ? 'udp-checksum' : null
    }
    if (end > seen) return SPLIT
    if (protocol === PROTO_ICMP && isIp4) return inspectIcmp4(bytes, ip, transport, end)
    if (protocol === PROTO_ICMP6 && !isIp4) {
      const wrong = inspectIcmp6(bytes, ip, transport, end, this.routers)
      if (wrong === null && introducesNeighbor(bytes, transport)) this.aspect = 'neighbor'
      return wrong
    }
    return inspectIgmp(bytes, transport, end)
  }

  private sum4(pool: FramePool, ip: number, end: number, seen: number, body: number): ArmourReason | null {
    const { protocol, transport } = this
    let last = end
    if (protocol === PROTO_UDP) {
      // No checksum is one, in IPv4; and what lies behind the datagram is not summed.
      if (half(pool.bytes, transport + UDP_CHECKSUM) === 0) return null
      last = transport + half(pool.bytes, transport + UDP_LENGTH)
    }
    const pseudo =
      protocol === PROTO_TCP || protocol === PROTO_UDP
        ? shortSum(pool.bytes, ip + IP4_SOURCE, 8, protocol + last - transport)
        : 0
    return sumPieces(pool, transport, last, seen, body, pseudo) === ALL_ONES ? null : checksumReason(protocol)
  }

  private sum6(pool: FramePool, ip: number, end: number, seen: number, body: number): ArmourReason | null {
    const { protocol, transport } = this
    const last = protocol === PROTO_UDP ? transport + half(pool.bytes, transport + UDP_LENGTH) : end
    const pseudo = shortSum(pool.bytes, ip + IP6_SOURCE, 32, protocol + last - transport)
    return sumPieces(pool, transport, last, seen, body, pseudo) === ALL_ONES ? null : checksumReason(protocol)
  }
}

/** The sum of octets from `from` up to `end`, those beyond `seen` in the other piece of the frame. */
function sumPieces(pool: FramePool, from: number, end: number, seen: number, body: number, initial: number): number {
  if (end <= seen) return pool.sum(from, end - from, initial)
  const sum = pool.sum(from, seen - from, initial)
  const rest = pool.sum(body, end - seen)
  const total = sum + (((seen - from) & 1) === 0 ? rest : ((rest & 0xff) << 8) | (rest >>> 8))
  return (total & 0xffff) + (total >>> 16)
}

export function checksumReason(protocol: number): ArmourReason {
  switch (protocol) {
    case PROTO_TCP:
      return 'tcp-checksum'
    case PROTO_UDP:
      return 'udp-checksum'
    case PROTO_ICMP:
      return 'icmp4-checksum'
    case PROTO_IGMP:
      return 'igmp-checksum'
    default:
      return 'icmp6-checksum'
  }
}
