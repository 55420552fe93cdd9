/**
 * An interface: a device of the library on a link, and its addresses.
 *
 * @module
 */
import {
  Alarm,
  ANY_V4,
  ANY_V6,
  broadcastAddress,
  type EventQueue,
  holdDuring,
  type Interface,
  type InterfaceAddress,
  IpAddress,
  inPrefix,
  type Link,
  NetError,
  prefixToNetmask,
  type StackEvent,
} from '@ioth/core'
import type { DhcpLease, LeasedStack, LeaseKeeper } from '@ioth/core/dhcp'
import { type Memberships, solicitedNode } from '@ioth/core/groups'
import { GroupsOnStation, leaseOnStation, type Station } from '@ioth/core/station'
import { NeighborProbe } from '@ioth/ffi'
import type { Pico } from './bindings.ts'
import type { PicoDevice } from './device.ts'
import { picoError } from './errno.ts'

/** What an interface asks of its stack. */
export interface InterfaceHost extends LeasedStack {
  readonly events: EventQueue<StackEvent>
  readonly pico: Pico
  touch(): void
  isOurs(address: IpAddress): boolean
  /** It can be bound to from now on. */
  addressAdded(on: PicoInterface, address: IpAddress): void
  addressRemoved(on: PicoInterface, address: IpAddress): void
  interfaceRemoved(removed: PicoInterface): void
}

/** The library's own duplicate address detection takes about a second; it is looked at as often as this. */
const LOOK_US = 20_000
const LEASE_WAIT_MS = 30_000
/** What does not settle by then never does: somebody has the address. */
const SETTLE_US = 5_000_000

export class PicoInterface implements Interface {
  readonly index: number
  readonly name: string
  readonly mac: string
  readonly mtu: number
  readonly device: PicoDevice
  /** Between the link and the device: conflicts, announcements, DHCP, and the armour. */
  readonly station: Station
  /** What is listened to, and told to routers: in the library's place. */
  readonly groups: GroupsOnStation
  /** Who was heard of, and is asked in the library's place and for our own pings; null on links without hardware addresses. */
  readonly neighbors: NeighborProbe | null
  /** Made by the library from the hardware address; null on links without. */
  readonly linkLocal: IpAddress | null
  private readonly host: InterfaceHost
  private readonly held: InterfaceAddress[] = []
  private readonly pending = new Set<string>()
  private keeper: LeaseKeeper | null = null
  /** Of the link-local address, with the first of IPv6. */
  private linkLocalClaim: Promise<void> | null = null
  /** IPv6 addresses, with those on their way. */
  private ipv6 = 0
  private isRemoved = false

  constructor(
    host: InterfaceHost,
    index: number,
    name: string,
    mac: string,
    octets: Uint8Array,
    mtu: number,
    station: Station,
    device: PicoDevice,
  ) {
    this.host = host
    this.index = index
    this.name = name
    this.mac = mac
    this.mtu = mtu
    this.device = device
    this.station = station
    const { scheduler } = host
    const source = (family: 4 | 6): IpAddress =>
      family === 6 ? ((this.hasIpv6 ? this.linkLocal : null) ?? ANY_V6) : (this.held.find(isIp4)?.address ?? ANY_V4)
    this.groups = new GroupsOnStation(station, { scheduler, source })
    this.neighbors =
      device.mac === null
        ? null
        : new NeighborProbe({
            clock: scheduler.clock,
            mac: device.mac,
            sourceFor: (neighbor) => this.sourceToNeighbor(neighbor),
            isOurs: (address) => this.isOwn(address),
            toPeer: (frame) => {
              device.emit(frame)
              host.touch()
            },
          })
    this.linkLocal = device.linkHeader === 0 ? null : linkLocalOf(octets).withScope(index)
  }

  get link(): Link {
    return this.device.link
  }

  /** The link-local one, which comes with the first of IPv6, last. */
  get addresses(): readonly InterfaceAddress[] {
    const { held, linkLocalClaim, linkLocal } = this
    if (!this.hasIpv6 || linkLocalClaim === null || linkLocal === null) return held
    return [...held, { address: linkLocal, prefixLength: 64 }]
  }

  /** Whether the address is one of this interface. */
  isOwn(address: IpAddress): boolean {
    return this.held.some((each) => each.address.equals(address)) || this.isOwnLinkLocal(address)
  }

