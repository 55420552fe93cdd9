import { createVirtualScheduler } from '@ioth/core'
import { expect, test } from 'vitest'
import { QuestionLimit } from './question-limit.ts'

test('H-30 a burst, then a hundred a second, in the order of asking; and no timer when nobody waits', () => {
  const scheduler = createVirtualScheduler()
  const asked: number[] = []
  const limit = new QuestionLimit<number>(scheduler.clock, (asker) => asked.push(asker))
  for (let i = 0; i < 1000; i++) if (limit.admit(i)) asked.push(i)
  expect(asked.length).toBe(256)
  scheduler.advance(1_000_000)
  expect(asked.length).toBe(356)
  limit.withdraw(356)
  expect(limit.isWaiting(357)).toBe(true)
  scheduler.advance(10_000)
  expect(asked.at(-1)).toBe(357)
  scheduler.advance(10_000_000)
  expect(asked.length).toBe(999)
  expect(asked).toEqual([...asked].sort((a, b) => a - b))
  expect(scheduler.timers).toBe(0)
})

test('H-30 who was answered makes room at once for the next', () => {
  const scheduler = createVirtualScheduler()
  const asked: number[] = []
  const limit = new QuestionLimit<number>(scheduler.clock, (asker) => asked.push(asker))
  for (let i = 0; i < 300; i++) if (limit.admit(i)) asked.push(i)
  for (let i = 0; i < 44; i++) limit.refund()
  expect(asked.length).toBe(300)
  expect(scheduler.timers).toBe(0)
  // What was given back is not more than what was taken.
  for (let i = 0; i < 1000; i++) limit.refund()
  let admitted = 0
  while (limit.admit(1000 + admitted)) admitted++
  expect(admitted).toBe(256)
  limit.withdraw(1000 + admitted)
  expect(scheduler.timers).toBe(0)
})
