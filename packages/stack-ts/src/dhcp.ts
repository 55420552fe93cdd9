/**
 * The DHCP client of an interface: core's machine between the port's frames and the interface's addresses, the stack's routes and its
 * name servers.
 *
 * @module
 */
import {
  ANY_V4,
  CHECKSUM_MISSING,
  CHECKSUM_VERIFIED,
  ETH_SOURCE,
  ETHERNET_HEADER,
  ETHERTYPE_IP4,
  hasCode,
  type IpAddress,
  inPrefix,
  NetError,
  networkAddress,
  parseMac,
  type Route,
  type Scheduler,
  type Table,
  Timer,
} from '@ioth/core'
import { DhcpClient, type DhcpClientHost, type DhcpLease, isForDhcpClient } from '@ioth/core/dhcp'
import type { Counters } from './counters.ts'
import type { Events } from './events.ts'
import type { StackInterface } from './interface.ts'
import type { PacketTap } from './link/port.ts'
import { macFromBytes } from './wire/ethernet.ts'

/** What a lease configures. */
export interface LeasedStack {
  readonly name: string
  readonly scheduler: Scheduler
  readonly stats: Counters
  readonly events: Events
  readonly routes: Table<Route>
  nameServers: readonly IpAddress[]
  searchDomains: readonly string[]
}

const MAC_LENGTH = 6
const CHECKSUMS_UNUSED = CHECKSUM_VERIFIED | CHECKSUM_MISSING

export class InterfaceDhcp implements DhcpClientHost, PacketTap {
  readonly hardware: Uint8Array
  private readonly stack: LeasedStack
  private readonly on: StackInterface
  private readonly client: DhcpClient
  private readonly waiters = new Set<Waiter>()
  /** What the lease in force added. */
  private routes: Route[] = []
  private nameServers: readonly IpAddress[] | null = null
  private searchDomains: readonly string[] | null = null

  constructor(stack: LeasedStack, on: StackInterface) {
    this.stack = stack
    this.on = on
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
    this.on.port.tap = this
    return new Promise((resolve, reject) => {
      const waiter = new Waiter(resolve, reject, () => {
        const seconds = timeoutMs / 1000
        const message = `no DHCP server on ${this.on.link.name} gave an address within ${seconds} s: give the address yourself, or start a server`
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
    this.on.port.tap = null
    for (const waiter of this.waiters) this.settle(waiter, (each) => each.reject(reason))
  }

  /** The address was lost to somebody else. */
  conflict(address: IpAddress): void {
    if (this.client.lease?.address.equals(address) === true) this.client.conflict()
  }

  // ---------- PacketTap ----------

  takes(frame: number, at: number, length: number, body: number, bodyLength: number, flags: number): boolean {
    const { pool } = this.on.port
    if (!isForDhcpClient(pool.view, at, length)) return false
    const packet = new Uint8Array(length + bodyLength)
    packet.set(pool.bytes.subarray(at, at + length))
    packet.set(pool.bytes.subarray(body, body + bodyLength), length)
    const source = frame + ETH_SOURCE
    this.stack.stats.dhcpIn++
    this.client.take(packet, pool.bytes.slice(source, source + MAC_LENGTH), (flags & CHECKSUMS_UNUSED) !== 0)
    return true
  }

  // ---------- DhcpClientHost ----------

  transmit(packet: Uint8Array, station: Uint8Array): void {
    const { port } = this.on
    const length = ETHERNET_HEADER + packet.length
    const at = port.pool.take(length)
    if (at < 0) {
      this.dropped('pool')
      return
    }
    port.pool.bytes.set(packet, at + ETHERNET_HEADER)
    const { high, low } = macFromBytes(station)
    this.stack.stats.dhcpOut++
    port.send(high, low, ETHERTYPE_IP4, at, length, 0, 0, 0, 0, 0)
  }

  async acquire({ address, prefixLength }: DhcpLease): Promise<void> {
    await this.on.addAddress(address, prefixLength)
  }

  obtained(lease: DhcpLease, isRenewal: boolean): void {
    if (isRenewal) this.withdraw()
    this.apply(lease)
    if (isRenewal) return
    this.stack.events.emit({ kind: 'lease-obtained', interface: this.on, address: lease.address })
    for (const waiter of this.waiters) this.settle(waiter, (each) => each.resolve(lease))
  }

  lost({ address }: DhcpLease): void {
    this.withdraw()
    // After a conflict it is gone already.
    if (this.on.addresses.some((own) => own.address.equals(address))) this.on.removeAddress(address)
    this.stack.events.emit({ kind: 'lease-lost', interface: this.on, address })
  }

  dropped(reason: string): void {
    this.stack.stats.drop(`dhcp.${reason}`)
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
      this.stack.events.emit({ kind: 'router-added', interface: this.on, address: via })
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
        stack.events.emit({ kind: 'router-removed', interface: this.on, address: route.via })
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
