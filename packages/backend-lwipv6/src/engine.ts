/**
 * LWIPv6 as the engine of a shell: one stack of the library, its interfaces and its sockets.
 *
 * Two things of the library can stop the thread that calls it for good, and are kept apart here:
 *
 * - `lwip_close` holds the table of sockets while it waits for the library's thread; that thread, when a handshake is completed, waits for the
 *   table. So a socket is closed only while no completed handshake is unaccepted, and segments that would complete one are kept back meanwhile.
 * - A connect waits up to 12 seconds. It runs in a thread of the pool, a few at once; its neighbour is asked for before, and a connect that is
 *   given up ends by a RST that the library takes for its peer's.
 *
 * @module
 */
import {
  Alarm,
  type ErrorCode,
  type FramePool,
  type Interface,
  type InterfaceOptions,
  type IpAddress,
  type Neighbor,
  NetError,
  type PingOptions,
  type PingReply,
  parseCidr,
  type Route,
  type Table,
} from '@ioth/core'
import {
  BareEngine,
  type Ends,
  type EngineInterface,
  type ListenerUser,
  type ListenLine,
  type ShellStack,
  type TcpLine,
  type UdpLine,
  type UdpUser,
} from '@ioth/core/shell'
import {
  Echo,
  errnoError,
  type Flow,
  lastErrno,
  type PacketView,
  ProbedNeighbors,
  pingBeside,
  RetiredFlows,
  sumOfDevices,
} from '@ioth/ffi'
import { AF_INET, AF_INET6, sockaddr, sockaddrFor } from './addresses.ts'
import type { Lwip, Pointer } from './bindings.ts'
import { Connection } from './connection.ts'
import { Datagrams } from './datagrams.ts'
import { Device, type DeviceOwner } from './device.ts'
import { connectError } from './errno.ts'
import { DESCRIPTOR_LIMIT } from './limits.ts'
import { LwipListener } from './listener.ts'
import { Readiness } from './readiness.ts'

const SOCK_STREAM = 1
const SOCK_DGRAM = 2
/** The library looks at no backlog; it wants one. */
const LIBRARY_BACKLOG = 128
/** How long a stack that is closed waits for its peers to end, too, in microseconds. */
const FAREWELL = 500_000
/** How long the library takes to read what it is sent, in microseconds. */
const ANSWER = 3000
/** How long a socket waits to be closed for a handshake that nobody completes, and a connect for its port, in microseconds. */
const PATIENCE = 500_000
const LOOK_AGAIN = 20_000

export interface LwipOptions {
  readonly pool: FramePool
  readonly lwip: Lwip
  /** Connects that may wait in threads at once. */
  readonly dialers: number
}

export class LwipEngine extends BareEngine implements DeviceOwner {
  override readonly neighbors: Table<Neighbor>
  readonly pool: FramePool
  readonly lwip: Lwip
  readonly stack: Pointer
  readonly readiness: Readiness
  readonly echo: Echo
  dropUdpFull = 0
  /** Connections with octets under way. */
  busy = 0
  private readonly devices = new Map<string, Device>()
  private readonly removed: Device[] = []
  private devicesMade = 0
  private readonly listeners = new Map<number, Set<LwipListener>>()
  readonly datagrams: Set<Datagrams> = new Set()
  // ---- connects
  private readonly dialers: number
  private dialing = 0
  private queue: Connection[] = []
  // ---- closing
  private closes: { readonly fd: number; readonly since: number }[] = []
  private readonly closing = new Set<LwipListener>()
  private readonly opening = new Set<LwipListener>()
  private readonly completing = new Map<Flow, number>()
  private readonly retired: RetiredFlows
  /** It is looked again in a moment whether what is closed can be. */
  private isWaiting = false
  private isClosed = false

  constructor({ pool, lwip, dialers }: LwipOptions, shell: ShellStack) {
    super(shell)
    const { scheduler } = this
    this.pool = pool
    this.lwip = lwip
    this.dialers = dialers
    this.retired = new RetiredFlows(scheduler.clock)
    const stack = lwip.stackNew()
    if (stack === null) throw new NetError('ERR_IOTH_BACKEND_UNUSABLE', 'stack', { message: 'LWIPv6 makes no stack' })
    this.stack = stack
    this.readiness = new Readiness(scheduler, lwip)
    this.echo = new Echo(scheduler)
    this.neighbors = new ProbedNeighbors(() => this.shell.interfaces.map((on) => [on, this.deviceOf(on)?.neighbors]))
  }

