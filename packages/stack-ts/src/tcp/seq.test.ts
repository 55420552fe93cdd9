import fc from 'fast-check'
import { expect, test } from 'vitest'
import { add, distance, inWindow, later, lessOrEqual, lessThan } from './seq.ts'

const sequence = fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 })
/** Less than half of the space. */
const step = fc.integer({ min: 1, max: 2 ** 31 - 1 })

test('R-TCP-05 comparisons hold at every place of the space, the wrap too', () => {
  fc.assert(
    fc.property(sequence, step, (from, octets) => {
      const to = add(from, octets)
      expect(distance(from, to)).toBe(octets)
      expect(lessThan(from, to)).toBe(true)
      expect(lessThan(to, from)).toBe(false)
      expect(lessOrEqual(from, from)).toBe(true)
      expect(later(from, to)).toBe(to)
      expect(inWindow(to, from, octets)).toBe(false)
      expect(inWindow(add(from, octets - 1), from, octets)).toBe(true)
      expect(inWindow(add(from, -1), from, octets)).toBe(false)
    }),
  )
  expect(add(0x7fffffff, 1)).toBe(-0x80000000)
  expect(lessThan(0x7fffffff, -0x80000000)).toBe(true)
})
