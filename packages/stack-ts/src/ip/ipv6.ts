/**
 * IPv6 (RFC 8200, RFC 4291): takes packets from the ports and hands them to the transports, puts headers in front of what they send.
 * A host, not a router: nothing is forwarded.
 *
 * @module
 */
import {
  CHECKSUM_MISSING,
  type FramePool,
  IP6_DESTINATION,
  IP6_HEADER,
  IP6_HOP_LIMIT,
  IP6_NEXT_HEADER,
  IP6_PAYLOAD_LENGTH,
  IP6_SOURCE,
  type IpAddress,
  LOOPBACK_V6,
  PROTO_ICMP6,
  PROTO_TCP,
  PROTO_UDP,
  SEGMENT_ME,
  TCP_DATA_OFFSET,
  TCP_HEADER,
  UDP_CHECKSUM,
} from '@ioth/core'
import type { Memberships } from '@ioth/core/groups'
import type { Counters } from '../counters.ts'
import type { Loopback, LoopbackTaker } from '../link/loopback.ts'
import { LINK_HEADROOM, type Path } from '../link/path.ts'
import type { Port } from '../link/port.ts'
import { pseudoSum6 } from '../wire/checksum.ts'
import { PROBLEM6_CHAIN, PROBLEM6_HEADER } from '../wire/icmpv6.ts'
import { checkIpv6, writeIpv6 } from '../wire/ipv6.ts'
import { AddressTable6 } from './address-table6.ts'
import { type Chain, HeaderChain } from './extension-headers.ts'
import { sendFragments6 } from './fragment.ts'
import type { FragmentIds } from './fragment-ids.ts'
import type { NetInterface } from './interface.ts'
import type { KnownAddresses } from './known-addresses.ts'
import type { Network, Transport } from './network.ts'
import type { Packet } from './packet.ts'
import { IP6_SMALLEST_MTU, type PathMtu } from './path-mtu.ts'
import type { Reassembly } from './reassembly.ts'
import { RouteTable6 } from './route-table6.ts'

/** Octets of a UDP header, of what all ICMPv6 messages begin with, and of a fragment header. */
const SHORT_HEADER = 8
const LARGEST_PAYLOAD = 65535
const LINK_LOCAL = 0x3fa
/** Destinations of packets that may be too big, remembered by their keys; a power of two. */
const LARGE_SENT = 256

/** Tells the sender of the packet in hand of a parameter problem: ICMPv6's business. */
export type ParameterProblem = (packet: Packet, code: number, pointer: number, toGroup: boolean) => void

export class Ipv6 implements Network, LoopbackTaker {
  readonly family = 6
  readonly headroom: number = LINK_HEADROOM + IP6_HEADER
  readonly headerLength: number = IP6_HEADER
  readonly defaultMss: number = 1220
  /** Of packets whose sender does not care; routers may say otherwise (RFC 4861 6.3.4). */
  hopLimit = 64
  readonly addresses: AddressTable6 = new AddressTable6()
  readonly routes: RouteTable6 = new RouteTable6()
  /** Protocols by number, set by who builds the stack. */
  readonly transports: (Transport | undefined)[] = []
  onProblem: ParameterProblem | null = null
  private readonly pool: FramePool
  private readonly counters: Counters
  private readonly loopback: Loopback
  private readonly packet: Packet
  private readonly known: KnownAddresses
  private readonly reassembly: Reassembly
  private readonly ids: FragmentIds
  private readonly pathMtu: PathMtu
  /** Made with the first large packet. */
  private largeSent: Int32Array | null = null
  /** Accepts packets to every global address: what a gateway is made of. */
  readonly anyAddress: boolean
  private readonly interfaces: readonly NetInterface[]
  private readonly chain = new HeaderChain()

