/**
 * IPv4 routes: longest prefix first, then the smaller metric. Networks of the interfaces are routes like others.
 *
 * @module
 */
import { maskOf } from './address-table.ts'
import type { NetInterface } from './interface.ts'

export interface RouteEntry {
  readonly destination: number
  readonly prefixLength: number
  readonly mask: number
  /** Next hop; null: on link. */
  readonly via: number | null
  readonly interface: NetInterface
  readonly metric: number
}

export class RouteTable {
  readonly entries: RouteEntry[] = []
  /** Changes whenever an entry does: paths found before may be wrong now. */
  generation = 0

  /** @returns false when the same route is there already. */
  add(destination: number, prefixLength: number, via: number | null, on: NetInterface, metric = 0): boolean {
    const mask = maskOf(prefixLength)
    const network = destination & mask
    if (this.find(network, prefixLength, via, on) >= 0) return false
    const entry: RouteEntry = { destination: network, prefixLength, mask, via, interface: on, metric }
    const before = this.entries.findIndex(
      (other) => other.prefixLength < prefixLength || (other.prefixLength === prefixLength && other.metric > metric),
    )
    if (before < 0) this.entries.push(entry)
    else this.entries.splice(before, 0, entry)
    this.generation++
    return true
  }

  remove(destination: number, prefixLength: number, via: number | null, on: NetInterface): boolean {
    const index = this.find(destination & maskOf(prefixLength), prefixLength, via, on)
    if (index < 0) return false
    this.entries.splice(index, 1)
    this.generation++
    return true
  }

  removeInterface(on: NetInterface): void {
    for (let i = this.entries.length - 1; i >= 0; i--) if (this.entries[i]!.interface === on) this.entries.splice(i, 1)
    this.generation++
  }

  lookup(destination: number): RouteEntry | null {
    for (const entry of this.entries) if ((destination & entry.mask) === entry.destination) return entry
    return null
  }

  private find(network: number, prefixLength: number, via: number | null, on: NetInterface): number {
    return this.entries.findIndex(
      (entry) =>
        entry.destination === network &&
        entry.prefixLength === prefixLength &&
        entry.via === via &&
        entry.interface === on,
    )
  }
}
