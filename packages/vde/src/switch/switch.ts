/**
 * The switch: listens in a directory, opens a port for each plug, ours and those of the VDE protocol, and keeps time. Frames are
 * {@link Fabric}'s work, control messages {@link ControlDesk}'s; who may be the switch of a directory is decided in `seat.ts`.
 *
 * @module
 */
import { chmodSync, chownSync } from 'node:fs'
import type { Server, Socket } from 'node:net'
import { join, resolve } from 'node:path'
import { Alarm, defaultPool, defaultScheduler, type FramePool, FULL_OFFLOAD, type Scheduler } from '@ioth/core'
import { admitGroup, type GroupAccess, groupNumber } from '@ioth/ffi'
import type { PortInfo } from '../stream/control.ts'
import {
  isRefusal,
  MAX_OPENING,
  mayOpenPlug,
  type PlugOpening,
  parsePlugOpening,
  refusalLine,
  switchOpening,
} from '../stream/opening.ts'
import { LEAST_LIMIT } from '../stream/outbox.ts'
import { inputBytes, inputEnd } from '../stream/stream-input.ts'
import { makeSwitchDirectory, networkError } from '../vnl/switch-directory.ts'
import { AddressRegister } from './address-register.ts'
import type { Console } from './console.ts'
import { ControlDesk } from './control-desk.ts'
import { Fabric } from './fabric.ts'
import { MacTable } from './mac-table.ts'
import { type Port, PortCounters } from './port.ts'
import { type Seat, takeSeat } from './seat.ts'
import { StreamPort } from './stream-port.ts'
import { CONSOLE_SOCKET, switchConsole } from './switch-console.ts'
import { type EntranceSetup, VdeEntrance } from './vde-entrance.ts'
import type { WebSocketEntranceOptions, WsEntrance } from './ws-entrance.ts'

export interface SwitchOptions {
  /** Where it is found: a directory, made if it is not there. */
  readonly dir: string
  /** Every frame goes to every port. @default false */
  readonly hub?: boolean
  /** Largest IP packet carried, in octets. @default 9000 */
  readonly mtu?: number
  /** Octets that may wait for one plug to read them; what comes beyond is dropped and counted. @default 4194304 */
  readonly queueOctets?: number
  /** Plugs at most. @default 4096 */
  readonly maxPorts?: number
  /** How long an address stays known without being seen, in seconds. @default 300 */
  readonly ageingSeconds?: number
  /** MAC addresses that are remembered, at most. @default 8192 */
  readonly macs?: number
  /** MAC addresses that are remembered of one port, at most: no plug can push out the others'. @default 1024 */
  readonly macsPerPort?: number
  /** Frames for groups (broadcast, multicast) that one port may send in a second; what comes beyond is dropped and counted. @default 20000 */
  readonly stormFrames?: number
  /** Stops by itself when there was no plug for so long, in milliseconds. @default never */
  readonly idleMs?: number
  /** The directory must be the user's own and closed to all others. @default false: closed to their writing */
  readonly private?: boolean
  /** A group of the host, by name or number, whose users may plug in too. @default none */
  readonly group?: string
  /** @default the thread's own */
  readonly scheduler?: Scheduler
  /** @default the thread's own */
  readonly pool?: FramePool
}

export interface Switch extends AsyncDisposable {
  readonly dir: string
  readonly options: Required<Omit<SwitchOptions, 'scheduler' | 'pool'>>
  /** Resolves when the switch has stopped, with the reason. */
  readonly closed: Promise<string>
  ports(): PortInfo[]
  /** Counters of the switch, and those of all ports there are and were, added up. None decreases. */
  counters(): Readonly<Record<string, number>>
  /**
   * Lets WebSockets in, so that browser tabs can join.
   * @returns the URL for them, with the token. @throws NetError ERR_IOTH_NETWORK
   */
  serveWebSockets(options: WebSocketEntranceOptions): Promise<string>
  /** Runs a command of the console: `port/setvlan 3 10`. @throws Error when there is none such, or it fails. */
  command(line: string): unknown
  /** Lets the process end although the switch runs. */
  unref(): void
  /** Tells the plugs, removes the socket and stops. Idempotent. */
  close(reason?: string): Promise<void>
}

