/**
 * An interface of a shell: its addresses are the book's, its link is the engine's.
 *
 * @module
 */
import { type InterfaceAddress, type IpAddress, type Link, NetError } from '@ioth/core'
import type { BookInterface } from './address-book.ts'

/** What an interface needs of its stack. */
export interface InterfaceOwner {
  addAddress(on: ShellInterface, address: IpAddress, prefixLength: number): Promise<void>
  removeAddress(on: ShellInterface, address: IpAddress): void
  removeInterface(on: ShellInterface): Promise<void>
}

export class ShellInterface implements BookInterface {
  readonly index: number
  readonly name: string
  readonly link: Link | null
  mac = ''
  mtu = 0
  addresses: readonly InterfaceAddress[] = []
  private readonly owner: InterfaceOwner

  constructor(owner: InterfaceOwner, index: number, name: string, link: Link | null) {
    this.owner = owner
    this.index = index
    this.name = name
    this.link = link
  }

  async addAddress(address: IpAddress, prefixLength: number): Promise<void> {
    const longest = address.family === 4 ? 32 : 128
    const where = { address: address.toString() }
    if (!Number.isInteger(prefixLength) || prefixLength < 0 || prefixLength > longest || address.isUnspecified) {
      throw new NetError('EINVAL', 'address', where)
    }
    if (this.addresses.some((own) => own.address.equals(address))) throw new NetError('EEXIST', 'address', where)
    await this.owner.addAddress(this, address, prefixLength)
  }

  removeAddress(address: IpAddress): void {
    if (!this.addresses.some((own) => own.address.equals(address))) {
      throw new NetError('EADDRNOTAVAIL', 'address', { address: address.toString() })
    }
    this.owner.removeAddress(this, address)
  }

  async remove(): Promise<void> {
    await this.owner.removeInterface(this)
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
