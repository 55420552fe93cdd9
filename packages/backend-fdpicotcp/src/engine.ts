/**
 * fd_picoTCP as the engine of a shell: a copy of the library, its device and its sockets.
 *
 * The library has no thread of its own here: it works when it is let to, after each frame that it was given, after each call that may have made
 * it something to do, and on a heartbeat for its timers. So each call finds it at rest. What it tells from inside is noted, and acted on after.
 *
 * @module
 */
import { randomBytes } from 'node:crypto'
import {
  Alarm,
  type ErrorCode,
  ETH_SOURCE,
  ETH_TYPE,
  type FramePool,
  type Interface,
  type InterfaceOptions,
  IpAddress,
  type Neighbor,
  NetError,
  type PingOptions,
  type PingReply,
  parseCidr,
  prefixToNetmask,
  type Route,
  type Table,
} from '@ioth/core'
import {
  BareEngine,
  type Ends,
  type EngineInterface,
  type EngineOptions,
  type ListenerUser,
  type ListenLine,
  type ShellStack,
  type TcpLine,
  type UdpLine,
  type UdpUser,
} from '@ioth/core/shell'
import {
  Callbacks,
  Echo,
  type Flow,
  type PacketView,
  PICO_EVENT_CONNECTION,
  PICO_EVENT_ERROR,
  PICO_EVENT_FIN,
  PICO_EVENT_WRITE,
  PICO_WAKEUP_TYPE,
  ProbedNeighbors,
  pingBeside,
  RetiredFlows,
  sumOfDevices,
} from '@ioth/ffi'
import type { FdPico, Pointer } from './bindings.ts'
import { Connection } from './connection.ts'
import { Datagrams } from './datagrams.ts'
import { Device, type DeviceOwner, type Exchange } from './device.ts'
import { picoCode } from './errno.ts'
import { LIBRARY_SOCKETS } from './limits.ts'
import { FdPicoListener } from './listener.ts'
import { NO_ROOM, NOBODY } from './segment-gate.ts'

/** What is noted while frames are given to the library, before it is told. */
const MOST_NOTED = 32
/** Turns in a row in which the library is let to work when nothing came of the one before: a frame crosses its layers in some. */
const QUIET_TICKS = 3
/** Of its timers the shortest is 70 ms. */
const HEARTBEAT = 10_000
/** What still waits when nothing has happened for {@link RESTLESS} waits for longer: retransmissions that were in vain, ends, neighbours. */
const IDLE_HEARTBEAT = 100_000
const RESTLESS = 1_000_000
/** How long a stack that is closed waits for its peers to end, too, in microseconds. */
const FAREWELL = 500_000
/** The library's own duplicate address detection takes 1.1 seconds; it is looked at as often as this, and given up after that. */
const LOOK = 20_000
const SETTLE = 5_000_000

/** Whoever holds a socket of the library. */
export interface SocketUser {
  /** Something came of it: `events`, and the library's error number with those that have one. */
  happened(events: number, error: number): unknown
}

/** What the library told from inside. */
interface Note {
  readonly socket: Pointer
  readonly events: number
  readonly error: number
}

export interface FdPicoOptions {
  readonly pool: FramePool
  readonly library: FdPico
}

export class FdPicoEngine extends BareEngine implements DeviceOwner {
  override readonly tcpOptions: EngineOptions = { noDelay: 0 }
  override readonly neighbors: Table<Neighbor>
  readonly pool: FramePool
  readonly library: FdPico
  readonly wakeup: Pointer
  readonly emptyMark: Uint8Array = randomBytes(16)
  dropUdpFull = 0
  private readonly callbacks = new Callbacks()
  private readonly devices = new Map<string, Device>()
  private devicesMade = 0
  /** Sockets of the library, those that it has not let go of yet among them. */
  private readonly users = new Map<Pointer, SocketUser>()
  private readonly listeners = new Map<number, Set<FdPicoListener>>()
  private readonly lines = new Map<Flow, Connection>()
  /** Of sockets that are closed, and have datagrams that wait for their next hop. */
  readonly parting: Set<Exchange> = new Set()
  readonly echo: Echo
  private noted: Note[] = []
  private readonly retired: RetiredFlows
  /** Turns that the library still has to work. */
  private left = 0
  private readonly heartbeat = new Alarm(() => this.beat())
  private touchedAt = 0
  private isDozing = false
  private isClosed = false

