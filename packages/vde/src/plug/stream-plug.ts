/**
 * The plug: a link that ends in a port of a switch (docs/stream-plug.md).
 *
 * All frames of a `send` leave in one write. When the switch goes away the link is lost, not closed: frames are dropped as a pulled cable
 * would, and the plug tries again and again until a switch is back, claims its addresses, and is up again.
 *
 * @module
 */
import {
  Alarm,
  type FrameBatch,
  type FramePool,
  type IpAddress,
  isAccepted,
  type Link,
  type LinkSink,
  type LinkState,
  type LinkUser,
  NetError,
  NO_OFFLOAD,
  type Offload,
  releaseFrame,
  type Scheduler,
  SEGMENT_ME,
  Task,
} from '@ioth/core'
import { parseSwitchMessage } from '../stream/control.ts'
import { MAX_NAME, type PlugOpening, printable, type SwitchOpening } from '../stream/opening.ts'
import { flagsOf } from '../stream/record.ts'
import { checkSwitchDirectory, streamSocketPath } from '../vnl/switch-directory.ts'
import { backoffMicroseconds, LONGEST_BACKOFF_FROM } from './backoff.ts'
import { Claims } from './claims.ts'
import { FrameWriter } from './frame-writer.ts'
import { Inbox } from './inbox.ts'
import { PlugCounters } from './plug-counters.ts'
import { type ConnectionHandler, SwitchConnection } from './switch-connection.ts'

export interface StreamPlugOptions {
  readonly scheduler: Scheduler
  readonly pool: FramePool
  /** How others see it, as in `ioth ps`. */
  readonly name: string
  /** Largest IP packet, in octets. */
  readonly mtu: number
  /** Octets that may wait for the switch to read them; then `send` takes fewer. */
  readonly queueOctets: number
  /** The port that is wanted. @default any */
  readonly port?: number
  /** Called before a reconnection is tried again: may start the switch that is missing. */
  readonly revive?: () => Promise<void>
}

/** From which attempt on {@link StreamPlugOptions.revive} is called: a switch that is being restarted by others comes first. */
const REVIVE_FROM = 3
/** How long an exit handler waits for a switch that does not read. */
const FLUSH_PATIENCE_MS = 200
const ETHERNET_AND_TAG = 18

/**
 * Plugs into the switch of a directory, and settles when the link is up. The process stays alive until then, and no longer.
 * @throws NetError ERR_IOTH_NETWORK, ERR_IOTH_PROTOCOL.
 */
export async function openStreamPlug(dir: string, name: string, options: StreamPlugOptions): Promise<StreamPlug> {
  const plug = new StreamPlug(dir, name, options)
  options.scheduler.hold()
  try {
    await plug.opened
    return plug
  } finally {
    options.scheduler.release()
  }
}

export class StreamPlug implements Link {
  readonly type = 'ethernet'
  readonly mtu: number
  readonly name: string
  /** Settles with the first attempt. */
  readonly opened: Promise<void>
  readonly counters: PlugCounters = new PlugCounters()
  offload: Offload = NO_OFFLOAD
  state: LinkState = 'opening'

  private readonly options: StreamPlugOptions
  private readonly dir: string
  private readonly path: string
  private readonly inbox: Inbox
  private readonly claims: Claims
  private readonly handler: ConnectionHandler
  private readonly writer: FrameWriter
  private readonly job: Task
  private readonly retry: Alarm
  private connection: SwitchConnection | null = null
  /** The switch has answered; claims may still be repeated. */
  private isOpen = false
  private sink: LinkSink | null = null
  private readonly changes: { state: LinkState; reason: NetError | undefined }[] = []
  /** Its port's number, of the switch it was on last; 0: none yet. */
  private port = 0
  /** A `send` took fewer than it was given. */
  private blocked = false
  private reading = true
  /** What had arrived is still delivered. */
  private isAbandoned = false
  /** What the switch said when it hung up. */
  private farewell = ''
  private attempts = 0
  private user: LinkUser | null = null
  private settleOpened: { resolve(): void; reject(error: NetError): void } | null = null

