import fc from 'fast-check'
import { expect, it } from 'vitest'
import { SequenceRanges } from './sequence-ranges.ts'

it('is the same as a set of positions', () => {
  const range = fc.tuple(fc.nat(60), fc.integer({ min: 1, max: 20 }))
  fc.assert(
    fc.property(fc.array(range), range, (added, [from, length]) => {
      const ranges = new SequenceRanges()
      const positions = new Set<number>()
      for (const [start, count] of added) {
        ranges.add(start, start + count)
        for (let at = start; at < start + count; at++) positions.add(at)
      }
      let end = 0
      while (positions.has(end)) end++
      expect(ranges.contiguousEnd).toBe(end)
      const covered = Array.from({ length }, (_, i) => from + i).every((at) => positions.has(at))
      expect(ranges.covers(from, from + length)).toBe(covered)
    }),
  )
})