  constructor({ pool, library }: FdPicoOptions, shell: ShellStack) {
    super(shell)
    this.pool = pool
    this.library = library
    this.retired = new RetiredFlows(this.scheduler.clock)
    this.echo = new Echo(this.scheduler)
    this.wakeup = this.callbacks.add(
      PICO_WAKEUP_TYPE,
      (events: number, socket: Pointer) => this.note(events, socket),
      undefined,
    )
    this.neighbors = new ProbedNeighbors(() => this.shell.interfaces.map((on) => [on, this.deviceOf(on)?.neighbors]))
  }

  // ---------- interfaces ----------

  override async addInterface(options: InterfaceOptions, _index: number, name: string): Promise<EngineInterface> {
    const { addresses = [], mac } = options
    const link = this.linkOf(options)
    if (this.devicesMade > 0) {
      throw new NetError('ERR_IOTH_NOT_IMPLEMENTED', 'interface', {
        message: 'the stack "fdpicotcp" has one interface: the library knows one device',
      })
    }
    this.devicesMade++
    const device = await Device.open(this, link, 0, mac)
    this.devices.set(name, device)
    device.attach()
    this.beat()
    const cidrs = addresses.map((text) => parseCidr(text))
    await Promise.all(cidrs.map(({ address, prefixLength }) => this.give(device, address, prefixLength)))
    return { mac: device.mac, mtu: link.mtu, addresses: cidrs }
  }

  override async removeInterface(on: Interface): Promise<void> {
    const device = this.devices.get(on.name)
    if (device === undefined) return
    this.devices.delete(on.name)
    for (const { address } of on.addresses) this.takeAway(device, address)
    await this.end(device)
  }

  override async addAddress(on: Interface, address: IpAddress, prefixLength: number): Promise<void> {
    const device = this.deviceOf(on)
    if (device === undefined) return
    await this.give(device, address, prefixLength)
    // Listeners on any address have this one, too, once the shell knows it.
    this.soon(() => this.eachListener((listener) => listener.spread()))
  }

  override removeAddress(on: Interface, address: IpAddress): void {
    const device = this.deviceOf(on)
    if (device === undefined) return
    this.eachListener((listener) => listener.withdraw(address))
    this.takeAway(device, address)
  }

  override addRoute({ destination, prefixLength, via }: Readonly<Route>): void {
    const { library } = this
    const mask = prefixToNetmask(prefixLength, destination.family)
    const gateway = via ?? (destination.family === 4 ? IpAddress.v4(0) : new IpAddress(6, 0, 0, 0, 0))
    if (library.addRoute(destination, mask, gateway) !== 0) throw new NetError(picoCode(library.error()), 'route')
  }

  override removeRoute({ destination, prefixLength }: Readonly<Route>): void {
    this.library.removeRoute(destination, prefixToNetmask(prefixLength, destination.family))
  }

  isOurs(address: IpAddress): boolean {
    return !address.isLoopback && this.shell.book.isOurs(address)
  }

  isBroadcast(address: IpAddress): boolean {
    return this.shell.book.isBroadcast(address)
  }

  sourceFor(destination: IpAddress): IpAddress | null {
    return this.shell.sourceFor(destination)
  }

  /** Addresses of ours that a socket is bound to, with their devices. */
  *addressesOf(local: IpAddress, isDual: boolean): Iterable<{ readonly address: IpAddress; readonly device: Device }> {
    for (const on of this.shell.interfaces) {
      const device = this.deviceOf(on)
      if (device === undefined) continue
      for (const { address } of on.addresses) {
        const isMeant = local.isUnspecified ? local.family === address.family || isDual : local.equals(address)
        if (isMeant) yield { address, device }
      }
    }
  }

