/**
 * The IPv6 half of an interface: its addresses, how each becomes ours and stays ours, their routes and groups. IPv6 begins with the first
 * address, or with autoconfiguration; then the interface has a link-local address as well (RFC 4291 2.1). Until then there is nothing of it.
 *
 * @module
 */
import { ETHERTYPE_IP6, hasCode, type InterfaceAddress, IpAddress, NetError } from '@ioth/core'
import { type Memberships, MLD_DONE, MLD2_REPORT, solicitedNode } from '@ioth/core/groups'
import type { InterfaceHost, StackInterface } from './interface.ts'
import type { LocalAddress6 } from './ip/address-table6.ts'
import { FixedPath, GroupPaths, groupMac6, type NetInterface6 } from './ip/interface.ts'
import { isAllNodes } from './ip/ipv6.ts'
import type { Packet } from './ip/packet.ts'
import type { Path } from './link/path.ts'
import type { AddressBearer } from './neighbor/autoconfiguration.ts'
import { AddressProbe6 } from './neighbor/dad6.ts'
import { eui64Identifiers, type IdentifierMaker, stableIdentifiers } from './neighbor/interface-identifier.ts'
import { Mld } from './neighbor/mld.ts'
import { type NdOwner, NeighborDiscovery } from './neighbor/nd.ts'
import { RouterDiscovery } from './neighbor/router-discovery.ts'
import type { RouterEvents } from './neighbor/routers.ts'
import { BROADCAST_MAC, formatMac, type Mac } from './wire/ethernet.ts'
import type { Redirect, RouterAdvertisement } from './wire/nd.ts'

const LINK_LOCAL = new IpAddress(6, 0xfe800000, 0, 0, 0)
/** Prefix of link-local addresses, and of those that are formed. */
const FORMED_PREFIX = 64
const SECOND = 1_000_000
/** How long a router is waited for: three questions with the default timing, or with that of RFC 4861 10. */
const FAST_PATIENCE = 4 * SECOND
const RFC_PATIENCE = 13 * SECOND

export class Interface6 implements NetInterface6, NdOwner, AddressBearer, RouterEvents {
  private readonly host: InterfaceHost
  private readonly on: StackInterface
  private directPath: Path | null = null
  private discovery: NeighborDiscovery | null = null
  private listener: Mld | null = null
  private paths: GroupPaths | null = null
  private routing: RouterDiscovery | null = null
  private maker: IdentifierMaker | null = null
  /** Addresses that are being checked, or that are ours. */
  private readonly probes: AddressProbe6[] = []
  /** Addresses on their way, before they are even checked. */
  private readonly coming = new Set<string>()
  private linkLocal: Promise<void> | null = null
  private isRemoved = false

  constructor(host: InterfaceHost, on: StackInterface) {
    this.host = host
    this.on = on
  }

  // ---------- NetInterface6 ----------

  get nd(): NeighborDiscovery | null {
    if (!this.on.port.hasNeighbors) return null
    const { clock, random, ip6, icmp6, stats, undeliverable6 } = this.host
    this.discovery ??= new NeighborDiscovery(this.on, this, clock, random, ip6, icmp6, stats, undeliverable6)
    return this.discovery
  }

  get direct(): Path {
    this.directPath ??= new FixedPath(this.on.port, BROADCAST_MAC, ETHERTYPE_IP6)
    return this.directPath
  }

  get groupPaths(): GroupPaths {
    const scope = {
      etherType: ETHERTYPE_IP6,
      macOf: groupMac6,
      isJoined: ({ w0, w1, w2, w3 }: IpAddress): boolean => this.isMember(w0, w1, w2, w3),
    }
    this.paths ??= new GroupPaths(this.on, scope, this.host.loopback6)
    return this.paths
  }

  get memberships(): Memberships {
    return this.mld.memberships
  }

  isMember(w0: number, w1: number, w2: number, w3: number): boolean {
    return isAllNodes(w0, w1, w2, w3) || (this.listener?.memberships.find(w0, w1, w2, w3) ?? null) !== null
  }

  receive(packet: Packet, type: number): void {
    const isMld = type <= MLD_DONE || type === MLD2_REPORT
    if (isMld && this.listener !== null) this.listener.receive(packet)
    else if (!isMld && this.discovery !== null) this.discovery.receive(packet)
    else this.host.stats.drop('nd.idle')
  }

  // ---------- addresses ----------

  get addresses(): readonly InterfaceAddress[] {
    return this.entries
  }