  private isOwnLinkLocal(address: IpAddress): boolean {
    return this.hasIpv6 && this.linkLocal?.equals(address) === true
  }

  /** Who asks for a neighbour beside the library. */
  private sourceToNeighbor(neighbor: IpAddress): IpAddress | null {
    const { held } = this
    const inNetwork = held.find(({ address, prefixLength }) => inPrefix(neighbor, address, prefixLength))
    const own = inNetwork ?? held.find(({ address }) => address.family === neighbor.family)
    if (own === undefined) return null
    return neighbor.isLinkLocal && neighbor.family === 6 ? (this.linkLocal ?? own.address) : own.address
  }

  /** Whether it speaks IPv6: not before it has an address. */
  get hasIpv6(): boolean {
    return this.held.some(({ address }) => address.family === 6)
  }

  /** As {@link hasIpv6}, or one is on its way, whose probes have to leave. */
  get speaksIpv6(): boolean {
    return this.ipv6 > 0
  }

  addAddress(address: IpAddress, prefixLength: number): Promise<void> {
    return holdDuring(this.host.scheduler, () => this.take(address, prefixLength))
  }

  private async take(address: IpAddress, prefixLength: number): Promise<void> {
    const { host, device } = this
    const where = { address: address.toString() }
    if (this.isRemoved) throw new NetError('ENETDOWN', 'addAddress', where)
    const longest = address.family === 4 ? 32 : 128
    const isUnicast = !address.isUnspecified && !address.isMulticast && !address.isV4Mapped
    if (!isUnicast || !(prefixLength >= 0 && prefixLength <= longest)) throw new NetError('EINVAL', 'addAddress', where)
    const key = address.toString()
    const isLinkLocal = this.linkLocalClaim !== null && this.linkLocal?.equals(address) === true
    if (isLinkLocal || host.isOurs(address) || this.pending.has(key)) throw new NetError('EEXIST', 'addAddress', where)
    this.pending.add(key)
    try {
      if (address.family === 6) this.listen(address)
      // Neither is used before it is known that nobody has it (RFC 4862 5.4).
      await Promise.all([this.station.acquire(address), address.family === 6 ? this.linkLocalClaim : null])
      if (this.isRemoved) throw new NetError('ENETDOWN', 'addAddress', where)
      if (host.pico.addLink(device.pointer, address, prefixToNetmask(prefixLength, address.family)) !== 0) {
        throw picoError(host.pico.error(), 'addAddress', where)
      }
      host.touch()
      if (address.family === 6) await this.settled(address)
      this.held.push({ address, prefixLength })
      host.addressAdded(this, address)
    } catch (error) {
      this.station.release(address)
      if (address.family === 6) this.stopListening(address)
      throw error
    } finally {
      this.pending.delete(key)
    }
  }

  removeAddress(address: IpAddress): void {
    const index = this.held.findIndex((held) => held.address.equals(address))
    if (index < 0) throw new NetError('EADDRNOTAVAIL', 'removeAddress', { address: address.toString() })
    this.held.splice(index, 1)
    this.host.addressRemoved(this, address)
    this.host.pico.removeLink(this.device.pointer, address)
    this.station.release(address)
    if (address.family === 6) this.stopListening(address)
    this.host.touch()
  }

  /** Neighbours ask the group of an address for it (RFC 4291 2.7.1). */
  private listen(address: IpAddress): void {
    if (this.ipv6++ === 0 && this.linkLocal !== null && !address.equals(this.linkLocal)) {
      this.solicited.join(solicitedNode(this.linkLocal), null)
      this.linkLocalClaim = this.station.acquire(this.linkLocal)
      // Whoever waits for it is told.
      this.linkLocalClaim.catch(() => {})
    }
    this.solicited.join(solicitedNode(address), null)
  }

  private stopListening(address: IpAddress): void {
    this.solicited.leave(solicitedNode(address), null)
    if (--this.ipv6 > 0 || this.linkLocalClaim === null || this.linkLocal === null) return
    this.solicited.leave(solicitedNode(this.linkLocal), null)
    this.station.release(this.linkLocal)
    this.linkLocalClaim = null
  }

  private get solicited(): Memberships {
    return this.groups.memberships(6)
  }