  /** @param interfaces those of the stack, as they come and go; the first one is the default of link-local destinations. */
  constructor(
    pool: FramePool,
    counters: Counters,
    loopback: Loopback,
    packet: Packet,
    known: KnownAddresses,
    reassembly: Reassembly,
    ids: FragmentIds,
    pathMtu: PathMtu,
    interfaces: readonly NetInterface[],
    anyAddress: boolean,
  ) {
    this.anyAddress = anyAddress
    this.pool = pool
    this.counters = counters
    this.loopback = loopback
    this.packet = packet
    this.known = known
    this.reassembly = reassembly
    this.ids = ids
    this.pathMtu = pathMtu
    this.interfaces = interfaces
    packet.network = this
  }

  // ---------- addresses and paths ----------

  keyOf({ w0, w1, w2, w3, scope }: IpAddress): number {
    return this.known.key(w0, w1, w2, w3, scope)
  }

  sourceOf(packet: Packet): IpAddress {
    return this.addressAt(packet.headerAt + IP6_SOURCE, packet)
  }

  destinationOf(packet: Packet): IpAddress {
    return this.addressAt(packet.headerAt + IP6_DESTINATION, packet)
  }

  isBetween(packet: Packet, local: IpAddress, remote: IpAddress): boolean {
    const { headerAt } = packet
    return this.isAt(headerAt + IP6_SOURCE, remote, packet) && this.isAt(headerAt + IP6_DESTINATION, local, packet)
  }

  isOurs(address: IpAddress): boolean {
    return address.isLoopback || this.addresses.of(address) !== null
  }

  isBindable(address: IpAddress): boolean {
    return this.isOurs(address) || (this.anyAddress && !address.isMulticast && isGlobal(address.w0, address.w1))
  }

  /** The address of ours that stands in a header, or null. */
  ownAt(at: number): IpAddress | null {
    const { view } = this.pool
    const own = this.addresses.find(
      view.getInt32(at),
      view.getInt32(at + 4),
      view.getInt32(at + 8),
      view.getInt32(at + 12),
      0,
    )
    return own?.address ?? null
  }

  isGroup(address: IpAddress): boolean {
    return address.isMulticast
  }

  mtuTowards(destination: IpAddress, path: Path): number {
    return this.pathMtu.towards(this.keyOf(destination), path.mtu)
  }

  lowerMtu(destination: IpAddress, mtu: number, length: number): void {
    this.pathMtu.lower(this.keyOf(destination), mtu, length)
  }

  /** Whether a router may well complain of the size of something that we sent there (RFC 8201 4). */
  hasSentLarge(destination: IpAddress): boolean {
    const key = this.keyOf(destination)
    return this.largeSent !== null && this.largeSent[key & (LARGE_SENT - 1)] === key
  }

  pseudoSum(source: IpAddress, destination: IpAddress, protocol: number): number {
    return pseudoSum6(source, destination, protocol)
  }

  findPath(destination: IpAddress): Path | null {
    if (this.isOurs(destination)) return this.loopback
    if (destination.isUnspecified || destination.isMulticast) return null
    if (destination.isLinkLocal) {
      const on = this.interfaceFor(destination)
      return on === null ? null : neighborPath(on, destination, false)
    }
    const route = this.routes.lookup(destination)
    if (route === null) return null
    const { via } = route
    return via === null ? neighborPath(route.interface, destination, false) : neighborPath(route.interface, via, true)
  }

  sourceFor(destination: IpAddress): IpAddress | null {
    if (destination.isLoopback) return LOOPBACK_V6
    const own = this.addresses.of(destination)
    if (own !== null) return own.address
    const on = this.interfaceFor(destination)
    return on === null ? null : (this.addresses.bestFor(destination, on)?.address ?? null)
  }

  groupInterface(group: IpAddress): NetInterface | null {
    return this.interfaceFor(group)
  }

  groupPath(group: IpAddress, on: NetInterface, out: boolean, loop: boolean): Path {
    return on.v6.groupPaths.find(group, out, loop)
  }

  sourceOn(on: NetInterface, destination: IpAddress): IpAddress | null {
    return this.addresses.bestFor(destination, on)?.address ?? null
  }

  memberships(on: NetInterface): Memberships {
    return on.v6.memberships
  }