  /** Settles when the address is usable. @throws NetError EEXIST, EINVAL, EADDRINUSE, ENETDOWN */
  async add(given: IpAddress, prefixLength: number): Promise<void> {
    const address = this.scoped(given)
    const text = address.toString()
    const isUnusable = address.isUnspecified || address.isMulticast || address.isLoopback || address.isV4Mapped
    if (isUnusable || !(prefixLength >= 0 && prefixLength <= 128)) {
      const message = `${text}/${prefixLength} cannot be an address of an interface`
      throw new NetError('EINVAL', 'address', { message })
    }
    if (this.isKnown(address)) throw new NetError('EEXIST', 'address', { address: text })
    if (address.isLinkLocal) {
      const made = this.acquireOrThrow(address, prefixLength, false)
      this.linkLocal ??= made
      await made
      return
    }
    await Promise.all([this.ensureLinkLocal(), this.acquireOrThrow(address, prefixLength, true)])
  }

  /** @throws NetError EADDRNOTAVAIL */
  remove(given: IpAddress): void {
    const { ip6 } = this.host
    const entry = this.find(this.scoped(given))
    if (entry === null) throw new NetError('EADDRNOTAVAIL', 'address', { address: given.toString() })
    const { address, prefixLength } = entry
    ip6.addresses.remove(entry)
    ip6.routes.remove(address, prefixLength, null, this.on)
    // Another address of the same network needs the route as before.
    for (const other of this.entries) {
      if (!other.address.isLinkLocal) ip6.routes.add(other.address, other.prefixLength, null, this.on)
    }
    this.forget(address)
    this.routing?.addresses.removed(address)
    this.host.addressRemoved(address)
    this.host.events.emit({ kind: 'address-removed', interface: this.on, address })
  }

  /**
   * Forms addresses from what routers advertise. Settles when the link-local address is usable and, where there is a router, a global
   * one; without a router after a few seconds, and goes on asking.
   * @throws NetError EADDRINUSE, ENETDOWN, ERR_IOTH_NOT_IMPLEMENTED on links without hardware addresses.
   */
  async autoconfigure(): Promise<void> {
    const { host, on, nd } = this
    if (nd === null) {
      const message = `autoconfiguration needs an Ethernet, and ${on.link.name} carries IP packets only`
      throw new NetError('ERR_IOTH_NOT_IMPLEMENTED', 'slaac', { message })
    }
    this.routing ??= new RouterDiscovery(host, on, nd, this.identifiers, this, this)
    const { routing } = this
    await this.ensureLinkLocal()
    if (this.isRemoved) return
    routing.start()
    await routing.configured(host.probe === 'rfc' ? RFC_PATIENCE : FAST_PATIENCE)
  }

  /** Forms no more addresses; those that were formed stay, and what else routers said. */
  leaveAutoconfiguration(): void {
    this.routing?.leave()
    this.routing = null
  }

  clear(): void {
    this.isRemoved = true
    this.routing?.stop()
    this.listener?.stop()
    for (const { address } of [...this.entries]) this.remove(address)
    for (const probe of this.probes.splice(0)) probe.stop()
    this.discovery?.cache.clear()
  }

  /** The link is up again. */
  relinked(): void {
    this.discovery?.cache.doubt()
    this.listener?.refresh()
    for (const probe of this.probes) probe.announce()
    this.routing?.restart()
  }

  // ---------- AddressBearer ----------

  async acquire(address: IpAddress): Promise<boolean> {
    // Given by hand, and not a router's to take back.
    if (this.isKnown(address)) return false
    try {
      await this.acquireOrThrow(address, FORMED_PREFIX, false)
      return true
    } catch (error) {
      if (!(error instanceof NetError)) throw error
      return false
    }
  }

  setDeprecated(address: IpAddress, isDeprecated: boolean): void {
    const entry = this.find(address)
    if (entry !== null) entry.deprecated = isDeprecated
  }

  relinquish(address: IpAddress): void {
    if (this.find(address) !== null) this.remove(address)
  }

  // ---------- RouterEvents ----------

  routerAdded(address: IpAddress): void {
    this.host.events.emit({ kind: 'router-added', interface: this.on, address })
  }

  routerRemoved(address: IpAddress): void {
    this.host.events.emit({ kind: 'router-removed', interface: this.on, address })
  }

  // ---------- NdOwner ----------

  standing(address: IpAddress): 'tentative' | 'ours' | 'not ours' {
    const probe = this.probeOf(address)
    if (probe === null) return 'not ours'
    return probe.tentative ? 'tentative' : 'ours'
  }

  soughtByAnother(address: IpAddress, nonce: Uint8Array | undefined, mac: Mac): void {
    const probe = this.probeOf(address)
    if (probe?.isRival(nonce) === true) this.lose(probe, mac)
  }

  claimedByAnother(address: IpAddress, mac: Mac): void {
    const probe = this.probeOf(address)
    if (probe === null) return
    if (probe.tentative) this.lose(probe, mac)
    else if (probe.defend()) this.tellConflict(address, mac)
  }

  routerAdvertised(source: IpAddress, message: RouterAdvertisement): void {
    if (this.routing === null) this.host.stats.drop('nd.router-advertisement')
    else this.routing.advertised(source, message)
  }

