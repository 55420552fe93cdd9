/**
 * Work that must not be done inside the call that asks for it: it is done in the next job, in order.
 *
 * @module
 */
import { Job, type Scheduler } from '../contract/scheduler.ts'

export class Later extends Job {
  readonly scheduler: Scheduler
  private work: (() => void)[] = []

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
    const { work } = this
    this.work = []
    for (const each of work) each()
  }
}
