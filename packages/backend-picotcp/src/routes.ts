/**
 * Routes: the library's own are told it, and kept here as well, for the library does not list them and is not asked which way it goes.
 *
 * @module
 */
import { type IpAddress, inPrefix, NetError, networkAddress, prefixToNetmask, type Route, type Table } from '@ioth/core'
import type { Pico, Pointer } from './bindings.ts'
import { picoError } from './errno.ts'
import type { PicoInterface } from './interface.ts'

const LONGEST = { 4: 32, 6: 128 }

export interface Way {
  readonly on: PicoInterface
  /** Which address of ours speaks. */
  readonly source: IpAddress
  /** The neighbour that packets go to. */
  readonly hop: IpAddress
}

/** Routes that were added; those of the interfaces' own networks are listed with them. */
export class RoutingTable implements Table<Route> {
  private readonly pico: Pico
  private readonly interfaces: readonly PicoInterface[]
  private readonly entries: Route[] = []

  constructor(pico: Pico, interfaces: readonly PicoInterface[]) {
    this.pico = pico
    this.interfaces = interfaces
  }

  list(): Iterable<Readonly<Route>> {
    const direct = this.interfaces.flatMap((on) =>
      on.addresses.map(({ address, prefixLength }) => ({
        destination: address,
        prefixLength,
        via: null,
        interface: on,
        metric: 0,
      })),
    )
    return [...direct, ...this.entries]
  }

  add(route: Readonly<Route>): void {
    const { destination, prefixLength, via, metric = 1 } = route
    this.check(route)
    if (this.find(route) >= 0 || (via === null && this.isOwnNetwork(route))) throw new NetError('EEXIST', 'route')
    const link = this.linkFor(route)
    const where = { address: destination.toString() }
    if (link === null) throw new NetError('ENETUNREACH', 'route', where)
    const network = networkAddress(destination, prefixLength)
    if (this.pico.addRoute(network, prefixToNetmask(prefixLength, destination.family), via, metric, link) !== 0) {
      throw picoError(this.pico.error(), 'route', where)
    }
    this.entries.push({ ...route, metric })
  }

  remove(route: Readonly<Route>): void {
    this.check(route)
    const index = this.find(route)
    if (index < 0) throw new NetError('ESRCH', 'route')
    const [entry] = this.entries.splice(index, 1) as [Route]
    const { destination, prefixLength, metric = 1 } = entry
    const link = this.linkFor(entry)
    // With its last address on the interface the library has dropped it.
    if (link === null) return
    const network = networkAddress(destination, prefixLength)
    this.pico.removeRoute(network, prefixToNetmask(prefixLength, destination.family), metric, link)
  }

  removeInterface(on: PicoInterface): void {
    for (const route of this.entries.filter((entry) => entry.interface === on)) this.remove(route)
  }

  /** The way to another host. */
  wayTo(destination: IpAddress): Way | null {
    let best: Way | null = null
    let length = -1
    for (const on of this.interfaces) {
      for (const { address, prefixLength } of on.addresses) {
        if (
          address.family !== destination.family ||
          prefixLength <= length ||
          !inPrefix(destination, address, prefixLength)
        )
          continue
        best = { on, source: address, hop: destination }
        length = prefixLength
      }
    }
    if (best !== null) return best
    let route: Route | null = null
    for (const entry of this.entries) {
      if (entry.destination.family !== destination.family || entry.prefixLength <= length) continue
      if (!inPrefix(destination, entry.destination, entry.prefixLength)) continue
      route = entry
      length = entry.prefixLength
    }
    if (route === null) return null
    const source = speakerOn(route)
    return source === null ? null : { on: route.interface as PicoInterface, source, hop: route.via ?? destination }
  }

  /** By which one groups are spoken to: as a route says, or else the first that has an address of the family. */
  interfaceFor(group: IpAddress): PicoInterface | null {
    let best: Route | null = null
    for (const entry of this.entries) {
      const isFitting =
        entry.destination.family === group.family && inPrefix(group, entry.destination, entry.prefixLength)
      if (isFitting && entry.prefixLength >= (best?.prefixLength ?? 0)) best = entry
    }
    const isOfFamily = ({ address }: { readonly address: IpAddress }): boolean => address.family === group.family
    if (best !== null) return best.interface as PicoInterface
    return this.interfaces.find(({ addresses }) => addresses.some(isOfFamily)) ?? null
  }

  private isOwnNetwork({ destination, prefixLength, interface: on }: Readonly<Route>): boolean {
    const { addresses } = on as PicoInterface
    return addresses.some(
      (own) =>
        own.prefixLength === prefixLength &&
        own.address.family === destination.family &&
        inPrefix(destination, own.address, prefixLength),
    )
  }

  /** The library wants to know the interface by an address of it. */
  private linkFor(route: Readonly<Route>): Pointer | null {
    const address = addressOn(route)
    return address === null ? null : this.pico.linkOf(address)
  }

  private find({ destination, prefixLength, via, interface: on }: Readonly<Route>): number {
    return this.entries.findIndex(
      (entry) =>
        entry.interface === on &&
        entry.prefixLength === prefixLength &&
        entry.destination.equals(destination) &&
        (via === null || entry.via?.equals(via) === true),
    )
  }

  private check({ destination, prefixLength, via, interface: on }: Readonly<Route>): void {
    const isOfOneFamily = via === null || via.family === destination.family
    const isKnown = this.interfaces.some((candidate) => candidate === on)
    if (isKnown && isOfOneFamily && prefixLength >= 0 && prefixLength <= LONGEST[destination.family]) return
    throw new NetError('EINVAL', 'route')
  }
}

/** Who speaks by a route: an address of the gateway's network, or else the first; one of the link only where there is no other. */
function speakerOn(route: Readonly<Route>): IpAddress | null {
  const { destination, via, interface: on } = route
  const far = (on as PicoInterface).addresses.filter(
    ({ address }) => address.family === destination.family && !address.isLinkLocal,
  )
  const beside = far.find(({ address, prefixLength }) => via !== null && inPrefix(via, address, prefixLength))
  return (beside ?? far[0])?.address ?? addressOn(route)
}

/** The first address of the route's interface and family. */
function addressOn({ destination, interface: on }: Readonly<Route>): IpAddress | null {
  const { addresses } = on as PicoInterface
  return addresses.find(({ address }) => address.family === destination.family)?.address ?? null
}
