/**
 * The addresses of an interface, and a library without neighbours.
 *
 * LWIPv6 has one table of ten neighbours for all stacks of a process. Its two threads change it without a lock, with the packets that wait
 * for an answer in it, one for each neighbour: with more neighbours than ten packets get lost, and what both threads touch at once is freed
 * twice (`etharp.c`: etharp_query in the one, update_arp_entry in the other). So the library is never left without an answer: each network
 * of an interface is routed over the interface's own address, which the table has for good, and where a frame really goes is decided beside
 * the library.
 *
 * @module
 */
import { IpAddress, inPrefix, NetError, networkAddress } from '@ioth/core'
import { errnoError } from '@ioth/ffi'
import { ipAddr, maskOf } from './addresses.ts'
import type { Pointer } from './bindings.ts'
import { dropNeighbor, keepNeighbor, type NamedInterface } from './ioctl.ts'
import { MOST_ADDRESSES } from './limits.ts'

/** The limited broadcast: the library would find no route to it. */
const EVERYBODY = IpAddress.v4(-1)

/** Entries of the library's table that addresses of this process have. */
let entries = 0

interface Network {
  readonly destination: IpAddress
  readonly prefixLength: number
  /** Its router; without one an address of the network itself: whose network it is reached from. */
  readonly via: IpAddress
}

export class Hops {
  private readonly on: NamedInterface
  private readonly nif: Pointer
  private readonly own: { readonly address: IpAddress; readonly prefixLength: number }[] = []
  /** What was routed by {@link addRoute}. */
  private readonly routes: Network[] = []

  constructor(on: NamedInterface, nif: Pointer) {
    this.on = on
    this.nif = nif
  }

  /** Whether an address is the interface's. */
  has(address: IpAddress): boolean {
    return this.own.some((each) => each.address.equals(address))
  }

  /** @throws NetError ENOBUFS when the process has as many addresses as the library's table has entries. */
  addAddress(address: IpAddress, prefixLength: number): void {
    const { on, own } = this
    if (entries >= MOST_ADDRESSES) {
      const message = `address ENOBUFS: LWIPv6 keeps ${MOST_ADDRESSES} addresses in one process`
      throw new NetError('ENOBUFS', 'address', { address: `${address}`, message })
    }
    this.add(address, prefixLength)
    entries++
    keepNeighbor(on, address)
    const isFirst = !own.some((each) => each.address.family === address.family)
    own.push({ address, prefixLength })
    this.route(networkOf(address, prefixLength))
    if (isFirst && address.family === 4) this.addRoute(EVERYBODY, 32, address)
  }

  /** An address for nothing but to be asked for, over no route. */
  addSilent(address: IpAddress): void {
    this.add(address, 32)
    this.unroute(address, 32)
  }

  removeAddress(address: IpAddress): void {
    const { on, nif, own, routes } = this
    const index = own.findIndex((each) => each.address.equals(address))
    const [gone] = index < 0 ? [] : own.splice(index, 1)
    if (gone === undefined) return
    on.lwip.delAddr(nif, ipAddr(address), maskOf(address.family, gone.prefixLength))
    this.forget(address)
    // What went over it goes over another one now.
    const others = own.filter((each) => each.address.family === address.family)
    if (others.length === 0) return
    for (const { address: other, prefixLength } of others) this.route(networkOf(other, prefixLength))
    for (const each of routes) if (each.destination.family === address.family) this.route(each)
  }

  /** @throws NetError ENETUNREACH without an address of the family. */
  addRoute(destination: IpAddress, prefixLength: number, via: IpAddress | null): void {
    const added = { ...networkOf(destination, prefixLength), via: via ?? destination }
    this.route(added)
    this.routes.push(added)
  }

  removeRoute(destination: IpAddress, prefixLength: number): void {
    const { routes } = this
    const to = networkOf(destination, prefixLength).destination
    const index = routes.findIndex((each) => each.destination.equals(to) && each.prefixLength === prefixLength)
    if (index >= 0) routes.splice(index, 1)
    this.unroute(to, prefixLength)
  }

  /** The library's table has room again. */
  close(): void {
    for (const { address } of this.own.splice(0)) this.forget(address)
  }

  /** The library compares a new address with routes that look like it, by a null pointer (`ip6_route.c`, ip_route_list_add): so there are none. */
  private add(address: IpAddress, prefixLength: number): void {
    this.unroute(address, prefixLength)
    const { lwip } = this.on
    if (lwip.addAddr(this.nif, ipAddr(address), maskOf(address.family, prefixLength)) < 0) throw errnoError('address')
  }

  private unroute(to: IpAddress, prefixLength: number): void {
    const { on, nif } = this
    const mask = maskOf(to.family, prefixLength)
    while (on.lwip.delRoute(on.stack, ipAddr(to), mask, ipAddr(to), nif, 0) === 0);
  }

  private forget(address: IpAddress): void {
    dropNeighbor(this.on, address)
    entries--
  }

  private route({ destination, prefixLength, via }: Network): void {
    const { on, nif, own } = this
    const { lwip, stack } = on
    const ofFamily = own.filter(({ address }) => address.family === destination.family)
    const hop = ofFamily.find((each) => inPrefix(via, each.address, each.prefixLength)) ?? ofFamily[0]
    if (hop === undefined) throw new NetError('ENETUNREACH', 'route', { address: `${destination}` })
    const [to, mask, over] = [ipAddr(destination), maskOf(destination.family, prefixLength), ipAddr(hop.address)]
    // Each address has brought a route of its own, and the library takes no second one.
    this.unroute(destination, prefixLength)
    const result = lwip.addRoute(stack, to, mask, over, nif, 0)
    if (result < 0) throw errnoError('route', -result)
  }
}

function networkOf(address: IpAddress, prefixLength: number): Network {
  return { destination: networkAddress(address, prefixLength), prefixLength, via: address }
}
