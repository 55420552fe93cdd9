/**
 * The idle timeout of a stream, on its stack's clock. Activity costs one stored number: the timer looks whether it is really due when it
 * fires.
 *
 * @module
 */
import { Timer } from '../contract/clock.ts'
import { Pollable } from '../contract/readiness.ts'
import type { Scheduler } from '../contract/scheduler.ts'

const EXPIRED = 1

/** Calls back once, in a turn, when nothing was {@link touch}ed for a while. */
export class IdleTimeout extends Pollable {
  readonly scheduler: Scheduler
  private readonly timer: Deadline
  private idleFor = 0
  private lastActivity = 0

  constructor(scheduler: Scheduler, expired: () => void) {
    super()
    this.scheduler = scheduler
    this.timer = new Deadline(this)
    this.interest = EXPIRED
    this.onReady = () => {
      this.lower(EXPIRED)
      expired()
    }
  }

  /** @param microseconds 0 switches it off. */
  set(microseconds: number): void {
    this.idleFor = microseconds
    this.lower(EXPIRED)
    this.touch()
    if (microseconds === 0) this.scheduler.clock.disarm(this.timer)
    else this.scheduler.clock.arm(this.timer, this.lastActivity + microseconds)
  }

  /** Something happened. */
  touch(): void {
    this.lastActivity = this.scheduler.clock.now
  }

  /** @internal */
  fired(): void {
    const due = this.lastActivity + this.idleFor
    if (due <= this.scheduler.clock.now) this.raise(EXPIRED)
    else this.scheduler.clock.arm(this.timer, due)
  }
}

class Deadline extends Timer {
  private readonly timeout: IdleTimeout

  constructor(timeout: IdleTimeout) {
    super()
    this.timeout = timeout
  }

  override fire(): void {
    this.timeout.fired()
  }
}
