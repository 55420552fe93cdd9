/**
 * Neighbour discovery of one interface (RFC 4861 7.2): asks who has an address, answers for ours.
 *
 * @module
 */
import { type Clock, ETHERTYPE_IP6, fromBytes, IpAddress, type Random } from '@ioth/core'
import type { Counters } from '../counters.ts'
import type { Icmpv6 } from '../icmp/icmpv6.ts'
import type { NetInterface } from '../ip/interface.ts'
import type { Ipv6 } from '../ip/ipv6.ts'
import type { Packet } from '../ip/packet.ts'
import { isGroupMac } from '../wire/ethernet.ts'
import { ICMP6_NEIGHBOR_ADVERTISEMENT, ICMP6_NEIGHBOR_SOLICITATION } from '../wire/icmpv6.ts'
import { NeighborCache, type Resolver, type ResolverTiming, type Undeliverable } from './cache.ts'
import type { Neighbor } from './neighbor.ts'

/** A solicitation or advertisement with one link-layer address option. */
const MESSAGE = 32
const TARGET = 8
const OPTIONS = 24
const SOURCE_LINK_LAYER = 1
const TARGET_LINK_LAYER = 2
const SOLICITED = 0x40000000
const OVERRIDE = 0x20000000

/** RFC 4861 10 */
const TIMING: ResolverTiming = {
  askInterval: 1_000_000,
  groupAsks: 3,
  directAsks: 3,
  reachableTime: 30_000_000,
  asksBeforeMove: false,
}

/** RFC 4291 2.7.1 */
export function solicitedNode(address: IpAddress): IpAddress {
  return new IpAddress(6, 0xff020000, 0, 1, 0xff000000 | (address.w3 & 0xffffff))
}

export class NeighborDiscovery implements Resolver {
  readonly etherType: number = ETHERTYPE_IP6
  readonly timing: ResolverTiming = { ...TIMING }
  readonly cache: NeighborCache
  private readonly on: NetInterface
  private readonly ip: Ipv6
  private readonly icmp: Icmpv6
  private readonly counters: Counters

  constructor(
    on: NetInterface,
    clock: Clock,
    random: Random,
    ip: Ipv6,
    icmp: Icmpv6,
    counters: Counters,
    undeliverable: Undeliverable,
  ) {
    this.on = on
    this.ip = ip
    this.icmp = icmp
    this.counters = counters
    this.cache = new NeighborCache(on.port, clock, random, this, counters, undeliverable)
  }

  ask(neighbor: Neighbor, direct: boolean): void {
    const { address } = neighbor
    const source = this.ip.addresses.bestFor(address, this.on)
    if (source === null) return
    const to = direct ? address : solicitedNode(address)
    this.send(ICMP6_NEIGHBOR_SOLICITATION, 0, source.address, to, address, SOURCE_LINK_LAYER)
  }

  /** Takes a message whose checksum is right; `packet.length` octets at `packet.at`. */
  receive(packet: Packet, type: number): void {
    const { view, bytes } = this.on.port.pool
    const { at, length } = packet
    if (packet.ttl !== 255 || length < OPTIONS || packet.fragmented || view.getUint8(at + 1) !== 0) {
      this.counters.drop('nd.invalid')
      return
    }
    const target = fromBytes(bytes, at + TARGET, 16)
    const wanted = type === ICMP6_NEIGHBOR_SOLICITATION ? SOURCE_LINK_LAYER : TARGET_LINK_LAYER
    const option = this.findOption(view, at + OPTIONS, at + length, wanted)
    if (option > 0 && isGroupMac(view.getUint16(option))) {
      this.counters.drop('nd.invalid')
      return
    }
    if (type === ICMP6_NEIGHBOR_ADVERTISEMENT) {
      const known = this.cache.find(target.w0, target.w1, target.w2, target.w3)
      if (known !== null && option > 0) this.cache.answered(known, view.getUint16(option), view.getInt32(option + 2))
    } else if (type === ICMP6_NEIGHBOR_SOLICITATION) {
      const own = this.ip.addresses.of(target.isLinkLocal ? target.withScope(this.on.index) : target)
      if (own === null || own.interface !== this.on) {
        this.counters.drop('nd.target')
        return
      }
      const from = this.ip.sourceOf(packet)
      if (from.isUnspecified) return
      if (option > 0) {
        const neighbor = this.cache.path(from)
        this.cache.heard(neighbor, view.getUint16(option), view.getInt32(option + 2))
      }
      this.send(ICMP6_NEIGHBOR_ADVERTISEMENT, SOLICITED | OVERRIDE, own.address, from, own.address, TARGET_LINK_LAYER)
    } else {
      this.counters.drop('nd.type')
    }
  }

  /** @returns where the hardware address of an option stands; -1 when there is none. */
  private findOption(view: DataView, at: number, end: number, wanted: number): number {
    while (at + 8 <= end) {
      const length = view.getUint8(at + 1) * 8
      if (length === 0 || at + length > end) return -1
      if (view.getUint8(at) === wanted && length === 8) return at + 2
      at += length
    }
    return -1
  }

  private send(
    type: number,
    flags: number,
    source: IpAddress,
    to: IpAddress,
    target: IpAddress,
    optionType: number,
  ): void {
    const { ip, icmp, on } = this
    const { pool, mac } = on.port
    const at = pool.take(ip.headroom + MESSAGE)
    if (at < 0) {
      this.counters.lose('nd.pool')
      return
    }
    const message = at + ip.headroom
    const { view } = pool
    view.setInt32(message, type << 24)
    view.setInt32(message + 4, flags)
    view.setInt32(message + TARGET, target.w0)
    view.setInt32(message + TARGET + 4, target.w1)
    view.setInt32(message + TARGET + 8, target.w2)
    view.setInt32(message + TARGET + 12, target.w3)
    view.setInt32(message + OPTIONS, (optionType << 24) | (1 << 16) | mac.high)
    view.setInt32(message + OPTIONS + 4, mac.low)
    const path = to.isMulticast ? on.v6.groupPaths.find(to, true, false) : this.cache.path(to)
    icmp.sendMessage(path, source, to, 255, at, MESSAGE)
  }
}
