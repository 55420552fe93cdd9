/**
 * Name servers and search domains that routers advertise (RFC 8106), for as long as they last.
 *
 * @module
 */
import type { Clock, IpAddress } from '@ioth/core'
import type { Resolution } from '../wire/nd-option.ts'
import { endOf, Lifetimes, type Mortal } from './lifetimes.ts'

/** RFC 8106 5.3.1 asks for room for three at least. */
const MOST = 8

class Learnt<Value> implements Mortal {
  readonly value: Value
  until: number

  constructor(value: Value, until: number) {
    this.value = value
    this.until = until
  }
}

/** The stack's own lists. */
export interface ResolutionLists {
  nameServers: readonly IpAddress[]
  searchDomains: readonly string[]
}

export class AdvertisedResolution {
  private readonly clock: Clock
  private readonly lists: ResolutionLists
  private readonly servers: Lifetimes<Learnt<IpAddress>>
  private readonly domains: Lifetimes<Learnt<string>>

  constructor(clock: Clock, lists: ResolutionLists) {
    this.clock = clock
    this.lists = lists
    this.servers = new Lifetimes(clock, MOST, ({ value }) => this.removeServer(value))
    this.domains = new Lifetimes(clock, MOST, ({ value }) => this.removeDomain(value))
  }

  advertisedServers({ lifetime, entries }: Resolution<IpAddress>): void {
    for (const address of entries) {
      if (address.isMulticast || address.isUnspecified || address.isLoopback) continue
      const isIt = (other: IpAddress): boolean => other.equals(address)
      const isConfigured = this.lists.nameServers.some(isIt)
      const change = this.learn(this.servers, isIt, address, lifetime, isConfigured)
      if (change === 'added') this.lists.nameServers = [...this.lists.nameServers, address]
      else if (change === 'removed') this.removeServer(address)
    }
  }

  advertisedDomains({ lifetime, entries }: Resolution<string>): void {
    for (const name of entries) {
      const domain = name.toLowerCase()
      const isIt = (other: string): boolean => other === domain
      const isConfigured = this.lists.searchDomains.some(isIt)
      const change = this.learn(this.domains, isIt, domain, lifetime, isConfigured)
      if (change === 'added') this.lists.searchDomains = [...this.lists.searchDomains, domain]
      else if (change === 'removed') this.removeDomain(domain)
    }
  }

  clear(): void {
    for (const { value } of this.servers.clear()) this.removeServer(value)
    for (const { value } of this.domains.clear()) this.removeDomain(value)
  }

  /** Forgets how long they last: they stay. */
  leave(): void {
    this.servers.clear()
    this.domains.clear()
  }

  /** @param isConfigured whether the stack has it already: then it is no router's to take away. */
  private learn<Value>(
    list: Lifetimes<Learnt<Value>>,
    isIt: (value: Value) => boolean,
    value: Value,
    lifetime: number,
    isConfigured: boolean,
  ): 'added' | 'removed' | null {
    const known = list.find((entry) => isIt(entry.value))
    if (known !== undefined && lifetime === 0) {
      list.remove(known)
      return 'removed'
    }
    if (known !== undefined) {
      known.until = endOf(this.clock.now, lifetime)
      list.changed()
      return null
    }
    if (lifetime === 0 || isConfigured || list.isFull) return null
    list.add(new Learnt(value, endOf(this.clock.now, lifetime)))
    return 'added'
  }

  private removeServer(address: IpAddress): void {
    const { lists } = this
    lists.nameServers = lists.nameServers.filter((server) => !server.equals(address))
  }

  private removeDomain(domain: string): void {
    const { lists } = this
    lists.searchDomains = lists.searchDomains.filter((name) => name !== domain)
  }
}
