/**
 * The scheduler owns all turns and upcalls of a thread. One per thread, shared by all stacks in it.
 *
 * A turn: jobs (links in, output flushed), due timers, jobs again, then upcalls one source at a time with the
 * host's ticks and microtasks drained after each, jobs again, and so on while the budget lasts; then the host's
 * event loop gets its turn. Upcalls never run inside the call that caused them, and never in a microtask.
 *
 * @module
 */
import type { Clock, Random } from './clock.ts'
import type { Pollable } from './readiness.ts'

/** Protocol work. Made once per stack or link; stands in the queue at most once. Must not run user code. */
export abstract class Job {
  /** @internal whether it stands in the queue */
  queued = false
  /** @internal the scheduler's list */
  nextJob: Job | null = null
  /** Does the work that is there now; may defer itself or others. */
  abstract run(): void
}

/** Turns, upcalls, time, and what keeps the host's loop alive. */
export interface Scheduler {
  readonly clock: Clock
  readonly random: Random
  /** Queues protocol work for this or the next turn; does nothing when it is queued already. */
  defer(job: Job): void
  /** Queues the source's upcall; does nothing when it is queued already. Never calls it from inside. */
  ready(source: Pollable): void
  /** From now on the host's loop must stay alive. Counted; see {@link release}. */
  hold(): void
  /** Takes one {@link hold} back. */
  release(): void
  /**
   * Synchronous: runs jobs and due timers, and no upcall. For exit handlers, which no turn will follow; absent where time is not the host's.
   */
  carryOut?(): void
}

/** The scheduler of tests: time moves only when told to. Budgets are counts, so that a run replays exactly. */
export interface VirtualScheduler extends Scheduler {
  /** Runs one turn of what is queued at this instant; false when nothing was. */
  step(): boolean
  /** Moves time forward, running turns and timers in order, synchronously. Without an argument: only what is due now. */
  advance(microseconds?: number): void
  /** As {@link advance}, with the host's microtasks drained between turns, for tests at the level of promises. */
  settle(microseconds?: number): Promise<void>
  /** Advances until `done()` is true or `limit` microseconds went by; tells whether it became true. */
  settleUntil(done: () => boolean, limitMicroseconds?: number): Promise<boolean>
  /** When the next timer is due, or -1 when none is armed. */
  readonly nextTimer: number
  /** How many {@link hold}s are out. */
  readonly holds: number
  /** How many timers are armed. */
  readonly timers: number
}
