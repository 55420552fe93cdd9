/**
 * What routers advertise of the ways out: default routers (RFC 4861 6.3.4), routes to parts of the network (RFC 4191), and which prefixes
 * are on the link. They become routes of the stack for as long as they last, behind those that its user configured.
 *
 * A router that may be there is preferred to one that did not answer, then the one with the higher preference (RFC 4191 3.2).
 *
 * @module
 */
import { ANY_V6, type Clock, type IpAddress, networkAddress } from '@ioth/core'
import type { Counters } from '../counters.ts'
import type { NetInterface } from '../ip/interface.ts'
import type { RouteTable6 } from '../ip/route-table6.ts'
import type { Preference } from '../wire/nd-option.ts'
import { endOf, Lifetimes, type Mortal } from './lifetimes.ts'

const MOST_ROUTERS = 8
const MOST_ROUTES = 16
const MOST_PREFIXES = 16
const MOST_REDIRECTS = 64
/** Behind everything that was configured. */
const METRIC = 1024
/** What a router is put back by, each time it did not answer. */
const SILENCE = 16
const PREFERENCE: Readonly<Record<Preference, number>> = { high: 0, medium: 1, low: 2 }

class LearntRoute implements Mortal {
  readonly destination: IpAddress
  readonly prefixLength: number
  readonly via: IpAddress | null
  until: number
  preference: Preference
  /** How often its router did not answer since it was last heard. */
  silences = 0
  /** Whether the stack has this route from us. */
  isOurs = false

  constructor(
    destination: IpAddress,
    prefixLength: number,
    via: IpAddress | null,
    until: number,
    preference: Preference,
  ) {
    this.destination = destination
    this.prefixLength = prefixLength
    this.via = via
    this.until = until
    this.preference = preference
  }

  get isDefault(): boolean {
    return this.prefixLength === 0 && this.via !== null
  }

  get metric(): number {
    return METRIC + PREFERENCE[this.preference] + this.silences * SILENCE
  }

  is(destination: IpAddress, prefixLength: number, via: IpAddress | null): boolean {
    if (this.prefixLength !== prefixLength || !this.destination.equals(destination)) return false
    return via === null ? this.via === null : this.via?.equals(via) === true
  }
}

/** Who hears of default routers. */
export interface RouterEvents {
  routerAdded(address: IpAddress): void
  /** Flows through it have to look for another way. */
  routerRemoved(address: IpAddress): void
}

export class Routers {
  private readonly on: NetInterface
  private readonly table: RouteTable6
  private readonly clock: Clock
  private readonly counters: Counters
  private readonly events: RouterEvents
  private readonly defaults: Lifetimes<LearntRoute>
  private readonly routes: Lifetimes<LearntRoute>
  private readonly prefixes: Lifetimes<LearntRoute>
  private readonly redirects: LearntRoute[] = []

  constructor(on: NetInterface, table: RouteTable6, clock: Clock, counters: Counters, events: RouterEvents) {
    this.on = on
    this.table = table
    this.clock = clock
    this.counters = counters
    this.events = events
    const ended = (route: LearntRoute): void => this.withdrawn(route)
    this.defaults = new Lifetimes(clock, MOST_ROUTERS, ended)
    this.routes = new Lifetimes(clock, MOST_ROUTES, ended)
    this.prefixes = new Lifetimes(clock, MOST_PREFIXES, ended)
  }

  get hasDefault(): boolean {
    return this.defaults.entries.length > 0
  }

  /** A router said for how many seconds it is a way to everywhere; 0: no longer. */
  router(address: IpAddress, lifetime: number, preference: Preference): void {
    this.learn(this.defaults, ANY_V6, 0, address, lifetime, preference)
  }

  /** RFC 4191 3.1. A route to everywhere says how long and how much the router is preferred, in place of its header. */
  route(destination: IpAddress, prefixLength: number, via: IpAddress, lifetime: number, preference: Preference): void {
    const list = prefixLength === 0 ? this.defaults : this.routes
    this.learn(list, networkAddress(destination, prefixLength), prefixLength, via, lifetime, preference)
  }

  /** A router said for how many seconds a prefix is on the link. */
  prefix(prefix: IpAddress, prefixLength: number, lifetime: number): void {
    this.learn(this.prefixes, networkAddress(prefix, prefixLength), prefixLength, null, lifetime, 'medium')
  }

