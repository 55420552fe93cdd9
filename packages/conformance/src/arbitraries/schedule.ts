/**
 * Arbitrary schedules of faults: delay 0–2 s, loss 0–30 %, duplication, reordering, bit corruption, truncation, slow lines, outages,
 * changes of the path's MTU.
 *
 * @module
 */
import type { Impairment } from '@ioth/core'
import fc from 'fast-check'
import type { Phase, Schedule } from '../lan/schedule.ts'

const probability = (most: number): fc.Arbitrary<number> =>
  fc.oneof(
    fc.constant(0),
    fc.integer({ min: 1, max: Math.round(most * 100) }).map((percent) => percent / 100),
  )

const delayMs: fc.Arbitrary<number> = fc.oneof(
  { weight: 3, arbitrary: fc.constantFrom(0, 1, 10) },
  { weight: 2, arbitrary: fc.integer({ min: 0, max: 200 }) },
  { weight: 1, arbitrary: fc.integer({ min: 0, max: 2000 }) },
)

export function impairment(): fc.Arbitrary<Impairment> {
  return fc.oneof(
    {
      weight: 6,
      arbitrary: fc.record({
        loss: probability(0.3),
        delayMs,
        jitterMs: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 50 })),
        duplicate: probability(0.2),
        reorder: probability(0.3),
        reorderMs: fc.constantFrom(1, 5, 50),
        corrupt: probability(0.1),
        truncate: probability(0.1),
      }),
    },
    { weight: 1, arbitrary: fc.record({ rateBitsPerSecond: fc.constantFrom(200_000, 1_000_000, 10_000_000) }) },
    // An outage.
    { weight: 1, arbitrary: fc.constant({ loss: 1 }) },
  )
}

/** @param totalMs how long all phases take together, at most. */
export function schedule(totalMs = 40_000): fc.Arbitrary<Schedule> {
  const most = 4
  const phase: fc.Arbitrary<Phase> = fc.record({
    forMs: fc.oneof(fc.integer({ min: 1, max: 500 }), fc.integer({ min: 1, max: totalMs / most })),
    impairment: impairment(),
    pathMtu: fc.oneof(
      { weight: 4, arbitrary: fc.constant(65535) },
      { weight: 1, arbitrary: fc.integer({ min: 1280, max: 1500 }) },
    ),
  })
  return fc.array(phase, { maxLength: most })
}
