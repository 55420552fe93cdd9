/**
 * IPv6 routes: longest prefix first, then the smaller metric. Networks of the interfaces are routes like others. Link-local destinations
 * are not looked up here: their interface is their scope.
 *
 * @module
 */
import { type IpAddress, inPrefix, networkAddress } from '@ioth/core'
import type { NetInterface } from './interface.ts'

export interface RouteEntry6 {
  readonly destination: IpAddress
  readonly prefixLength: number
  /** Next hop; null: on link. */
  readonly via: IpAddress | null
  readonly interface: NetInterface
  readonly metric: number
}

export class RouteTable6 {
  readonly entries: RouteEntry6[] = []

  /** @returns false when the same route is there already. */
  add(destination: IpAddress, prefixLength: number, via: IpAddress | null, on: NetInterface, metric = 0): boolean {
    const network = networkAddress(destination, prefixLength)
    if (this.find(network, prefixLength, via, on) >= 0) return false
    const before = this.entries.findIndex(
      (other) => other.prefixLength < prefixLength || (other.prefixLength === prefixLength && other.metric > metric),
    )
    const entry = { destination: network, prefixLength, via, interface: on, metric }
    this.entries.splice(before < 0 ? this.entries.length : before, 0, entry)
    return true
  }

  remove(destination: IpAddress, prefixLength: number, via: IpAddress | null, on: NetInterface): boolean {
    const index = this.find(networkAddress(destination, prefixLength), prefixLength, via, on)
    if (index < 0) return false
    this.entries.splice(index, 1)
    return true
  }

  removeInterface(on: NetInterface): void {
    for (let i = this.entries.length - 1; i >= 0; i--) if (this.entries[i]!.interface === on) this.entries.splice(i, 1)
  }

  lookup(destination: IpAddress): RouteEntry6 | null {
    for (const entry of this.entries) {
      if (inPrefix(destination, entry.destination, entry.prefixLength)) return entry
    }
    return null
  }

  private find(network: IpAddress, prefixLength: number, via: IpAddress | null, on: NetInterface): number {
    return this.entries.findIndex(
      (entry) =>
        entry.prefixLength === prefixLength &&
        entry.interface === on &&
        entry.destination.equals(network) &&
        (via === null ? entry.via === null : entry.via?.equals(via) === true),
    )
  }
}
