/**
 * An interface of the stack: a port on a link, its addresses, and how an address becomes ours (claimed at the network's register, or
 * probed for) and stays ours.
 *
 * @module
 */
import {
  Alarm,
  type Clock,
  ETHERTYPE_IP4,
  holdDuring,
  type Interface,
  type InterfaceAddress,
  type IpAddress,
  type Link,
  NetError,
  type Random,
} from '@ioth/core'
import type { DhcpLease, LeaseKeeper } from '@ioth/core/dhcp'
import { ALL_HOSTS } from '@ioth/core/groups'
import type { Counters } from './counters.ts'
import { type LeasingStack, leaseKeeper } from './dhcp.ts'
import type { Events } from './events.ts'
import type { Icmpv6 } from './icmp/icmpv6.ts'
import { Igmp } from './igmp/igmp.ts'
import { Interface6 } from './interface6.ts'
import { type LocalAddress, maskOf } from './ip/address-table.ts'
import { FixedPath, GroupPaths, type GroupScope, groupMac4, type NetInterface } from './ip/interface.ts'
import type { Ipv4 } from './ip/ipv4.ts'
import type { Ipv6 } from './ip/ipv6.ts'
import type { Loopback } from './link/loopback.ts'
import type { Path } from './link/path.ts'
import type { Port } from './link/port.ts'
import { Arp, type ArpOwner } from './neighbor/arp.ts'
import type { Undeliverable } from './neighbor/cache.ts'
import { AddressProbe, type ProbeMode } from './neighbor/dad.ts'
import type { IdentifierKind } from './neighbor/interface-identifier.ts'
import { formatMac, type Mac } from './wire/ethernet.ts'

/** What an interface asks of its stack. */
export interface InterfaceHost extends LeasingStack {
  readonly clock: Clock
  readonly random: Random
  readonly ip: Ipv4
  readonly loopback: Loopback
  readonly loopback6: Loopback
  readonly ip6: Ipv6
  readonly icmp6: Icmpv6
  readonly stats: Counters
  readonly events: Events
  /** How long a lease is waited for, where the caller says nothing. */
  readonly dhcpWaitMs: number
  readonly probe: ProbeMode
  readonly undeliverable: Undeliverable
  readonly undeliverable6: Undeliverable
  /** How addresses are formed, and the secret for it. */
  readonly identifierKind: IdentifierKind
  readonly secret: Uint8Array
  readonly acceptsRedirects: boolean
  /** Nobody may use this address any more. */
  addressRemoved(address: IpAddress): void
  interfaceRemoved(removed: StackInterface): void
}

/** Who waits for the link to be up. */
interface OpenWaiter {
  resolve(): void
  reject(reason: NetError): void
}

export class StackInterface implements Interface, NetInterface, ArpOwner {
  readonly index: number
  readonly name: string
  readonly mac: string
  readonly port: Port
  readonly arp: Arp | null
  readonly direct: Path
  readonly groupPaths: GroupPaths
  readonly igmp: Igmp
  readonly v6: Interface6
  private readonly host: InterfaceHost
  /** Addresses that are being checked, or that are ours. */
  private readonly probes = new Map<number, AddressProbe>()
  /** As text: in both families. */
  private readonly claimed = new Set<string>()
  private readonly openWaiters: OpenWaiter[] = []
  private isRemoved = false
  private leasing: LeaseKeeper | null = null

  constructor(host: InterfaceHost, index: number, name: string, port: Port) {
    this.host = host
    this.index = index
    this.name = name
    this.port = port
    this.mac = formatMac(port.mac.high, port.mac.low)
    this.arp = port.hasNeighbors ? new Arp(port, host.clock, host.random, this, host.stats, host.undeliverable) : null
    this.direct = new FixedPath(port)
    port.interface = this
    const { clock, random, stats: counters } = host
    const source = (): number => host.ip.addresses.bestOn(this, 0)?.word ?? 0
    this.igmp = new Igmp(this, { clock, random, counters, pool: port.pool, source })
    const { memberships } = this.igmp
    const scope: GroupScope = {
      etherType: ETHERTYPE_IP4,
      macOf: groupMac4,
      isJoined: ({ isMulticast, w3 }) =>
        !isMulticast || w3 === ALL_HOSTS || memberships.find(0, 0, 0xffff, w3) !== null,
    }
    this.groupPaths = new GroupPaths(this, scope, host.loopback)
    this.v6 = new Interface6(host, this)
  }

