/**
 * A whole LAN in one test: a hub, any number of stacks of any backends, and lines that can be made bad. Under virtual time an hour of
 * it takes milliseconds and replays from a seed.
 *
 * @module
 */
import {
  type Backend,
  createFramePool,
  createHub,
  createPortTable,
  createScheduler,
  createSeededRandom,
  createVirtualScheduler,
  type FramePool,
  filter,
  type Hub,
  type Impairment,
  type IpAddress,
  impair,
  type Limits,
  type Link,
  NO_OFFLOAD,
  type Offload,
  parseCidr,
  type Scheduler,
  type Stack,
  type TcpSocket,
  type VirtualScheduler,
} from '@ioth/core'
import { LONGEST_REAL_WAIT, NeedsVirtualTime, notClaimed } from '../not-claimed.ts'
import { type RecordedFrame, writeCapture } from './capture-file.ts'
import { Host, type HostFinding } from './host.ts'
import { NarrowPath } from './narrow-path.ts'
import { type FrameObserver, Observer } from './observer.ts'
import { type Schedule, SchedulePlayer } from './schedule.ts'
import { Tap, Wire } from './wire.ts'

export interface HostOptions {
  readonly backend: Pick<Backend, 'createStack' | 'capabilities'>
  /** @default `'a'`, `'b'`, … */
  readonly name?: string
  /** CIDR notation. @default `10.0.0.1/24`, `10.0.0.2/24`, …; on a LAN of family 6 `fd00::1/64`, … */
  readonly address?: string
  /** Gets its address by DHCP instead. @default false */
  readonly dhcp?: boolean
  /** Forms IPv6 addresses from what routers advertise, and has no other. @default false */
  readonly slaac?: boolean
  /** What this host's line does to the frames it sends. */
  readonly impair?: Impairment
  readonly limits?: Partial<Limits>
  readonly gateways?: readonly string[]
  /** First and last ephemeral port. */
  readonly ephemeralPorts?: readonly [number, number]
  /** Rules of the frame checker that this host's stack is known to break: they are counted here, and are no findings. */
  readonly knownFindings?: Map<string, number>
  /** The backend's own options. */
  readonly settings?: Readonly<Record<string, unknown>>
}

export interface LanOptions {
  readonly hosts: readonly HostOptions[]
  /** Of every random choice: faults, sequence numbers, ports. @default 1 */
  readonly seed?: number
  /** @default 1500 */
  readonly mtu?: number
  /** Of the addresses hosts have when they are given none. @default 4 */
  readonly family?: 4 | 6
  /** What the hub takes unfinished. With it lines cannot be impaired. @default NO_OFFLOAD */
  readonly offload?: Offload
  /** Of the files a failure writes. @default 'lan' */
  readonly name?: string
  /** @default virtual when every backend can do it */
  readonly time?: 'virtual' | 'real'
  /** How long it may live on the host's clock, in milliseconds. @default 40 000 */
  readonly realLifeMs?: number
}

/** How long something may take that is not the subject of a test, in milliseconds of the LAN's clock. */
const PATIENCE_MS = 600_000
/** The same on the host's clock, for all of a LAN's life: what has not happened by then is told before the test's own time is over. */
const REAL_PATIENCE_MS = 40_000
/**
 * What takes no time on a virtual clock takes a moment on the host's, where an answer goes through a library and a process: at least so many
 * milliseconds, then until no frame has been seen for so many, but no longer than that.
 */
const MOMENT_MS = 80
const QUIET_MS = 60
const LONGEST_MOMENT_MS = 1000
/** It is looked every millisecond. */
const LONGEST_STEP_MS = 5

export async function createLan(options: LanOptions): Promise<Lan> {
  const lan = new Lan(options)
  try {
    await lan.start()
  } catch (error) {
    throw lan.explain(error)
  }
  return lan
}

/** Runs a test on a LAN of its own. A failure is told with the seed, the schedule and the captures. */
export async function withLan<Result>(options: LanOptions, test: (lan: Lan) => Promise<Result>): Promise<Result> {
  const lan = await createLan(options)
  try {
    const result = await test(lan)
    lan.verify()
    return result
  } catch (error) {
    throw lan.explain(error)
  } finally {
    await lan.close()
  }
}

export class Lan implements AsyncDisposable {
  readonly options: LanOptions
  readonly scheduler: Scheduler
  /** The same, when time is virtual. */
  readonly virtual: VirtualScheduler | null
  readonly pool: FramePool
  readonly hub: Hub
  readonly hosts: Host[] = []
  private readonly wire: Wire
  /** The way between all hosts. */
  private readonly path: NarrowPath
  private router: Tap | null = null
  private player: SchedulePlayer | null = null
  /** On the host's clock: when nothing is waited for any more, and the milliseconds that were asked to pass so far. */
  private end: number
  private waited = 0

