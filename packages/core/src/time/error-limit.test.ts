/** Errors in a burst, and again later. */
import { expect, test } from 'vitest'
import { ErrorLimit } from './error-limit.ts'
import { createVirtualScheduler } from './virtual-scheduler.ts'

test('a burst of errors is cut off, and some seconds later there are errors again', () => {
  const time = createVirtualScheduler({ seed: 1 })
  const limit = new ErrorLimit(time)
  const burst = (): number => Array.from({ length: 1000 }, () => limit.take()).filter((isAllowed) => isAllowed).length
  expect(burst()).toBeLessThan(150)
  expect(limit.take()).toBe(false)
  time.advance(5_000_000)
  expect(burst()).toBeGreaterThan(20)
})
