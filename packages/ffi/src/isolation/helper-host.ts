/**
 * The helper's side: a stack of some backend, its sockets driven by messages.
 *
 * @module
 */
import {
  Alarm,
  type Backend,
  defaultPool,
  defaultScheduler,
  type Interface,
  Job,
  NetError,
  type OptionName,
  type PingOptions,
  parseIpAddress,
  type Route,
  type Stack,
  type StackEvent,
  type StackOptions,
} from '@ioth/core'
import { Calls } from './calls.ts'
import { type Channel, KIND } from './channel.ts'
import { ChannelLink, type LinkFacts } from './channel-link.ts'
import { HelperDatagrams, HelperListener, type HelperSocket, HelperStream } from './helper-sockets.ts'
import type { HelperNote, ProgramNote, WirePingReply, WireRoute } from './notes.ts'
import { DATAGRAM_HEAD } from './remote-lines.ts'
import { readAddress } from './wire-address.ts'

interface Plug extends LinkFacts {
  readonly name: string
  readonly addresses: readonly string[]
  readonly mac?: string
  readonly dhcp: boolean
  readonly slaac: boolean
}

const OPTIONS: readonly OptionName[] = [
  'noDelay',
  'keepAlive',
  'keepAliveDelay',
  'ttl',
  'multicastTtl',
  'multicastLoop',
  'multicastInterface',
  'userTimeout',
  'trafficClass',
]
/** How long after something happened the program is told the counters, in microseconds. */
const COUNTERS_AFTER = 200_000

export class HelperHost extends Job {
  private readonly module: Promise<{ readonly backend?: Backend; readonly default?: Backend }>
  private channel!: Channel
  private calls!: Calls
  private stack: Stack | null = null
  private readonly links = new Map<number, ChannelLink>()
  private readonly sockets = new Map<number, HelperSocket>()
  private readonly watched = new Set<HelperStream>()
  private lastAccepted = 0
  private arrived: { readonly port: number; readonly octets: Uint8Array }[] = []
  private readonly counting = new Alarm(() => this.tellCounters())

  /** @param module the backend's, being loaded. */
  constructor(module: Promise<{ readonly backend?: Backend; readonly default?: Backend }>) {
    super()
    this.module = module
    // Who asks for it hears of it.
    module.catch(() => {})
  }

  serve(channel: Channel): void {
    this.channel = channel
    this.calls = new Calls(channel, {
      begin: (options: Omit<StackOptions, 'scheduler' | 'pool' | 'interfaces'>) => this.begin(options),
      addInterface: (plug: Plug) => this.addInterface(plug),
      removeInterface: (name: string) => this.interfaceOf(name)?.remove(),
      addAddress: (name: string, address: string, prefixLength: number) =>
        this.interfaceOf(name)?.addAddress(parseIpAddress(address), prefixLength),
      ping: (to: string, options: PingOptions, signal: AbortSignal) => this.ping(to, { ...options, signal }),
      close: () => this.close(),
    })
  }

  take(kind: number, body: Uint8Array, view: DataView): void {
    if (kind === KIND.frame) {
      this.arrived.push({ port: view.getUint16(0), octets: body.slice(2) })
      defaultScheduler().defer(this)
    } else if (kind === KIND.data) {
      this.sockets.get(view.getInt32(0))?.data(body.subarray(4))
    } else if (kind === KIND.credit) {
      this.sockets.get(view.getInt32(0))?.credited(view.getInt32(4))
    } else if (kind === KIND.datagram) {
      const to = readAddress(view, 6)
      const socket = this.sockets.get(view.getInt32(0))
      if (to !== null) socket?.datagram(body.subarray(DATAGRAM_HEAD), to, view.getUint16(4))
    } else if (kind === KIND.note) {
      this.noted(JSON.parse(new TextDecoder().decode(body)) as ProgramNote)
    } else {
      this.calls.handle(kind, body)
    }
    this.countSoon()
  }

  /** Frames of the program's, in a job: a link never calls its taker from inside another's call. */
  run(): void {
    for (const { port, octets } of this.arrived.splice(0)) this.links.get(port)?.frame(octets)
    for (const stream of this.watched) if (!stream.tellAcknowledged()) this.watched.delete(stream)
  }

  // ---------- for sockets ----------

  tell(note: HelperNote): void {
    this.channel.json(KIND.note, note)
    this.countSoon()
  }

  send(kind: number, ...parts: readonly Uint8Array[]): void {
    this.channel.send(kind, ...parts)
  }

  forget(socket: number): void {
    this.sockets.delete(socket)
  }

  watch(stream: HelperStream): void {
    this.watched.add(stream)
  }

  /** A connection that a listener took has a number from now on. */
  adopt(socket: HelperSocket, number: number): void {
    this.sockets.set(number, socket)
  }

  nextAccepted(): number {
    return --this.lastAccepted
  }

  interfaceNamed(name: string | null): Interface | null {
    return name === null ? null : (this.interfaceOf(name) ?? null)
  }

  // ---------- calls ----------

