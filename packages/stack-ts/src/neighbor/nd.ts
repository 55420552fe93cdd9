/**
 * Neighbour discovery of one interface (RFC 4861): asks who has an address, answers for ours, notices who else claims one of them, and
 * hands on what routers advertise. Every message is checked as a whole before anything of it counts.
 *
 * @module
 */
import {
  ANY_V6,
  type Clock,
  ETHERTYPE_IP6,
  fromBytes,
  IP6_DESTINATION,
  IP6_SOURCE,
  type IpAddress,
  type Random,
} from '@ioth/core'
import { ALL_NODES, ALL_ROUTERS, solicitedNode } from '@ioth/core/groups'
import type { Counters } from '../counters.ts'
import type { Icmpv6 } from '../icmp/icmpv6.ts'
import type { NetInterface } from '../ip/interface.ts'
import type { Ipv6 } from '../ip/ipv6.ts'
import type { Packet } from '../ip/packet.ts'
import type { Mac } from '../wire/ethernet.ts'
import {
  ICMP6_NEIGHBOR_ADVERTISEMENT,
  ICMP6_NEIGHBOR_SOLICITATION,
  ICMP6_REDIRECT,
  ICMP6_ROUTER_ADVERTISEMENT,
  ICMP6_ROUTER_SOLICITATION,
} from '../wire/icmpv6.ts'
import {
  checkNd,
  ND_HOP_LIMIT,
  type NdMessage,
  type NeighborAdvertisement,
  type NeighborSolicitation,
  parseNd,
  type Redirect,
  type RouterAdvertisement,
  serializeNd,
} from '../wire/nd.ts'
import { NeighborCache, type Resolver, type ResolverTiming, type Undeliverable } from './cache.ts'
import type { DadWire } from './dad6.ts'
import type { Neighbor } from './neighbor.ts'

/** RFC 4861 10: RETRANS_TIMER, MAX_MULTICAST_SOLICIT, MAX_UNICAST_SOLICIT, REACHABLE_TIME. */
function defaultTiming(): ResolverTiming {
  return {
    askInterval: 1_000_000,
    groupAsks: 3,
    directAsks: 3,
    reachableTime: 30_000_000,
    asksBeforeMove: false,
  }
}

/** What neighbour discovery asks of, and tells, the interface. */
export interface NdOwner {
  /** How an address of ours stands. */
  standing(address: IpAddress): 'tentative' | 'ours' | 'not ours'
  /** Another asks from nowhere for an address that we are about to use. */
  soughtByAnother(address: IpAddress, nonce: Uint8Array | undefined, mac: Mac): void
  /** Somebody else says that an address that we use, or are about to use, is theirs. */
  claimedByAnother(address: IpAddress, mac: Mac): void
  routerAdvertised(source: IpAddress, message: RouterAdvertisement): void
  /** @returns whether it was taken. */
  redirected(source: IpAddress, message: Redirect): boolean
  /** A neighbour does not answer any more. */
  neighborLost(address: IpAddress): void
  /** A neighbour that may have been given up is heard of. */
  neighborHeard(address: IpAddress): void
  /** A neighbour says that it routes no longer. */
  routerResigned(address: IpAddress): void
}

export class NeighborDiscovery implements Resolver, DadWire {
  readonly etherType: number = ETHERTYPE_IP6
  readonly timing: ResolverTiming = defaultTiming()
  readonly cache: NeighborCache
  private readonly on: NetInterface
  private readonly owner: NdOwner
  private readonly ip: Ipv6
  private readonly icmp: Icmpv6
  private readonly counters: Counters

  constructor(
    on: NetInterface,
    owner: NdOwner,
    clock: Clock,
    random: Random,
    ip: Ipv6,
    icmp: Icmpv6,
    counters: Counters,
    undeliverable: Undeliverable,
  ) {
    this.on = on
    this.owner = owner
    this.ip = ip
    this.icmp = icmp
    this.counters = counters
    this.cache = new NeighborCache(on.port, clock, random, this, counters, undeliverable)
  }

  // ---------- what we say ----------

  ask(neighbor: Neighbor, direct: boolean): void {
    const { address } = neighbor
    const source = this.ip.addresses.bestFor(address, this.on)
    if (source === null) return
    const options = { sourceLink: this.on.port.mac }
    this.send(
      { type: ICMP6_NEIGHBOR_SOLICITATION, target: address, options },
      source.address,
      direct ? address : solicitedNode(address),
    )
  }

  lost({ address }: Neighbor): void {
    this.owner.neighborLost(address)
  }

  solicit(address: IpAddress, nonce: Uint8Array): void {
    this.send(
      { type: ICMP6_NEIGHBOR_SOLICITATION, target: address, options: { nonce } },
      ANY_V6,
      solicitedNode(address),
    )
  }

  announce(address: IpAddress): void {
    this.advertise(address, ALL_NODES, false)
  }

  /** Asks for routers, from an address of ours if there is one. */
  solicitRouters(): void {
    const own = this.ip.addresses.bestFor(ALL_ROUTERS, this.on)
    const options = own === null ? {} : { sourceLink: this.on.port.mac }
    this.send({ type: ICMP6_ROUTER_SOLICITATION, options }, own?.address ?? ANY_V6, ALL_ROUTERS)
  }

  // ---------- what others say ----------

