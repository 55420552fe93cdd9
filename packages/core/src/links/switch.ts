/**
 * A learning switch: any number of links in one thread, each of which hears what is meant for it. It is what a {@link createHub | hub} is
 * with a memory: a frame goes to the port its destination was last heard on, and to all ports when nobody knows, or when it is for a group.
 * With ten thousand stacks in one process a hub would show each frame to all of them.
 *
 * Frames are handed over by reference, as in a hub.
 *
 * @module
 */
import { type FrameBatch, type FramePool, NO_OFFLOAD, type Offload } from '../contract/frame.ts'
import type { Link, LinkSink, LinkState } from '../contract/link.ts'
import { Job, type Scheduler } from '../contract/scheduler.ts'
import { NetError } from '../errors/net-error.ts'
import { discardFrames } from '../frame/batch.ts'
import { FrameDeliverer } from '../frame/deliver.ts'
import { FrameQueue } from '../frame/frame-queue.ts'
import { ETH_DESTINATION, ETH_SOURCE, ETHERNET_HEADER } from '../frame/offsets.ts'

export interface SwitchOptions {
  readonly scheduler: Scheduler
  readonly pool: FramePool
  /** @default 1500 */
  readonly mtu?: number
  /** What the ports may send unfinished. @default NO_OFFLOAD */
  readonly offload?: Offload
  /** Frames that wait in the switch, at most. @default 512 */
  readonly queueFrames?: number
  /** Stations whose port is remembered, at most; the one learnt first makes room. @default 65536 */
  readonly stations?: number
}

export interface Switch {
  /** A new port. @param name for people. @default `switch:1`, `switch:2`, … */
  port(name?: string): Link
  /** The open ports. */
  readonly ports: readonly Link[]
  /** Stations that were heard; those of closed ports count until they are heard elsewhere. */
  readonly stations: number
  /** Closes all ports. */
  close(): Promise<void>
}

export function createSwitch(options: SwitchOptions): Switch {
  return new LearningSwitch(options)
}

/** Frames carried in one go, so that other jobs have their turn. */
const FRAMES_PER_JOB = 64

class LearningSwitch extends Job implements Switch {
  readonly mtu: number
  readonly offload: Offload
  /** What the ports sent, each frame tagged with the number of its port. */
  readonly queue: FrameQueue
  private readonly scheduler: Scheduler
  private readonly pool: FramePool
  private readonly deliverer: FrameDeliverer
  private readonly limit: number
  private readonly open = new Map<number, SwitchPort>()
  /** By hardware address, as a number of 48 bits. */
  private readonly learnt = new Map<number, SwitchPort>()
  private made = 0
  /** Ports whose last send was short, and ports that closed: they are to be told. */
  private readonly waiting = new Set<SwitchPort>()
  private readonly closing: SwitchPort[] = []

  constructor(options: SwitchOptions) {
    super()
    const { scheduler, pool, mtu = 1500, offload = NO_OFFLOAD, queueFrames = 512, stations = 65_536 } = options
    this.scheduler = scheduler
    this.pool = pool
    this.mtu = mtu
    this.offload = offload
    this.limit = stations
    this.queue = new FrameQueue(pool, queueFrames)
    this.deliverer = new FrameDeliverer(pool, 'ethernet', mtu)
  }

  get ports(): readonly Link[] {
    return Array.from(this.open.values())
  }

  get stations(): number {
    return this.learnt.size
  }

  port(name?: string): Link {
    const number = ++this.made
    const port = new SwitchPort(this, number, name ?? `switch:${number}`)
    this.open.set(number, port)
    return port
  }

  async close(): Promise<void> {
    await Promise.all(this.ports.map((port) => port.close()))
  }

  send(port: SwitchPort, batch: FrameBatch): number {
    const taken = Math.min(batch.count, this.queue.room)
    for (let index = 0; index < taken; index++) this.queue.push(batch, index, port.number)
    if (taken < batch.count) this.waiting.add(port)
    if (taken > 0) this.scheduler.defer(this)
    return taken
  }

  remove(port: SwitchPort): void {
    this.open.delete(port.number)
    this.waiting.delete(port)
    this.closing.push(port)
    this.scheduler.defer(this)
  }

