import { constants, PerformanceObserver } from 'node:perf_hooks'
import { expect, test } from 'vitest'
import { castShadow } from './heap-shadow.ts'

test('octets bring on collections of young objects, and hardly a full one', async () => {
  const kinds = await new Promise<unknown[]>((resolve) => {
    const observer = new PerformanceObserver((list) => {
      observer.disconnect()
      resolve((list.getEntries() as unknown as { detail: { kind: number } }[]).map(({ detail }) => detail.kind))
    })
    observer.observe({ entryTypes: ['gc'] })
    for (let octets = 0; octets < 1 << 30; octets += 65_536) castShadow(65_536)
  })
  // A quarter of them, in a space of 32 MB at most.
  const young = kinds.filter((kind) => kind === constants.NODE_PERFORMANCE_GC_MINOR).length
  expect(young).toBeGreaterThanOrEqual(8)
  expect(kinds.length - young).toBeLessThan(young)
})
