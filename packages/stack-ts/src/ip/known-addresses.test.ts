import { createSeededRandom, IpAddress, parseIpAddress } from '@ioth/core'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { FragmentIds } from './fragment-ids.ts'
import { KnownAddresses } from './known-addresses.ts'

const word = fc.integer({ min: -0x80000000, max: 0x7fffffff })
const few = fc.constantFrom(0, 1, -1)
const address = fc.oneof(fc.tuple(word, word, word, word), fc.tuple(few, few, few, few))

test('an address is itself again, and its key stays, whatever came between', () => {
  const known = new KnownAddresses(createSeededRandom(1))
  const keys = new Map<string, number>()
  fc.assert(
    fc.property(address, fc.integer({ min: 0, max: 2 }), ([w0, w1, w2, w3], scope) => {
      const made = known.address(w0, w1, w2, w3, scope)
      expect(made.equals(new IpAddress(6, w0, w1, w2, w3))).toBe(true)
      expect(made.scope).toBe(scope)
      const key = known.key(w0, w1, w2, w3, scope)
      const before = keys.get(`${made}`) ?? key
      expect(key).toBe(before)
      keys.set(`${made}`, key)
    }),
    { numRuns: 3000 },
  )
  expect(new Set(keys.values()).size, 'different keys').toBe(keys.size)
})

test('the scope of an address makes a difference, and so does the secret', () => {
  const { w0, w1, w2, w3 } = parseIpAddress('fe80::1')
  const one = new KnownAddresses(createSeededRandom(1))
  const other = new KnownAddresses(createSeededRandom(2))
  const keys = [one.key(w0, w1, w2, w3, 1), one.key(w0, w1, w2, w3, 2), other.key(w0, w1, w2, w3, 1)]
  expect(new Set(keys).size).toBe(3)
})

test('R-IP6-10 H-23 H-28 fragment ids: never twice in a row of packets, and one destination tells nothing about another', () => {
  const ids = new FragmentIds(createSeededRandom(1))
  const first = Array.from({ length: 5000 }, () => ids.next(1, 2))
  expect(new Set(first).size).toBe(5000)
  // What others get begins anywhere: no two destinations are close to each other more often than chance has it.
  const starts = Array.from({ length: 2000 }, (_, i) => ids.next(1, 1000 + i) >>> 0).sort((a, b) => a - b)
  const close = starts.filter((start, i) => i > 0 && start - (starts[i - 1] as number) < 2000).length
  expect(close).toBeLessThan(20)
  const buckets = new Array<number>(16).fill(0)
  for (const start of starts) buckets[start >>> 28] = (buckets[start >>> 28] as number) + 1
  for (const count of buckets) expect(count).toBeGreaterThan(70)
  // Nor does the next one of a destination tell which others were sent to meanwhile.
  const before = ids.next(1, 2)
  for (let i = 0; i < 500; i++) ids.next(7, i)
  const gap = (ids.next(1, 2) - before) | 0
  expect(gap).toBeGreaterThan(0)
  expect(gap).toBeLessThan(10)
  const second = new FragmentIds(createSeededRandom(2))
  expect(second.next(1, 2)).not.toBe(first[0])
})
