/**
 * Arbitrary programs at the ends of a connection: how much they write, in which pieces they write and read, when they end.
 *
 * @module
 */
import fc from 'fast-check'
import type { Finish, StreamPlan } from '../lan/stream-driver.ts'

/** Sizes of pieces: mostly around the sizes where stacks change their mind. */
export function pieceSize(): fc.Arbitrary<number> {
  return fc.oneof(
    { weight: 2, arbitrary: fc.integer({ min: 1, max: 16 }) },
    { weight: 3, arbitrary: fc.constantFrom(535, 536, 1447, 1448, 1449, 1460, 1461, 4096, 16_384, 65_536) },
    { weight: 3, arbitrary: fc.integer({ min: 1, max: 9000 }) },
    { weight: 1, arbitrary: fc.integer({ min: 9000, max: 200_000 }) },
  )
}

/** Sizes of pieces, used round and round. One-octet pieces never alone: a stream of them would take all the time there is. */
export function pieceSizes(): fc.Arbitrary<number[]> {
  return fc
    .array(pieceSize(), { minLength: 1, maxLength: 6 })
    .map((sizes) => (Math.max(...sizes) < 512 ? [...sizes, 512] : sizes))
}

/** How long a stream is. @param most octets. */
export function streamLength(most: number): fc.Arbitrary<number> {
  return fc.oneof(
    { weight: 1, arbitrary: fc.constantFrom(0, 1) },
    { weight: 3, arbitrary: fc.integer({ min: 0, max: Math.min(most, 5000) }) },
    { weight: 4, arbitrary: fc.integer({ min: 0, max: most }) },
  )
}

/** @param most octets it writes. @param finish the ways it may end. */
export function streamPlan(
  most = 150_000,
  finish: readonly Finish[] = ['when-written', 'after-peer'],
): fc.Arbitrary<StreamPlan> {
  return fc.record({
    send: streamLength(most),
    writeSizes: pieceSizes(),
    readSizes: pieceSizes(),
    lend: fc.boolean(),
    finish: fc.constantFrom(...finish),
  })
}

/** The programs at both ends. They never both wait for the other to end first. */
export function streamPlans(most = 150_000): fc.Arbitrary<{ client: StreamPlan; server: StreamPlan }> {
  return fc.oneof(
    fc.record({ client: streamPlan(most, ['when-written']), server: streamPlan(most) }),
    fc.record({ client: streamPlan(most), server: streamPlan(most, ['when-written']) }),
  )
}
