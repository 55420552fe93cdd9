/**
 * How long to wait before a lost network is tried again.
 *
 * @module
 */
import type { Random } from '@ioth/core'

/** Delays before attempts, in milliseconds; the last one repeats. */
const BACKOFF_MS = [5, 10, 20, 50, 100, 100, 200, 200, 400, 400, 1000]
/** From this attempt on the delay is the longest. */
export const LONGEST_BACKOFF_FROM: number = BACKOFF_MS.length

/** @param attempts that were in vain. */
export function backoffMicroseconds(attempts: number, random: Random): number {
  const delay = BACKOFF_MS[Math.min(attempts, BACKOFF_MS.length - 1)] as number
  // Many plugs that lost the same switch do not come back in step.
  const jitter = 0.75 + (random.int32() >>> 1) / 0x1_0000_0000
  return Math.floor(delay * jitter * 1000)
}
