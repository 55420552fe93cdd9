/**
 * Routes and neighbours as the contract shows them.
 *
 * @module
 */
import { IpAddress, type Neighbor, NetError, parseMac, type Route, type Table } from '@ioth/core'
import type { StackInterface } from './interface.ts'
import type { RouteTable } from './ip/route-table.ts'
import { formatMac, macFromBytes } from './wire/ethernet.ts'

export class RoutingTable implements Table<Route> {
  private readonly routes: RouteTable
  private readonly interfaces: readonly StackInterface[]

  constructor(routes: RouteTable, interfaces: readonly StackInterface[]) {
    this.routes = routes
    this.interfaces = interfaces
  }

  list(): Iterable<Readonly<Route>> {
    return this.routes.entries.map(({ destination, prefixLength, via, interface: on, metric }) => ({
      destination: IpAddress.v4(destination),
      prefixLength,
      via: via === null ? null : IpAddress.v4(via),
      interface: on as StackInterface,
      metric,
    }))
  }

  add(route: Readonly<Route>): void {
    const { word, via, on } = this.read(route)
    if (!this.routes.add(word, route.prefixLength, via, on, route.metric ?? 0)) throw new NetError('EEXIST', 'route')
  }

  remove(route: Readonly<Route>): void {
    const { word, via, on } = this.read(route)
    if (!this.routes.remove(word, route.prefixLength, via, on)) throw new NetError('ESRCH', 'route')
  }

  private read(route: Readonly<Route>): { word: number; via: number | null; on: StackInterface } {
    const on = this.interfaces.find((candidate) => candidate === route.interface)
    const { destination, prefixLength, via } = route
    const isUsable = destination.family === 4 && (via === null || via.family === 4)
    if (on === undefined || !isUsable || !(prefixLength >= 0 && prefixLength <= 32))
      throw new NetError('EINVAL', 'route')
    return { word: destination.w3, via: via === null ? null : via.w3, on }
  }
}

export class NeighborTable implements Table<Neighbor> {
  private readonly interfaces: readonly StackInterface[]

  constructor(interfaces: readonly StackInterface[]) {
    this.interfaces = interfaces
  }

  list(): Iterable<Readonly<Neighbor>> {
    return this.interfaces.flatMap((on) =>
      Array.from(on.arp?.cache.list() ?? [], ({ address, macHigh, macLow, state }) => ({
        address,
        mac: formatMac(macHigh, macLow),
        state,
        interface: on,
      })),
    )
  }

  /** Adds what a packet from the neighbour would have told; it ages like any other answer. */
  add({ address, mac, interface: on }: Readonly<Neighbor>): void {
    const cache = this.interfaces.find((candidate) => candidate === on)?.arp?.cache
    if (cache === undefined || address.family !== 4) throw new NetError('EINVAL', 'neighbor')
    if (cache.find(address.w0, address.w1, address.w2, address.w3) !== null) throw new NetError('EEXIST', 'neighbor')
    const { high, low } = macFromBytes(parseMac(mac))
    cache.answered(cache.path(address), high, low)
  }

  remove({ address, interface: on }: Readonly<Neighbor>): void {
    const cache = this.interfaces.find((candidate) => candidate === on)?.arp?.cache
    const neighbor = address.family === 4 ? cache?.find(address.w0, address.w1, address.w2, address.w3) : null
    if (cache === undefined || neighbor == null) throw new NetError('ESRCH', 'neighbor')
    cache.remove(neighbor)
  }
}
