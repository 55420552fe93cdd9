/**
 * The IPv6 half of an interface: its addresses, their routes and groups. IPv6 begins with the first address; then the interface has a
 * link-local address as well (RFC 4291 2.1).
 *
 * @module
 */
import { ETHERTYPE_IP6, type InterfaceAddress, type IpAddress, NetError } from '@ioth/core'
import type { InterfaceHost, StackInterface } from './interface.ts'
import type { LocalAddress6 } from './ip/address-table6.ts'
import { FixedPath, GroupPaths, groupMac6, type NetInterface6 } from './ip/interface.ts'
import { isAllNodes } from './ip/ipv6.ts'
import { Memberships } from './ip/memberships.ts'
import type { Path } from './link/path.ts'
import { linkLocalOf } from './neighbor/interface-identifier.ts'
import { NeighborDiscovery, solicitedNode } from './neighbor/nd.ts'
import { BROADCAST_MAC } from './wire/ethernet.ts'

/** Prefix of link-local addresses. */
const LINK_LOCAL_PREFIX = 64

export class Interface6 implements NetInterface6 {
  readonly nd: NeighborDiscovery | null
  readonly direct: Path
  readonly groupPaths: GroupPaths
  readonly memberships: Memberships = new Memberships({ changed: () => {} })
  private readonly host: InterfaceHost
  private readonly on: StackInterface

  constructor(host: InterfaceHost, on: StackInterface) {
    this.host = host
    this.on = on
    const { clock, random, ip6, icmp6, stats, undeliverable6 } = host
    this.direct = new FixedPath(on.port, BROADCAST_MAC, ETHERTYPE_IP6)
    const { memberships } = this
    const scope = {
      etherType: ETHERTYPE_IP6,
      macOf: groupMac6,
      isJoined: ({ w0, w1, w2, w3 }: IpAddress): boolean =>
        isAllNodes(w0, w1, w2, w3) || memberships.find(w0, w1, w2, w3) !== null,
    }
    this.groupPaths = new GroupPaths(on, scope, host.loopback6)
    this.nd = on.port.hasNeighbors ? new NeighborDiscovery(on, clock, random, ip6, icmp6, stats, undeliverable6) : null
  }

  get addresses(): readonly InterfaceAddress[] {
    return this.entries
  }

  /** @throws NetError EEXIST, EINVAL */
  async add(given: IpAddress, prefixLength: number): Promise<void> {
    const { ip6, events } = this.host
    const address = given.isLinkLocal ? given.withScope(this.on.index) : given
    const text = address.toString()
    const isUnusable = address.isUnspecified || address.isMulticast || address.isLoopback || address.isV4Mapped
    if (isUnusable || !(prefixLength >= 0 && prefixLength <= 128)) {
      const message = `${text}/${prefixLength} cannot be an address of an interface`
      throw new NetError('EINVAL', 'address', { message })
    }
    if (this.find(address) !== null || (!address.isLinkLocal && ip6.addresses.of(address) !== null)) {
      throw new NetError('EEXIST', 'address', { address: text })
    }
    if (!address.isLinkLocal && !this.entries.some((entry) => entry.address.isLinkLocal)) {
      await this.add(linkLocalOf(this.on.port.mac), LINK_LOCAL_PREFIX)
    }
    this.memberships.join(solicitedNode(address), null)
    await this.on.claim(address)
    ip6.addresses.add(address, prefixLength, this.on)
    if (!address.isLinkLocal) ip6.routes.add(address, prefixLength, null, this.on)
    events.emit({ kind: 'address-added', interface: this.on, address })
  }

  /** @throws NetError EADDRNOTAVAIL */
  remove(address: IpAddress): void {
    const { ip6, events } = this.host
    const entry = this.find(address)
    if (entry === null) throw new NetError('EADDRNOTAVAIL', 'address', { address: address.toString() })
    ip6.addresses.remove(entry)
    const { prefixLength } = entry
    ip6.routes.remove(entry.address, prefixLength, null, this.on)
    // Another address of the same network needs the route as before.
    for (const other of this.entries) {
      if (!other.address.isLinkLocal) ip6.routes.add(other.address, other.prefixLength, null, this.on)
    }
    this.memberships.leave(solicitedNode(entry.address), null)
    this.on.unclaim(entry.address)
    this.host.addressRemoved(entry.address)
    events.emit({ kind: 'address-removed', interface: this.on, address: entry.address })
  }

  clear(): void {
    for (const { address } of [...this.entries]) this.remove(address)
    this.nd?.cache.clear()
  }

  /** The link is up again. */
  relinked(): void {
    this.nd?.cache.doubt()
  }

  private get entries(): readonly LocalAddress6[] {
    return this.host.ip6.addresses.entries.filter((entry) => entry.interface === this.on)
  }

  private find(address: IpAddress): LocalAddress6 | null {
    return this.entries.find((entry) => entry.address.equals(address)) ?? null
  }
}
