/**
 * Work that must not be done inside the call that asks for it: it is done in the next job, in order.
 *
 * @module
 */
import { Job, type Scheduler } from '../contract/scheduler.ts'

export class Later extends Job {
  readonly scheduler: Scheduler
  private readonly work: (() => void)[] = []

  constructor(scheduler: Scheduler) {
    super()
    this.scheduler = scheduler
  }

  soon(work: () => void): void {
    this.work.push(work)
    this.scheduler.defer(this)
  }

  /** Nothing waits. */
  protected get isIdle(): boolean {
    return this.work.length === 0
  }

  run(): void {
    // What is added meanwhile comes in the next job.
    let left = this.work.length
    try {
      for (; left > 0; left--) this.work.shift()?.()
    } finally {
      // Also when something threw: the rest is not lost by it.
      if (this.work.length > 0) this.scheduler.defer(this)
    }
  }
}