  /** Looks for the neighbour on the way to an address, and tells the library of it. @param done is called with null when nobody answers. */
  meet(device: Device, remote: IpAddress, done: (mac: Uint8Array | null) => void): void {
    const neighbor = this.shell.book.routeTo(remote)?.via ?? remote
    device.neighbors.resolve(neighbor, (mac) => {
      if (mac !== null) device.introduce(neighbor, mac)
      done(mac)
    })
  }

  override ping(to: IpAddress, options: PingOptions): Promise<PingReply> {
    return pingBeside(this.echo, this.shell, (on) => this.deviceOf(on), to, options)
  }

  // ---------- sockets ----------

  override connect(ends: Ends, options: EngineOptions): TcpLine {
    const route = this.shell.book.routeTo(ends.remote)
    const device = route === null ? undefined : this.deviceOf(route.interface)
    if (route === null || device === undefined) {
      throw new NetError('ENETUNREACH', 'connect', { address: `${ends.remote}` })
    }
    const line = new Connection(this, device, ends, options.noDelay === 1)
    // Not from inside this call: the line has no user yet. The library would look for an absent neighbour for a minute.
    this.soon(() => {
      this.meet(device, ends.remote, (mac) => {
        if (line.isOver) return
        if (mac === null) line.fail('EHOSTUNREACH')
        else line.dial(mac)
      })
    })
    return line
  }

  override listen(
    user: ListenerUser,
    local: IpAddress,
    port: number,
    isDual: boolean,
    options: EngineOptions,
  ): ListenLine {
    const listener = new FdPicoListener(this, user, local, port, isDual, options.noDelay === 1)
    const others = this.listeners.get(port)
    if (others === undefined) this.listeners.set(port, new Set([listener]))
    else others.add(listener)
    // At once: a SYN may be next, and would be refused.
    listener.spread()
    return listener
  }

  override openUdp(user: UdpUser, local: IpAddress, port: number): UdpLine {
    return new Datagrams(this, user, local, port)
  }

  /** A socket of the library has somebody who hears of it. @throws NetError EMFILE, ENOMEM. */
  openSocket(family: 4 | 6, protocol: 'tcp' | 'udp', user: SocketUser): number {
    if (!this.hasRoom) throw new NetError('EMFILE', 'socket')
    const fd = this.library.open(family, protocol, this.wakeup)
    const socket = this.library.socketOf(fd)
    this.tellFormer(socket)
    this.users.set(socket, user)
    return fd
  }

  /** Somebody hears of a socket that the library made. */
  adopt(fd: number, user: SocketUser): void {
    this.users.set(this.library.socketOf(fd), user)
  }

  /** Ends the socket of a connection. @param gone called when the library has let go of it. */
  closeSocket(fd: number, gone: () => void = () => {}): void {
    const { library, users, noted } = this
    const socket = library.socketOf(fd)
    if (noted.some((each) => each.socket === socket && (each.events & (PICO_EVENT_FIN | PICO_EVENT_ERROR)) !== 0)) {
      users.delete(socket)
      library.forget(fd)
      gone()
    } else {
      users.set(socket, { happened: (events) => (events & (PICO_EVENT_FIN | PICO_EVENT_ERROR)) !== 0 && gone() })
      library.close(fd)
    }
    this.touch()
  }

  /** Ends a listener or a datagram socket: of those the library tells no end. */
  closeSilent(fd: number): void {
    this.users.delete(this.library.socketOf(fd))
    this.library.close(fd)
    this.touch()
  }

  /** Whether the library may have one more socket. */
  get hasRoom(): boolean {
    let handshakes = 0
    this.eachListener((listener) => {
      handshakes += listener.handshaking
    })
    return this.users.size + handshakes < LIBRARY_SOCKETS
  }

  // ---------- connections ----------

  /** A connection has a line that hears of it. */
  follow(flow: Flow, line: Connection): void {
    this.lines.set(flow, line)
  }