  /** The interface that a destination is reached by: its scope says so, or its route. */
  interfaceFor(destination: IpAddress): NetInterface | null {
    if (!destination.isMulticast && !destination.isLinkLocal) return this.routes.lookup(destination)?.interface ?? null
    const { scope } = destination
    return this.interfaces.find(({ index }) => scope === 0 || index === scope) ?? null
  }

  // ---------- output ----------

  send(
    path: Path,
    source: IpAddress,
    destination: IpAddress,
    protocol: number,
    ttl: number,
    trafficClass: number,
    at: number,
    headLength: number,
    body: number,
    bodyLength: number,
    flags: number,
    segmentSize: number,
  ): void {
    const { pool, counters } = this
    const total = headLength + bodyLength - LINK_HEADROOM
    if (total > IP6_SMALLEST_MTU && (flags & SEGMENT_ME) === 0) {
      // TCP fits its segments to the way itself.
      const mtu = protocol === PROTO_TCP ? path.mtu : this.mtuOfLarge(destination, path)
      if (total > mtu) {
        if ((flags & CHECKSUM_MISSING) !== 0) {
          this.fillChecksum(source, destination, protocol, at, headLength, body, bodyLength)
        }
        const id = this.ids.next(this.keyOf(source), this.keyOf(destination))
        sendFragments6(
          pool,
          counters,
          path,
          mtu,
          id,
          ttl,
          trafficClass,
          protocol,
          source,
          destination,
          at,
          headLength,
          body,
          bodyLength,
        )
        return
      }
    }
    writeIpv6(pool.view, at + LINK_HEADROOM, total - IP6_HEADER, protocol, ttl, trafficClass, source, destination)
    path.transmit(at, headLength, body, bodyLength, flags, segmentSize, LINK_HEADROOM + IP6_HEADER)
  }

  /** The MTU towards a destination, which is to get a packet that may be too big for somebody. */
  private mtuOfLarge(destination: IpAddress, path: Path): number {
    const key = this.keyOf(destination)
    this.largeSent ??= new Int32Array(LARGE_SENT)
    this.largeSent[key & (LARGE_SENT - 1)] = key
    return this.pathMtu.towards(key, path.mtu)
  }

  /** Of a datagram that was to be summed by whom the link leads to: a fragment cannot be. */
  private fillChecksum(
    source: IpAddress,
    destination: IpAddress,
    protocol: number,
    at: number,
    headLength: number,
    body: number,
    bodyLength: number,
  ): void {
    const { pool } = this
    const udp = at + this.headroom
    const length = headLength - this.headroom
    pool.view.setUint16(udp + UDP_CHECKSUM, 0)
    let sum = pool.sum(udp, length, pseudoSum6(source, destination, protocol) + length + bodyLength)
    if (bodyLength > 0) sum = pool.sum(body, bodyLength, sum)
    pool.view.setUint16(udp + UDP_CHECKSUM, ~sum & 0xffff || 0xffff)
  }

  // ---------- input ----------

  /** A packet from a link. */
  receive(
    port: Port,
    at: number,
    length: number,
    body: number,
    bodyLength: number,
    flags: number,
    group: boolean,
  ): void {
    this.take(port.interface, at, length, body, bodyLength, flags, group, false)
  }

  /** A packet of our own to ourselves. */
  looped(at: number, length: number, body: number, bodyLength: number, flags: number, on: NetInterface | null): void {
    this.take(on, at, length, body, bodyLength, flags, false, true)
  }

