/** Goodput over bad lines against the theoretical bound: loss 0 to 10 %, round trips of 1 to 300 ms, one to sixteen flows. */
import { expect, test } from 'vitest'
import { cells, regressions, sweep, table } from './sweep.ts'

test('R-TCP-35 R-TCP-40 R-TCP-46 the sweep: goodput against the theoretical bound', {
  timeout: 1_800_000,
}, async () => {
  const measured = await sweep(cells([0, 0.001, 0.01, 0.03, 0.1], [1, 10, 100, 300], [1, 4, 16]), 30_000)
  console.log(table(measured))
  expect(regressions('long', measured)).toEqual([])
  for (const { loss, rttMs, share } of measured) if (loss === 0.01 && rttMs === 10) expect(share).toBeGreaterThan(0.75)
})
