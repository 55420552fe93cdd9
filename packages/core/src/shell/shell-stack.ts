/**
 * The stack that programs see in front of an engine: a library in this process, or one in another.
 *
 * @module
 */
import { parseCidr } from '../address/cidr.ts'
import { type IpAddress, parseIpAddress } from '../address/ip-address.ts'
import { parseMac, randomMac } from '../address/mac.ts'
import type { Capabilities, Limits } from '../contract/capabilities.ts'
import { checkPing } from '../contract/check-ping.ts'
import type { FramePool } from '../contract/frame.ts'
import { furnish } from '../contract/furnish.ts'
import { holdDuring } from '../contract/hold-during.ts'
import type { Link } from '../contract/link.ts'
import type { PortTable } from '../contract/ports.ts'
import type { Scheduler } from '../contract/scheduler.ts'
import type { TcpSocket, UdpSocket } from '../contract/socket.ts'
import type {
  Interface,
  InterfaceOptions,
  Neighbor,
  PingOptions,
  PingReply,
  Route,
  SocketInfo,
  Stack,
  StackEvent,
  StackOptions,
  Table,
} from '../contract/stack.ts'
import { NetError } from '../errors/net-error.ts'
import { createPortTable } from '../ports/port-table.ts'
import { createStation, type StationOptions } from '../station/station.ts'
import { EventQueue } from '../time/event-queue.ts'
import { Task } from '../time/task.ts'
import { AddressBook, BookRoutes } from './address-book.ts'
import type { Engine } from './engine.ts'
import { LocalLines } from './local-line.ts'
import { type InterfaceOwner, ShellInterface } from './shell-interface.ts'
import type { ShellHost, ShellSocket } from './shell-socket.ts'
import { ShellTcpSocket } from './shell-tcp.ts'
import { ShellUdpSocket } from './shell-udp.ts'

export interface ShellOptions {
  readonly backend: string
  readonly capabilities: Capabilities
  /** The stack's options; `settings` are the backend's business. */
  readonly stack: StackOptions
  /** Makes the engine; the shell it serves is given for what the engine tells by itself. */
  readonly engine: (shell: ShellStack) => Engine
  /**
   * Has a station put beside each link: it asks whether addresses are free, announces and defends them, speaks DHCP, and has the armour with
   * these options. The engine gets the station for its link, and its addresses one by one. @default the engine does what it can
   */
  readonly station?: Pick<StationOptions, 'armour'>
  /** What the engine has to do before it has interfaces. */
  readonly begin?: () => Promise<void>
}

/** Makes the stack, its interfaces and its gateways. @throws NetError as `Backend.createStack`; the stack is closed then. */
export async function createShellStack(options: ShellOptions): Promise<ShellStack> {
  return await furnish(new ShellStack(options), options.stack, options.begin)
}

export class ShellStack implements Stack, ShellHost, InterfaceOwner {
  readonly backend: string
  readonly name: string
  readonly capabilities: Capabilities
  readonly scheduler: Scheduler
  readonly ports: PortTable
  readonly limits: Limits
  readonly book: AddressBook = new AddressBook()
  readonly engine: Engine
  readonly local: LocalLines
  readonly open: Set<ShellSocket> = new Set()
  readonly lingerers: Set<ShellTcpSocket> = new Set()
  readonly tuples: Set<string> = new Set()
  readonly routes: Table<Route>
  readonly closed: Promise<void>
  nameServers: readonly IpAddress[]
  searchDomains: readonly string[]
  private readonly events: EventQueue<StackEvent>
  private readonly pool: FramePool
  private readonly station: ShellOptions['station']
  private readonly dirty: Set<ShellTcpSocket> = new Set()
  /** No job itself: stacks of programs have a method `run` of another kind. */
  private readonly pump = new Task(() => this.pumpDirty())
  private interfaceNumber = 0
  private closing: Promise<void> | null = null
  private death: NetError | null = null
  private lingerWaiters: (() => void)[] = []
  private resolveClosed!: () => void
  private rejectClosed!: (cause: NetError) => void

  constructor({ backend, capabilities, stack, engine, station }: ShellOptions) {
    const { scheduler, pool, limits = {} } = stack
    this.pool = pool
    this.station = station
    this.backend = backend
    this.name = stack.name ?? ''
    this.scheduler = scheduler
    this.limits = readLimits(capabilities.limits, limits)
    this.capabilities = Object.freeze({ ...capabilities, limits: this.limits })
    this.ports = stack.ports ?? createPortTable(scheduler.random)
    this.nameServers = (stack.nameServers ?? []).map((text) => parseIpAddress(text))
    this.searchDomains = stack.searchDomains ?? []
    this.events = new EventQueue(scheduler, stack.onEvent)
    this.local = new LocalLines(scheduler)
    this.closed = new Promise((resolve, reject) => {
      this.resolveClosed = resolve
      this.rejectClosed = reject
    })
    // Nobody has to wait for it.
    this.closed.catch(() => {})
    this.engine = engine(this)
    this.routes = new BookRoutes(this.book, this.engine)
  }