/** Between two ticks, in microseconds. */
const TICK = 1_000_000
/** How many ticks a connection may take to say what it is, or to go away. */
const PATIENCE_TICKS = 5
const TICKS_PER_SWEEP = 10
/** Connections beyond the ports: those that ask, open or close. */
const SPARE_CONNECTIONS = 256
/** The highest port number that can be asked for. */
const HIGHEST_PORT = 65_535
const ADDRESSES_PER_PORT = 1_024

/** See `createSwitch`. */
export async function startSwitch(options: SwitchOptions): Promise<Switch> {
  const { scheduler = defaultScheduler(), pool = defaultPool() } = options
  const settings = { ...DEFAULTS, ...options, dir: resolve(options.dir), scheduler, pool }
  checkOptions(settings)
  makeSwitchDirectory(settings.dir, settings.private)
  const seat = await takeSeat(settings.dir, scheduler.random)
  const made = new DirectorySwitch(settings, seat)
  try {
    await made.open()
    return made
  } catch (error) {
    await made.close()
    throw error
  }
}

const DEFAULTS = {
  hub: false,
  mtu: 9_000,
  queueOctets: 4_194_304,
  maxPorts: 4_096,
  ageingSeconds: 300,
  macs: 8_192,
  macsPerPort: 1_024,
  stormFrames: 20_000,
  idleMs: Number.POSITIVE_INFINITY,
  private: false,
  group: '',
}

type Settings = Required<SwitchOptions>

class DirectorySwitch implements Switch {
  readonly dir: string
  readonly options: Required<Omit<SwitchOptions, 'scheduler' | 'pool'>>
  readonly closed: Promise<string>
  private readonly seat: Seat
  private readonly server: Server
  private readonly scheduler: Scheduler
  private readonly fabric: Fabric
  private readonly desk: ControlDesk
  /** Every stream plug, those without frames and those that are closing too. */
  private readonly connections = new Set<StreamPort>()
  private vde: VdeEntrance | null = null
  private ws: WsEntrance | null = null
  private readonly console: Console
  private readonly total: Record<string, number> = { ...new PortCounters() }
  private readonly clock: Alarm
  private readonly idle: Alarm
  private referenced = true
  private stopping: Promise<void> | null = null
  private resolveClosed!: (reason: string) => void

  constructor({ scheduler, pool, ...options }: Settings, seat: Seat) {
    this.options = options
    this.dir = options.dir
    this.seat = seat
    this.server = seat.server
    this.scheduler = scheduler
    this.fabric = new Fabric({
      macs: new MacTable(options.macsPerPort, this.scheduler.random.int32(), options.macs),
      addresses: new AddressRegister(ADDRESSES_PER_PORT),
      hub: options.hub,
      stormLimit: options.stormFrames,
      pool,
      handler: {
        // Only stream plugs send what is no frame.
        control: (port, text) => this.desk.take(port as StreamPort, text),
        fault: (port, why) => this.expel(port as StreamPort, why),
      },
    })
    this.desk = new ControlDesk(this.fabric, this.scheduler.clock, {
      count: (name) => this.count(name),
      expel: (port, why) => this.expel(port, why),
    })
    this.closed = new Promise((resolve) => {
      this.resolveClosed = resolve
    })
    this.console = switchConsole(this.fabric, {
      dir: options.dir,
      describe: (port) => this.desk.describe(port),
      counters: () => this.counters(),
      pull: (port) => this.pull(port),
      shutDown: () => void this.close('shutdown'),
    })
    this.clock = new Alarm(() => this.tick())
    this.idle = new Alarm(() => void this.close('idle'))
  }

  /** Begins to serve: who is answered finds both sockets. */
  async open(): Promise<void> {
    await this.openVde()
    await this.console.listen(join(this.dir, CONSOLE_SOCKET))
    this.awaitPlugs()
    this.seat.onConnection((socket) => this.accept(socket))
  }

