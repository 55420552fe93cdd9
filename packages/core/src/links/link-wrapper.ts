/**
 * What wrappers (impair, trace, filter, capture) have in common: a link to the stack, a sink to the wrapped link.
 *
 * @module
 */
import type { IpAddress } from '../address/ip-address.ts'
import type { FrameBatch, Offload } from '../contract/frame.ts'
import { NO_OFFLOAD } from '../contract/frame.ts'
import type { Link, LinkSink, LinkState, LinkUser } from '../contract/link.ts'
import { NetError } from '../errors/net-error.ts'
import { createBatch } from '../frame/batch.ts'
import { FrameQueue } from '../frame/frame-queue.ts'

/** Which way a frame goes, as the stack sees it. */
export type Direction = 'in' | 'out'

/** Passes everything on; subclasses say what happens to frames. */
export abstract class LinkWrapper implements Link, LinkSink {
  readonly claim?: (address: IpAddress, mac: string, force?: boolean) => Promise<boolean>
  readonly unclaim?: (address: IpAddress) => void
  readonly introduce?: (user: LinkUser) => void
  protected readonly outbox: Outbox
  protected sink: LinkSink | null = null
  private readonly inner: Link
  /** The last `send` was refused. */
  private refused = false

  constructor(inner: Link) {
    this.inner = inner
    this.outbox = new Outbox(inner)
    if (inner.claim !== undefined) this.claim = inner.claim.bind(inner)
    if (inner.unclaim !== undefined) this.unclaim = inner.unclaim.bind(inner)
    if (inner.introduce !== undefined) this.introduce = inner.introduce.bind(inner)
  }

  get type(): 'ethernet' | 'ip' {
    return this.inner.type
  }

  get mtu(): number {
    return this.inner.mtu
  }

  get offload(): Offload {
    return this.inner.offload
  }

  get state(): LinkState {
    return this.inner.state
  }

  get name(): string {
    return this.inner.name
  }

  get carriesLoopback(): boolean {
    return this.inner.carriesLoopback === true
  }

  get accepts(): Offload {
    return this.sink?.accepts ?? NO_OFFLOAD
  }

  attach(sink: LinkSink): void {
    if (this.sink !== null) throw new NetError('EINVAL', 'attach', { message: `${this.name} has a sink already` })
    this.sink = sink
    this.inner.attach(this)
  }

  /** All or nothing: what the wrapped link does not take waits in the outbox, and nothing more is taken until it is empty. */
  send(batch: FrameBatch): number {
    if (!this.outbox.isEmpty) {
      this.refused = true
      return 0
    }
    const { count } = batch
    this.sendFrames(batch)
    return count
  }

  /** Frames to go out; their references are this wrapper's. */
  protected abstract sendFrames(batch: FrameBatch): void
  abstract frames(batch: FrameBatch): void

  writable(): void {
    if (!this.outbox.drain() || !this.refused) return
    this.refused = false
    this.sink?.writable()
  }

  changed(state: LinkState, reason?: NetError): void {
    this.sink?.changed(state, reason)
  }

  flush(): boolean {
    return this.outbox.drain() && this.inner.flush()
  }

  receiveNow(): boolean {
    return this.inner.receiveNow?.() ?? false
  }

  close(): Promise<void> {
    this.outbox.drain()
    this.outbox.clear()
    return this.inner.close()
  }
}

/** Frames that a link did not take at once. */
export class Outbox {
  private readonly link: Link
  private queue: FrameQueue | null = null
  private again: FrameBatch | null = null

  constructor(link: Link) {
    this.link = link
  }

  get isEmpty(): boolean {
    return this.queue === null || this.queue.length === 0
  }

  /** Takes all frames of a batch with their references, and sends those it can. */
  send(batch: FrameBatch): void {
    const taken = this.isEmpty ? this.link.send(batch) : 0
    if (taken === batch.count) return
    this.queue ??= new FrameQueue(batch.pool, Number.MAX_SAFE_INTEGER)
    this.again ??= createBatch(batch.pool)
    for (let index = taken; index < batch.count; index++) this.queue.push(batch, index)
  }

  /** Sends what waits; true when nothing is left. */
  drain(): boolean {
    const { queue, again } = this
    if (queue === null || again === null) return true
    while (queue.length > 0) {
      again.count = 0
      for (let place = 0; place < queue.length && again.count < again.capacity; place++) queue.copyTo(again, place)
      const taken = this.link.send(again)
      queue.forget(taken)
      if (taken < again.count) return false
    }
    return true
  }

  clear(): void {
    this.queue?.release(this.queue.length)
  }
}