  get interfaces(): readonly Interface[] {
    return this.book.interfaces
  }

  get neighbors(): Table<Neighbor> {
    return this.engine.neighbors
  }

  get lingering(): number {
    let count = this.engine.lingering ?? 0
    for (const socket of this.lingerers) if (socket.isLingering) count++
    return count
  }

  // ---------- interfaces and addresses ----------

  addInterface(options: InterfaceOptions): Promise<Interface> {
    return holdDuring(this.scheduler, () => this.plugIn(options))
  }

  private async plugIn(options: InterfaceOptions): Promise<Interface> {
    this.assertUp('interface')
    const cidrs = (options.addresses ?? []).map((text) => parseCidr(text))
    if (options.mac !== undefined) parseMac(options.mac)
    const index = ++this.interfaceNumber
    const name = options.name ?? `eth${index - 1}`
    const link = 'vnl' in options.link ? null : options.link
    const added = new ShellInterface(this, index, name, link)
    for (const { address } of cidrs) {
      if (address.isUnspecified || address.isMulticast)
        throw new NetError('EINVAL', 'address', { address: `${address}` })
    }
    if (this.station !== undefined) return await this.addStationed(options, added, link, this.station)
    const made = await this.engine.addInterface(options, index, name)
    added.mac = made.mac
    added.mtu = made.mtu
    for (const { address, prefixLength } of made.addresses) this.addressAdded(added, address, prefixLength)
    this.book.interfaces.push(added)
    return added
  }

  private async addStationed(
    options: InterfaceOptions,
    added: ShellInterface,
    link: Link | null,
    { armour }: NonNullable<ShellOptions['station']>,
  ): Promise<Interface> {
    if (options.slaac === true) throw notImplemented(this.backend, 'SLAAC')
    if (link === null) {
      throw new NetError('EINVAL', 'interface', { message: `the stack "${this.backend}" takes a link, no locator` })
    }
    const { scheduler, pool } = this
    const mac = (options.mac ?? randomMac(scheduler.random)).toLowerCase()
    const station = createStation(link, {
      scheduler,
      pool,
      mac,
      ...(armour === undefined ? {} : { armour }),
      onConflict: (address, other, isLost) => {
        this.tell({ kind: 'address-conflict', interface: added, address, mac: other })
        if (isLost) added.conflictLost(address)
      },
    })
    added.beside(station)
    const { addresses = [], dhcp = false, slaac: _, ...rest } = options
    let mtu: number
    try {
      mtu = (await this.engine.addInterface({ ...rest, link: station, mac }, added.index, added.name)).mtu
    } catch (error) {
      await station.close()
      throw error
    }
    added.mac = mac
    added.mtu = mtu
    this.book.interfaces.push(added)
    try {
      await Promise.all(
        addresses.map((text) => parseCidr(text)).map((each) => added.addAddress(each.address, each.prefixLength)),
      )
      if (dhcp) await added.dhcp?.()
    } catch (error) {
      await added.remove()
      throw error
    }
    return added
  }

  /** @internal */
  async addAddress(on: ShellInterface, address: IpAddress, prefixLength: number): Promise<void> {
    this.assertUp('address')
    await on.station?.acquire(address)
    try {
      this.assertUp('address')
      await this.engine.addAddress(on, address, prefixLength)
      if (!this.book.interfaces.includes(on)) throw new NetError('ENETDOWN', 'address', { address: address.toString() })
    } catch (error) {
      on.station?.release(address)
      throw error
    }
    // An engine may have told it by itself.
    if (!on.addresses.some((own) => own.address.equals(address))) this.addressAdded(on, address, prefixLength)
  }

  /** @internal */
  removeAddress(on: ShellInterface, address: IpAddress): void {
    this.engine.removeAddress(on, address)
    on.station?.release(address)
    this.addressRemoved(on, address)
  }

  /** @internal */
  async removeInterface(on: ShellInterface): Promise<void> {
    if (!this.book.interfaces.includes(on)) return
    // All of them go, and nobody is asked any more.
    if (this.closing !== null) return await this.closing
    on.stopLease()
    const ending = this.engine.removeInterface(on)
    for (const { address } of on.addresses) this.addressRemoved(on, address)
    this.book.removeInterface(on)
    await ending
  }

  /** For engines: an address is usable from now on. */
  addressAdded(on: ShellInterface, address: IpAddress, prefixLength: number): void {
    on.put(address, prefixLength)
    this.tell({ kind: 'address-added', interface: on, address })
  }

  /** For engines: an address is no longer ours. */
  addressRemoved(on: ShellInterface, address: IpAddress): void {
    on.drop(address)
    this.tell({ kind: 'address-removed', interface: on, address })
    for (const socket of [...this.open]) socket.abandon(address)
  }

  /** For engines: something happened by itself. */
  tell(event: StackEvent): void {
    this.events.emit(event)
  }