  /** Use {@link createLan}. */
  constructor(options: LanOptions) {
    this.options = options
    const { seed = 1, mtu = 1500, offload = NO_OFFLOAD, realLifeMs = REAL_PATIENCE_MS } = options
    const isVirtual = options.time !== 'real' && options.hosts.every(({ backend }) => backend.capabilities.virtualTime)
    this.virtual = isVirtual ? createVirtualScheduler({ seed }) : null
    this.scheduler = this.virtual ?? createScheduler()
    this.end = this.virtual === null ? this.now + realLifeMs * 1000 : Number.POSITIVE_INFINITY
    this.pool = createFramePool()
    this.hub = createHub({ scheduler: this.scheduler, pool: this.pool, mtu, offload, queueFrames: 4096 })
    this.wire = new Wire(this.scheduler)
    this.path = new NarrowPath((frame) => {
      this.router ??= this.tap()
      this.router.send(frame)
    })
  }

  /** @internal makes the stacks. */
  async start(): Promise<void> {
    const { hosts } = this.options
    const plugs = hosts.map((host) => this.plug(host))
    const making = plugs.map(({ host, link }, index) => this.createStack(host, link, hosts[index] as HostOptions))
    const stacks = await this.settled(Promise.all(making))
    for (const [index, { host }] of plugs.entries()) host.stack = stacks[index] as Stack
  }

  /** One more host. @throws NetError as `createStack`. */
  async join(options: HostOptions): Promise<Host> {
    const { host, link } = this.plug(options)
    host.stack = await this.settled(this.createStack(host, link, options))
    return host
  }

  /** A link for an interface that a test adds by itself. */
  link(name: string): Link {
    const frame: FrameObserver['frame'] = (direction, octets) => {
      if (direction === 'out') this.wire.emitted(octets)
    }
    return new Observer(this.hub.port(name), { frame, unfinished: () => {} })
  }

  /** A host by its place or name. */
  host(which: number | string): Host {
    const host = typeof which === 'number' ? this.hosts[which] : this.hosts.find(({ name }) => name === which)
    if (host === undefined) throw new Error(`no host ${which} on this LAN`)
    return host
  }

  /** Microseconds of the LAN's clock. */
  get now(): number {
    return this.scheduler.clock.now
  }

  /** Makes the lines of all hosts behave as a schedule says, from now on. */
  play(schedule: Schedule): SchedulePlayer {
    this.wire.mayCorrupt ||= schedule.some(
      ({ impairment }) => (impairment.corrupt ?? 0) + (impairment.truncate ?? 0) > 0,
    )
    this.player = new SchedulePlayer(this.scheduler.clock, schedule, (impairment, pathMtu) => {
      for (const host of this.hosts) host.impair(impairment)
      this.path.mtu = pathMtu
    })
    return this.player
  }

  /** A plug for a scripted peer or hostile frames: what arrives goes to `receive`, what it sends goes to every host. */
  tap(receive: (frame: Uint8Array) => void = () => {}): Tap {
    return new Tap(this.hub.port('tap'), this.pool, this.wire, receive)
  }

  /** Lets time pass until something is true. @throws Error when it does not become true within the limit. */
  async until(done: () => boolean, limitMs: number = PATIENCE_MS, what: () => string = () => `${done}`): Promise<void> {
    const since = this.now
    const reached = await this.settleUntil(() => this.failed || done(), limitMs * 1000)
    this.checkOverdue()
    this.checkFailures()
    if (reached) return
    const waited = Math.round((this.now - since) / 1000)
    throw new Error(`after ${waited} ms still waiting for ${what()}`)
  }

  /** Lets time pass until something is true. @returns whether it became true within the limit */
  async reaches(done: () => boolean, limitMs: number): Promise<boolean> {
    const reached = await this.settleUntil(() => this.failed || done(), limitMs * 1000)
    this.checkOverdue()
    this.checkFailures()
    return reached
  }

  /**
   * For what a host does at once. In virtual time that is within `milliseconds`, all of which pass; on the host's clock, where it goes through
   * a library and a process, within `realMs`, of which no more pass than it takes.
   */
  async moment(done: () => boolean, milliseconds: number, realMs: number): Promise<void> {
    if (this.virtual === null) await this.reaches(done, realMs)
    else if (milliseconds > 0) await this.wait(milliseconds)
  }

  /** Whether a program threw in an upcall. */
  private get failed(): boolean {
    return this.hosts.some(({ failures }) => failures.length > 0)
  }