  admits(device: Device, frame: PacketView): number {
    const local = frame.destinationAddress
    const listeners = this.listeners.get(frame.destinationPort)
    const listener = listeners === undefined ? undefined : [...listeners].find((each) => each.insidePort(local) > 0)
    if (listener === undefined) return NOBODY
    const inside = listener.insidePort(local)
    if (!listener.hasRoom || !this.hasRoom || device.segments.isTaken(inside, frame.sourcePort)) return NO_ROOM
    const { sourceAddress } = frame
    const route = this.shell.book.routeTo(sourceAddress)
    if (route !== null) device.introduce(route.via ?? sourceAddress, frame.bytes.slice(ETH_SOURCE, ETH_TYPE))
    const flow = device.segments.flows.addFor(frame)
    device.segments.begin(flow, local, inside, frame.sourcePort)
    device.segments.ports.hold(inside)
    flow.isPassive = true
    flow.arriving(frame)
    listener.begin(device, flow, local, inside, sourceAddress, frame.sourcePort)
    return inside
  }

  reported(flow: Flow, code: ErrorCode): void {
    const line = this.lines.get(flow)
    if (line !== undefined) this.soon(() => line.reported(code))
  }

  wasReset(flow: Flow): void {
    const line = this.lines.get(flow)
    line?.drain()
    // Should the library not believe it, the connection is over nevertheless.
    this.soon(() => line?.peerReset())
  }

  /** A connection that is over: it still answers what comes late. */
  retire(device: Device, flow: Flow, remotePort: number): void {
    this.lines.delete(flow)
    device.segments.retire(flow, remotePort)
    this.retired.add(flow, () => device.segments.forget(flow))
  }

  // ---------- work ----------

  /** The library has something to do. */
  touch(): void {
    const { clock } = this.scheduler
    this.left = QUIET_TICKS
    this.touchedAt = clock.now
    if (this.isDozing && !this.isClosed) {
      this.isDozing = false
      clock.arm(this.heartbeat, clock.now + HEARTBEAT)
    }
    this.scheduler.defer(this)
  }

  delivered(): void {
    this.touch()
    this.library.tick()
    // A connection can be accepted only while its peer has not ended: before the next segment is looked at. And the queue of a datagram socket
    // miscounts what was taken from it, and takes nothing more once some sixty small ones were in it (pico_queue.h, pico_dequeue).
    const { noted } = this
    if (noted.length >= MOST_NOTED || noted.some(({ events }) => (events & PICO_EVENT_CONNECTION) !== 0)) this.tell()
  }

  override run(): void {
    if (this.isClosed) return
    // A socket whose end was noted may be freed by now, and its place in memory be the next one's.
    this.tell()
    super.run()
    this.tell()
    while (this.left > 0) {
      this.left--
      this.library.tick()
      this.tell()
    }
    for (const device of this.devices.values()) device.bridge.look()
    this.retired.expire()
  }

  override counters(): Readonly<Record<string, number>> {
    const devices = [...this.devices.values()].map(({ bridge, counters }) => ({
      bridge: bridge.counters,
      own: {
        'drop.ip.fragment': counters.dropFragment,
        'drop.tcp.backlog': counters.dropBacklog,
        'drop.tcp.stray': counters.dropStray,
        'drop.udp.stranger': counters.dropStranger,
        'tcp.resetsOut': counters.resetsOut,
        'icmp.errors': counters.icmpErrors,
      },
    }))
    return { 'drop.udp.full': this.dropUdpFull, ...sumOfDevices(devices) }
  }

  override flush(): boolean {
    let isAllOut = true
    this.run()
    for (const { bridge } of this.devices.values()) isAllOut = bridge.flush() && isAllOut
    return isAllOut
  }

  override async close(): Promise<void> {
    if (this.isClosed) return
    this.echo.clear()
    // A peer that ends now, too, has its end acknowledged; nobody would answer it afterwards.
    const until = this.scheduler.clock.now + FAREWELL
    const isWaiting = (): boolean => !this.isIdle || this.retired.awaitPeers
    while (isWaiting() && this.scheduler.clock.now < until) await this.pause(LOOK)
    this.retired.abandon()
    this.run()
    this.isClosed = true
    for (const device of [...this.devices.values()]) await this.end(device)
    this.devices.clear()
    this.scheduler.clock.disarm(this.heartbeat)
    // The library calls nobody from now on, for nobody lets it work.
    this.callbacks.release()
  }

