/**
 * Waiting on a stack's clock.
 *
 * @module
 */
import { Pending } from '../api/pending.ts'
import type { Scheduler } from '../contract/scheduler.ts'
import { AbortError } from '../errors/abort-error.ts'

class Delay extends Pending<void> {
  override timedOut(): void {
    this.succeed()
  }
}

/** Settles after so many milliseconds. @throws AbortError */
export function delay(scheduler: Scheduler, timeoutMs: number, signal?: AbortSignal): Promise<void> {
  if (signal?.aborted === true) return Promise.reject(new AbortError(signal.reason))
  return new Delay(scheduler, { syscall: 'delay' }, { timeoutMs, signal }).promise
}