  private take(
    on: NetInterface | null,
    at: number,
    length: number,
    body: number,
    bodyLength: number,
    flags: number,
    group: boolean,
    looped: boolean,
  ): void {
    const { pool, counters, packet } = this
    const { view } = pool
    if (bodyLength !== 0 && !isSplitWell(view, at, length)) {
      this.takeJoined(on, at, length, body, bodyLength, flags, group, looped)
      return
    }
    const reason = checkIpv6(view, at, length + bodyLength)
    if (reason !== null) {
      counters.drop(`ip6.${reason}`)
      return
    }
    packet.interface = on
    packet.headerAt = at
    packet.looped = looped
    const isToGroup = view.getUint8(at + IP6_DESTINATION) === 0xff
    if (!looped && on !== null) {
      if (!this.isPossibleSource(view, at + IP6_SOURCE)) {
        counters.drop('ip6.source')
        return
      }
      if (!this.isForUs(view, at + IP6_DESTINATION, on, isToGroup)) {
        counters.drop('ip6.destination')
        return
      }
    }
    // What lies behind the payload length is padding.
    const total = IP6_HEADER + view.getUint16(at + IP6_PAYLOAD_LENGTH)
    if (total < length) {
      length = total
      bodyLength = 0
    } else {
      bodyLength = total - length
    }
    packet.source = this.keyAt(view, at + IP6_SOURCE, packet)
    packet.destination = this.keyAt(view, at + IP6_DESTINATION, packet)
    packet.ttl = view.getUint8(at + IP6_HOP_LIMIT)
    packet.trafficClass = (view.getUint16(at) >>> 4) & 0xff
    packet.at = at + IP6_HEADER
    packet.length = length - IP6_HEADER
    packet.body = body
    packet.bodyLength = bodyLength
    packet.flags = flags
    packet.group = group || isToGroup
    packet.fragmented = false
    this.chain.begin(view.getUint8(at + IP6_NEXT_HEADER), at + IP6_HEADER, at + IP6_NEXT_HEADER)
    this.follow(packet)
  }

  /** Reads the chain of headers and hands the packet to who takes it. */
  private follow(packet: Packet): void {
    const { chain, pool } = this
    const { headerAt } = packet
    const end = packet.at + packet.length
    const verdict = chain.read(pool.view, headerAt, end)
    packet.length = end - chain.at
    packet.at = chain.at
    packet.protocol = chain.next
    packet.nextHeaderAt = chain.nextHeaderAt - headerAt
    if (verdict === 'end') {
      this.deliver(packet)
      return
    }
    if (verdict === 'fragment') {
      this.takeFragment(packet)
      return
    }
    this.refuse(packet, verdict)
  }

  private refuse(packet: Packet, verdict: Chain): void {
    const { chain } = this
    this.counters.drop(`ip6.${chain.reason}`)
    if (verdict === 'problem') this.onProblem?.(packet, chain.code, chain.pointer, chain.toGroup)
  }

  /** RFC 8200 4.5; `packet.at` is at the fragment header. */
  private takeFragment(packet: Packet): void {
    const { chain, counters, pool, reassembly } = this
    const { headerAt, at } = packet
    const { view } = pool
    if (packet.fragmented) {
      counters.drop('ip6.nested-fragment')
      return
    }
    packet.fragmented = true
    const field = view.getUint16(at + 2)
    const offset = field & 0xfff8
    const more = (field & 1) !== 0
    const id = view.getInt32(at + 4)
    const length = packet.payloadLength - SHORT_HEADER
    chain.begin(view.getUint8(at), at + SHORT_HEADER, at)
    if (offset === 0 && !more) {
      // RFC 6946: it stands for itself, whatever else has the same identification.
      this.follow(packet)
      return
    }
    const keep = at - headerAt
    if (more && (length & 7) !== 0) {
      this.refuse(packet, chain.problem(PROBLEM6_HEADER, IP6_PAYLOAD_LENGTH))
      return
    }
    if (keep - IP6_HEADER + offset + length > LARGEST_PAYLOAD) {
      this.refuse(packet, chain.problem(PROBLEM6_HEADER, at + 2 - headerAt))
      return
    }
    if (offset === 0) {
      const verdict = this.checkFirst(view, headerAt, at + packet.length)
      if (verdict !== 'end') {
        this.refuse(packet, verdict)
        return
      }
    }
    packet.protocol = view.getUint8(at)
    packet.at = at + SHORT_HEADER
    packet.length = length
    const whole = reassembly.take(packet, id, offset, more, keep)
    if (whole < 0) return
    const rest = packet.bodyLength === 0 ? -1 : packet.body
    this.defragment(packet)
    this.follow(packet)
    pool.release(whole)
    if (rest >= 0) pool.release(rest)
  }

