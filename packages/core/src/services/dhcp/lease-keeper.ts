/**
 * What a DHCP lease does to a stack: the client's machine between packets on one side, and an interface's addresses, the stack's routes and
 * name servers on the other. For stacks that have it built in, and for libraries beside whose link it stands.
 *
 * @module
 */
import { inPrefix, networkAddress } from '../../address/cidr.ts'
import { ANY_V4, type IpAddress } from '../../address/ip-address.ts'
import { parseMac } from '../../address/mac.ts'
import { Timer } from '../../contract/clock.ts'
import type { Scheduler } from '../../contract/scheduler.ts'
import type { Interface, Route, StackEvent, Table } from '../../contract/stack.ts'
import { hasCode, NetError } from '../../errors/net-error.ts'
import { DhcpClient, type DhcpClientHost } from './client.ts'
import type { DhcpLease } from './lease.ts'

/** What a lease configures. */
export interface LeasedStack {
  readonly name: string
  readonly scheduler: Scheduler
  readonly routes: Table<Route>
  nameServers: readonly IpAddress[]
  searchDomains: readonly string[]
}

/** The packets of the client. */
export interface LeaseWire {
  /** The link, for people. */
  readonly name: string
  /** Whether packets to the client's port are to be handed to {@link LeaseKeeper.take}. */
  listen(isOn: boolean): void
  /** Sends an IPv4 packet to a station; six octets of 0xff: to all. */
  transmit(packet: Uint8Array, station: Uint8Array): void
  /** A packet was dropped, or something else was lost; the reason as in `drop.dhcp.reason`. */
  dropped(reason: string): void
}

export class LeaseKeeper implements DhcpClientHost {
  readonly hardware: Uint8Array
  private readonly stack: LeasedStack
  private readonly on: Interface
  private readonly wire: LeaseWire
  private readonly emit: (event: StackEvent) => void
  private readonly client: DhcpClient
  private readonly waiters = new Set<Waiter>()
  /** What the lease in force added. */
  private routes: Route[] = []
  private nameServers: readonly IpAddress[] | null = null
  private searchDomains: readonly string[] | null = null

  /** @param emit tells of leases and routers. */
  constructor(stack: LeasedStack, on: Interface, wire: LeaseWire, emit: (event: StackEvent) => void) {
    this.stack = stack
    this.on = on
    this.wire = wire
    this.emit = emit
    this.hardware = parseMac(on.mac)
    this.client = new DhcpClient(this)
  }

  get lease(): DhcpLease | null {
    return this.client.lease
  }

  get scheduler(): Scheduler {
    return this.stack.scheduler
  }

  get hostName(): string {
    return this.stack.name
  }

  /** Settles with the first lease. */
  start(timeoutMs: number): Promise<DhcpLease> {
    const { clock } = this.scheduler
    this.wire.listen(true)
    return new Promise((resolve, reject) => {
      const waiter = new Waiter(resolve, reject, () => {
        const seconds = Number((timeoutMs / 1000).toPrecision(3))
        const message = `no DHCP server on ${this.wire.name} gave an address within ${seconds} s: give the address yourself, or start a server`
        this.stop(new NetError('ETIMEDOUT', 'dhcp', { message }))
      })
      this.waiters.add(waiter)
      clock.arm(waiter, clock.now + Math.ceil(timeoutMs * 1000))
      this.client.start()
    })
  }

  /** Gives the address back. What it configured goes with the interface. */
  stop(reason: NetError): void {
    const { lease } = this.client
    if (lease !== null) this.withdraw()
    this.client.stop()
    this.wire.listen(false)
    for (const waiter of this.waiters) this.settle(waiter, (each) => each.reject(reason))
  }

  /** Leaves the lease to somebody else who keeps it: what it configured stays. */
  leave(reason: NetError): void {
    this.client.leave()
    this.wire.listen(false)
    for (const waiter of this.waiters) this.settle(waiter, (each) => each.reject(reason))
  }