  /**
   * As {@link until}, for what is not due before minutes have gone. On the host's clock it is waited for as long as anybody waits, so that what
   * comes too early is seen. @throws NeedsVirtualTime when it did not come.
   */
  async untilLate(done: () => boolean, limitMs: number, what: () => string): Promise<void> {
    if (this.virtual !== null) return await this.until(done, limitMs, what)
    if (!(await this.settleUntil(() => this.failed || done(), LONGEST_REAL_WAIT * 1000)))
      throw new NeedsVirtualTime(limitMs)
    await this.until(done, limitMs, what)
  }

  /**
   * Lets time pass; on the host's clock at least a moment, in which answers come.
   * @throws NeedsVirtualTime on the host's clock, when it is long, or one of many.
   */
  async wait(milliseconds: number): Promise<void> {
    if (this.virtual === null) await this.waitReally(milliseconds)
    else await this.settleUntil(() => false, milliseconds * 1000)
    this.checkOverdue()
  }

  private async waitReally(milliseconds: number): Promise<void> {
    this.waited += milliseconds
    if (this.waited > LONGEST_REAL_WAIT) throw new NeedsVirtualTime(this.waited)
    const isQuiet = new Quiet(this)
    await this.settleUntil(() => false, Math.max(milliseconds, MOMENT_MS) * 1000)
    await this.settleUntil(() => isQuiet.since(this.now) >= QUIET_MS * 1000, LONGEST_MOMENT_MS * 1000)
    // A wait that was cut short would say that nothing came.
    if (this.now >= this.end) throw new Error("the time that this LAN had on the host's clock is over (realLifeMs)")
  }

  /** Waits for a promise while time passes, and gives its outcome. */
  async settled<Value>(promise: Promise<Value>, limitMs: number = PATIENCE_MS): Promise<Value> {
    let isSettled = false
    const note = (): void => {
      isSettled = true
    }
    promise.then(note, note)
    await this.until(
      () => isSettled,
      limitMs,
      () => 'a promise',
    )
    return promise
  }

  /** What the frame checker found so far. */
  get findings(): readonly HostFinding[] {
    return this.hosts.flatMap(({ findings }) => findings)
  }

  /** @throws Error when a frame broke a rule. */
  verify(): void {
    const { findings } = this
    if (findings.length === 0) return
    const lines = findings.slice(0, 10).map(({ host, time, rule, text }) => `  ${time} µs, ${host}: ${rule}: ${text}`)
    const more = findings.length > lines.length ? [`  and ${findings.length - lines.length} more`] : []
    throw new Error([`${brokenRules(findings)}:`, ...lines, ...more].join('\n'))
  }

  /** Every frame of every host with its time, to compare two runs. */
  get trace(): readonly { readonly host: string; readonly frames: readonly RecordedFrame[] }[] {
    return this.hosts.map(({ name, frames }) => ({ host: name, frames }))
  }

  /** The same error with what is needed to look into it: the seed, the schedule, and where the captures are. */
  explain(error: unknown): Error {
    const cause = error instanceof Error ? error : new Error(String(error))
    if (explained.has(cause) || notClaimed(cause) !== null) return cause
    const { seed = 1, name = 'lan' } = this.options
    const files = this.hosts.map((host) => `  capture of ${host.name}: ${writeCapture(name, host.name, host.frames)}`)
    const phases = this.player === null ? [] : [`  schedule: ${JSON.stringify(this.player.schedule)}`]
    const violated = this.findings.length > 0 && !cause.message.includes('break the rules') ? [this.firstFinding()] : []
    const lines = [cause.message, ...violated, `  at ${this.now} µs of a LAN with seed ${seed}`, ...phases, ...files]
    const whole = new Error(lines.join('\n'), { cause })
    // The place of the failure is of interest, not this one.
    const frames = cause.stack?.split('\n').filter((line) => line.startsWith('    at ')) ?? []
    whole.stack = [`Error: ${whole.message}`, ...frames].join('\n')
    explained.add(whole)
    return whole
  }

  /** Closes all stacks, then the hub. On the host's clock what is still open is reset first. */
  async close(): Promise<void> {
    this.player?.stop()
    if (this.virtual === null) this.abandon()
    await this.settled(Promise.all(this.hosts.map(async ({ stack }) => stack?.close())))
    await this.hub.close()
    this.virtual?.advance()
  }

