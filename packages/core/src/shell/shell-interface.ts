/**
 * An interface of a shell: its addresses are the book's, its link is the engine's.
 *
 * @module
 */
import type { IpAddress } from '../address/ip-address.ts'
import { holdDuring } from '../contract/hold-during.ts'
import type { Link } from '../contract/link.ts'
import type { InterfaceAddress, StackEvent } from '../contract/stack.ts'
import { NetError } from '../errors/net-error.ts'
import type { DhcpLease } from '../services/dhcp/lease.ts'
import type { LeasedStack, LeaseKeeper } from '../services/dhcp/lease-keeper.ts'
import { leaseOnStation } from '../station/lease-on-station.ts'
import type { Station } from '../station/station.ts'
import type { BookInterface } from './address-book.ts'

/** What an interface needs of its stack. */
export interface InterfaceOwner extends LeasedStack {
  tell(event: StackEvent): void
  addAddress(on: ShellInterface, address: IpAddress, prefixLength: number): Promise<void>
  removeAddress(on: ShellInterface, address: IpAddress): void
  removeInterface(on: ShellInterface): Promise<void>
}

const LEASE_WAIT_MS = 30_000

export class ShellInterface implements BookInterface {
  readonly index: number
  readonly name: string
  readonly link: Link | null
  mac = ''
  mtu = 0
  addresses: readonly InterfaceAddress[] = []
  /** Where the shell does beside the link what the engine cannot. */
  station: Station | null = null
  dhcp?: (timeoutMs?: number) => Promise<DhcpLease>
  private keeper: LeaseKeeper | null = null
  private readonly owner: InterfaceOwner

  constructor(owner: InterfaceOwner, index: number, name: string, link: Link | null) {
    this.owner = owner
    this.index = index
    this.name = name
    this.link = link
  }

  /** @internal before its first address */
  beside(station: Station): void {
    this.station = station
    this.dhcp = (timeoutMs = LEASE_WAIT_MS) => holdDuring(this.owner.scheduler, () => this.borrow(station, timeoutMs))
  }

  get lease(): DhcpLease | null {
    return this.keeper?.lease ?? null
  }

  /** @internal somebody else has the address, and kept it when it was defended */
  conflictLost(address: IpAddress): void {
    this.keeper?.conflict(address)
    if (this.addresses.some((own) => own.address.equals(address))) this.removeAddress(address)
  }

  /** @internal gives the lease back */
  stopLease(): void {
    this.keeper?.stop(new NetError('ENETDOWN', 'dhcp'))
    this.keeper = null
  }

  private async borrow(station: Station, timeoutMs: number): Promise<DhcpLease> {
    if (this.keeper !== null) throw new NetError('EALREADY', 'dhcp')
    const { owner } = this
    const keeper = leaseOnStation(station, owner, this, (event) => owner.tell(event))
    this.keeper = keeper
    try {
      return await keeper.start(timeoutMs)
    } catch (error) {
      this.keeper = null
      throw error
    }
  }

  async addAddress(address: IpAddress, prefixLength: number): Promise<void> {
    const longest = address.family === 4 ? 32 : 128
    const where = { address: address.toString() }
    if (!Number.isInteger(prefixLength) || prefixLength < 0 || prefixLength > longest || address.isUnspecified) {
      throw new NetError('EINVAL', 'address', where)
    }
    if (this.addresses.some((own) => own.address.equals(address))) throw new NetError('EEXIST', 'address', where)
    await holdDuring(this.owner.scheduler, () => this.owner.addAddress(this, address, prefixLength))
  }

  removeAddress(address: IpAddress): void {
    if (!this.addresses.some((own) => own.address.equals(address))) {
      throw new NetError('EADDRNOTAVAIL', 'address', { address: address.toString() })
    }
    this.owner.removeAddress(this, address)
  }

  async remove(): Promise<void> {
    await holdDuring(this.owner.scheduler, () => this.owner.removeInterface(this))
  }

  /** @internal the address is usable from now on */
  put(address: IpAddress, prefixLength: number): void {
    this.drop(address)
    this.addresses = [...this.addresses, { address, prefixLength }]
  }

  /** @internal */
  drop(address: IpAddress): void {
    this.addresses = this.addresses.filter((own) => !own.address.equals(address))
  }
}
