/**
 * Addresses and routes of a stack as its shell keeps them. Libraries answer questions about them late, wrongly or not at all: so they are
 * told what they need, and the answers come from here.
 *
 * @module
 */
import { inPrefix } from '../address/cidr.ts'
import type { IpAddress } from '../address/ip-address.ts'
import { selectSource } from '../address/selection.ts'
import type { Interface, InterfaceAddress, Route, Table } from '../contract/stack.ts'
import { NetError } from '../errors/net-error.ts'

/** An interface whose addresses the book knows. */
export interface BookInterface extends Interface {
  readonly addresses: readonly InterfaceAddress[]
}

export class AddressBook {
  readonly interfaces: BookInterface[] = []
  /** Longest prefix first, then the smaller metric. */
  private readonly routes: Route[] = []

  /** Whether it is one of ours, the loopback ones among them. */
  isOurs(address: IpAddress): boolean {
    return (
      address.isLoopback ||
      this.interfaces.some(({ addresses }) => addresses.some((own) => own.address.equals(address)))
    )
  }

  /** Whether an address is heard by all of a network of ours. */
  isBroadcast(address: IpAddress): boolean {
    if (address.family !== 4) return false
    if (address.w3 === -1) return true
    return this.interfaces.some(({ addresses }) =>
      addresses.some(({ address: own, prefixLength }) => {
        if (own.family !== 4 || prefixLength > 30) return false
        const host = -1 >>> prefixLength
        return ((own.w3 | host) ^ address.w3) === 0
      }),
    )
  }

  /** The route to a destination; networks of the interfaces are routes like others. Null: there is none. */
  routeTo(destination: IpAddress): Route | null {
    const address = destination.unmapped()
    let best: Route | null = null
    for (const on of this.interfaces) {
      for (const { address: own, prefixLength } of on.addresses) {
        if (own.family !== address.family || !inPrefix(address, own, prefixLength)) continue
        if (best !== null && best.prefixLength >= prefixLength) continue
        best = { destination: own, prefixLength, via: null, interface: on }
      }
    }
    for (const route of this.routes) {
      if (route.destination.family !== address.family || !inPrefix(address, route.destination, route.prefixLength))
        continue
      if (best === null || route.prefixLength > best.prefixLength) best = route
      break
    }
    if (best === null && address.isLinkLocal) return this.linkLocalRoute(address)
    return best
  }

  /** Which address of ours speaks to a destination; null: none can. */
  sourceFor(destination: IpAddress): IpAddress | null {
    const address = destination.unmapped()
    if (this.isOurs(address)) return address
    const route = this.isBroadcast(address) || address.isMulticast ? this.groupRoute(address) : this.routeTo(address)
    if (route === null) return null
    const on = route.interface
    const candidates = this.interfaces.flatMap((each) => each.addresses.map((own) => ({ ...own, interface: each })))
    return selectSource(address, candidates, on.index)?.address ?? null
  }

  /** @returns false when the same route is there already. */
  add(route: Readonly<Route>): boolean {
    if (this.find(route) >= 0) return false
    const { prefixLength, metric = 0 } = route
    const before = this.routes.findIndex(
      (other) =>
        other.prefixLength < prefixLength || (other.prefixLength === prefixLength && (other.metric ?? 0) > metric),
    )
    this.routes.splice(before < 0 ? this.routes.length : before, 0, route)
    return true
  }

  /** @returns the route that was there, null when there was none. */
  remove(route: Readonly<Route>): Route | null {
    const index = this.find(route)
    return index < 0 ? null : (this.routes.splice(index, 1)[0] as Route)
  }

  removeInterface(on: Interface): void {
    const place = this.interfaces.indexOf(on as BookInterface)
    if (place >= 0) this.interfaces.splice(place, 1)
    for (let i = this.routes.length - 1; i >= 0; i--) if (this.routes[i]?.interface === on) this.routes.splice(i, 1)
  }

  list(): Route[] {
    const own = this.interfaces.flatMap((on) =>
      on.addresses.map(({ address, prefixLength }) => ({
        destination: address,
        prefixLength,
        via: null,
        interface: on as Interface,
      })),
    )
    return [...own, ...this.routes]
  }

  private groupRoute(address: IpAddress): Route | null {
    const exact = this.routeTo(address)
    if (exact !== null) return exact
    const on = this.interfaces.find(({ addresses }) => addresses.some((own) => own.address.family === address.family))
    return on === undefined ? null : { destination: address, prefixLength: 32, via: null, interface: on }
  }

  private linkLocalRoute(address: IpAddress): Route | null {
    const on = this.interfaces.find(({ index }) => address.scope === 0 || address.scope === index)
    return on === undefined ? null : { destination: address, prefixLength: 64, via: null, interface: on }
  }

  private find({ destination, prefixLength, via, interface: on }: Readonly<Route>): number {
    return this.routes.findIndex(
      (route) =>
        route.prefixLength === prefixLength &&
        route.interface === on &&
        route.destination.equals(destination) &&
        (route.via === null ? via === null : via !== null && route.via.equals(via)),
    )
  }
}

/** Routes as the contract shows them. */
export class BookRoutes implements Table<Route> {
  private readonly book: AddressBook
  private readonly told: { addRoute(route: Readonly<Route>): void; removeRoute(route: Readonly<Route>): void }

  constructor(book: AddressBook, told: BookRoutes['told']) {
    this.book = book
    this.told = told
  }

  list(): Iterable<Readonly<Route>> {
    return this.book.list()
  }

  add(route: Readonly<Route>): void {
    this.check(route)
    if (!this.book.add(route)) throw new NetError('EEXIST', 'route')
    try {
      this.told.addRoute(route)
    } catch (error) {
      this.book.remove(route)
      throw error
    }
  }

  remove(route: Readonly<Route>): void {
    this.check(route)
    const known = this.book.remove(route)
    if (known === null) throw new NetError('ESRCH', 'route')
    this.told.removeRoute(known)
  }

  private check({ destination, prefixLength, via, interface: on }: Readonly<Route>): void {
    const isOfOneFamily = via === null || via.family === destination.family
    const longest = destination.family === 4 ? 32 : 128
    const isKnown = this.book.interfaces.some((known) => known === on)
    if (!isKnown || !isOfOneFamily || prefixLength < 0 || prefixLength > longest) throw new NetError('EINVAL', 'route')
  }
}
