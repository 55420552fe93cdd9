/**
 * What a stack tells its user by itself: in a turn, one event at a time.
 *
 * @module
 */
import { Pollable, READABLE } from '../contract/readiness.ts'
import type { Scheduler } from '../contract/scheduler.ts'

/** Events that wait for their listener. What it throws reaches the host as uncaught, and the next event follows. */
export class EventQueue<Event> extends Pollable {
  readonly scheduler: Scheduler
  private readonly waiting: Event[] = []

  constructor(scheduler: Scheduler, listener: ((event: Event) => void) | undefined) {
    super()
    this.scheduler = scheduler
    if (listener === undefined) return
    this.onReady = () => {
      const event = this.waiting.shift()
      if (this.waiting.length === 0) this.lower(READABLE)
      if (event !== undefined) listener(event)
    }
    this.interest = READABLE
  }

  emit(event: Event): void {
    if (this.onReady === null) return
    this.waiting.push(event)
    this.raise(READABLE)
  }

  /** What waits is not told any more, and nothing else is. */
  stop(): void {
    this.onReady = null
    this.interest = 0
    this.waiting.length = 0
    this.lower(READABLE)
  }
}
