/**
 * The scheduler of tests. Time moves only when told to, budgets are counts and randomness is seeded, so that a run replays exactly.
 *
 * @module
 */
import type { Clock, Timer } from '../contract/clock.ts'
import type { VirtualScheduler } from '../contract/scheduler.ts'
import { macrotask } from './host.ts'
import { createSeededRandom } from './random.ts'
import type { TimerQueue } from './timer-queue.ts'
import { TurnScheduler } from './turn-scheduler.ts'

export interface VirtualSchedulerOptions {
  /** @default 1 */
  readonly seed?: number
  /** The first reading of the clock, in microseconds. @default 0 */
  readonly start?: number
}

export function createVirtualScheduler(options: VirtualSchedulerOptions = {}): VirtualScheduler {
  return new ManualScheduler(options)
}

/** Turns at one instant after which a run is taken for one that will never come to rest. */
const TURNS_AT_ONE_INSTANT = 200_000

class ManualClock implements Clock {
  now: number
  private readonly queue: TimerQueue

  constructor(queue: TimerQueue, start: number) {
    this.queue = queue
    this.now = start
  }

  arm(timer: Timer, at: number): void {
    this.queue.arm(timer, at)
  }

  disarm(timer: Timer): void {
    this.queue.disarm(timer)
  }
}

class ManualScheduler extends TurnScheduler implements VirtualScheduler {
  readonly clock: ManualClock
  holds = 0
  private running = false

  constructor(options: VirtualSchedulerOptions) {
    super(createSeededRandom(options.seed ?? 1))
    this.clock = new ManualClock(this.timerQueue, options.start ?? 0)
  }

  get nextTimer(): number {
    return this.timerQueue.size === 0 ? -1 : this.timerQueue.earliest
  }

  get timers(): number {
    return this.timerQueue.size
  }

  hold(): void {
    this.holds++
  }

  release(): void {
    if (this.holds === 0) throw new Error('scheduler: release() without hold()')
    this.holds--
  }

  step(): boolean {
    if (this.running) throw new Error('virtual scheduler: a turn cannot be started from inside a turn')
    if (!this.hasWork) return false
    this.running = true
    try {
      this.turn()
    } finally {
      this.running = false
    }
    return true
  }

  advance(microseconds = 0): void {
    const end = this.clock.now + microseconds
    do {
      for (let turns = 0; this.step(); turns++) this.checkRest(turns)
    } while (this.skip(end))
  }

  async settle(microseconds = 0): Promise<void> {
    await this.run(() => false, microseconds)
  }

  settleUntil(done: () => boolean, limitMicroseconds = 3_600_000_000): Promise<boolean> {
    return this.run(done, limitMicroseconds)
  }

  protected override wake(): void {}
  protected override drainTicks(): void {}
  protected override isOverdue(): boolean {
    return false
  }

  private async run(done: () => boolean, microseconds: number): Promise<boolean> {
    const end = this.clock.now + microseconds
    do {
      let turns = 0
      do {
        await macrotask()
        if (done()) return true
        this.checkRest(turns++)
      } while (this.step())
    } while (this.skip(end))
    return done()
  }

  /** Moves time to the next timer, or to the end; false when the end has been reached. */
  private skip(end: number): boolean {
    if (this.clock.now >= end) return false
    this.clock.now = Math.min(end, this.timerQueue.earliest)
    return true
  }

  private checkRest(turns: number): void {
    if (turns < TURNS_AT_ONE_INSTANT) return
    throw new Error(`virtual scheduler: ${turns} turns at ${this.clock.now} µs and no end: something keeps itself busy`)
  }
}