  /** Takes a message whose checksum is right. */
  receive(packet: Packet): void {
    const { counters } = this
    const { at, length } = packet
    // RFC 6980 5
    if (packet.fragmented) {
      counters.drop('nd.fragment')
      return
    }
    const message = parseNd(this.on.port.pool.bytes.subarray(at, at + length))
    if (typeof message === 'string') {
      counters.drop(`nd.${message}`)
      return
    }
    // What all hosts of a link say to all nodes is not worth to be remembered.
    const { bytes } = this.on.port.pool
    const source = this.scoped(fromBytes(bytes, packet.headerAt + IP6_SOURCE, 16))
    const destination = fromBytes(bytes, packet.headerAt + IP6_DESTINATION, 16)
    const reason = checkNd(message, { source, destination, hopLimit: packet.ttl })
    if (reason !== null) {
      counters.drop(`nd.${reason}`)
      return
    }
    switch (message.type) {
      case ICMP6_NEIGHBOR_SOLICITATION:
        this.solicited(message, source)
        break
      case ICMP6_NEIGHBOR_ADVERTISEMENT:
        this.advertised(message)
        break
      case ICMP6_ROUTER_ADVERTISEMENT:
        this.owner.routerAdvertised(source, message)
        break
      case ICMP6_REDIRECT:
        if (!this.owner.redirected(source, message)) counters.drop('nd.redirect')
        else this.redirected(message)
        break
      case ICMP6_ROUTER_SOLICITATION:
        // We are no router (RFC 4861 6.1.1).
        counters.drop('nd.router-solicitation')
    }
  }

  /** The source of a message named its hardware address. @param isRouter what the message says of it, if anything. */
  heard(address: IpAddress, link: Mac | undefined, isRouter?: boolean): void {
    if (link === undefined) {
      const known = this.find(address)
      if (known !== null && isRouter !== undefined) known.isRouter = isRouter
      return
    }
    const neighbor = this.cache.path(address)
    if (isRouter !== undefined) neighbor.isRouter = isRouter
    this.cache.heard(neighbor, link.high, link.low)
    this.owner.neighborHeard(address)
  }

  /** RFC 4861 7.2.3, 7.2.4. */
  private solicited({ target, options }: NeighborSolicitation, source: IpAddress): void {
    const { counters, owner } = this
    const address = this.scoped(target)
    const standing = owner.standing(address)
    if (standing === 'ours') {
      if (source.isUnspecified) {
        this.advertise(address, ALL_NODES, false)
        return
      }
      if (this.ip.isOurs(source)) {
        counters.drop('nd.own')
        return
      }
      this.heard(source, options.sourceLink)
      this.advertise(address, source, true)
    } else if (standing === 'tentative') {
      // RFC 4862 5.4.3: a question with a source is for whoever has the address already.
      if (source.isUnspecified) owner.soughtByAnother(address, options.nonce, this.senderOf())
      else counters.drop('nd.tentative')
    } else {
      counters.drop('nd.target')
    }
  }

  /** RFC 4861 7.2.5. */
  private advertised(message: NeighborAdvertisement): void {
    const { cache, owner } = this
    const { solicited, override, isRouter, options } = message
    const target = this.scoped(message.target)
    const link = options.targetLink
    if (owner.standing(target) !== 'not ours') {
      this.counters.addressConflicts++
      owner.claimedByAnother(target, link ?? this.senderOf())
      return
    }
    const neighbor = this.find(target)
    if (neighbor === null) return
    if (neighbor.unresolved) {
      if (link === undefined) {
        this.counters.drop('nd.target-link')
        return
      }
      neighbor.isRouter = isRouter
      if (solicited) cache.answered(neighbor, link.high, link.low)
      else cache.move(neighbor, link.high, link.low)
      return
    }
    const isElsewhere = link !== undefined && (link.high !== neighbor.macHigh || link.low !== neighbor.macLow)
    if (isElsewhere && !override) {
      cache.suspect(neighbor)
      return
    }
    // "Solicited" is a claim: who says so from a new place without having been asked is checked like anybody who moved.
    if (isElsewhere && (!solicited || neighbor.asked === 0)) cache.move(neighbor, link.high, link.low)
    else if (solicited) cache.answered(neighbor, link?.high ?? neighbor.macHigh, link?.low ?? neighbor.macLow)
    const wasRouter = neighbor.isRouter
    neighbor.isRouter = isRouter
    if (wasRouter && !isRouter) owner.routerResigned(target)
    else owner.neighborHeard(target)
  }

  /** RFC 4861 8.3: the better first hop may come with its hardware address. */
  private redirected({ target, destination, options }: Redirect): void {
    const isRouter = !target.equals(destination)
    this.heard(this.scoped(target), options.targetLink, isRouter ? true : undefined)
  }

  // ---------- inside ----------

  private find({ w0, w1, w2, w3 }: IpAddress): Neighbor | null {
    return this.cache.find(w0, w1, w2, w3)
  }

  private scoped(address: IpAddress): IpAddress {
    return address.isLinkLocal ? address.withScope(this.on.index) : address
  }

  /** The hardware address that the frame in hand came from. */
  private senderOf(): Mac {
    return this.on.port.frameSource
  }

  /** RFC 4861 7.2.4, 7.2.6: that the address is ours, and where. */
  private advertise(address: IpAddress, to: IpAddress, solicited: boolean): void {
    const options = { targetLink: this.on.port.mac }
    const type = ICMP6_NEIGHBOR_ADVERTISEMENT
    this.send({ type, isRouter: false, solicited, override: true, target: address, options }, address, to)
  }

  private send(message: NdMessage, source: IpAddress, to: IpAddress): void {
    const { ip, icmp, on } = this
    const { pool } = on.port
    const octets = serializeNd(message)
    const at = pool.take(ip.headroom + octets.length)
    if (at < 0) {
      this.counters.lose('nd.pool')
      return
    }
    pool.bytes.set(octets, at + ip.headroom)
    const path = to.isMulticast ? on.v6.groupPaths.find(to, true, false) : this.cache.path(to)
    icmp.sendMessage(path, source, to, ND_HOP_LIMIT, at, octets.length)
  }
}
