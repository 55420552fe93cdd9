/**
 * A link over a WebSocket: one frame a binary message, both ways. So a browser tab joins a switch (`ioth switch --ws`).
 *
 * A WebSocket tells how much it has not sent, and not when that gets less: so a full one is looked at again by a timer.
 *
 * @module
 */
import { type FrameBatch, type FramePool, NO_OFFLOAD, type Offload } from '../contract/frame.ts'
import type { Link, LinkSink, LinkState } from '../contract/link.ts'
import { Job, type Scheduler } from '../contract/scheduler.ts'
import { NetError } from '../errors/net-error.ts'
import {
  createBatch,
  discardFrames,
  frameLength,
  pushFrame,
  readFrame,
  releaseAll,
  releaseFrame,
} from '../frame/batch.ts'
import { FrameQueue } from '../frame/frame-queue.ts'
import { ETHERNET_HEADER } from '../frame/offsets.ts'
import { Alarm } from '../time/alarm.ts'

/** What is used of a browser's WebSocket, and of that of Node or the package `ws`. */
export interface WebSocketLike {
  binaryType: string
  readonly bufferedAmount: number
  send(data: Uint8Array): void
  close(code?: number): void
  onopen: (() => void) | null
  onmessage: ((event: { readonly data: unknown }) => void) | null
  onerror: ((event: unknown) => void) | null
  onclose: ((event: { readonly code: number; readonly reason: string }) => void) | null
}

export interface WebSocketLinkOptions {
  readonly scheduler: Scheduler
  readonly pool: FramePool
  /** Largest IP packet, in octets. @default 1500 */
  readonly mtu?: number
  /** For people. @default the URL without its token */
  readonly name?: string
  /** Makes the socket. @default the host's own WebSocket */
  readonly connect?: (url: string) => WebSocketLike
}

/** Ethernet header and one VLAN tag. */
const OVERHEAD = 18
/** Octets that may wait in the socket. */
const MOST_BUFFERED = 1_048_576
/** How long a full socket is left alone, in microseconds. */
const LOOK_AGAIN = 2_000
/** Frames that wait for the stack. */
const MOST_WAITING = 4_096
const BATCH = 64

/** Connects, and settles when the link is up. @throws NetError ERR_IOTH_NETWORK when it is refused, as for a wrong token. */
export function openWebSocketLink(url: string, options: WebSocketLinkOptions): Promise<Link> {
  const { scheduler } = options
  const socket = (options.connect ?? connectByHost)(url)
  const name = options.name ?? url.replace(/[?#].*$/, '')
  scheduler.hold()
  return new Promise<Link>((resolve, reject) => {
    const link = new WebSocketLink(socket, name, options)
    socket.onopen = () => {
      link.state = 'up'
      resolve(link)
    }
    socket.onclose = ({ code, reason }) => {
      const message = `${name} closed (${code}${reason === '' ? '' : `: ${reason}`})`
      if (link.state === 'opening')
        reject(new NetError('ERR_IOTH_NETWORK', 'connect', { message: `${message}: is the token right?` }))
      else link.ended(new NetError('ENETDOWN', 'read', { message }))
    }
  }).finally(() => scheduler.release())
}

function connectByHost(url: string): WebSocketLike {
  const { WebSocket } = globalThis as unknown as { WebSocket?: new (url: string) => WebSocketLike }
  if (WebSocket === undefined) {
    throw new NetError('ERR_IOTH_NETWORK', 'connect', { message: 'this host has no WebSocket: give one by "connect"' })
  }
  return new WebSocket(url)
}

class WebSocketLink extends Job implements Link {
  readonly type = 'ethernet'
  readonly mtu: number
  readonly name: string
  readonly offload: Offload = NO_OFFLOAD
  state: LinkState = 'opening'
  private readonly socket: WebSocketLike
  private readonly scheduler: Scheduler
  private readonly pool: FramePool
  private readonly waiting: FrameQueue
  private readonly shown: FrameBatch
  private readonly one: FrameBatch
  private readonly retry: Alarm
  private sink: LinkSink | null = null
  private reason: NetError | undefined
  private isToTell = false

  constructor(socket: WebSocketLike, name: string, { scheduler, pool, mtu = 1500 }: WebSocketLinkOptions) {
    super()
    this.socket = socket
    this.name = name
    this.scheduler = scheduler
    this.pool = pool
    this.mtu = mtu
    this.waiting = new FrameQueue(pool, MOST_WAITING)
    this.shown = createBatch(pool, BATCH)
    this.one = createBatch(pool, 1)
    this.retry = new Alarm(() => this.look())
    socket.binaryType = 'arraybuffer'
    socket.onmessage = ({ data }) => this.arrived(data)
    socket.onerror = () => {}
  }

  attach(sink: LinkSink): void {
    if (this.sink !== null) throw new NetError('EINVAL', 'attach', { message: `${this.name} has a taker already` })
    this.sink = sink
  }

  send(batch: FrameBatch): number {
    const { socket, retry, scheduler } = this
    if (this.state === 'closed') return discardFrames(batch)
    if (socket.bufferedAmount > MOST_BUFFERED) {
      if (!retry.armed) scheduler.clock.arm(retry, scheduler.clock.now + LOOK_AGAIN)
      return 0
    }
    for (let index = 0; index < batch.count; index++) {
      const length = frameLength(batch, index)
      if (length >= ETHERNET_HEADER && length <= this.mtu + OVERHEAD) {
        const frame = new Uint8Array(length)
        readFrame(batch, index, frame)
        socket.send(frame)
      }
      releaseFrame(batch, index)
    }
    return batch.count
  }

  run(): void {
    const { waiting, shown, sink } = this
    const count = Math.min(waiting.length, BATCH)
    for (let place = 0; place < count; place++) waiting.copyTo(shown, place)
    waiting.forget(count)
    try {
      if (count > 0 && this.state === 'up') sink?.frames(shown)
    } finally {
      releaseAll(shown)
    }
    if (waiting.length > 0) this.scheduler.defer(this)
    else if (this.isToTell) {
      this.isToTell = false
      sink?.changed('closed', this.reason)
    }
  }

  flush(): boolean {
    return this.socket.bufferedAmount === 0
  }

  async close(): Promise<void> {
    if (this.state === 'closed') return
    this.socket.close(1000)
    this.finish(undefined)
  }

  /** @internal the other side has closed */
  ended(reason: NetError): void {
    if (this.state !== 'closed') this.finish(reason)
  }

  private finish(reason: NetError | undefined): void {
    this.state = 'closed'
    this.reason = reason
    this.isToTell = true
    this.scheduler.clock.disarm(this.retry)
    this.scheduler.defer(this)
  }

  private arrived(data: unknown): void {
    if (!(data instanceof ArrayBuffer) || this.state !== 'up') return
    const length = data.byteLength
    if (length < ETHERNET_HEADER || length > this.mtu + OVERHEAD || this.waiting.room === 0) return
    const at = this.pool.take(length)
    if (at === -1) return
    this.pool.bytes.set(new Uint8Array(data), at)
    this.one.count = 0
    pushFrame(this.one, at, length)
    this.waiting.push(this.one, 0)
    this.scheduler.defer(this)
  }

  private look(): void {
    if (this.state === 'closed') return
    if (this.socket.bufferedAmount <= MOST_BUFFERED / 2) this.sink?.writable()
    else this.scheduler.clock.arm(this.retry, this.scheduler.clock.now + LOOK_AGAIN)
  }
}