  redirected(source: IpAddress, { target, destination }: Redirect): boolean {
    if (!this.host.acceptsRedirects) return false
    return this.routing?.routers.redirect(source, this.scoped(destination), this.scoped(target)) === true
  }

  neighborLost(address: IpAddress): void {
    this.routing?.routers.lost(address)
  }

  neighborHeard(address: IpAddress): void {
    this.routing?.routers.heard(address)
  }

  routerResigned(address: IpAddress): void {
    this.routing?.routers.resigned(address)
  }

  // ---------- inside ----------

  private get mld(): Mld {
    const { clock, random, ip6, stats } = this.host
    this.listener ??= new Mld(this.on, ip6, clock, random, stats)
    return this.listener
  }

  private get identifiers(): IdentifierMaker {
    const { host, on } = this
    this.maker ??=
      host.identifierKind === 'eui64' ? eui64Identifiers(on.port.mac) : stableIdentifiers(host.secret, on.name)
    return this.maker
  }

  /** Whether the stack has the address, or is about to. */
  private isKnown(address: IpAddress): boolean {
    const isComing = this.probeOf(address) !== null || this.coming.has(address.toString())
    return isComing || this.host.ip6.addresses.of(address) !== null
  }

  /** Forms the link-local address, unless there is one or it is on its way. */
  private ensureLinkLocal(): Promise<void> {
    this.linkLocal ??= this.formLinkLocal().catch((error: unknown) => {
      // The next one may try again.
      this.linkLocal = null
      throw error
    })
    return this.linkLocal
  }

  private async formLinkLocal(): Promise<void> {
    const { attempts } = this.identifiers
    for (let attempt = 0; ; attempt++) {
      const address = this.scoped(this.identifiers.make(LINK_LOCAL, attempt))
      try {
        await this.acquireOrThrow(address, FORMED_PREFIX, false)
        return
      } catch (error) {
        if (attempt + 1 === attempts || !hasCode(error, 'EADDRINUSE')) throw error
      }
    }
  }

  /** Makes sure that nobody else has the address; then it is ours. */
  private async acquireOrThrow(address: IpAddress, prefixLength: number, hasRoute: boolean): Promise<void> {
    const { ip6, events } = this.host
    const text = address.toString()
    this.coming.add(text)
    try {
      const isGranted = await this.on.claim(address)
      this.memberships.join(solicitedNode(address), null)
      await this.probe(address, isGranted)
    } finally {
      this.coming.delete(text)
    }
    if (this.isRemoved) throw new NetError('ENETDOWN', 'address', { address: text })
    ip6.addresses.add(address, prefixLength, this.on)
    if (hasRoute) ip6.routes.add(address, prefixLength, null, this.on)
    events.emit({ kind: 'address-added', interface: this.on, address })
  }

  private probe(address: IpAddress, isGranted: boolean): Promise<void> {
    const { nd } = this
    const { clock, random, probe: mode } = this.host
    if (nd === null) return Promise.resolve()
    return new Promise<void>((resolve, reject) => {
      const probe = new AddressProbe6(nd, clock, random, isGranted ? 'none' : mode, address, (holder) => {
        if (holder === null) return resolve()
        this.forget(address)
        const text = address.toString()
        const message = `address ${text} is in use by ${formatMac(holder.high, holder.low)} on ${this.on.link.name}`
        reject(new NetError('EADDRINUSE', 'address', { address: text, message }))
      })
      this.probes.push(probe)
      probe.start()
    })
  }

  /** Somebody else has the address that we were to use. */
  private lose(probe: AddressProbe6, mac: Mac): void {
    this.host.stats.addressConflicts++
    this.tellConflict(probe.address, mac)
    probe.duplicate(mac)
  }

  private tellConflict(address: IpAddress, { high, low }: Mac): void {
    this.host.events.emit({ kind: 'address-conflict', interface: this.on, address, mac: formatMac(high, low) })
  }

  /** Takes back all that was done for an address. */
  private forget(address: IpAddress): void {
    const probe = this.probeOf(address)
    if (probe !== null) {
      this.probes.splice(this.probes.indexOf(probe), 1)
      probe.stop()
    }
    this.memberships.leave(solicitedNode(address), null)
    this.on.unclaim(address)
  }

  private get entries(): readonly LocalAddress6[] {
    return this.host.ip6.addresses.entries.filter((entry) => entry.interface === this.on)
  }

  private find(address: IpAddress): LocalAddress6 | null {
    return this.entries.find((entry) => entry.address.equals(address)) ?? null
  }

  private probeOf(address: IpAddress): AddressProbe6 | null {
    return this.probes.find((probe) => probe.address.equals(address)) ?? null
  }

  private scoped(address: IpAddress): IpAddress {
    return address.isLinkLocal ? address.withScope(this.on.index) : address
  }
}