  /**
   * A router told of a better first hop (RFC 4861 8.3).
   * @returns false when it was not for the one who says so to say.
   */
  redirect(router: IpAddress, destination: IpAddress, target: IpAddress): boolean {
    const way = this.table.lookup(destination)
    if (way === null || way.interface !== this.on || way.via === null || !sameWords(way.via, router)) return false
    const known = this.redirects.findIndex((route) => route.destination.equals(destination))
    if (known >= 0) this.withdrawn(this.redirects.splice(known, 1)[0]!)
    if (this.redirects.length >= MOST_REDIRECTS) this.withdrawn(this.redirects.shift()!)
    const via = sameWords(target, destination) ? null : target
    const route = new LearntRoute(destination, 128, via, Number.POSITIVE_INFINITY, 'medium')
    this.redirects.push(route)
    this.announce(route)
    return true
  }

  /** The neighbour is heard again: its routes count as before. */
  heard(address: IpAddress): void {
    for (const route of this.through(address)) {
      if (route.silences === 0) continue
      route.silences = 0
      this.reannounce(route)
    }
  }

  /** The neighbour does not answer: others are tried first (RFC 4861 6.3.6), and what it was redirected to is forgotten. */
  lost(address: IpAddress): void {
    for (const route of this.through(address)) {
      route.silences++
      this.reannounce(route)
    }
    for (const route of [...this.redirects]) {
      if (!sameWords(route.via ?? route.destination, address)) continue
      this.redirects.splice(this.redirects.indexOf(route), 1)
      this.withdrawn(route)
    }
  }

  /** The neighbour is no router any more (RFC 4861 7.2.5). */
  resigned(address: IpAddress): void {
    for (const list of [this.defaults, this.routes]) {
      for (const route of list.entries.filter(({ via }) => via !== null && sameWords(via, address))) {
        list.remove(route)
        this.withdrawn(route)
      }
    }
  }

  clear(): void {
    for (const list of [this.defaults, this.routes, this.prefixes]) {
      for (const route of list.clear()) this.withdrawn(route)
    }
    for (const route of this.redirects.splice(0)) this.withdrawn(route)
  }

  /** Forgets how long they last: they stay. */
  leave(): void {
    for (const list of [this.defaults, this.routes, this.prefixes]) list.clear()
    this.redirects.length = 0
  }

  private learn(
    list: Lifetimes<LearntRoute>,
    destination: IpAddress,
    prefixLength: number,
    via: IpAddress | null,
    lifetime: number,
    preference: Preference,
  ): void {
    const known = list.find((route) => route.is(destination, prefixLength, via))
    if (lifetime === 0) {
      if (known === undefined) return
      list.remove(known)
      this.withdrawn(known)
      return
    }
    const until = endOf(this.clock.now, lifetime)
    if (known !== undefined) {
      known.until = until
      list.changed()
      const isMoved = known.preference !== preference || known.silences > 0 || !known.isOurs
      known.preference = preference
      known.silences = 0
      if (isMoved) this.reannounce(known)
      return
    }
    if (list.isFull) {
      this.counters.lose('nd.routes-full')
      return
    }
    const route = new LearntRoute(destination, prefixLength, via, until, preference)
    list.add(route)
    this.announce(route)
    if (route.isDefault) this.events.routerAdded(via as IpAddress)
  }

  private *through(address: IpAddress): Iterable<LearntRoute> {
    for (const list of [this.defaults, this.routes]) {
      for (const route of list.entries) if (route.via !== null && sameWords(route.via, address)) yield route
    }
  }

  private announce(route: LearntRoute): void {
    const { destination, prefixLength, via, metric } = route
    route.isOurs = this.table.add(destination, prefixLength, via, this.on, metric)
  }

  private reannounce(route: LearntRoute): void {
    this.retract(route)
    this.announce(route)
  }

  private retract(route: LearntRoute): void {
    if (route.isOurs) this.table.remove(route.destination, route.prefixLength, route.via, this.on)
    route.isOurs = false
  }

  private withdrawn(route: LearntRoute): void {
    this.retract(route)
    if (route.isDefault) this.events.routerRemoved(route.via as IpAddress)
  }
}

/** Whether two addresses are the same, wherever they were heard. */
function sameWords(a: IpAddress, b: IpAddress): boolean {
  return a.w3 === b.w3 && a.w2 === b.w2 && a.w1 === b.w1 && a.w0 === b.w0
}