  /** @throws NetError EINVAL, ENETUNREACH when the gateway is in no network of ours. */
  addGateway(text: string): void {
    const via = parseIpAddress(text)
    const route = this.book.routeTo(via)
    if (route === null || route.via !== null) throw new NetError('ENETUNREACH', 'route', { address: text })
    const { family } = via
    const destination = parseIpAddress(family === 4 ? '0.0.0.0' : '::')
    this.routes.add({ destination, prefixLength: 0, via, interface: route.interface })
  }

  sourceFor(destination: IpAddress): IpAddress | null {
    return this.book.sourceFor(destination)
  }

  // ---------- sockets ----------

  openTcp(family: 4 | 6): TcpSocket {
    this.assertRoom(family)
    return new ShellTcpSocket(this, family)
  }

  openUdp(family: 4 | 6): UdpSocket {
    if (this.capabilities.udp === 'none') throw notImplemented(this.backend, 'UDP')
    this.assertRoom(family)
    return new ShellUdpSocket(this, family)
  }

  pumpSoon(socket: ShellTcpSocket): void {
    this.dirty.add(socket)
    this.scheduler.defer(this.pump)
  }

  private pumpDirty(): void {
    const sockets = [...this.dirty]
    this.dirty.clear()
    for (const socket of sockets) socket.pump()
  }

  *sockets(): Iterable<SocketInfo> {
    for (const socket of this.open) yield socket.info
  }

  async ping(destination: IpAddress, options: PingOptions = {}): Promise<PingReply> {
    this.assertUp('ping')
    const to = destination.unmapped()
    if (!this.capabilities.ping) throw notImplemented(this.backend, 'ping')
    const checked = checkPing(to, options)
    if (this.sourceFor(to) === null) throw new NetError('ENETUNREACH', 'ping', { address: to.toString() })
    return await holdDuring(this.scheduler, () => this.engine.ping(to, checked))
  }

  counters(): Readonly<Record<string, number>> {
    const sum: Record<string, number> = { ...this.engine.counters() }
    for (const on of this.book.interfaces) {
      for (const [name, count] of Object.entries((on as ShellInterface).station?.counters() ?? {})) {
        sum[name] = (sum[name] ?? 0) + count
      }
    }
    return sum
  }

  // ---------- ending ----------

  flush(): boolean {
    this.pumpDirty()
    return this.engine.flush()
  }

  close(): Promise<void> {
    this.closing ??= holdDuring(this.scheduler, () => this.end())
    return this.closing
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  /** For engines: the library is gone. Every socket fails with ECONNRESET (of UDP: ENETDOWN), `closed` rejects, nothing is opened any more. */
  died(cause: NetError): void {
    if (this.death !== null || this.closing !== null) return
    this.death = cause
    for (const socket of [...this.open]) socket.died(socket instanceof ShellTcpSocket ? 'ECONNRESET' : 'ENETDOWN')
    for (const socket of [...this.lingerers]) socket.died('ECONNRESET')
    this.closing = this.engine.close().finally(() => this.rejectClosed(cause))
  }

  assertUp(syscall: string): void {
    if (this.death !== null) throw new NetError('ENETDOWN', syscall, { cause: this.death })
    if (this.closing !== null) throw new NetError('ENETDOWN', syscall)
  }

  /** @internal a closed connection is settled */
  settled(socket: ShellTcpSocket): void {
    this.lingerers.delete(socket)
    if (this.lingerers.size > 0) return
    for (const resolve of this.lingerWaiters.splice(0)) resolve()
  }

  private async end(): Promise<void> {
    try {
      for (const socket of [...this.open]) socket.close()
      for (const on of this.book.interfaces) (on as ShellInterface).stopLease()
      // Each gives up by itself after closedHoldMs.
      if (this.lingerers.size > 0) await new Promise<void>((resolve) => this.lingerWaiters.push(resolve))
      await this.engine.close()
      for (const on of [...this.book.interfaces]) this.book.removeInterface(on)
    } finally {
      this.resolveClosed()
    }
  }

  private assertRoom(family: 4 | 6): void {
    this.assertUp('socket')
    if (family === 6 && !this.capabilities.ipv6) throw new NetError('EAFNOSUPPORT', 'socket')
    if (this.open.size >= this.limits.sockets) throw new NetError('EMFILE', 'socket')
  }
}

function notImplemented(backend: string, what: string): NetError {
  return new NetError('ERR_IOTH_NOT_IMPLEMENTED', what, {
    message: `the stack "${backend}" does not implement ${what}`,
  })
}

function readLimits(known: Limits, given: Partial<Limits>): Limits {
  const limits: Record<string, number> = { ...known }
  for (const [name, value] of Object.entries(given)) {
    if (!(name in limits)) throw new NetError('EINVAL', 'limits', { message: `limits: there is no limit "${name}"` })
    if (typeof value !== 'number' || !(value >= 1)) {
      throw new NetError('EINVAL', 'limits', { message: `limits: ${name} is a number of 1 or more, not ${value}` })
    }
    // What the library cannot do is not granted.
    limits[name] = name === 'closedHoldMs' ? value : Math.min(value, limits[name] as number)
  }
  return Object.freeze(limits) as unknown as Limits
}