  run(): void {
    const { queue } = this
    const count = Math.min(queue.length, FRAMES_PER_JOB)
    try {
      this.forward(count)
    } finally {
      queue.release(count)
      if (queue.length > 0) this.scheduler.defer(this)
    }
    if (this.waiting.size > 0) {
      const waiting = [...this.waiting]
      this.waiting.clear()
      for (const port of waiting) port.sink?.writable()
    }
    for (const port of this.closing.splice(0)) port.sink?.changed('closed')
  }

  /**
   * Neighbours in the queue that go the same way are shown together: also to everybody, port by port, for visiting ten thousand sinks
   * costs more than the frames do.
   */
  private forward(count: number): void {
    let from = 0
    while (from < count) {
      const to = this.route(from)
      let end = from + 1
      while (end < count && this.route(end) === to) end++
      if (to === EVERYBODY) for (const port of this.open.values()) this.show(port, from, end)
      else if (to !== NOBODY) this.show(to, from, end)
      from = end
    }
  }

  /** Nobody hears what they sent. */
  private show(port: SwitchPort, from: number, end: number): void {
    if (port.sink !== null) this.deliverer.deliver(this.queue, from, end, port.sink, port.number)
  }

  /** Learns where the sender of a frame is, and tells where its receiver is. */
  private route(place: number): SwitchPort | typeof EVERYBODY | typeof NOBODY {
    const { queue, learnt } = this
    if (queue.headLength(place) < ETHERNET_HEADER) return NOBODY
    const { view } = this.pool
    const at = queue.head(place)
    this.learn(queue.tag(place), view.getUint16(at + ETH_SOURCE) * 0x1_0000_0000 + view.getUint32(at + ETH_SOURCE + 2))
    const high = view.getUint16(at + ETH_DESTINATION)
    if ((high & 0x0100) !== 0) return EVERYBODY
    const to = learnt.get(high * 0x1_0000_0000 + view.getUint32(at + ETH_DESTINATION + 2))
    return to === undefined || to.state === 'closed' ? EVERYBODY : to
  }

  private learn(number: number, station: number): void {
    const port = this.open.get(number)
    // A group sends nothing; a port that closed meanwhile is no way to anybody.
    if (port === undefined || port.lastHeard === station || (station / 0x100_0000_0000) & 1) return
    port.lastHeard = station
    const before = this.learnt.get(station)
    if (before === port) return
    // A station that moves back will be news again.
    if (before !== undefined) before.forget(station)
    else if (this.learnt.size >= this.limit) this.forgetOldest()
    this.learnt.set(station, port)
  }

  private forgetOldest(): void {
    for (const [station, port] of this.learnt) {
      this.learnt.delete(station)
      port.forget(station)
      return
    }
  }
}

const EVERYBODY = 'everybody'
/** Not even an Ethernet header. */
const NOBODY = 'nobody'

class SwitchPort implements Link {
  readonly type = 'ethernet'
  readonly number: number
  readonly name: string
  state: LinkState = 'up'
  sink: LinkSink | null = null
  /** The station that was learnt here last: most ports lead to one. */
  lastHeard = -1
  private readonly switch: LearningSwitch

  constructor(owner: LearningSwitch, number: number, name: string) {
    this.switch = owner
    this.number = number
    this.name = name
  }

  get mtu(): number {
    return this.switch.mtu
  }

  /** The switch takes these from every port, and finishes frames for the sinks that do not. */
  get offload(): Offload {
    return this.switch.offload
  }

  attach(sink: LinkSink): void {
    if (this.sink !== null) throw new NetError('EINVAL', 'attach', { message: `${this.name} has a sink already` })
    this.sink = sink
  }

  send(batch: FrameBatch): number {
    return this.state === 'closed' ? discardFrames(batch) : this.switch.send(this, batch)
  }

  /** A switch ends in this process: there is nothing to bring out of it. */
  flush(): boolean {
    return this.switch.queue.length === 0
  }

  close(): Promise<void> {
    if (this.state !== 'closed') {
      this.state = 'closed'
      this.switch.remove(this)
    }
    return Promise.resolve()
  }

  /** @internal */
  forget(station: number): void {
    if (this.lastHeard === station) this.lastHeard = -1
  }
}