  // ---------- interfaces ----------

  override async addInterface(options: InterfaceOptions, _index: number, name: string): Promise<EngineInterface> {
    const { addresses = [], mac } = options
    const link = this.linkOf(options)
    const device = new Device(this, link, this.devicesMade++, mac)
    this.devices.set(name, device)
    device.attach()
    const cidrs = addresses.map((text) => parseCidr(text))
    for (const { address, prefixLength } of cidrs) device.addAddress(address, prefixLength)
    return { mac: device.mac, mtu: link.mtu, addresses: cidrs }
  }

  override async removeInterface(on: Interface): Promise<void> {
    const device = this.devices.get(on.name)
    if (device === undefined) return
    this.devices.delete(on.name)
    for (const { address } of on.addresses) device.removeAddress(address)
    device.down()
    // The library has no way to take an interface out: it keeps it, down, until the stack ends.
    this.removed.push(device)
    await device.bridge.detach()
  }

  override async addAddress(on: Interface, address: IpAddress, prefixLength: number): Promise<void> {
    this.deviceOf(on)?.addAddress(address, prefixLength)
  }

  override removeAddress(on: Interface, address: IpAddress): void {
    this.deviceOf(on)?.removeAddress(address)
  }

  override addRoute({ interface: on, destination, prefixLength, via }: Readonly<Route>): void {
    this.deviceOf(on)?.addRoute(destination, prefixLength, via)
  }

  override removeRoute({ interface: on, destination, prefixLength }: Readonly<Route>): void {
    this.deviceOf(on)?.removeRoute(destination, prefixLength)
  }

  sourceFor(destination: IpAddress): IpAddress | null {
    return this.shell.sourceFor(destination)
  }

  nextHop(destination: IpAddress): IpAddress | null {
    const route = this.shell.book.routeTo(destination)
    return route === null ? null : (route.via ?? destination)
  }

  isBroadcast(address: IpAddress): boolean {
    return this.shell.book.isBroadcast(address)
  }

  override ping(to: IpAddress, options: PingOptions): Promise<PingReply> {
    return pingBeside(this.echo, this.shell, (on) => this.deviceOf(on), to, options)
  }

  // ---------- sockets ----------

  override connect(ends: Ends): TcpLine {
    const route = this.shell.book.routeTo(ends.remote)
    const device = route === null ? undefined : this.deviceOf(route.interface)
    if (route === null || device === undefined)
      throw new NetError('ENETUNREACH', 'connect', { address: `${ends.remote}` })
    const line = new Connection(this, device, ends)
    // Not from inside this call: the line has no user yet.
    this.soon(() => {
      let isKnown = true
      device.neighbors.resolve(route.via ?? ends.remote, (mac) => {
        if (mac === null) line.fail('EHOSTUNREACH')
        else if (isKnown) this.dial(line, mac)
        // The answer goes into the library, too, and should be there before its SYN: it would wait three seconds to send that again.
        else this.after(ANSWER, () => this.dial(line, mac))
      })
      isKnown = false
    })
    return line
  }

  override listen(user: ListenerUser, local: IpAddress, port: number, isDual: boolean): ListenLine {
    const listener = new LwipListener(this, user, local, port, isDual)
    const others = this.listeners.get(port)
    if (others === undefined) this.listeners.set(port, new Set([listener]))
    else others.add(listener)
    // Not before the library has closed the one that had the port until now.
    this.opening.add(listener)
    this.scheduler.defer(this)
    return listener
  }

  /** @throws NetError EMFILE… */
  listenOn(local: IpAddress, port: number): number {
    const fd = this.open(local.family, SOCK_STREAM, local, port)
    if (this.lwip.listen(fd, LIBRARY_BACKLOG) === 0) return fd
    const error = errnoError('listen')
    this.lwip.close(fd)
    throw error
  }

  override openUdp(user: UdpUser, local: IpAddress, port: number): UdpLine {
    const fd = this.open(local.family, SOCK_DGRAM, local, port)
    const datagrams = new Datagrams(this, user, fd, local, port)
    this.datagrams.add(datagrams)
    return datagrams
  }

