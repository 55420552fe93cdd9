import { constants, PerformanceObserver } from 'node:perf_hooks'
import { setImmediate as turn } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { castShadow } from './heap-shadow.ts'

test('a shadow is garbage that brings on collections of young objects, and hardly a full one', async () => {
  const kinds: number[] = []
  const observer = new PerformanceObserver((list) => {
    for (const { detail } of list.getEntries() as unknown as { detail: { kind: number } }[]) kinds.push(detail.kind)
  })
  observer.observe({ entryTypes: ['gc'] })
  for (let octets = 0; octets < 1 << 30; octets += 65_536) castShadow(65_536)
  // They are told of some turns later.
  for (let turns = 0; turns < 100; turns++) await turn()
  observer.disconnect()
  // A quarter of them, in a space of 32 MB at most.
  const young = kinds.filter((kind) => kind === constants.NODE_PERFORMANCE_GC_MINOR).length
  expect(young).toBeGreaterThanOrEqual(8)
  expect(kinds.length - young).toBeLessThan(young)
})
