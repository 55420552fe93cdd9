/**
 * What all stacks of a thread share, made on first use.
 *
 * @module
 */
import type { FramePool } from '../contract/frame.ts'
import type { Scheduler } from '../contract/scheduler.ts'
import { createFramePool } from '../frame/slab-pool.ts'
import { createScheduler } from './host-scheduler.ts'

let scheduler: Scheduler | null = null
let pool: FramePool | null = null

/** This thread's scheduler of real time. */
export function defaultScheduler(): Scheduler {
  scheduler ??= createScheduler()
  return scheduler
}

/** This thread's frame pool. */
export function defaultPool(): FramePool {
  pool ??= createFramePool()
  return pool
}
