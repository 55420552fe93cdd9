import { parseIpAddress } from '@ioth/core'
import { expect, test } from 'vitest'
import { formatHop } from './traceroute.ts'

test('hops, as traceroute(8) prints them', () => {
  const [one, two] = [parseIpAddress('10.0.0.254'), parseIpAddress('10.0.0.253')]
  const router = (from: typeof one, microseconds: number) => ({ from, microseconds, kind: 'time-exceeded' as const })
  const silence = { from: null, microseconds: 3_000_000, kind: 'silence' as const }
  expect(formatHop({ ttl: 1, probes: [router(one, 512), router(one, 481), silence] })).toBe(
    ' 1  10.0.0.254  0.512 ms  0.481 ms  *',
  )
  expect(formatHop({ ttl: 12, probes: [router(one, 512), router(two, 1481)] })).toBe(
    '12  10.0.0.254  0.512 ms  10.0.0.253  1.481 ms',
  )
  expect(formatHop({ ttl: 3, probes: [silence, silence] })).toBe(' 3  *  *')
  expect(formatHop({ ttl: 2, probes: [{ ...router(one, 10), kind: 'unreachable' }] })).toBe(
    ' 2  10.0.0.254  0.010 ms !H',
  )
})
