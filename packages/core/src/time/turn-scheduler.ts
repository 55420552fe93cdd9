/**
 * What every scheduler is made of: the queues of jobs and of ready sources, the timers, and the turn that works them off.
 *
 * @module
 */
import type { Clock, Random } from '../contract/clock.ts'
import { CLOSED, type Pollable } from '../contract/readiness.ts'
import type { Job, Scheduler } from '../contract/scheduler.ts'
import { TimerQueue } from './timer-queue.ts'

/** Budgets of a turn. Work beyond them waits for the next turn, so that the host's loop comes round. */
export const UPCALLS_PER_TURN = 64
export const JOBS_PER_TURN = 512
export const TIMERS_PER_TURN = 512

export abstract class TurnScheduler implements Scheduler {
  abstract readonly clock: Clock
  readonly random: Random
  protected readonly timerQueue: TimerQueue = new TimerQueue()

  private firstJob: Job | null = null
  private lastJob: Job | null = null
  private firstReady: Pollable | null = null
  private lastReady: Pollable | null = null
  private jobsLeft = 0

  constructor(random: Random) {
    this.random = random
  }

  defer(job: Job): void {
    if (job.queued) return
    job.queued = true
    if (this.lastJob === null) this.firstJob = job
    else this.lastJob.nextJob = job
    this.lastJob = job
    this.wake()
  }

  ready(source: Pollable): void {
    if (source.queued) return
    if (source.comesFirst && this.firstReady !== null) {
      source.queued = true
      source.nextReady = this.firstReady
      this.firstReady = source
    } else {
      this.append(source)
    }
    this.wake()
  }

  abstract hold(): void
  abstract release(): void

  /** Called when something was queued: a turn must come. Often, so it has to be cheap. */
  protected abstract wake(): void
  /** Called after each upcall: the host's ticks and microtasks run, in the order they have on the host. */
  protected abstract drainTicks(): void
  /** Whether the turn has lasted long enough. */
  protected abstract isOverdue(): boolean

  /** Upcalls one turn may run. */
  protected get upcallBudget(): number {
    return UPCALLS_PER_TURN
  }

  /** Whether the next turn has something to do. */
  protected get hasWork(): boolean {
    return this.firstJob !== null || this.firstReady !== null || this.timerQueue.earliest <= this.clock.now
  }

  /**
   * One turn, up to its budgets: jobs, due timers, jobs, then upcalls. After each round of upcalls (every source that was ready, once)
   * the jobs they caused run, so that an answer can be there in the same turn. Whatever throws leaves all queues in order: the caller
   * starts another turn for the rest.
   */
  protected turn(): void {
    this.work()
    let upcalls = this.upcallBudget
    while (this.firstReady !== null && upcalls > 0) {
      const last = this.lastReady
      let source: Pollable
      do {
        source = this.firstReady as Pollable
        this.upcall(source)
        upcalls--
        if (this.isOverdue()) return
      } while (source !== last && upcalls > 0)
      this.runJobs()
    }
  }

  /** The part of a turn in which no code of users runs. */
  protected work(): void {
    this.jobsLeft = JOBS_PER_TURN
    this.runJobs()
    if (this.timerQueue.fire(this.clock.now, TIMERS_PER_TURN) > 0) this.runJobs()
  }

  private runJobs(): void {
    while (this.firstJob !== null && this.jobsLeft > 0) {
      const job = this.firstJob
      this.firstJob = job.nextJob
      if (this.firstJob === null) this.lastJob = null
      job.nextJob = null
      job.queued = false
      this.jobsLeft--
      job.run()
      if ((this.jobsLeft & 15) === 0 && this.isOverdue()) return
    }
  }

  /** Takes the first source off the queue and calls it; while it is still ready it goes to the end of the queue. */
  private upcall(source: Pollable): void {
    this.firstReady = source.nextReady
    if (this.firstReady === null) this.lastReady = null
    source.nextReady = null
    source.queued = false
    const bits = source.ready & source.interest
    if (bits === 0 || source.onReady === null) return
    // CLOSED comes last, and once.
    if ((bits & CLOSED) !== 0) source.interest = 0
    try {
      source.onReady(source, bits)
    } finally {
      if ((source.ready & source.interest) !== 0 && source.onReady !== null && !source.queued) {
        this.append(source)
        this.wake()
      }
    }
    this.drainTicks()
  }

  private append(source: Pollable): void {
    source.queued = true
    if (this.lastReady === null) this.firstReady = source
    else this.lastReady.nextReady = source
    this.lastReady = source
  }
}
