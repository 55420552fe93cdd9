/** Numbers that others see: sequence numbers, identifiers, timeouts. */
import { createVirtualScheduler, type IpAddress } from '@ioth/core'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Network } from '../ip/network.ts'
import type { Path } from '../link/path.ts'
import { TupleSecret } from './isn.ts'
import { shiftFor } from './options.ts'
import { backOff, sampleRtt } from './rto.ts'
import { distance } from './seq.ts'
import { Tcb } from './tcb.ts'

function block(): Tcb {
  const nobody = null as unknown as IpAddress
  return new Tcb(null as unknown as Network, null as unknown as Path, nobody, 1, nobody, 2, 0, 1, 1)
}

test('R-TCP-04 the same tuple begins further on later; others are elsewhere; secrets differ', () => {
  const secret = new TupleSecret(createVirtualScheduler({ seed: 3 }).random)
  const other = new TupleSecret(createVirtualScheduler({ seed: 4 }).random)
  const first = secret.initialSequence(1, 2, 3, 4, 1000)
  const offset = secret.timestampOffset
  expect(distance(first, secret.initialSequence(1, 2, 3, 4, 1_001_000))).toBe(250_000)
  expect(secret.timestampOffset).toBe(offset)
  expect(other.initialSequence(1, 2, 3, 4, 1000)).not.toBe(first)
  // H-23: neighbouring ports are no neighbours. Half of the bits differ, give or take.
  let bits = 0
  for (let port = 0; port < 1000; port++) {
    const a = secret.initialSequence(1, port, 3, 4, 0)
    const b = secret.initialSequence(1, port + 1, 3, 4, 0)
    for (let word = a ^ b; word !== 0; word &= word - 1) bits++
  }
  expect(bits / 1000).toBeGreaterThan(15)
  expect(bits / 1000).toBeLessThan(17)
})

test('R-TCP-23 RFC 6298 2.2, 2.3: the first sample, and the smoothing of the others', () => {
  const tcb = block()
  sampleRtt(tcb, 400_000, 200)
  expect([tcb.srtt, tcb.rttvar, tcb.rto]).toEqual([400_000, 200_000, 1200])
  sampleRtt(tcb, 400_000, 200)
  expect([tcb.srtt, tcb.rttvar, tcb.rto]).toEqual([400_000, 150_000, 1000])
  backOff(tcb)
  expect(tcb.rto).toBe(2000)
})

test('R-TCP-23 H-42 whatever the samples, the timeout stays between floor and ceiling', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }), { maxLength: 50 }), (samples) => {
      const tcb = block()
      for (const sample of samples) {
        sampleRtt(tcb, sample, 200)
        backOff(tcb)
        expect(tcb.rto).toBeGreaterThanOrEqual(200)
        expect(tcb.rto).toBeLessThanOrEqual(120_000)
        expect(tcb.srtt).toBeGreaterThanOrEqual(0)
      }
    }),
  )
})

test('R-TCP-42 the smallest shift that tells a window', () => {
  expect([65535, 65536, 131_071, 131_072, 512 * 1024, 2 ** 30].map(shiftFor)).toEqual([0, 1, 1, 2, 4, 14])
})