  /** The address was lost to somebody else. */
  conflict(address: IpAddress): void {
    if (this.client.lease?.address.equals(address) === true) this.client.conflict()
  }

  /** A packet to the client's port. @param station the MAC it came from. @param isSummed its checksums are known to be right, or left out. */
  take(packet: Uint8Array, station: Uint8Array, isSummed: boolean): void {
    this.client.take(packet, station, isSummed)
  }

  // ---------- DhcpClientHost ----------

  transmit(packet: Uint8Array, station: Uint8Array): void {
    this.wire.transmit(packet, station)
  }

  async acquire({ address, prefixLength }: DhcpLease): Promise<void> {
    await this.on.addAddress(address, prefixLength)
  }

  obtained(lease: DhcpLease, isRenewal: boolean): void {
    if (isRenewal) this.withdraw()
    this.apply(lease)
    if (isRenewal) return
    this.emit({ kind: 'lease-obtained', interface: this.on, address: lease.address })
    for (const waiter of this.waiters) this.settle(waiter, (each) => each.resolve(lease))
  }

  lost({ address }: DhcpLease): void {
    this.withdraw()
    // After a conflict it is gone already.
    if (this.on.addresses.some((own) => own.address.equals(address))) this.on.removeAddress(address)
    this.emit({ kind: 'lease-lost', interface: this.on, address })
  }

  dropped(reason: string): void {
    this.wire.dropped(reason)
  }

  // ---------- what a lease configures ----------

  private apply({ address, prefixLength, routers, routes, nameServers, searchDomains }: DhcpLease): void {
    const { stack } = this
    const reachable = routers.filter((router) => inPrefix(router, address, prefixLength))
    for (const via of reachable) this.addRoute(ANY_V4, 0, via)
    for (const route of routes) this.addRoute(route.destination, route.prefixLength, route.via)
    if (stack.nameServers.length === 0) stack.nameServers = this.nameServers = [...nameServers]
    if (stack.searchDomains.length === 0) stack.searchDomains = this.searchDomains = [...searchDomains]
  }

  private addRoute(destination: IpAddress, prefixLength: number, via: IpAddress | null): void {
    // Several default routers: the first one is preferred.
    const metric = this.routes.length
    const network = networkAddress(destination, prefixLength)
    const route: Route = { destination: network, prefixLength, via, interface: this.on, metric }
    try {
      this.stack.routes.add(route)
    } catch (error) {
      if (!hasCode(error, 'EEXIST')) throw error
      return
    }
    this.routes.push(route)
    if (prefixLength === 0 && via !== null) {
      this.emit({ kind: 'router-added', interface: this.on, address: via })
    }
  }

  private withdraw(): void {
    const { stack } = this
    for (const route of this.routes.splice(0)) {
      try {
        stack.routes.remove(route)
      } catch (error) {
        // Somebody else took it out.
        if (!hasCode(error, 'ESRCH')) throw error
        continue
      }
      if (route.prefixLength === 0 && route.via !== null) {
        this.emit({ kind: 'router-removed', interface: this.on, address: route.via })
      }
    }
    if (stack.nameServers === this.nameServers) stack.nameServers = []
    if (stack.searchDomains === this.searchDomains) stack.searchDomains = []
    this.nameServers = null
    this.searchDomains = null
  }

  private settle(waiter: Waiter, tell: (waiter: Waiter) => void): void {
    this.waiters.delete(waiter)
    this.scheduler.clock.disarm(waiter)
    tell(waiter)
  }
}

/** Somebody who waits for a lease. */
class Waiter extends Timer {
  readonly resolve: (lease: DhcpLease) => void
  readonly reject: (reason: NetError) => void
  private readonly expired: () => void

  constructor(resolve: (lease: DhcpLease) => void, reject: (reason: NetError) => void, expired: () => void) {
    super()
    this.resolve = resolve
    this.reject = reject
    this.expired = expired
  }

  override fire(): void {
    this.expired()
  }
}
