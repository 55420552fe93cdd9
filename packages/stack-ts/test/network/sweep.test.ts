/** Throughput over bad lines in virtual time: a part of the sweep, fairness at a bottleneck, and undoing what reordering makes one believe. */
import { expect, test } from 'vitest'
import { bound, measure } from './bottleneck.ts'
import { cells, regressions, sweep, table } from './sweep.ts'

test('R-TCP-35 R-TCP-40 R-TCP-46 goodput at 1 % loss and 10 ms is at least 75 % of the Mathis bound', async () => {
  const measured = await sweep([...cells([0.01], [10], [1, 4]), ...cells([0.03], [100], [1])], 5000)
  console.log(table(measured))
  expect(regressions('short', measured)).toEqual([])
  expect(measured[0]?.share).toBeGreaterThan(0.75)
})

test('R-TCP-37 NewReno without SACK does what it can', async () => {
  const settings = { tcp: { sack: false, congestion: 'newreno' } } as const
  const line = { rttMs: 10, loss: 0.01, rateBitsPerSecond: 100_000_000, warmUpMs: 2000, durationMs: 10_000, settings }
  const { total, counters } = await measure(line)
  expect(total / bound(line).rate).toBeGreaterThan(0.6)
  expect(counters.tcpLossProbes).toBe(0)
})

for (const congestion of ['cubic', 'newreno'] as const) {
  test(`R-TCP-35 ${congestion}: four flows through one bounded queue share the line, and fill it`, async () => {
    const line = {
      rttMs: 20,
      rateBitsPerSecond: 20_000_000,
      queueFrames: 40,
      flows: 4,
      warmUpMs: 5000,
      durationMs: 20_000,
      settings: { tcp: { congestion } },
    } as const
    const { flows, total } = await measure(line)
    expect(total / bound(line).rate).toBeGreaterThan(0.9)
    expect(jain(flows)).toBeGreaterThan(0.9)
  })
}

test('R-TCP-46 R-TCP-41 segments that overtake each other cost little', async () => {
  const line = { rttMs: 40, reorder: 0.02, rateBitsPerSecond: 50_000_000, warmUpMs: 2000, durationMs: 8000 } as const
  const { total } = await measure(line)
  expect(total / bound(line).rate).toBeGreaterThan(0.6)
})

/** Jain's index: 1 when all have the same, 1/n when one has all. */
function jain(rates: readonly number[]): number {
  const sum = rates.reduce((total, rate) => total + rate, 0)
  return sum ** 2 / (rates.length * rates.reduce((total, rate) => total + rate ** 2, 0))
}