  get mtu(): number {
    return this.port.mtu
  }

  get link(): Link {
    return this.port.link
  }

  get addresses(): readonly InterfaceAddress[] {
    return [...this.addresses4, ...this.v6.addresses]
  }

  private get addresses4(): readonly LocalAddress[] {
    return this.host.ip.addresses.entries.filter((entry) => entry.interface === this)
  }

  addAddress(address: IpAddress, prefixLength: number): Promise<void> {
    return holdDuring(this.host.scheduler, () => this.take(address, prefixLength))
  }

  private async take(address: IpAddress, prefixLength: number): Promise<void> {
    const { ip } = this.host
    const text = address.toString()
    if (address.family === 6) return await this.v6.add(address, prefixLength)
    const isUnusable = address.isUnspecified || address.isMulticast || address.isLoopback || address.w3 === -1
    if (isUnusable || !(prefixLength >= 0 && prefixLength <= 32)) {
      throw new NetError('EINVAL', 'address', {
        message: `${text}/${prefixLength} cannot be an address of an interface`,
      })
    }
    const word = address.w3
    if (ip.addresses.find(word) !== null || this.probes.has(word)) {
      throw new NetError('EEXIST', 'address', { address: text })
    }
    await this.acquire(address)
    if (this.isRemoved) throw new NetError('ENETDOWN', 'address', { address: text })
    ip.addresses.add(address, prefixLength, this)
    this.host.events.emit({ kind: 'address-added', interface: this, address })
    ip.routes.add(word & maskOf(prefixLength), prefixLength, null, this)
  }

  removeAddress(address: IpAddress): void {
    if (address.family === 6) {
      this.v6.remove(address)
      return
    }
    const { ip } = this.host
    const entry = ip.addresses.find(address.w3)
    if (entry === null || entry.interface !== this) {
      throw new NetError('EADDRNOTAVAIL', 'address', { address: address.toString() })
    }
    ip.addresses.remove(entry.word)
    const isShared = this.addresses4.some(
      (other) => other.prefixLength === entry.prefixLength && ((other.word ^ entry.word) & entry.mask) === 0,
    )
    if (!isShared) ip.routes.remove(entry.word, entry.prefixLength, null, this)
    this.giveBack(address)
    this.host.addressRemoved(address)
    this.host.events.emit({ kind: 'address-removed', interface: this, address })
  }

  get lease(): DhcpLease | null {
    return this.leasing?.lease ?? null
  }

  dhcp(timeoutMs: number = this.host.dhcpWaitMs): Promise<DhcpLease> {
    return holdDuring(this.host.scheduler, () => this.borrow(timeoutMs))
  }

  private async borrow(timeoutMs: number): Promise<DhcpLease> {
    if (this.isRemoved) throw new NetError('ENETDOWN', 'dhcp')
    if (this.arp === null) {
      const message = `DHCP needs an Ethernet, and ${this.link.name} carries IP packets only`
      throw new NetError('ERR_IOTH_NOT_IMPLEMENTED', 'dhcp', { message })
    }
    if (this.leasing !== null) throw new NetError('EALREADY', 'dhcp')
    const leasing = leaseKeeper(this.host, this)
    this.leasing = leasing
    const { clock } = this.host
    const end = clock.now + timeoutMs * 1000
    let left = timeoutMs
    try {
      if (this.link.state === 'opening') {
        await this.opened(end)
        left = (end - clock.now) / 1000
      }
      return await leasing.start(left)
    } catch (error) {
      if (this.leasing === leasing) this.leasing = null
      throw error
    }
  }

  leaveConfiguration(): void {
    this.v6.leaveAutoconfiguration()
    this.leasing?.leave(new NetError('ENETDOWN', 'dhcp'))
    this.leasing = null
  }

  /** Forms IPv6 addresses from what routers advertise. @see Interface6.autoconfigure */
  async slaac(): Promise<void> {
    await this.v6.autoconfigure()
  }

  remove(): Promise<void> {
    return holdDuring(this.host.scheduler, () => this.end())
  }

  private async end(): Promise<void> {
    if (this.isRemoved) return
    this.isRemoved = true
    this.leasing?.stop(new NetError('ENETDOWN', 'dhcp'))
    this.failed(new NetError('ENETDOWN', 'interface'))
    this.port.flush()
    for (const { address } of [...this.addresses]) this.removeAddress(address)
    this.v6.clear()
    for (const probe of this.probes.values()) probe.stop()
    this.probes.clear()
    this.arp?.cache.clear()
    this.igmp.stop()
    this.host.interfaceRemoved(this)
    this.port.discard()
    await this.link.close()
  }

