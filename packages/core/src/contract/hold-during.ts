/**
 * Work that a program waits for.
 *
 * @module
 */
import type { Scheduler } from './scheduler.ts'

/**
 * Does something for whoever waits for it, and keeps the process alive meanwhile: what it waits for itself is timers and frames, which do not. A
 * program that had nothing else to do would end there.
 */
export async function holdDuring<T>(
  scheduler: Pick<Scheduler, 'hold' | 'release'>,
  work: () => Promise<T>,
): Promise<T> {
  scheduler.hold()
  try {
    return await work()
  } finally {
    scheduler.release()
  }
}
