/**
 * What an interface makes of router advertisements (RFC 4861 6.3.4): ways out, addresses, name servers, and how its neighbours are to be
 * spoken to. Everything is bounded, and nothing of it outlives what the router said.
 *
 * @module
 */
import { Alarm, type Clock, type IpAddress, type Random } from '@ioth/core'
import type { Counters } from '../counters.ts'
import type { NetInterface } from '../ip/interface.ts'
import type { Ipv6 } from '../ip/ipv6.ts'
import type { RouterAdvertisement } from '../wire/nd.ts'
import { type AddressBearer, Autoconfiguration } from './autoconfiguration.ts'
import type { ProbeMode } from './dad.ts'
import type { IdentifierMaker } from './interface-identifier.ts'
import type { NeighborDiscovery } from './nd.ts'
import { AdvertisedResolution, type ResolutionLists } from './resolution.ts'
import { RouterSolicitor } from './router-solicitor.ts'
import { type RouterEvents, Routers } from './routers.ts'

/** RFC 4861 6.2.1: an hour at most. Milliseconds. */
const MOST_REACHABLE = 3_600_000
/** What a router may ask for between two questions: more would be a flood, or a neighbour that is never found. Milliseconds. */
const LEAST_RETRANSMIT = 100
const MOST_RETRANSMIT = 10_000
/** A hop limit below this would cut us off from the network, which is what it would be for. */
const LEAST_HOP_LIMIT = 32
const LEAST_MTU = 1280

/** What the discovery configures. */
export interface RouterDiscoveryHost extends ResolutionLists {
  readonly clock: Clock
  readonly random: Random
  readonly ip6: Ipv6
  readonly stats: Counters
  readonly probe: ProbeMode
}

export class RouterDiscovery implements RouterEvents {
  readonly routers: Routers
  readonly addresses: Autoconfiguration
  private readonly host: RouterDiscoveryHost
  private readonly nd: NeighborDiscovery
  private readonly events: RouterEvents
  private readonly resolution: AdvertisedResolution
  private readonly solicitor: RouterSolicitor
  private readonly waiters = new Set<Alarm>()
  /** A router has said something to configure by. */
  private isHeard = false
  /** Addresses in the making. */
  private forming = 0
  /** Whether a router has said all that it has to say, and what it led to is done. */
  private isConfigured = false

  constructor(
    host: RouterDiscoveryHost,
    on: NetInterface,
    nd: NeighborDiscovery,
    identifiers: IdentifierMaker,
    bearer: AddressBearer,
    events: RouterEvents,
  ) {
    const { clock, random, ip6, stats, probe } = host
    this.host = host
    this.nd = nd
    this.events = events
    this.routers = new Routers(on, ip6.routes, clock, stats, this)
    this.addresses = new Autoconfiguration(clock, stats, identifiers, bearer)
    this.resolution = new AdvertisedResolution(clock, host)
    this.solicitor = new RouterSolicitor(clock, random, probe === 'rfc', () => nd.solicitRouters())
  }

  /** Asks for routers, unless one was heard already. */
  start(): void {
    if (!this.routers.hasDefault) this.solicitor.start()
  }

  /** The link is back, perhaps at another network: its routers are asked for. */
  restart(): void {
    this.solicitor.start()
  }

  /** Settles when a router was heard and the addresses formed by its word are usable, or when the time is over. */
  configured(microseconds: number): Promise<void> {
    if (this.isConfigured) return Promise.resolve()
    const { clock } = this.host
    return new Promise((resolve) => {
      const waiter = new Alarm(() => {
        this.waiters.delete(waiter)
        clock.disarm(waiter)
        resolve()
      })
      this.waiters.add(waiter)
      clock.arm(waiter, clock.now + microseconds)
    })
  }

  stop(): void {
    this.solicitor.stop()
    this.addresses.stop()
    this.routers.clear()
    this.resolution.clear()
    for (const waiter of this.waiters) waiter.fire()
  }

  /** Does nothing more; what it configured stays. */
  leave(): void {
    this.solicitor.stop()
    this.addresses.stop()
    this.routers.leave()
    this.resolution.leave()
    for (const waiter of this.waiters) waiter.fire()
  }

  advertised(source: IpAddress, message: RouterAdvertisement): void {
    const { routers, nd } = this
    const { options, routerLifetime } = message
    nd.heard(source, options.sourceLink, true)
    routers.heard(source)
    routers.router(source, routerLifetime, message.preference)
    for (const { prefix, prefixLength, lifetime, preference } of options.routes ?? []) {
      if (!prefix.isLinkLocal && !prefix.isMulticast) routers.route(prefix, prefixLength, source, lifetime, preference)
    }
    this.adjust(message)
    let says = routerLifetime > 0
    for (const option of options.prefixes ?? []) {
      const { prefix, prefixLength, onLink, validLifetime } = option
      if (onLink && !prefix.isLinkLocal && !prefix.isMulticast && prefixLength > 0) {
        routers.prefix(prefix, prefixLength, validLifetime)
      }
      const formed = this.addresses.advertised(option)
      if (formed === null) continue
      says = true
      this.forming++
      void formed.then(() => {
        this.forming--
        this.settle()
      })
    }
    for (const servers of options.nameServers ?? []) this.resolution.advertisedServers(servers)
    for (const domains of options.searchLists ?? []) this.resolution.advertisedDomains(domains)
    // RFC 7559 2.1: until there is a router to send to.
    if (routerLifetime > 0) this.solicitor.stop()
    if (!says) return
    this.isHeard = true
    this.settle()
  }

  // ---------- RouterEvents ----------

  routerAdded(address: IpAddress): void {
    this.nd.cache.path(address, true)
    this.events.routerAdded(address)
  }

  routerRemoved(address: IpAddress): void {
    // RFC 4861 6.3.5: who sends through it looks for another way.
    const neighbor = this.nd.cache.find(address.w0, address.w1, address.w2, address.w3)
    if (neighbor !== null) this.nd.cache.remove(neighbor)
    this.events.routerRemoved(address)
  }

  // ---------- inside ----------

  /** Also after the second of two advertisements in a row: the addresses of the first may still be in the making. */
  private settle(): void {
    if (!this.isHeard || this.forming > 0) return
    this.isConfigured = true
    for (const waiter of [...this.waiters]) waiter.fire()
  }

  /** What is 0 was not said; what is absurd is not taken. */
  private adjust({ hopLimit, reachableTime, retransmitTime, options }: RouterAdvertisement): void {
    const { cache, timing } = this.nd
    const { mtu } = options
    if (hopLimit >= LEAST_HOP_LIMIT) this.host.ip6.hopLimit = hopLimit
    if (reachableTime > 0 && reachableTime <= MOST_REACHABLE && timing.reachableTime !== reachableTime * 1000) {
      timing.reachableTime = reachableTime * 1000
      cache.timingChanged()
    }
    if (retransmitTime > 0) {
      timing.askInterval = Math.min(Math.max(retransmitTime, LEAST_RETRANSMIT), MOST_RETRANSMIT) * 1000
    }
    if (mtu !== undefined && mtu >= LEAST_MTU && mtu <= cache.port.mtu) cache.mtu = mtu
  }
}
