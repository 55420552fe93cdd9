/**
 * The IPv6 addresses of a stack that are usable, and the groups its interfaces listen to.
 *
 * @module
 */
import { type IpAddress, selectSource } from '@ioth/core'
import type { NetInterface } from './interface.ts'

export interface LocalAddress6 {
  /** Link-local ones carry the index of their interface as scope. */
  readonly address: IpAddress
  readonly prefixLength: number
  readonly interface: NetInterface
  /** Past its preferred lifetime (RFC 4862 5.5.4): not for new connections, if there is another. */
  deprecated: boolean
  /** RFC 8981. */
  readonly temporary: boolean
}

export class AddressTable6 {
  readonly entries: LocalAddress6[] = []

  add(address: IpAddress, prefixLength: number, on: NetInterface, temporary = false): LocalAddress6 {
    const entry = { address, prefixLength, interface: on, deprecated: false, temporary }
    this.entries.push(entry)
    return entry
  }

  remove(entry: LocalAddress6): void {
    const index = this.entries.indexOf(entry)
    if (index >= 0) this.entries.splice(index, 1)
  }

  /** @param scope interface a link-local address must belong to; 0: any. */
  find(w0: number, w1: number, w2: number, w3: number, scope: number): LocalAddress6 | null {
    const { entries } = this
    for (let i = 0; i < entries.length; i++) {
      const { address } = entries[i]!
      if (address.w3 !== w3 || address.w2 !== w2 || address.w1 !== w1 || address.w0 !== w0) continue
      if (scope === 0 || address.scope === 0 || address.scope === scope) return entries[i]!
    }
    return null
  }

  of(address: IpAddress): LocalAddress6 | null {
    return this.find(address.w0, address.w1, address.w2, address.w3, address.scope)
  }

  linkLocalOn(on: NetInterface): LocalAddress6 | null {
    return this.entries.find((entry) => entry.interface === on && entry.address.isLinkLocal) ?? null
  }

  /** RFC 6724 5: the best of our addresses for a destination that is reached by this interface. */
  bestFor(destination: IpAddress, on: NetInterface): LocalAddress6 | null {
    return selectSource(destination, this.entries, on.index)
  }
}