  /** On the host's clock nobody waits for peers that do not answer: what is still open is over. */
  private abandon(): void {
    this.end = this.now + REAL_PATIENCE_MS * 1000
    for (const { stack } of this.hosts) {
      for (const { endpoint, state } of [...(stack?.sockets() ?? [])]) {
        if (state !== 'LISTEN' && 'reset' in endpoint) (endpoint as TcpSocket).reset()
      }
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  private firstFinding(): string {
    const { host, time, rule, text } = this.findings[0] as HostFinding
    return `  (before that, at ${time} µs, ${host} sent a frame that breaks ${rule}: ${text})`
  }

  /** An address of the LAN's network, by its number there. */
  addressAt(number: number): IpAddress {
    return parseCidr(this.cidrAt(number)).address
  }

  private cidrAt(number: number): string {
    return this.options.family === 6 ? `fd00::${number}/64` : `10.0.0.${number}/24`
  }

  private plug(options: HostOptions): { host: Host; link: Link } {
    const index = this.hosts.length
    const name = options.name ?? String.fromCharCode(97 + index)
    const cidr = options.dhcp === true || options.slaac === true ? null : (options.address ?? this.cidrAt(index + 1))
    if (cidr !== null) parseCidr(cidr)
    const { seed = 1, mtu = 1500, offload = NO_OFFLOAD } = this.options
    const { scheduler, pool } = this
    const port = this.hub.port(name)
    const lineSeed = seed * 1000 + index
    const line =
      offload === NO_OFFLOAD ? impair(port, { scheduler, pool, seed: lineSeed, out: options.impair ?? {} }) : null
    if ((options.impair?.corrupt ?? 0) + (options.impair?.truncate ?? 0) > 0) this.wire.mayCorrupt = true
    // Sequence numbers and ports must not depend on the order in which stacks draw.
    const [first, last] = options.ephemeralPorts ?? [32768, 60999]
    const ports = createPortTable(createSeededRandom(lineSeed + 500), { first, last })
    const host = new Host(
      name,
      cidr,
      mtu,
      ports,
      line,
      this.wire,
      this.virtual !== null,
      options.knownFindings ?? new Map(),
    )
    this.hosts.push(host)
    return { host, link: new Observer(line === null ? port : this.guarded(line), host) }
  }

  /**
   * ARP has no checksum: a flipped bit makes it a lie, and lies are another test. So a damaged ARP packet is lost here, as an Ethernet
   * with frame check sequences would lose it.
   */
  private guarded(link: Link): Link {
    const isArp = (frame: Uint8Array): boolean => frame[12] === 8 && frame[13] === 6
    const { wire, path } = this
    return filter(link, (direction, frame) =>
      direction === 'out' ? path.passes(frame) : !isArp(frame) || wire.wasEmitted(frame),
    )
  }

  private createStack(host: Host, link: Link, options: HostOptions): Promise<Stack> {
    const { scheduler, pool } = this
    const { backend, limits, gateways, settings } = options
    return backend.createStack({
      scheduler,
      pool,
      interfaces: [
        host.cidr === null
          ? { link, dhcp: options.dhcp === true, slaac: options.slaac === true }
          : { link, addresses: [host.cidr] },
      ],
      name: host.name,
      onEvent: (event) => host.events.push(event),
      ports: host.ports,
      ...(limits === undefined ? {} : { limits }),
      ...(gateways === undefined ? {} : { gateways }),
      ...(settings === undefined ? {} : { settings }),
    })
  }

  private async settleUntil(done: () => boolean, microseconds: number): Promise<boolean> {
    if (this.virtual !== null) return this.virtual.settleUntil(done, microseconds)
    const end = Math.min(this.now + microseconds, this.end)
    while (!done()) {
      if (this.now >= end) return false
      await new Promise((resolve) => setTimeout(resolve, 1))
    }
    return true
  }

  /** @throws Error of a program's upcall. */
  private checkFailures(): void {
    for (const { failures } of this.hosts) if (failures.length > 0) throw failures[0]
  }

  private checkOverdue(): void {
    for (const host of this.hosts) host.checkOverdue()
  }
}

/**
 * How long no frame has been seen on any line, in time that this process had: where it is called late the machine had others to serve, and a
 * helper with a library may have waited, too.
 */
class Quiet {
  private readonly lan: Lan
  private frames = -1
  private last = 0
  private quiet = 0

  constructor(lan: Lan) {
    this.lan = lan
  }

  since(now: number): number {
    const frames = this.lan.hosts.reduce((sum, host) => sum + host.frames.length, 0)
    this.quiet = frames === this.frames ? this.quiet + Math.min(now - this.last, LONGEST_STEP_MS * 1000) : 0
    this.frames = frames
    this.last = now
    return this.quiet
  }
}

/** Names each rule once. */
export function brokenRules(findings: readonly HostFinding[]): string {
  return `frames break the rules ${[...new Set(findings.map(({ rule }) => rule))].join(', ')}`
}

const explained = new WeakSet<Error>()