  reported(quoted: PacketView, code: ErrorCode): void {
    for (const each of this.datagrams) if (each.hasSent(quoted)) this.soon(() => each.reported(code))
  }

  /** Whether one more connection may be taken. */
  get hasRoom(): boolean {
    return this.shell.open.size < this.shell.limits.sockets
  }

  // ---------- handshakes ----------

  admits(device: Device, frame: PacketView): boolean | 'later' | 'nobody' {
    const local = frame.destinationAddress
    const listeners = this.listeners.get(frame.destinationPort)
    const listener = listeners === undefined ? undefined : [...listeners].find((each) => each.takes(local))
    if (listener === undefined) return 'nobody'
    if (!listener.hasRoom || !this.hasRoom) return false
    if (this.opening.has(listener)) return 'later'
    const flow = device.flows.addFor(frame)
    flow.arriving(frame)
    flow.isPassive = true
    listener.begin(device, flow, local, frame.sourceAddress, frame.sourcePort)
    return true
  }

  mayComplete(device: Device, frame: PacketView): boolean {
    const flow = device.flows.find(frame, 'in')
    if (flow === null || !flow.isEstablished || this.completing.has(flow)) return true
    if (this.closes.length > 0 || this.closing.size > 0) return false
    this.completing.set(flow, this.scheduler.clock.now)
    return true
  }

  /** A handshake is accepted, or will never be. */
  completed(flow: Flow): void {
    if (this.completing.delete(flow) && this.closes.length + this.closing.size > 0) this.scheduler.defer(this)
  }

  // ---------- closing ----------

  /** Closes a socket of the library as soon as that cannot stop it. */
  closeSocket(fd: number): void {
    this.readiness.remove(fd)
    this.closes.push({ fd, since: this.scheduler.clock.now })
    this.scheduler.defer(this)
  }

  closeListener(listener: LwipListener): void {
    const listeners = this.listeners.get(listener.port)
    listeners?.delete(listener)
    if (listeners?.size === 0) this.listeners.delete(listener.port)
    this.closing.add(listener)
    this.scheduler.defer(this)
  }

  /** The flow of a connection that is over: it still answers what comes late. */
  retire(device: Device, flow: Flow): void {
    this.completed(flow)
    this.retired.add(flow, () => device.flows.remove(flow))
  }

  override run(): void {
    super.run()
    this.closeWhatCan()
    if (this.closing.size === 0) {
      const opened = [...this.opening]
      this.opening.clear()
      for (const listener of opened) listener.open()
      if (opened.length > 0) for (const device of this.devices.values()) device.releaseEarly()
    }
    this.retired.expire()
  }

  override counters(): Readonly<Record<string, number>> {
    const devices = [...this.devices.values()].map(({ bridge, counters, neighbors }) => ({
      bridge: bridge.counters,
      own: {
        'drop.ip.fragment': counters.dropFragment,
        'drop.neighbor.unresolved': neighbors.dropped,
        'drop.ip.stray': counters.dropStray,
        'drop.tcp.backlog': counters.dropBacklog,
        'drop.tcp.unread': counters.dropUnread,
        'drop.icmp.rate': counters.dropErrors,
      },
    }))
    return { 'drop.udp.full': this.dropUdpFull, ...sumOfDevices(devices) }
  }

  override flush(): boolean {
    let isAllOut = true
    for (const { bridge } of this.devices.values()) isAllOut = bridge.flush() && isAllOut
    return isAllOut
  }

  override async close(): Promise<void> {
    if (this.isClosed) return
    this.echo.clear()
    this.isClosed = true
    this.queue = []
    // What the sockets still close goes in jobs; connects that wait end by a RST.
    while (this.closes.length > 0 || this.closing.size > 0 || this.dialing > 0) await this.settled()
    // A peer that ends now, too, has its end acknowledged; nobody would answer it afterwards.
    const until = this.scheduler.clock.now + FAREWELL
    while (this.retired.awaitPeers && this.scheduler.clock.now < until) await this.settled()
    this.retired.abandon()
    await this.settled()
    this.readiness.close()
    for (const device of this.devices.values()) device.down()
    this.lwip.delStack(this.stack)
    for (const device of [...this.devices.values(), ...this.removed]) await device.bridge.close()
    this.devices.clear()
  }

