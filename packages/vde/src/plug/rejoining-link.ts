/**
 * A link that is lost, not closed, when what it is made of ends: it drops frames as a pulled cable would, and opens a new one again and
 * again until that works.
 *
 * @module
 */
import {
  Alarm,
  discardFrames,
  type FrameBatch,
  hasCode,
  Job,
  type Link,
  type LinkSink,
  type LinkState,
  NetError,
  NO_OFFLOAD,
  type Offload,
  type Scheduler,
} from '@ioth/core'
import { backoffMicroseconds } from './backoff.ts'

export interface RejoiningLinkOptions {
  readonly scheduler: Scheduler
  readonly type: 'ethernet' | 'ip'
  readonly mtu: number
  readonly name: string
  /** Opens what the link is made of; that ends by `changed('closed', reason)`. A reason of ERR_IOTH_NETWORK is final. */
  open(): Promise<Link>
}

/** Opens the first one, and settles when the link is up. The process stays alive until then. @throws what `open` throws. */
export async function openRejoiningLink(options: RejoiningLinkOptions): Promise<Link> {
  options.scheduler.hold()
  try {
    return new RejoiningLink(options, await options.open())
  } finally {
    options.scheduler.release()
  }
}

class RejoiningLink extends Job implements Link {
  readonly type: 'ethernet' | 'ip'
  readonly mtu: number
  readonly name: string
  state: LinkState = 'up'
  private readonly options: RejoiningLinkOptions
  private readonly retry: Alarm
  private inner: Link | null
  private sink: LinkSink | null = null
  private attempts = 0
  private readonly changes: { state: LinkState; reason: NetError | undefined }[] = []

  constructor(options: RejoiningLinkOptions, first: Link) {
    super()
    this.options = options
    this.type = options.type
    this.mtu = options.mtu
    this.name = options.name
    this.retry = new Alarm(() => void this.rejoin())
    this.inner = first
  }

  get offload(): Offload {
    return this.inner?.offload ?? NO_OFFLOAD
  }

  attach(sink: LinkSink): void {
    if (this.sink !== null) throw new NetError('EINVAL', 'attach', { message: `${this.name} has a taker already` })
    this.sink = sink
    this.changes.length = 0
    this.join()
  }

  send(batch: FrameBatch): number {
    return this.inner === null ? discardFrames(batch) : this.inner.send(batch)
  }

  flush(): boolean {
    return this.inner?.flush() ?? true
  }

  receiveNow(): boolean {
    return this.inner?.receiveNow?.() ?? false
  }

  async close(): Promise<void> {
    if (this.state === 'closed') return
    this.options.scheduler.clock.disarm(this.retry)
    this.change('closed')
    const { inner } = this
    this.inner = null
    await inner?.close()
  }

  run(): void {
    for (const { state, reason } of this.changes.splice(0)) this.sink?.changed(state, reason)
  }

  /** Takes what the inner link brings, as long as it is the one. */
  private join(): void {
    const { inner, sink } = this
    if (inner === null || sink === null) return
    inner.attach({
      accepts: sink.accepts,
      frames: (batch) => {
        if (inner === this.inner) sink.frames(batch)
      },
      writable: () => {
        if (inner === this.inner) sink.writable()
      },
      changed: (state, reason) => {
        if (inner !== this.inner || state !== 'closed') return
        if (hasCode(reason, 'ERR_IOTH_NETWORK')) this.end(reason)
        else this.lose(reason)
      },
    })
    if (inner.state === 'closed') this.lose(undefined)
  }

  private end(reason: NetError | undefined): void {
    this.inner = null
    this.change('closed', reason)
  }

  private lose(reason: NetError | undefined): void {
    this.inner = null
    if (this.state === 'up') this.change('lost', reason)
    const { clock, random } = this.options.scheduler
    clock.arm(this.retry, clock.now + backoffMicroseconds(this.attempts++, random))
  }

  private async rejoin(): Promise<void> {
    let inner: Link
    try {
      inner = await this.options.open()
    } catch (error) {
      if (this.state !== 'closed') this.lose(error instanceof NetError ? error : undefined)
      return
    }
    if (this.state === 'closed') {
      await inner.close()
      return
    }
    this.inner = inner
    this.attempts = 0
    this.change('up')
    this.join()
  }

  private change(state: LinkState, reason?: NetError): void {
    this.state = state
    this.changes.push({ state, reason })
    this.options.scheduler.defer(this)
  }
}
