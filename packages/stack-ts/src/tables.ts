/**
 * Routes and neighbours as the contract shows them.
 *
 * @module
 */
import { IpAddress, type Neighbor, NetError, parseMac, type Route, type Table } from '@ioth/core'
import type { StackInterface } from './interface.ts'
import type { RouteTable } from './ip/route-table.ts'
import type { RouteTable6 } from './ip/route-table6.ts'
import type { NeighborCache } from './neighbor/cache.ts'
import { formatMac, macFromBytes } from './wire/ethernet.ts'

export class RoutingTable implements Table<Route> {
  private readonly routes: RouteTable
  private readonly routes6: RouteTable6
  private readonly interfaces: readonly StackInterface[]

  constructor(routes: RouteTable, routes6: RouteTable6, interfaces: readonly StackInterface[]) {
    this.routes = routes
    this.routes6 = routes6
    this.interfaces = interfaces
  }

  list(): Iterable<Readonly<Route>> {
    const v4 = this.routes.entries.map(({ destination, prefixLength, via, interface: on, metric }) => ({
      destination: IpAddress.v4(destination),
      prefixLength,
      via: via === null ? null : IpAddress.v4(via),
      interface: on as StackInterface,
      metric,
    }))
    return [...v4, ...this.routes6.entries.map((entry) => ({ ...entry, interface: entry.interface as StackInterface }))]
  }

  add(route: Readonly<Route>): void {
    const on = this.check(route)
    const { destination, prefixLength, via, metric = 0 } = route
    const isNew =
      destination.family === 4
        ? this.routes.add(destination.w3, prefixLength, via === null ? null : via.w3, on, metric)
        : this.routes6.add(destination, prefixLength, via, on, metric)
    if (!isNew) throw new NetError('EEXIST', 'route')
  }

  remove(route: Readonly<Route>): void {
    const on = this.check(route)
    const { destination, prefixLength, via } = route
    const wasThere =
      destination.family === 4
        ? this.routes.remove(destination.w3, prefixLength, via === null ? null : via.w3, on)
        : this.routes6.remove(destination, prefixLength, via, on)
    if (!wasThere) throw new NetError('ESRCH', 'route')
  }

  private check(route: Readonly<Route>): StackInterface {
    const on = this.interfaces.find((candidate) => candidate === route.interface)
    const { destination, prefixLength, via } = route
    const isOfOneFamily = via === null || via.family === destination.family
    const longest = destination.family === 4 ? 32 : 128
    if (on !== undefined && isOfOneFamily && prefixLength >= 0 && prefixLength <= longest) return on
    throw new NetError('EINVAL', 'route')
  }
}

export class NeighborTable implements Table<Neighbor> {
  private readonly interfaces: readonly StackInterface[]

  constructor(interfaces: readonly StackInterface[]) {
    this.interfaces = interfaces
  }

  list(): Iterable<Readonly<Neighbor>> {
    return this.interfaces.flatMap((on) =>
      [...(on.arp?.cache.list() ?? []), ...(on.v6.nd?.cache.list() ?? [])].map(
        ({ address, macHigh, macLow, state }) => ({
          address,
          mac: formatMac(macHigh, macLow),
          state,
          interface: on,
        }),
      ),
    )
  }

  /** Adds what a packet from the neighbour would have told; it ages like any other answer. */
  add({ address, mac, interface: on }: Readonly<Neighbor>): void {
    const cache = this.cacheOf(address, on)
    if (cache === undefined) throw new NetError('EINVAL', 'neighbor')
    if (cache.find(address.w0, address.w1, address.w2, address.w3) !== null) throw new NetError('EEXIST', 'neighbor')
    const { high, low } = macFromBytes(parseMac(mac))
    cache.answered(cache.path(address), high, low)
  }

  remove({ address, interface: on }: Readonly<Neighbor>): void {
    const cache = this.cacheOf(address, on)
    const neighbor = cache?.find(address.w0, address.w1, address.w2, address.w3)
    if (cache === undefined || neighbor == null) throw new NetError('ESRCH', 'neighbor')
    cache.remove(neighbor)
  }

  private cacheOf(address: IpAddress, on: Neighbor['interface']): NeighborCache | undefined {
    const found = this.interfaces.find((candidate) => candidate === on)
    return address.family === 4 ? found?.arp?.cache : found?.v6.nd?.cache
  }
}