  private async begin(options: Omit<StackOptions, 'scheduler' | 'pool' | 'interfaces'>): Promise<unknown> {
    const exported = await this.module
    const backend = exported.backend ?? exported.default
    if (backend === undefined) {
      throw new NetError('ERR_IOTH_BACKEND_UNUSABLE', 'backend', { message: 'the module exports no backend' })
    }
    const stack = await backend.createStack({
      ...options,
      scheduler: defaultScheduler(),
      pool: defaultPool(),
      interfaces: [],
      onEvent: (event) => this.event(event),
    })
    this.stack = stack
    const { capabilities } = stack
    const tcp = stack.openTcp(4)
    const tcpOptions = known(tcp)
    tcp.close()
    const udp = capabilities.udp === 'none' ? null : stack.openUdp(4)
    const udpOptions = udp === null ? {} : known(udp)
    udp?.close()
    return { canHalfClose: true, tcpOptions, udpOptions }
  }

  private async addInterface({ name, addresses, mac, dhcp, slaac, ...facts }: Plug): Promise<unknown> {
    const link = new ChannelLink(facts, defaultPool(), this.channel, this.calls)
    this.links.set(facts.port, link)
    const plug = { link, name, addresses, dhcp, slaac, ...(mac === undefined ? {} : { mac }) }
    const made = await this.up.addInterface(plug)
    return {
      mac: made.mac,
      mtu: made.mtu,
      addresses: made.addresses.map(({ address, prefixLength }) => ({ address: `${address}`, prefixLength })),
    }
  }

  private async ping(to: string, options: PingOptions): Promise<WirePingReply> {
    const reply = await this.up.ping(parseIpAddress(to), options)
    return { ...reply, from: reply.from.toString() }
  }

  private async close(): Promise<Readonly<Record<string, number>>> {
    defaultScheduler().clock.disarm(this.counting)
    await this.stack?.close()
    return this.stack?.counters() ?? {}
  }

  // ---------- notes ----------

  private noted(note: ProgramNote): void {
    if (note.note === 'flush') {
      this.stack?.flush()
      this.tell({ note: 'flushed', lingering: this.stack?.lingering ?? 0 })
    } else if (note.note === 'route') this.route(note.add, note.route)
    else if (note.note === 'unaddress') this.removeAddress(note.on, note.address)
    else if (note.note === 'connect' || note.note === 'listen' || note.note === 'udp') this.open(note)
    else this.sockets.get(note.socket)?.noted(note)
  }

  private open(note: ProgramNote & { note: 'connect' | 'listen' | 'udp' }): void {
    const { socket: number } = note
    try {
      const made =
        note.note === 'connect'
          ? HelperStream.connect(this, this.up, number, note)
          : note.note === 'listen'
            ? new HelperListener(this, this.up, number, note)
            : new HelperDatagrams(this, this.up, number, note)
      this.sockets.set(number, made)
    } catch (error) {
      this.tell({ note: 'failed', socket: number, code: (error as NetError).code })
    }
  }

  private route(add: boolean, { destination, prefixLength, via, on, metric }: WireRoute): void {
    const plugged = this.interfaceOf(on)
    if (plugged === undefined) return
    const route: Route = {
      destination: parseIpAddress(destination),
      prefixLength,
      via: via === null ? null : parseIpAddress(via),
      interface: plugged,
      metric,
    }
    try {
      if (add) this.up.routes.add(route)
      else this.up.routes.remove(route)
    } catch (error) {
      process.stderr.write(`ioth: route ${destination}/${prefixLength}: ${(error as Error).message}\n`)
    }
  }

  private removeAddress(on: string, text: string): void {
    try {
      this.interfaceOf(on)?.removeAddress(parseIpAddress(text))
    } catch {
      // It is gone already: that is what was wanted.
    }
  }

  private event({ kind, interface: on, address, mac }: StackEvent): void {
    const prefixLength = on.addresses.find((own) => own.address.equals(address))?.prefixLength ?? 0
    this.tell({ note: 'event', kind, on: on.name, address: address.toString(), prefixLength, mac: mac ?? null })
  }

  private countSoon(): void {
    const { clock } = defaultScheduler()
    if (!this.counting.armed) clock.arm(this.counting, clock.now + COUNTERS_AFTER)
  }

  private tellCounters(): void {
    if (this.stack !== null) this.channel.json(KIND.note, { note: 'counters', counters: this.stack.counters() })
  }

  private get up(): Stack {
    if (this.stack === null) throw new NetError('ENETDOWN', 'stack')
    return this.stack
  }

  private interfaceOf(name: string): Interface | undefined {
    return this.stack?.interfaces.find((each) => each.name === name)
  }
}

/** What a new socket knows of options, and their first values. */
function known(socket: { getOption(name: OptionName): number }): Partial<Record<OptionName, number>> {
  const values: Partial<Record<OptionName, number>> = {}
  for (const name of OPTIONS) {
    try {
      values[name] = socket.getOption(name)
    } catch {
      // Not one of its options.
    }
  }
  return values
}