  /** RFC 7112 5: a first fragment has the whole chain of headers, that of the protocol above among them. */
  private checkFirst(view: DataView, headerAt: number, end: number): Chain {
    const { chain } = this
    const verdict = chain.read(view, headerAt, end)
    if (verdict === 'fragment') return chain.drop('nested-fragment')
    if (verdict === 'drop' && chain.reason === 'header-length') return chain.problem(PROBLEM6_CHAIN, 0)
    if (verdict !== 'end') return verdict
    const { next, at } = chain
    const least = next === PROTO_TCP ? TCP_HEADER : next === PROTO_UDP || next === PROTO_ICMP6 ? SHORT_HEADER : 0
    return at + least > end ? chain.problem(PROBLEM6_CHAIN, 0) : 'end'
  }

  /** Makes the header of the first fragment that of the whole, and begins to read behind it. */
  private defragment(packet: Packet): void {
    const { chain } = this
    const { view } = this.pool
    const { headerAt, at } = packet
    packet.ttl = view.getUint8(headerAt + IP6_HOP_LIMIT)
    packet.trafficClass = (view.getUint16(headerAt) >>> 4) & 0xff
    view.setUint16(headerAt + IP6_PAYLOAD_LENGTH, at - headerAt - IP6_HEADER + packet.payloadLength)
    // The chain leads to where the fragment header stood.
    chain.begin(view.getUint8(headerAt + IP6_NEXT_HEADER), headerAt + IP6_HEADER, headerAt + IP6_NEXT_HEADER)
    chain.read(view, headerAt, at + packet.length)
    view.setUint8(chain.nextHeaderAt, packet.protocol)
    chain.begin(packet.protocol, at, chain.nextHeaderAt)
  }

  private deliver(packet: Packet): void {
    const { chain, counters, pool } = this
    const { protocol, headerAt } = packet
    const transport = this.transports[protocol]
    if (transport === undefined) {
      counters.drop('ip6.protocol')
      chain.unknown(headerAt)
      this.onProblem?.(packet, chain.code, chain.pointer, false)
      return
    }
    // Nobody, and ourselves, speak from outside in neighbour discovery only.
    if (protocol !== PROTO_ICMP6 && !packet.looped && !this.isOtherHost(pool.view, headerAt + IP6_SOURCE)) {
      counters.drop('ip6.source')
      return
    }
    packet.pseudoSum = packet.isTrusted ? 0 : pool.sum(headerAt + IP6_SOURCE, 32, protocol)
    transport.receive(packet)
  }

  /** Whether a packet from the wire may have this source: no group, no loopback, no IPv4 address in IPv6's clothes. */
  private isPossibleSource(view: DataView, at: number): boolean {
    const w0 = view.getInt32(at)
    if (w0 !== 0) return w0 >>> 24 !== 0xff
    if (view.getInt32(at + 4) !== 0) return true
    const w2 = view.getInt32(at + 8)
    return w2 !== 0xffff && (w2 !== 0 || view.getInt32(at + 12) !== 1)
  }

  private isForUs(view: DataView, at: number, on: NetInterface, isToGroup: boolean): boolean {
    const w0 = view.getInt32(at)
    const w1 = view.getInt32(at + 4)
    const w2 = view.getInt32(at + 8)
    const w3 = view.getInt32(at + 12)
    if (!isToGroup) {
      if (this.addresses.find(w0, w1, w2, w3, on.index) !== null) return true
      return this.anyAddress && isGlobal(w0, w1)
    }
    return on.v6.isMember(w0, w1, w2, w3)
  }

