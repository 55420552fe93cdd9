export { defaultPool, defaultScheduler } from './defaults.ts'
export { createScheduler, wallClockOrigin } from './host-scheduler.ts'
export { createRandom, createSeededRandom, uniform, uniformInteger } from './random.ts'
export { createVirtualScheduler, type VirtualSchedulerOptions } from './virtual-scheduler.ts'