  /** Lets plugs of the VDE protocol in, too. */
  private async openVde(): Promise<void> {
    this.vde = await VdeEntrance.open(
      this.options.dir,
      {
        choose: (wanted) => this.choose(wanted),
        setup: this.portSetup(),
        added: (port) => this.added(port),
        removed: (port) => this.removed(port),
        refused: (reason) => this.count(`refused.vde-${reason}`),
      },
      this.letGroupIn(),
    )
    if (!this.referenced) this.vde.unref()
  }

  /** Lets a group into the directory and to our plug's socket; the console stays the user's. @throws NetError ERR_IOTH_NETWORK */
  private letGroupIn(): GroupAccess | undefined {
    const { group, dir } = this.options
    if (group === '') return undefined
    try {
      const access = { gid: groupNumber(group) }
      chownSync(dir, -1, access.gid)
      chmodSync(dir, 0o750)
      admitGroup(this.seat.path, access)
      return access
    } catch (error) {
      throw networkError(`the switch cannot be shared with the group "${group}": ${(error as Error).message}`, error)
    }
  }

  /** The number of a port that is no stream plug's. @param wanted 0: any. */
  private choose(wanted: number): number | { readonly refusal: string } {
    if (this.stopping !== null) return { refusal: 'stopping' }
    if (this.fabric.ports.length >= this.options.maxPorts) return { refusal: 'full' }
    if (wanted === 0) return this.freeNumber()
    return this.isTaken(wanted) || wanted > HIGHEST_PORT ? { refusal: 'port' } : wanted
  }

  /** What such ports are made with. */
  private portSetup(): EntranceSetup {
    const { fabric, options, scheduler } = this
    return {
      mtu: options.mtu,
      queueOctets: options.queueOctets,
      get tick() {
        return fabric.tick
      },
      get now() {
        return scheduler.clock.now
      },
      received: (port, from, end) => {
        fabric.receive(port, from, end)
        fabric.flush()
      },
    }
  }

  private added(port: Port): void {
    this.fabric.add(port)
    this.scheduler.clock.disarm(this.idle)
    this.startClock()
  }

  ports(): PortInfo[] {
    return this.fabric.ports.map((port) => this.desk.describe(port))
  }

  counters(): Readonly<Record<string, number>> {
    const sum = { ...this.total, flooded: this.fabric.flooded, 'address-conflicts': this.fabric.addressConflicts }
    for (const port of this.allPorts()) addTo(sum, port.counters)
    return sum
  }

  async serveWebSockets(options: WebSocketEntranceOptions): Promise<string> {
    if (this.ws !== null) throw networkError('this switch serves WebSockets already')
    // The package is loaded when somebody wants it.
    const { WsEntrance } = await import('./ws-entrance.ts')
    this.ws = await WsEntrance.open(options, {
      choose: () => this.choose(0),
      setup: this.portSetup(),
      added: (port) => this.added(port),
      removed: (port) => this.removed(port),
      refused: (reason) => this.count(`refused.ws-${reason}`),
    })
    if (!this.referenced) this.ws.unref()
    return this.ws.url
  }

  command(line: string): unknown {
    return this.console.run(line)?.value ?? null
  }

  unref(): void {
    this.referenced = false
    this.server.unref()
    for (const port of this.connections) port.unref()
    this.vde?.unref()
    this.ws?.unref()
  }