  private isOtherHost(view: DataView, at: number): boolean {
    const w0 = view.getInt32(at)
    const w1 = view.getInt32(at + 4)
    const w2 = view.getInt32(at + 8)
    const w3 = view.getInt32(at + 12)
    if (w0 === 0 && w1 === 0 && w2 === 0 && w3 === 0) return false
    return this.addresses.find(w0, w1, w2, w3, 0) === null
  }

  private keyAt(view: DataView, at: number, packet: Packet): number {
    const w0 = view.getInt32(at)
    const scope = w0 >>> 22 === LINK_LOCAL ? this.scopeOf(packet) : 0
    return this.known.key(w0, view.getInt32(at + 4), view.getInt32(at + 8), view.getInt32(at + 12), scope)
  }

  private addressAt(at: number, packet: Packet): IpAddress {
    const { view } = this.pool
    const w0 = view.getInt32(at)
    const scope = w0 >>> 22 === LINK_LOCAL ? this.scopeOf(packet) : 0
    return this.known.address(w0, view.getInt32(at + 4), view.getInt32(at + 8), view.getInt32(at + 12), scope)
  }

  private isAt(at: number, address: IpAddress, packet: Packet): boolean {
    const { view } = this.pool
    return (
      view.getInt32(at + 12) === address.w3 &&
      view.getInt32(at + 8) === address.w2 &&
      view.getInt32(at + 4) === address.w1 &&
      view.getInt32(at) === address.w0 &&
      (!address.isLinkLocal || address.scope === this.scopeOf(packet))
    )
  }

  /** The scope of a packet's link-local addresses: where it came in, or, of our own to ourselves, the interface of its destination. */
  private scopeOf({ interface: on, headerAt }: Packet): number {
    if (on !== null) return on.index
    return this.ownAt(headerAt + IP6_DESTINATION)?.scope ?? 0
  }

  /** A packet whose pieces are cut at an awkward place is copied into one. */
  private takeJoined(
    on: NetInterface | null,
    at: number,
    length: number,
    body: number,
    bodyLength: number,
    flags: number,
    group: boolean,
    looped: boolean,
  ): void {
    const { pool } = this
    const joined = pool.take(length + bodyLength)
    if (joined < 0) {
      this.counters.drop('ip6.pool')
      return
    }
    pool.bytes.copyWithin(joined, at, at + length)
    pool.bytes.copyWithin(joined + length, body, body + bodyLength)
    this.take(on, joined, length + bodyLength, 0, 0, flags, group, looped)
    pool.release(joined)
  }
}

/** `ff02::1` and `ff01::1`, which nobody has to join (RFC 4291 2.7.1). */
export function isAllNodes(w0: number, w1: number, w2: number, w3: number): boolean {
  return w3 === 1 && w2 === 0 && w1 === 0 && (w0 === (0xff020000 | 0) || w0 === (0xff010000 | 0))
}

/** Neither unspecified, loopback or mapped, nor of one link only. */
function isGlobal(w0: number, w1: number): boolean {
  return (w0 !== 0 || w1 !== 0) && w0 >>> 22 !== 0x3fa
}

function neighborPath({ v6: { nd, direct } }: NetInterface, hop: IpAddress, isGateway: boolean): Path {
  return nd === null ? direct : nd.cache.path(hop, isGateway)
}

/**
 * Whether a packet in two pieces can be read as it is: a TCP segment with all headers in the first piece, or a UDP datagram or an ICMPv6
 * message whose first piece ends with the header; no extension headers.
 */
function isSplitWell(view: DataView, at: number, length: number): boolean {
  if (length < IP6_HEADER + SHORT_HEADER) return false
  const next = view.getUint8(at + IP6_NEXT_HEADER)
  if (next === PROTO_UDP || next === PROTO_ICMP6) return length === IP6_HEADER + SHORT_HEADER
  if (next !== PROTO_TCP || length < IP6_HEADER + TCP_HEADER) return false
  const transport = (view.getUint8(at + IP6_HEADER + TCP_DATA_OFFSET) >>> 4) * 4
  // An odd number of octets in the first piece would swap the halves of the sum.
  return length >= IP6_HEADER + transport && (length & 1) === 0
}