  /** Who asks for a neighbour: an address that is past its probes; null where the library asks for an address of its own. */
  askerFor(neighbor: IpAddress): IpAddress | null {
    const isOwn = this.pending.has(neighbor.toString()) || this.linkLocal?.equals(neighbor) === true
    if (isOwn || this.host.isOurs(neighbor)) return null
    return this.held.find(({ address }) => address.family === 6)?.address ?? null
  }

  /** Where datagrams to a group come from; null: there is no address of its family. */
  sourceTo(group: IpAddress): IpAddress | null {
    const held = this.held.filter(({ address }) => address.family === group.family)
    if (group.family === 4) {
      const isOf = ({ address, prefixLength }: InterfaceAddress): boolean =>
        broadcastAddress(address, prefixLength)?.equals(group) === true
      return (held.find(isOf) ?? held[0])?.address ?? null
    }
    // RFC 4007 4: what does not leave the link comes from an address that does not either.
    const isLinkWide = ((group.w0 >>> 16) & 15) <= 2
    const global = held.find(({ address }) => !address.isLinkLocal)?.address
    return held.length === 0 ? null : isLinkWide ? (this.linkLocal ?? global ?? null) : (global ?? this.linkLocal)
  }

  get lease(): DhcpLease | null {
    return this.keeper?.lease ?? null
  }

  dhcp(timeoutMs: number = LEASE_WAIT_MS): Promise<DhcpLease> {
    return holdDuring(this.host.scheduler, () => this.borrow(timeoutMs))
  }

  private async borrow(timeoutMs: number): Promise<DhcpLease> {
    if (this.isRemoved) throw new NetError('ENETDOWN', 'dhcp')
    if (this.keeper !== null) throw new NetError('EALREADY', 'dhcp')
    const { host } = this
    this.keeper = leaseOnStation(this.station, host, this, (event) => host.events.emit(event))
    try {
      return await this.keeper.start(timeoutMs)
    } catch (error) {
      this.keeper = null
      throw error
    }
  }

  /** Somebody else has the address, and kept it when it was defended. */
  conflictLost(address: IpAddress): void {
    this.keeper?.conflict(address)
    if (this.held.some((held) => held.address.equals(address))) this.removeAddress(address)
  }

  /** Whether this is how everybody of one of its networks is addressed. */
  isBroadcast(address: IpAddress): boolean {
    return this.held.some((held) => broadcastAddress(held.address, held.prefixLength)?.equals(address) === true)
  }

  remove(): Promise<void> {
    return holdDuring(this.host.scheduler, () => this.end())
  }

  private async end(): Promise<void> {
    if (this.isRemoved) return
    this.isRemoved = true
    this.neighbors?.close()
    this.keeper?.stop(new NetError('ENETDOWN', 'dhcp'))
    for (const { address } of [...this.held]) this.removeAddress(address)
    this.host.interfaceRemoved(this)
    this.device.destroy()
    await this.link.close()
  }

  /** Until the library takes the address for its own. @throws NetError EADDRINUSE when it never does. */
  private async settled(address: IpAddress): Promise<void> {
    const { host } = this
    const { clock } = host.scheduler
    const end = clock.now + SETTLE_US
    while (!host.pico.isSettled(address)) {
      await new Promise<void>((resolve) => {
        const alarm = new Alarm(resolve)
        clock.arm(alarm, clock.now + LOOK_US)
      })
      if (this.isRemoved) throw new NetError('ENETDOWN', 'addAddress', { address: address.toString() })
      if (clock.now >= end) throw new NetError('EADDRINUSE', 'addAddress', { address: address.toString() })
      host.touch()
    }
  }
}

const isIp4 = ({ address }: InterfaceAddress): boolean => address.family === 4

/** fe80:: with the modified EUI-64 of the hardware address (RFC 4291, appendix A), as the library makes it. */
function linkLocalOf(mac: Uint8Array): IpAddress {
  const [a, b, c, d, e, f] = mac as unknown as [number, number, number, number, number, number]
  return new IpAddress(
    6,
    0xfe800000 | 0,
    0,
    ((a ^ 2) << 24) | (b << 16) | (c << 8) | 0xff,
    (0xfe << 24) | (d << 16) | (e << 8) | f,
  )
}
