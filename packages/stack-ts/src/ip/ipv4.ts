/**
 * IPv4 (RFC 791, RFC 1122 3.2): takes packets from the ports and hands them to the transports, puts headers in front of what they send.
 * A host, not a router: nothing is forwarded.
 *
 * @module
 */
import {
  CHECKSUM_VERIFIED,
  type FramePool,
  IP4_DESTINATION,
  IP4_DONT_FRAGMENT,
  IP4_FRAGMENT,
  IP4_FRAGMENT_OFFSET,
  IP4_HEADER,
  IP4_ID,
  IP4_MORE_FRAGMENTS,
  IP4_PROTOCOL,
  IP4_SOURCE,
  IP4_TOTAL_LENGTH,
  IP4_TRAFFIC_CLASS,
  IP4_TTL,
  IpAddress,
  LOOPBACK_V4,
  PROTO_TCP,
  PROTO_UDP,
  SEGMENT_ME,
  TCP_DATA_OFFSET,
  TCP_HEADER,
  UDP_HEADER,
} from '@ioth/core'
import { isForDhcpServer } from '@ioth/core/dhcp'
import type { Counters } from '../counters.ts'
import type { Loopback, LoopbackTaker } from '../link/loopback.ts'
import { LINK_HEADROOM, type Path } from '../link/path.ts'
import type { Port } from '../link/port.ts'
import { pseudoSum4 } from '../wire/checksum.ts'
import { checkIpv4, writeIpv4 } from '../wire/ipv4.ts'
import { AddressTable, type LocalAddress } from './address-table.ts'
import { sendFragments } from './fragment.ts'
import { LIMITED_BROADCAST } from './interface.ts'
import type { Network, Transport } from './network.ts'
import type { Packet } from './packet.ts'
import type { PacketIds } from './packet-id.ts'
import type { PathMtu } from './path-mtu.ts'
import type { Reassembly } from './reassembly.ts'
import { RouteTable } from './route-table.ts'

/** Addresses kept as shared objects. */
const INTERNED = 1024

export class Ipv4 implements Network, LoopbackTaker {
  readonly family = 4
  readonly headroom: number = LINK_HEADROOM + IP4_HEADER
  readonly headerLength: number = IP4_HEADER
  readonly defaultMss: number = 536
  readonly addresses: AddressTable = new AddressTable()
  readonly routes: RouteTable = new RouteTable()
  /** Protocols by number, set by who builds the stack. */
  readonly transports: (Transport | undefined)[] = []
  /** What nobody takes; ICMP's business. */
  onUnknownProtocol: ((packet: Packet) => void) | null = null
  private readonly pool: FramePool
  private readonly counters: Counters
  private readonly loopback: Loopback
  private readonly packet: Packet
  private readonly reassembly: Reassembly
  private readonly ids: PacketIds
  private readonly pathMtu: PathMtu
  private readonly interned = new Map<number, IpAddress>()

  constructor(
    pool: FramePool,
    counters: Counters,
    loopback: Loopback,
    packet: Packet,
    reassembly: Reassembly,
    ids: PacketIds,
    pathMtu: PathMtu,
  ) {
    this.pool = pool
    this.counters = counters
    this.loopback = loopback
    this.packet = packet
    this.reassembly = reassembly
    this.ids = ids
    this.pathMtu = pathMtu
    packet.network = this
  }

  // ---------- addresses and paths ----------

  keyOf(address: IpAddress): number {
    return address.w3
  }

  addressOf(key: number): IpAddress {
    const known = this.interned.get(key)
    if (known !== undefined) return known
    const address = this.addresses.find(key)?.address ?? IpAddress.v4(key)
    if (this.interned.size >= INTERNED) this.interned.clear()
    this.interned.set(key, address)
    return address
  }

  isOurs(address: IpAddress): boolean {
    return address.isLoopback || this.addresses.find(address.w3) !== null
  }

  isGroup(address: IpAddress): boolean {
    return address.w3 >>> 28 >= 0xe || this.addresses.broadcastOf(address.w3) !== null
  }

  mtuTowards(destination: IpAddress, path: Path): number {
    return this.pathMtu.towards(destination.w3, path.mtu)
  }

