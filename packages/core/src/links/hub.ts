/**
 * A hub: any number of links in one thread, each of which hears what the others send. A whole LAN for tests and for stacks that live in
 * one process.
 *
 * Frames are handed over by reference. A frame that one sink takes unfinished is finished for those that do not.
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

export interface HubOptions {
  readonly scheduler: Scheduler
  readonly pool: FramePool
  /** Whether frames begin with an Ethernet header. @default 'ethernet' */
  readonly type?: 'ethernet' | 'ip'
  /** @default 1500 */
  readonly mtu?: number
  /** What the ports may send unfinished. @default NO_OFFLOAD */
  readonly offload?: Offload
  /** Frames that wait in the hub, at most. @default 512 */
  readonly queueFrames?: number
}

export interface Hub {
  /** A new port. @param name for people. @default `hub:1`, `hub:2`, … */
  port(name?: string): Link
  /** The open ports. */
  readonly ports: readonly Link[]
  /** Closes all ports. */
  close(): Promise<void>
}

export function createHub(options: HubOptions): Hub {
  return new FrameHub(options)
}

/** Frames carried in one go, so that other jobs have their turn. */
const FRAMES_PER_JOB = 64

class FrameHub extends Job implements Hub {
  readonly type: 'ethernet' | 'ip'
  readonly mtu: number
  readonly offload: Offload
  ports: readonly HubPort[] = []
  /** What the ports sent, each frame tagged with the number of its port. */
  readonly queue: FrameQueue
  private readonly scheduler: Scheduler
  private readonly deliverer: FrameDeliverer
  private made = 0
  /** Ports whose last send was short, and ports that closed: they are to be told. */
  private waiting: HubPort[] = []
  private closing: HubPort[] = []

  constructor(options: HubOptions) {
    super()
    const { scheduler, pool, type = 'ethernet', mtu = 1500, offload = NO_OFFLOAD, queueFrames = 512 } = options
    this.scheduler = scheduler
    this.type = type
    this.mtu = mtu
    this.offload = offload
    this.queue = new FrameQueue(pool, queueFrames)
    this.deliverer = new FrameDeliverer(pool, type, mtu)
  }

  port(name?: string): Link {
    const number = ++this.made
    const port = new HubPort(this, number, name ?? `hub:${number}`)
    this.ports = [...this.ports, port]
    return port
  }

  async close(): Promise<void> {
    await Promise.all(this.ports.map((port) => port.close()))
  }

  send(port: HubPort, batch: FrameBatch): number {
    const taken = Math.min(batch.count, this.queue.room)
    for (let index = 0; index < taken; index++) this.queue.push(batch, index, port.number)
    if (taken < batch.count && !this.waiting.includes(port)) this.waiting.push(port)
    if (taken > 0) this.scheduler.defer(this)
    return taken
  }

  remove(port: HubPort): void {
    this.ports = this.ports.filter((other) => other !== port)
    this.waiting = this.waiting.filter((other) => other !== port)
    this.closing.push(port)
    this.scheduler.defer(this)
  }

  run(): void {
    const count = Math.min(this.queue.length, FRAMES_PER_JOB)
    try {
      for (const port of this.ports) {
        if (port.sink !== null) this.deliverer.deliver(this.queue, 0, count, port.sink, port.number)
      }
    } finally {
      this.queue.release(count)
      if (this.queue.length > 0) this.scheduler.defer(this)
    }
    if (this.waiting.length > 0) for (const port of this.waiting.splice(0)) port.sink?.writable()
    if (this.closing.length > 0) for (const port of this.closing.splice(0)) port.sink?.changed('closed')
  }
}

class HubPort implements Link {
  readonly number: number
  readonly name: string
  state: LinkState = 'up'
  sink: LinkSink | null = null
  private readonly hub: FrameHub

  constructor(hub: FrameHub, number: number, name: string) {
    this.hub = hub
    this.number = number
    this.name = name
  }

  get type(): 'ethernet' | 'ip' {
    return this.hub.type
  }

  get mtu(): number {
    return this.hub.mtu
  }

  /** The hub takes these from every port, and finishes frames for the sinks that do not. */
  get offload(): Offload {
    return this.hub.offload
  }

  attach(sink: LinkSink): void {
    if (this.sink !== null) throw new NetError('EINVAL', 'attach', { message: `${this.name} has a sink already` })
    this.sink = sink
  }

  send(batch: FrameBatch): number {
    return this.state === 'closed' ? discardFrames(batch) : this.hub.send(this, batch)
  }

  /** A hub ends in this process: there is nothing to bring out of it. */
  flush(): boolean {
    return this.hub.queue.length === 0
  }

  close(): Promise<void> {
    if (this.state !== 'closed') {
      this.state = 'closed'
      this.hub.remove(this)
    }
    return Promise.resolve()
  }
}