  close(reason = 'stopped'): Promise<void> {
    this.stopping ??= this.stop(reason)
    return this.stopping
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  private async stop(reason: string): Promise<void> {
    this.scheduler.clock.disarm(this.clock)
    this.scheduler.clock.disarm(this.idle)
    // First the name, then the plugs: one that comes back at once must not find us.
    const left = this.seat.leave()
    for (const port of this.connections) this.hangUp(port, reason)
    await this.vde?.close()
    await this.ws?.close()
    this.console.close()
    await left
    this.resolveClosed(reason)
  }

  // ---- connections ----

  private accept(socket: Socket): void {
    const port = new StreamPort(socket, {
      number: this.freeNumber(),
      tick: this.fabric.tick,
      now: this.scheduler.clock.now,
      queueOctets: this.options.queueOctets,
      received: (from, octets) => this.received(from, octets),
    })
    // A connection that breaks is closed as well; why makes no difference here.
    port.socket.on('error', () => {})
    port.socket.on('close', () => this.forget(port))
    if (!this.referenced) port.unref()
    this.startClock()
    this.connections.add(port)
    if (this.stopping !== null) this.hangUp(port, 'the switch is stopping')
    else if (this.connections.size > this.options.maxPorts + SPARE_CONNECTIONS)
      this.refuse(port, 'full', 'too many connections')
  }

  private received(port: StreamPort, octets: number): boolean {
    if (port.state === 'closed') return false
    let at = port.input.begin()
    const end = inputEnd(octets)
    if (port.state === 'opening') at = this.readOpening(port, at, end)
    if (port.state === 'open') at = this.fabric.receive(port, at, end)
    this.fabric.flush()
    if ((port.state as StreamPort['state']) === 'closed') return false
    port.input.keep(at, end)
    return true
  }

  /** @returns where the records begin, or `from` when the line is not complete. */
  private readOpening(port: StreamPort, from: number, end: number): number {
    if (!mayOpenPlug(inputBytes, from, end)) {
      this.refuse(port, 'opening', 'this is the stream plug of an ioth switch, and that was not the opening of a plug')
      return from
    }
    const lineFeed = inputBytes.subarray(from, Math.min(end, from + MAX_OPENING)).indexOf(10)
    if (lineFeed < 0) {
      if (end - from >= MAX_OPENING) this.refuse(port, 'opening', `the opening is longer than ${MAX_OPENING} octets`)
      return from
    }
    const line = Buffer.from(inputBytes.buffer, inputBytes.byteOffset + from, lineFeed).toString()
    const opening = parsePlugOpening(line)
    if (isRefusal(opening)) {
      this.refuse(port, 'opening', opening.refusal)
    } else if (opening.mtu > this.options.mtu) {
      const most = this.options.mtu
      this.refuse(port, 'mtu', `this switch carries packets of up to ${most} octets, the plug asked for ${opening.mtu}`)
    } else if (opening.frames && this.fabric.ports.length >= this.options.maxPorts) {
      this.refuse(port, 'full', `all ${this.options.maxPorts} ports of this switch are taken`)
    } else if (opening.frames && !this.assign(port, opening)) {
      this.refuse(port, 'port', `port ${opening.port} of this switch is taken`)
    } else {
      port.open(opening)
      if (opening.frames) {
        this.fabric.add(port)
        this.scheduler.clock.disarm(this.idle)
      }
      const number = opening.frames ? port.number : 0
      const ours = { pid: process.pid, port: number, mtu: this.options.mtu, accepts: FULL_OFFLOAD }
      port.outbox.text(switchOpening(ours), false)
      this.fabric.soil(port)
    }
    return from + lineFeed + 1
  }

  /** Says no in words, and hangs up. */
  private refuse(port: StreamPort, reason: string, words: string): void {
    this.count(`refused.${reason}`)
    port.outbox.text(refusalLine(words), false)
    this.disconnect(port)
  }

  /** The plug broke the protocol. */
  private expel(port: StreamPort, reason: string): void {
    this.count(`expelled.${reason}`)
    this.hangUp(port, `protocol error: ${reason}`)
  }

  private hangUp(port: StreamPort, reason: string): void {
    if (port.state === 'open') port.outbox.control({ type: 'closing', reason })
    this.disconnect(port)
  }

  /** Frees what the port has now; the connection ends when the last words are out, or at the latest after {@link PATIENCE_TICKS}. */
  private disconnect(port: StreamPort): void {
    if (port.state === 'closed') return
    port.state = 'closed'
    this.fabric.remove(port)
    port.outbox.write()
    port.socket.destroySoon()
    // A plug that does not read keeps its words from leaving.
    if (this.stopping !== null && port.outbox.busy) port.socket.destroy()
  }

  private forget(port: StreamPort): void {
    port.state = 'closed'
    this.fabric.remove(port)
    port.outbox.close()
    if (this.connections.delete(port)) this.removed(port)
  }

  /** Ends the connection of a port's plug. */
  private pull(port: Port): void {
    if (port instanceof StreamPort) this.hangUp(port, 'the plug was pulled')
    for (const each of this.vde?.ports ?? []) if (each === port) each.close()
    for (const each of this.ws?.ports ?? []) if (each === port) each.close('the plug was pulled')
  }

  private removed(port: Port): void {
    this.fabric.remove(port)
    addTo(this.total, port.counters)
    if (port.opening.frames && this.fabric.ports.length === 0) this.awaitPlugs()
  }

  /** Gives a plug the port it wants. @returns false when it insists, and somebody has it. */
  private assign(port: StreamPort, { port: wanted, prefer }: PlugOpening): boolean {
    if (wanted === undefined || wanted === null || wanted === port.number) return true
    if (this.isTaken(wanted)) return prefer === true
    port.number = wanted
    return true
  }

  private *allPorts(): Iterable<Port> {
    yield* this.connections
    if (this.vde !== null) yield* this.vde.ports
    if (this.ws !== null) yield* this.ws.ports
  }

  private isTaken(number: number): boolean {
    if (this.fabric.port(number) !== undefined) return true
    for (const port of this.connections) if (port.number === number) return true
    return false
  }

  private freeNumber(): number {
    const taken = new Set<number>()
    for (const port of this.allPorts()) taken.add(port.number)
    let number = 1
    while (taken.has(number)) number++
    return number
  }

  // ---- time ----

  private startClock(): void {
    const { clock } = this.scheduler
    if (!this.clock.armed && this.stopping === null) clock.arm(this.clock, clock.now + TICK)
  }

  private tick(): void {
    const { fabric } = this
    fabric.tick++
    for (const port of this.connections) {
      const age = fabric.tick - port.sinceTick
      if (port.state === 'opening' && age > PATIENCE_TICKS)
        this.refuse(port, 'opening-late', 'the opening did not come')
      else if (port.state === 'closed' && ++port.closingTicks > PATIENCE_TICKS) port.socket.destroy()
    }
    if (fabric.tick % TICKS_PER_SWEEP === 0) {
      const oldest = fabric.tick - this.options.ageingSeconds
      fabric.macs.expire(oldest)
      fabric.addresses.expire(oldest)
      if (!this.seat.held()) void this.close('its socket was removed')
    }
    if (this.connections.size > 0 || fabric.ports.length > 0) this.startClock()
  }

  private awaitPlugs(): void {
    const { idleMs } = this.options
    const { clock } = this.scheduler
    if (Number.isFinite(idleMs) && this.stopping === null) clock.arm(this.idle, clock.now + idleMs * 1000)
  }

  private count(name: string): void {
    this.total[name] = (this.total[name] ?? 0) + 1
  }
}

function addTo(sum: Record<string, number>, counters: object): void {
  for (const [name, value] of Object.entries(counters) as [string, number][]) sum[name] = (sum[name] ?? 0) + value
}

function checkOptions(options: Settings): void {
  const check = (name: string, value: number, least: number, most: number): void => {
    if (value >= least && value <= most) return
    throw networkError(`switch: ${name} is from ${least} to ${most}, not ${value}`)
  }
  check('mtu', options.mtu, 68, 65_000)
  check('queueOctets', options.queueOctets, LEAST_LIMIT, 0x4000_0000)
  check('maxPorts', options.maxPorts, 1, 65_535)
  check('ageingSeconds', options.ageingSeconds, 1, 1_000_000)
  check('macs', options.macs, 16, 4_194_304)
  check('macsPerPort', options.macsPerPort, 1, options.macs)
  check('stormFrames', options.stormFrames, 1, Number.MAX_SAFE_INTEGER)
  check('idleMs', options.idleMs, 1, Number.POSITIVE_INFINITY)
}
