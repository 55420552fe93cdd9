/**
 * A call that waits: a promise, with what may end it before its time (an AbortSignal, a timeout on the stack's clock) and what it keeps
 * alive meanwhile (the host's loop).
 *
 * Made only when something has to be waited for: a call that can be answered at once never comes here.
 *
 * @module
 */
import { Timer } from '../contract/clock.ts'
import type { Scheduler } from '../contract/scheduler.ts'
import { AbortError } from '../errors/abort-error.ts'
import { NetError } from '../errors/net-error.ts'

/** How long a call may wait. */
export interface WaitOptions {
  /** Ends the wait with an AbortError whose `cause` is the signal's reason. */
  readonly signal?: AbortSignal | undefined
  /** Milliseconds, on the stack's clock; then the call fails with ETIMEDOUT. @default no limit */
  readonly timeoutMs?: number | undefined
}

/** What is waited for, for the error of a timeout. */
export interface Call {
  readonly syscall: string
  readonly address?: string
  readonly port?: number
}

export class Pending<T> {
  readonly promise: Promise<T>
  private resolve!: (value: T) => void
  private reject!: (reason: unknown) => void
  private readonly scheduler: Scheduler
  private readonly call: Call
  private readonly signal: AbortSignal | undefined
  private readonly timer: TimeLimit | null = null
  private settled = false

  constructor(scheduler: Scheduler, call: Call, { signal, timeoutMs }: WaitOptions = {}) {
    this.scheduler = scheduler
    this.call = call
    this.signal = signal
    this.promise = new Promise((resolve, reject) => {
      this.resolve = resolve
      this.reject = reject
    })
    scheduler.hold()
    signal?.addEventListener('abort', this.aborted)
    if (timeoutMs !== undefined) {
      this.timer = new TimeLimit(this)
      scheduler.clock.arm(this.timer, scheduler.clock.now + Math.ceil(timeoutMs * 1000))
    }
  }

  succeed(value: T): void {
    if (this.end()) this.resolve(value)
  }

  fail(reason: unknown): void {
    if (this.end()) this.reject(reason)
  }

  /** @internal The time is over. */
  timedOut(): void {
    this.fail(new NetError('ETIMEDOUT', this.call.syscall, this.call))
  }

  /** Called once, however the wait ends. */
  protected ended(): void {}

  private end(): boolean {
    if (this.settled) return false
    this.settled = true
    this.signal?.removeEventListener('abort', this.aborted)
    if (this.timer !== null) this.scheduler.clock.disarm(this.timer)
    this.scheduler.release()
    this.ended()
    return true
  }

  private readonly aborted = (): void => {
    this.fail(new AbortError(this.signal?.reason))
  }
}

class TimeLimit extends Timer {
  private readonly pending: { timedOut(): void }

  constructor(pending: { timedOut(): void }) {
    super()
    this.pending = pending
  }

  override fire(): void {
    this.pending.timedOut()
  }
}

/** @throws AbortError when the signal has fired already. */
export function throwIfAborted(options: WaitOptions): void {
  if (options.signal?.aborted === true) throw new AbortError(options.signal.reason)
}