  /** The link is up, or is up again, perhaps at another place: the others hear where our addresses are now. */
  relinked(): void {
    for (const { resolve } of this.openWaiters.splice(0)) resolve()
    this.arp?.cache.doubt()
    this.igmp.refresh()
    this.v6.relinked()
    for (const probe of this.probes.values()) probe.announce()
  }

  // ---------- ArpOwner ----------

  owns(address: number): boolean {
    return this.host.ip.addresses.find(address)?.interface === this
  }

  sourceFor(target: number): number {
    return this.host.ip.addresses.bestOn(this, target)?.word ?? 0
  }

  isTentative(address: number): boolean {
    return this.probes.get(address)?.tentative === true
  }

  conflict(address: number, mac: Mac): void {
    const probe = this.probes.get(address)
    if (probe === undefined) return
    const isDefended = probe.conflict(mac)
    if (probe.tentative) return
    const entry = this.host.ip.addresses.find(address)
    if (entry !== null) {
      const other = formatMac(mac.high, mac.low)
      this.host.events.emit({ kind: 'address-conflict', interface: this, address: entry.address, mac: other })
    }
    // RFC 5227 2.4 b: defended once, lost the second time.
    if (isDefended) return
    if (entry === null) return
    this.removeAddress(entry.address)
    this.leasing?.conflict(entry.address)
  }

  // ---------- inside ----------

  /** Makes sure that nobody else has the address. */
  private async acquire(address: IpAddress): Promise<void> {
    const { host, arp } = this
    const isGranted = await this.claim(address)
    if (arp === null) return
    const mode = isGranted ? 'none' : host.probe
    await new Promise<void>((resolve, reject) => {
      const probe = new AddressProbe(arp, host.clock, host.random, mode, address.w3, (holder) => {
        if (holder === null) return resolve()
        this.probes.delete(address.w3)
        this.unclaim(address)
        const text = address.toString()
        const message = `address ${text} is in use by ${formatMac(holder.high, holder.low)} on ${this.link.name}`
        reject(new NetError('EADDRINUSE', 'address', { address: text, message }))
      })
      this.probes.set(address.w3, probe)
      probe.start()
    })
  }

  /**
   * Waits for the link and asks its register for an address.
   * @returns whether the register granted it; false: there is none.
   * @throws NetError EADDRINUSE; ENETDOWN when the interface went away meanwhile.
   */
  async claim(scoped: IpAddress): Promise<boolean> {
    // What our interfaces are called is nobody else's business.
    const address = scoped.withScope(0)
    if (this.link.state === 'opening') await this.opened()
    const answer = await this.link.claim?.(address, this.mac)
    if (answer !== undefined) this.claimed.add(address.toString())
    const isGranted = answer === true
    if (this.isRemoved) throw new NetError('ENETDOWN', 'address', { address: address.toString() })
    return isGranted
  }

  unclaim(scoped: IpAddress): void {
    const address = scoped.withScope(0)
    if (this.claimed.delete(address.toString())) this.link.unclaim?.(address)
  }

  /** A question on a link that is not up yet would be lost. @param end how long it is waited for; without it as long as it takes. @throws NetError ETIMEDOUT */
  private opened(end?: number): Promise<void> {
    return new Promise((resolve, reject) => {
      const { clock } = this.host
      const waiter: OpenWaiter = {
        resolve: () => {
          clock.disarm(late)
          resolve()
        },
        reject: (reason) => {
          clock.disarm(late)
          reject(reason)
        },
      }
      const late = new Alarm(() => {
        this.openWaiters.splice(this.openWaiters.indexOf(waiter), 1)
        reject(new NetError('ETIMEDOUT', 'dhcp'))
      })
      if (end !== undefined) clock.arm(late, end)
      this.openWaiters.push(waiter)
    })
  }

  /** The link is closed for good. */
  failed(reason: NetError): void {
    for (const { reject } of this.openWaiters.splice(0)) reject(reason)
  }

  private giveBack(address: IpAddress): void {
    this.probes.get(address.w3)?.stop()
    this.probes.delete(address.w3)
    this.unclaim(address)
  }
}