  constructor(dir: string, name: string, options: StreamPlugOptions) {
    this.options = options
    this.dir = dir
    this.path = streamSocketPath(dir)
    this.name = name
    this.mtu = options.mtu
    this.inbox = new Inbox(options.pool)
    this.claims = new Claims(options.scheduler, (message) => this.ask(message))
    this.handler = {
      opened: (opening) => this.greeted(opening),
      frame: (at, length, first, second) => this.receive(at, length, first, second),
      control: (text) => this.answered(text),
      read: () => this.read(),
      written: () => this.written(),
      ended: (reason) => this.ended(reason),
    }
    this.writer = new FrameWriter(options.pool, options.mtu, this.counters)
    this.job = new Task(() => this.work())
    this.retry = new Alarm(() => void this.reconnect())
    this.opened = new Promise((resolve, reject) => {
      this.settleOpened = { resolve, reject }
    })
    this.connect()
  }

  attach(sink: LinkSink): void {
    if (this.sink !== null) throw new NetError('EINVAL', 'attach', { message: `${this.name} has a taker already` })
    this.sink = sink
    // What happened before is told by `state`.
    this.changes.length = 0
    this.ask({ type: 'accepts', accepts: sink.accepts })
  }

  send(batch: FrameBatch): number {
    const { connection } = this
    if (this.state !== 'up' || connection === null) {
      this.counters['drop.out.lost'] += batch.count
      for (let index = 0; index < batch.count; index++) releaseFrame(batch, index)
      return batch.count
    }
    let taken = 0
    while (taken < batch.count && this.writer.put(connection.outbox, this.offload, batch, taken)) {
      releaseFrame(batch, taken++)
    }
    connection.outbox.write()
    if (taken < batch.count) this.blocked = true
    return taken
  }

  flush(): boolean {
    const { connection } = this
    if (connection === null) return true
    const { empty, spoilt } = connection.outbox.writeSync(FLUSH_PATIENCE_MS)
    // Should the event loop go on after all, part of the octets would leave twice: then it goes on with a new connection.
    if (spoilt) {
      process.nextTick(() => {
        connection.destroy()
        if (connection === this.connection) this.ended(new NetError('ENETDOWN', 'flush', { address: this.dir }))
      })
    }
    return empty
  }

  receiveNow(): boolean {
    return this.connection?.receiveNow() ?? false
  }

  claim(address: IpAddress, mac: string, force = false): Promise<boolean> {
    if (this.state !== 'up') return Promise.reject(new NetError('ENETDOWN', 'claim', { address: address.toString() }))
    return this.claims.claim(address, mac, force)
  }

  unclaim(address: IpAddress): void {
    this.claims.unclaim(address)
  }

  introduce(user: LinkUser): void {
    this.user = user
    this.ask({ type: 'about', ...user })
  }

  abandon(): void {
    if (this.state === 'closed') return
    const { connection } = this
    this.options.scheduler.clock.disarm(this.retry)
    this.claims.interrupt(new NetError('ECANCELED', 'abandon'))
    connection?.outbox.writeSync(FLUSH_PATIENCE_MS)
    // A socket that is destroyed gives its descriptor back in the call.
    connection?.destroy()
    this.connection = null
    this.isOpen = false
    this.isAbandoned = true
    this.change('closed')
  }

  async close(): Promise<void> {
    if (this.state === 'closed') return
    const { connection } = this
    const { scheduler } = this.options
    scheduler.clock.disarm(this.retry)
    this.connection = null
    this.isOpen = false
    this.claims.interrupt(new NetError('ECANCELED', 'close'))
    this.change('closed')
    if (connection === null) return
    // What is queued goes out first, unless the switch does not read.
    const late = new Alarm(() => connection.destroy())
    scheduler.hold()
    scheduler.clock.arm(late, scheduler.clock.now + FLUSH_PATIENCE_MS * 1000)
    await connection.finish()
    scheduler.clock.disarm(late)
    scheduler.release()
  }

  // ---- the connection ----

  private connect(): void {
    const { name, queueOctets, scheduler, port } = this.options
    const wanted = port ?? this.port
    const opening: PlugOpening = {
      name: printable(name, MAX_NAME),
      pid: process.pid,
      mtu: this.mtu,
      accepts: this.sink?.accepts ?? NO_OFFLOAD,
      frames: true,
      // After a reconnection the port should be the same one: what was set for it (a VLAN) is meant for us.
      ...(wanted === 0 ? {} : { port: wanted, prefer: this.options.port === undefined }),
    }
    this.farewell = ''
    const { dir, path, handler } = this
    try {
      // Each time: what is at the path may have changed hands.
      checkSwitchDirectory(dir)
    } catch (error) {
      this.ended(error as NetError)
      return
    }
    this.connection = new SwitchConnection({ dir, path, opening, queueOctets, clock: scheduler.clock, handler })
  }