  // ---------- inside ----------

  /** Called by the library, from inside a call: nothing is done here but noting. */
  private note(events: number, socket: Pointer): void {
    // That there is room is told in every tick.
    if (events === PICO_EVENT_WRITE && this.noted.some((each) => each.socket === socket)) return
    const error = (events & (PICO_EVENT_FIN | PICO_EVENT_ERROR)) === 0 ? 0 : this.library.error()
    this.noted.push({ socket, events, error })
    this.scheduler.defer(this)
  }

  private tell(): void {
    const { noted } = this
    if (noted.length === 0) return
    this.noted = []
    for (const note of noted) this.tellUser(note)
  }

  /** A new socket has the place in memory of one that was freed: what was noted there is the former user's. */
  private tellFormer(socket: Pointer): void {
    const former = this.noted.filter((note) => note.socket === socket)
    if (former.length === 0) return
    this.noted = this.noted.filter((note) => note.socket !== socket)
    for (const note of former) this.tellUser(note)
  }

  private tellUser({ socket, events, error }: Note): void {
    const user = this.users.get(socket)
    if (user === undefined) return
    if ((events & (PICO_EVENT_FIN | PICO_EVENT_ERROR)) !== 0) this.users.delete(socket)
    user.happened(events, error)
  }

  private beat(): void {
    if (this.isClosed) return
    const { clock } = this.scheduler
    this.left = Math.max(this.left, 1)
    this.scheduler.defer(this)
    for (const line of this.lines.values()) line.beat()
    this.isDozing = clock.now - this.touchedAt >= RESTLESS
    clock.arm(this.heartbeat, clock.now + (this.isDozing ? IDLE_HEARTBEAT : HEARTBEAT))
  }

  /** The address is usable when this settles. @throws NetError EADDRINUSE… */
  private async give(device: Device, address: IpAddress, prefixLength: number): Promise<void> {
    const { library } = this
    const { family } = address
    const where = { address: address.toString() }
    if (family === 6) device.ipv6Addresses++
    try {
      if (library.addLink(device.pointer, address, prefixToNetmask(prefixLength, family)) !== 0) {
        throw new NetError(picoCode(library.error()), 'address', where)
      }
      this.touch()
      const end = this.scheduler.clock.now + SETTLE
      while (family === 6 && !library.isSettled(address)) {
        if (this.isClosed) throw new NetError('ENETDOWN', 'address', where)
        if (this.scheduler.clock.now >= end) throw new NetError('EADDRINUSE', 'address', where)
        await this.pause(LOOK)
        this.touch()
      }
    } catch (error) {
      if (family === 6) device.ipv6Addresses--
      throw error
    }
  }

  private takeAway(device: Device, address: IpAddress): void {
    this.library.removeLink(device.pointer, address)
    if (address.family === 6) device.ipv6Addresses--
    this.touch()
  }

  private async end(device: Device): Promise<void> {
    device.down()
    this.library.destroyDevice(device.pointer)
    await device.close()
  }

  private eachListener(call: (listener: FdPicoListener) => void): void {
    for (const listeners of this.listeners.values()) for (const listener of listeners) call(listener)
  }

  /** @internal */
  listenerClosed(listener: FdPicoListener): void {
    const listeners = this.listeners.get(listener.port)
    listeners?.delete(listener)
    if (listeners?.size === 0) this.listeners.delete(listener.port)
  }

  private pause(microseconds: number): Promise<void> {
    const { clock } = this.scheduler
    this.scheduler.defer(this)
    return new Promise((resolve) => clock.arm(new Alarm(resolve), clock.now + microseconds))
  }

  private deviceOf(on: Interface): Device | undefined {
    return this.devices.get(on.name)
  }
}
