import fc from 'fast-check'
import { expect, it } from 'vitest'
import { GivenOctets } from './given-octets.ts'

it('an octet is given once, whatever overlaps, also where the numbers go round', () => {
  const segment = fc.tuple(fc.nat(200), fc.integer({ min: 1, max: 60 }))
  fc.assert(
    fc.property(fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }), fc.array(segment), (base, segments) => {
      const given = new GivenOctets()
      const has = new Set<number>()
      for (const [at, length] of segments) {
        const asked = Array.from({ length }, (_, index) => at + index)
        const [start, behind] = [(base + at) | 0, (base + at + length) | 0]
        const fresh = (given.append(start, behind) ? [[start, behind] as const] : given.give(start, behind)).flatMap(
          ([from, to]) => Array.from({ length: (to - from) | 0 }, (_, index) => ((from - base) | 0) + index),
        )
        expect(fresh).toEqual(asked.filter((octet) => !has.has(octet)))
        for (const octet of asked) has.add(octet)
        let end = 0
        while (has.has(end)) end++
        expect((given.endBehind(base) - base) | 0).toBe(end)
      }
    }),
  )
})

it('what is not acknowledged where it begins can be given again', () => {
  const given = new GivenOctets()
  given.give(0, 100)
  given.give(200, 300)
  given.acknowledged(50)
  expect(given.give(50, 100)).toEqual([[50, 100]])
  expect(given.give(200, 300)).toEqual([])
  given.acknowledged(200)
  expect(given.give(200, 300)).toEqual([[200, 300]])
})

it('a peer that makes many gaps is not heard until some are closed', () => {
  const given = new GivenOctets()
  let count = 0
  for (let at = 2; at < 2000; at += 2) count += given.give(at, at + 1).length
  expect(count).toBe(256)
  expect(given.give(1, 2)).toEqual([[1, 2]])
})
