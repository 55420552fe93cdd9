/**
 * A link whose far end can be exchanged while a stack is plugged in: the stack sees one link that comes up again at another place.
 *
 * @module
 */
import type { IpAddress } from '../address/ip-address.ts'
import type { FrameBatch, Offload } from '../contract/frame.ts'
import type { Link, LinkSink, LinkState, LinkUser } from '../contract/link.ts'
import type { Scheduler } from '../contract/scheduler.ts'
import { NetError } from '../errors/net-error.ts'
import { Task } from '../time/task.ts'

export class MovableLink implements Link {
  private inner: Link
  private sink: LinkSink | null = null
  private readonly scheduler: Scheduler

  constructor(inner: Link, scheduler: Scheduler) {
    this.inner = inner
    this.scheduler = scheduler
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

  attach(sink: LinkSink): void {
    if (this.sink !== null) throw new NetError('EINVAL', 'attach', { message: `${this.name} has a sink already` })
    this.sink = sink
    this.inner.attach(new Relay(this, this.inner, sink))
  }

  send(batch: FrameBatch): number {
    return this.inner.send(batch)
  }

  flush(): boolean {
    return this.inner.flush()
  }

  receiveNow(): boolean {
    return this.inner.receiveNow?.() ?? false
  }

  async claim(address: IpAddress, mac: string, force = false): Promise<boolean> {
    return (await this.inner.claim?.(address, mac, force)) === true
  }

  unclaim(address: IpAddress): void {
    this.inner.unclaim?.(address)
  }

  introduce(user: LinkUser): void {
    this.inner.introduce?.(user)
  }

  close(): Promise<void> {
    return this.inner.close()
  }

  /**
   * From now on this is the other link; the sink hears that it is up. The same type and MTU are the caller's to see to.
   * @returns the link that was left, for the caller to close.
   */
  move(to: Link): Link {
    const left = this.inner
    this.inner = to
    const { sink } = this
    if (sink !== null) {
      to.attach(new Relay(this, to, sink))
      if (to.state === 'up') this.scheduler.defer(new Task(() => sink.changed('up')))
    }
    return left
  }

  /** Gives the place up at once; until the next {@link move} nothing arrives, and what is sent is lost. */
  leave(): void {
    const { inner } = this
    if (inner.abandon === undefined) void inner.close()
    else inner.abandon()
  }

  /** @internal */
  isAt(link: Link): boolean {
    return this.inner === link
  }
}

/** What one far end tells the sink, as long as the link is there. */
class Relay implements LinkSink {
  private readonly owner: MovableLink
  private readonly link: Link
  private readonly sink: LinkSink

  constructor(owner: MovableLink, link: Link, sink: LinkSink) {
    this.owner = owner
    this.link = link
    this.sink = sink
  }

  get accepts(): Offload {
    return this.sink.accepts
  }

  /** What had arrived before the move is taken, too. */
  frames(batch: FrameBatch): void {
    this.sink.frames(batch)
  }

  writable(): void {
    if (this.owner.isAt(this.link)) this.sink.writable()
  }

  changed(state: LinkState, reason?: NetError): void {
    if (this.owner.isAt(this.link)) this.sink.changed(state, reason)
  }
}