  lowerMtu(destination: IpAddress, mtu: number, length: number): void {
    this.pathMtu.lower(destination.w3, mtu, length)
  }

  pseudoSum(source: IpAddress, destination: IpAddress, protocol: number): number {
    return pseudoSum4(source.w3, destination.w3, protocol)
  }

  findPath(destination: IpAddress): Path | null {
    if (this.isOurs(destination)) return this.loopback
    const word = destination.w3
    // Groups are not supported: sending to them would need their own time to live, and nobody could answer to one of ours.
    if (destination.isMulticast) return null
    const network = this.addresses.broadcastOf(word)
    if (network !== null) return network.interface.broadcast
    const route = this.routes.lookup(word)
    if (word === LIMITED_BROADCAST) return (route?.interface ?? this.addresses.entries[0]?.interface)?.broadcast ?? null
    if (route === null) return null
    const { arp, broadcast } = route.interface
    if (arp === null) return broadcast
    const hop = route.via ?? word
    return arp.cache.path(this.addressOf(hop), route.via !== null)
  }

  sourceFor(destination: IpAddress): IpAddress | null {
    if (destination.isLoopback) return LOOPBACK_V4
    const word = destination.w3
    const local = this.localFor(word)
    return local === null ? null : local.address
  }

  private localFor(word: number): LocalAddress | null {
    const own = this.addresses.find(word) ?? this.addresses.broadcastOf(word)
    if (own !== null) return own
    const route = this.routes.lookup(word)
    if (route === null) return word === LIMITED_BROADCAST ? (this.addresses.entries[0] ?? null) : null
    return this.addresses.bestOn(route.interface, route.via ?? word)
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
    const total = headLength + bodyLength - LINK_HEADROOM
    const header = at + LINK_HEADROOM
    if (total > path.mtu && (flags & SEGMENT_ME) === 0) {
      const id = this.ids.next()
      sendFragments(
        this.pool,
        this.counters,
        path,
        id,
        ttl,
        trafficClass,
        protocol,
        source.w3,
        destination.w3,
        at,
        headLength,
        body,
        bodyLength,
      )
      return
    }
    // RFC 6864: an id is needed only where a router may cut. TCP never lets one, and finds the path's MTU instead (RFC 1191).
    const whole = protocol === PROTO_TCP
    const id = whole ? 0 : this.ids.next()
    const fragment = whole ? IP4_DONT_FRAGMENT : 0
    writeIpv4(this.pool.view, header, total, id, fragment, ttl, trafficClass, protocol, source.w3, destination.w3)
    path.transmit(at, headLength, body, bodyLength, flags, segmentSize, LINK_HEADROOM + IP4_HEADER)
  }

  // ---------- input ----------

  /** A packet from a link. */
  receive(
    _port: Port,
    at: number,
    length: number,
    body: number,
    bodyLength: number,
    flags: number,
    group: boolean,
  ): void {
    this.take(at, length, body, bodyLength, flags, group, false)
  }

  /** A packet of our own to ourselves. */
  looped(at: number, length: number, body: number, bodyLength: number, flags: number): void {
    this.take(at, length, body, bodyLength, flags, false, true)
  }

