/**
 * IPv4 (RFC 791, RFC 1122 3.2): takes packets from the ports and hands them to the transports, puts headers in front of what they send.
 * A host, not a router: nothing is forwarded.
 *
 * @module
 */
import {
  ANY_V4,
  CHECKSUM_VERIFIED,
  type FramePool,
  IP4_CHECKSUM,
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
import { ALL_HOSTS, type Memberships, PROTO_IGMP } from '@ioth/core/groups'
import type { Counters } from '../counters.ts'
import type { Loopback, LoopbackTaker } from '../link/loopback.ts'
import { LINK_HEADROOM, type Path } from '../link/path.ts'
import type { Port } from '../link/port.ts'
import { pseudoSum4 } from '../wire/checksum.ts'
import { checkIpv4, writeIpv4 } from '../wire/ipv4.ts'
import { checkOptions } from '../wire/ipv4-option.ts'
import { AddressTable } from './address-table.ts'
import { sendFragments } from './fragment.ts'
import { LIMITED_BROADCAST, type NetInterface } from './interface.ts'
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
  readonly hopLimit: number = 64
  readonly addresses: AddressTable = new AddressTable()
  readonly routes: RouteTable = new RouteTable()
  /** Protocols by number, set by who builds the stack. */
  readonly transports: (Transport | undefined)[] = []
  /** What nobody takes; ICMP's business. */
  onUnknownProtocol: ((packet: Packet) => void) | null = null
  /** Accepts packets to every unicast address: what a gateway is made of. */
  readonly anyAddress: boolean
  private readonly pool: FramePool
  private readonly counters: Counters
  private readonly loopback: Loopback
  private readonly packet: Packet
  private readonly reassembly: Reassembly
  private readonly ids: PacketIds
  private readonly pathMtu: PathMtu
  private readonly interned = new Map<number, IpAddress>()
  /** Those of the packet before: the next one is often like it. */
  private lastSource: IpAddress = ANY_V4
  private lastDestination: IpAddress = ANY_V4

  constructor(
    pool: FramePool,
    counters: Counters,
    loopback: Loopback,
    packet: Packet,
    reassembly: Reassembly,
    ids: PacketIds,
    pathMtu: PathMtu,
    anyAddress: boolean,
  ) {
    this.pool = pool
    this.counters = counters
    this.loopback = loopback
    this.packet = packet
    this.reassembly = reassembly
    this.ids = ids
    this.pathMtu = pathMtu
    this.anyAddress = anyAddress
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

  sourceOf({ source }: Packet): IpAddress {
    if (source !== this.lastSource.w3) this.lastSource = this.addressOf(source)
    return this.lastSource
  }

  destinationOf({ destination }: Packet): IpAddress {
    if (destination !== this.lastDestination.w3) this.lastDestination = this.addressOf(destination)
    return this.lastDestination
  }

  /** Changes whenever a way found before may be another now. */
  get generation(): number {
    return this.addresses.generation + this.routes.generation
  }

  /** Keys are the addresses themselves. */
  isBetween(): boolean {
    return true
  }

  isOurs(address: IpAddress): boolean {
    return address.isLoopback || this.addresses.find(address.w3) !== null
  }

  isBindable(address: IpAddress): boolean {
    return this.isOurs(address) || (this.anyAddress && isUnicast(address.w3))
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
    if (!isUnicast(word) || this.addresses.broadcastOf(word) !== null) return null
    const route = this.routes.lookup(word)
    if (route === null) return null
    const { arp, direct } = route.interface
    if (arp === null) return direct
    const hop = route.via ?? word
    return arp.cache.path(this.addressOf(hop), route.via !== null)
  }

  sourceFor(destination: IpAddress): IpAddress | null {
    if (destination.isLoopback) return LOOPBACK_V4
    const word = destination.w3
    const own = this.addresses.find(word)
    if (own !== null) return own.address
    if (this.isGroup(destination)) {
      const on = this.groupInterface(destination)
      return on === null ? null : this.sourceOn(on, destination)
    }
    const route = this.routes.lookup(word)
    return route === null ? null : (this.addresses.bestOn(route.interface, route.via ?? word)?.address ?? null)
  }

  groupInterface(group: IpAddress): NetInterface | null {
    const word = group.w3
    const on = this.addresses.broadcastOf(word)?.interface ?? this.routes.lookup(word)?.interface
    return on ?? this.addresses.entries[0]?.interface ?? null
  }

  groupPath(group: IpAddress, on: NetInterface, out: boolean, loop: boolean): Path {
    return on.groupPaths.find(group, out, loop)
  }

  sourceOn(on: NetInterface, destination: IpAddress): IpAddress | null {
    return this.addresses.bestOn(on, destination.w3)?.address ?? null
  }

  memberships(on: NetInterface): Memberships {
    return on.igmp.memberships
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
    if (source.w3 >>> 24 === 127 && path !== this.loopback) {
      // RFC 1122 3.2.1.3: a loopback address never leaves the host.
      this.counters.lose('ip4.loopback')
      this.pool.release(at)
      if (bodyLength !== 0) this.pool.release(body)
      return
    }
    if (total > path.mtu && (flags & SEGMENT_ME) === 0) {
      const id = this.ids.next(source.w3, destination.w3, protocol)
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
    const id = whole ? 0 : this.ids.next(source.w3, destination.w3, protocol)
    const fragment = whole ? IP4_DONT_FRAGMENT : 0
    writeIpv4(this.pool.view, header, total, id, fragment, ttl, trafficClass, protocol, source.w3, destination.w3)
    path.transmit(at, headLength, body, bodyLength, flags, segmentSize, LINK_HEADROOM + IP4_HEADER)
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
    this.take(on, at, length, body, bodyLength, flags, on !== null, true)
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
      if (this.addresses.find(destination) === null) {
        const kind = this.kindOf(destination, on)
        if (kind === 'not-ours') {
          counters.drop('ip4.destination')
          return
        }
        group = kind === 'group'
      } else if (group) {
        // RFC 1122 3.3.6: a packet to one host in a frame to many.
        counters.drop('ip4.link-group')
        return
      }
      if (!this.addresses.isPossibleSource(source) && !(group && isUnnumbered(view, at, length))) {
        counters.drop('ip4.source')
        return
      }
    }
    if (headerLength > IP4_HEADER && !this.areOptionsGood(at, headerLength)) return
    const total = view.getUint16(at + IP4_TOTAL_LENGTH)
    const fragment = view.getUint16(at + IP4_FRAGMENT)
    // What lies behind the total length is padding.
    if (total < length) {
      length = total
      bodyLength = 0
    } else {
      bodyLength = total - length
    }
    packet.interface = on
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
      this.takeFragment(packet, fragment)
      return
    }
    this.deliver(packet)
  }

  private takeFragment(packet: Packet, fragment: number): void {
    const { headerAt, at } = packet
    const offset = (fragment & IP4_FRAGMENT_OFFSET) * 8
    const more = (fragment & IP4_MORE_FRAGMENTS) !== 0
    const id = this.pool.view.getUint16(headerAt + IP4_ID)
    const whole = this.reassembly.take(packet, id, offset, more, at - headerAt)
    if (whole < 0) return
    this.defragmented(packet)
    this.deliver(packet)
    this.pool.release(whole)
  }

  private areOptionsGood(at: number, headerLength: number): boolean {
    const refusal = checkOptions(this.pool.view, at + IP4_HEADER, at + headerLength)
    if (refusal !== null) this.counters.drop(`ip4.${refusal}`)
    return refusal === null
  }

  /** The header of a packet that was put together says so: an error that quotes it must tell the truth. */
  private defragmented(packet: Packet): void {
    const { pool } = this
    const { headerAt, at } = packet
    const { view } = pool
    view.setUint16(headerAt + IP4_TOTAL_LENGTH, at - headerAt + packet.length)
    view.setUint16(headerAt + IP4_FRAGMENT, 0)
    view.setUint16(headerAt + IP4_CHECKSUM, 0)
    view.setUint16(headerAt + IP4_CHECKSUM, ~pool.sum(headerAt, at - headerAt) & 0xffff)
    packet.ttl = view.getUint8(headerAt + IP4_TTL)
    packet.trafficClass = view.getUint8(headerAt + IP4_TRAFFIC_CLASS)
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

  /** What a destination that is no address of ours is to us. */
  private kindOf(destination: number, on: NetInterface | null): 'group' | 'unicast' | 'not-ours' {
    if (destination >>> 28 === 0xe) {
      const isJoined = destination === ALL_HOSTS || on?.igmp.memberships.find(0, 0, 0xffff, destination) != null
      return isJoined ? 'group' : 'not-ours'
    }
    if (destination === LIMITED_BROADCAST || this.addresses.broadcastOf(destination)?.interface === on) return 'group'
    return this.anyAddress && isUnicast(destination) && destination >>> 24 !== 127 ? 'unicast' : 'not-ours'
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
      this.counters.drop('ip4.pool')
      return
    }
    pool.bytes.copyWithin(joined, at, at + length)
    pool.bytes.copyWithin(joined + length, body, body + bodyLength)
    this.take(on, joined, length + bodyLength, 0, 0, flags, group, looped)
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

/** Whether an address may name one host: neither "this network" (0/8), nor a group, nor reserved (RFC 1122 3.2.1.3). */
function isUnicast(word: number): boolean {
  return word >>> 24 !== 0 && word >>> 28 < 0xe
}

/** Whether the sender may well have no address yet: a host that asks for one, or a switch that asks for groups (RFC 4541 2.1.1). */
function isUnnumbered(view: DataView, at: number, length: number): boolean {
  if (view.getInt32(at + IP4_SOURCE) !== 0) return false
  return view.getUint8(at + IP4_PROTOCOL) === PROTO_IGMP || isForDhcpServer(view, at, length)
}
