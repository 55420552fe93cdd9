import { expect, test } from 'vitest'
import { createVirtualScheduler } from '../index.ts'
import { Later } from './later.ts'

test('work is done in order, and what throws takes nothing of the rest away', () => {
  const scheduler = createVirtualScheduler()
  const later = new Later(scheduler)
  const done: number[] = []
  later.soon(() => {
    done.push(1)
    later.soon(() => done.push(4))
  })
  later.soon(() => {
    throw new Error('planted')
  })
  later.soon(() => done.push(3))
  expect(done).toEqual([])
  expect(() => scheduler.advance()).toThrow('planted')
  scheduler.advance()
  expect(done).toEqual([1, 3, 4])
})