  // ---------- inside ----------

  private settled(): Promise<void> {
    this.scheduler.defer(this)
    return new Promise((resolve) => setTimeout(resolve, 5))
  }

  private deviceOf(on: Interface): Device | undefined {
    return this.devices.get(on.name)
  }

  /** @throws NetError EMFILE, EADDRINUSE… */
  private open(family: 4 | 6, type: number, local: IpAddress, port: number): number {
    const { lwip } = this
    const fd = lwip.socket(this.stack, family === 4 ? AF_INET : AF_INET6, type, 0)
    if (fd < 0) throw errnoError('socket')
    if (fd >= DESCRIPTOR_LIMIT) {
      lwip.close(fd)
      throw new NetError('EMFILE', 'socket')
    }
    const name = sockaddr(local, port)
    if (lwip.bind(fd, name, name.length) === 0) return fd
    const error = errnoError('bind')
    lwip.close(fd)
    throw error
  }

  private dial(line: Connection, mac: Uint8Array): void {
    line.mac = mac
    this.queue.push(line)
    this.dialNext()
  }

  private dialNext(): void {
    while (this.dialing < this.dialers && !this.isClosed) {
      const line = this.queue.shift()
      if (line === undefined) return
      if (!line.isOver) this.begin(line)
    }
  }

  private begin(line: Connection): void {
    const { local, localPort, remote, remotePort } = line.ends
    const { family } = remote
    let fd: number
    try {
      fd = this.open(family, SOCK_STREAM, local, localPort)
    } catch (error) {
      const { code } = error as NetError
      if (code === 'EADDRINUSE' && this.scheduler.clock.now - line.since < PATIENCE) this.retry(line)
      else line.fail(code)
      return
    }
    const flow = line.device.flows.add(local, localPort, remote, remotePort)
    flow.locate(line.mac)
    line.follow(flow)
    line.isDialing = true
    this.dialing++
    const name = sockaddrFor(family, remote, remotePort)
    this.lwip.connect(fd, name, name.length, (_error, result) => {
      const number = lastErrno()
      this.soon(() => {
        this.dialing--
        line.isDialing = false
        this.dialed(line, fd, flow, result === 0 ? null : number)
        this.dialNext()
      })
    })
  }

  /** The port is free by our book: the library is not done yet with the connection that had it before. */
  private retry(line: Connection): void {
    this.after(LOOK_AGAIN, () => {
      this.queue.unshift(line)
      this.dialNext()
    })
  }

  private dialed(line: Connection, fd: number, flow: Flow, failure: number | null): void {
    if (line.isOver || failure !== null) this.closeSocket(fd)
    if (line.isOver) return
    if (failure !== null) {
      if (connectError(failure) === 'ETIMEDOUT') line.device.neighbors.forget(line.ends.remote)
      line.fail(connectError(failure))
      return
    }
    line.opened(fd, flow)
    line.user.connected()
    line.worked()
  }

  /** Does something after a while. */
  private after(microseconds: number, work: () => void): void {
    const { clock } = this.scheduler
    clock.arm(new Alarm(work), clock.now + microseconds)
  }

  private closeWhatCan(): void {
    const { now } = this.scheduler.clock
    for (const [flow, since] of this.completing) {
      if (flow.wasReset || flow.isDead || now - since > PATIENCE) this.completing.delete(flow)
    }
    if (this.completing.size > 0) {
      if (this.closes.length + this.closing.size > 0 && !this.isWaiting) {
        this.isWaiting = true
        this.readiness.wake()
        this.after(LOOK_AGAIN, () => {
          this.isWaiting = false
          this.scheduler.defer(this)
        })
      }
      return
    }
    if (this.closes.length === 0 && this.closing.size === 0) return
    for (const listener of this.closing) {
      if (listener.fd < 0) continue
      this.readiness.remove(listener.fd)
      this.lwip.close(listener.fd)
    }
    this.closing.clear()
    for (const { fd } of this.closes.splice(0)) this.lwip.close(fd)
    for (const device of this.devices.values()) device.releaseHeld()
  }
}