  private async reconnect(): Promise<void> {
    const { revive } = this.options
    // A switch that cannot be revived may still come back by itself.
    if (revive !== undefined && this.attempts >= REVIVE_FROM) await revive().catch(() => {})
    if (this.state === 'lost' && this.connection === null) this.connect()
  }

  private greeted(opening: SwitchOpening): void {
    this.isOpen = true
    this.reading = true
    this.offload = opening.accepts
    this.port = opening.port
    if (this.user !== null) this.introduce(this.user)
    this.claims.repeat()
    this.goUp()
  }

  /** Up, once the switch has answered and every address is ours again. */
  private goUp(): void {
    if (!this.isOpen || this.state === 'up' || !this.claims.settled) return
    if (this.state === 'lost') this.counters.reconnections++
    this.attempts = 0
    this.change('up')
    this.settleOpened?.resolve()
    this.settleOpened = null
  }

  private ended(reason: NetError): void {
    this.connection = null
    this.isOpen = false
    if (this.settleOpened !== null) {
      this.change('closed', reason)
      this.settleOpened.reject(reason)
      this.settleOpened = null
      return
    }
    if (this.state === 'closed') return
    const lost = this.farewell === '' ? reason : farewellError(this.dir, this.farewell)
    this.claims.interrupt(lost)
    this.blocked = false
    if (this.state !== 'lost') this.change('lost', lost)
    const { clock, random } = this.options.scheduler
    clock.arm(this.retry, clock.now + backoffMicroseconds(this.attempts++, random))
  }

  private ask(message: object): void {
    if (!this.isOpen || this.connection === null) return
    this.connection.outbox.control(message)
    this.connection.outbox.write()
  }

  private answered(text: string): void {
    const message = parseSwitchMessage(text)
    if (message === null) return
    if (message.type === 'closing') this.farewell = message.reason
    if (message.type !== 'granted' && message.type !== 'refused') return
    const taken = this.claims.answered(message)
    if (taken === null) {
      this.goUp()
      return
    }
    // While we were away another plug took an address of ours. Never two with one address: the link stays lost until it is free.
    this.attempts = LONGEST_BACKOFF_FROM
    this.connection?.destroy()
    this.ended(taken)
  }

  // ---- frames out ----

  private written(): void {
    if (this.blocked && this.hasRoom()) this.options.scheduler.defer(this.job)
  }

  /** Whether it is worth while to go on after a short `send`. */
  private hasRoom(): boolean {
    return this.connection !== null && this.connection.outbox.octets * 2 <= this.options.queueOctets
  }

  // ---- frames in ----

  private receive(at: number, length: number, first: number, second: number): void {
    const flags = flagsOf(first)
    const { counters, sink } = this
    const whole = (flags & SEGMENT_ME) !== 0 || length <= this.mtu + ETHERNET_AND_TAG
    if (sink === null || !whole || !isAccepted(flags, sink.accepts)) {
      counters['drop.in.unwanted']++
    } else if (this.inbox.add(at, length, first, second)) {
      counters['in.frames']++
      counters['in.octets'] += length
    } else {
      counters['drop.in.no-memory']++
    }
  }

  private read(): boolean {
    if (this.inbox.frames > 0) this.options.scheduler.defer(this.job)
    this.reading = !this.inbox.full
    return this.reading
  }

  // ---- the link's part of a turn ----

  private change(state: LinkState, reason?: NetError): void {
    this.state = state
    this.changes.push({ state, reason })
    this.options.scheduler.defer(this.job)
  }

  private work(): void {
    const { sink } = this
    for (const { state, reason } of this.changes.splice(0)) sink?.changed(state, reason)
    this.inbox.deliver(this.state === 'closed' && !this.isAbandoned ? null : sink)
    if (!this.reading) {
      this.reading = true
      this.connection?.resume()
    }
    if (this.blocked && this.hasRoom()) {
      this.blocked = false
      sink?.writable()
    }
  }
}

function farewellError(dir: string, reason: string): NetError {
  return new NetError('ENETDOWN', 'read', { message: `the switch at ${dir} hung up: ${reason}` })
}