  private take(
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
      this.takeJoined(at, length, body, bodyLength, flags, group, looped)
      return
    }
    const reason = checkIpv4(view, at, length + bodyLength)
    if (reason !== null) {
      counters.drop(`ip4.${reason}`)
      return
    }
    const headerLength = (view.getUint8(at) & 15) * 4
    if ((flags & CHECKSUM_VERIFIED) === 0 && pool.sum(at, headerLength) !== 0xffff) {
      counters.drop('ip4.checksum')
      return
    }
    const source = view.getInt32(at + IP4_SOURCE)
    const destination = view.getInt32(at + IP4_DESTINATION)
    if (!looped) {
      // RFC 1122 3.2.1.3 a: no address yet is a source for one purpose only.
      const isInitializing = source === 0 && destination === LIMITED_BROADCAST && isForDhcpServer(view, at, length)
      if (!isInitializing && !this.addresses.isPossibleSource(source)) {
        counters.drop('ip4.source')
        return
      }
      if (this.addresses.find(destination) === null) {
        if (!this.isBroadcast(destination)) {
          counters.drop('ip4.destination')
          return
        }
        group = true
      }
    }
    if (headerLength > IP4_HEADER && hasSourceRoute(view, at + IP4_HEADER, at + headerLength)) {
      counters.drop('ip4.source-route')
      return
    }
    const total = view.getUint16(at + IP4_TOTAL_LENGTH)
    const fragment = view.getUint16(at + IP4_FRAGMENT)
    // What lies behind the total length is padding.
    if (total < length) {
      length = total
      bodyLength = 0
    } else {
      bodyLength = total - length
    }
    packet.source = source
    packet.destination = destination
    packet.protocol = view.getUint8(at + IP4_PROTOCOL)
    packet.ttl = view.getUint8(at + IP4_TTL)
    packet.trafficClass = view.getUint8(at + IP4_TRAFFIC_CLASS)
    packet.headerAt = at
    packet.at = at + headerLength
    packet.length = length - headerLength
    packet.body = body
    packet.bodyLength = bodyLength
    packet.flags = flags
    packet.group = group
    packet.looped = looped
    if ((fragment & (IP4_MORE_FRAGMENTS | IP4_FRAGMENT_OFFSET)) !== 0) {
      const offset = (fragment & IP4_FRAGMENT_OFFSET) * 8
      const more = (fragment & IP4_MORE_FRAGMENTS) !== 0
      const whole = this.reassembly.take(packet, view.getUint16(at + IP4_ID), offset, more)
      if (whole < 0) return
      this.deliver(packet)
      pool.release(whole)
      return
    }
    this.deliver(packet)
  }

  private deliver(packet: Packet): void {
    const transport = this.transports[packet.protocol]
    if (transport === undefined) {
      this.counters.drop('ip4.protocol')
      this.onUnknownProtocol?.(packet)
      return
    }
    packet.pseudoSum = pseudoSum4(packet.source, packet.destination, packet.protocol)
    transport.receive(packet)
  }

  private isBroadcast(destination: number): boolean {
    return destination === LIMITED_BROADCAST || this.addresses.broadcastOf(destination) !== null
  }

  /** A packet whose pieces are cut at an awkward place is copied into one. */
  private takeJoined(
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
      this.counters.drop('ip4.pool')
      return
    }
    pool.bytes.copyWithin(joined, at, at + length)
    pool.bytes.copyWithin(joined + length, body, body + bodyLength)
    this.take(joined, length + bodyLength, 0, 0, flags, group, looped)
    pool.release(joined)
  }
}

/**
 * Whether a packet in two pieces can be read as it is: a TCP segment with all headers in the first piece, or a UDP datagram with all its
 * payload in the second.
 */
function isSplitWell(view: DataView, at: number, length: number): boolean {
  if (length < IP4_HEADER + UDP_HEADER) return false
  const header = (view.getUint8(at) & 15) * 4
  const protocol = view.getUint8(at + IP4_PROTOCOL)
  if ((view.getUint16(at + IP4_FRAGMENT) & (IP4_MORE_FRAGMENTS | IP4_FRAGMENT_OFFSET)) !== 0) return false
  if (protocol === PROTO_UDP) return length === header + UDP_HEADER
  if (protocol !== PROTO_TCP || length < header + TCP_HEADER) return false
  const transport = (view.getUint8(at + header + TCP_DATA_OFFSET) >>> 4) * 4
  // An odd number of octets in the first piece would swap the halves of the sum.
  return length >= header + transport && (length & 1) === 0
}

const OPTION_END = 0
const OPTION_NOP = 1
const LOOSE_SOURCE_ROUTE = 131
const STRICT_SOURCE_ROUTE = 137

/** Options are skipped by their lengths; a source route, or a list that cannot be read, is refused (RFC 7126 4.3, 4.4). */
function hasSourceRoute(view: DataView, at: number, end: number): boolean {
  while (at < end) {
    const kind = view.getUint8(at)
    if (kind === OPTION_END) return false
    if (kind === OPTION_NOP) {
      at++
      continue
    }
    if (kind === LOOSE_SOURCE_ROUTE || kind === STRICT_SOURCE_ROUTE || at + 1 >= end) return true
    const length = view.getUint8(at + 1)
    if (length < 2 || at + length > end) return true
    at += length
  }
  return false
}
