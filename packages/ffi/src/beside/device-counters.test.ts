/** Counters of several devices. */
import { expect, test } from 'vitest'
import { sumOfDevices } from './device-counters.ts'

test('what bridges and devices count is summed by name', () => {
  const bridge = { framesIn: 1, framesOut: 20, dropLibraryFull: 300, dropNoRoom: 4000, dropTooLong: 50_000 }
  expect(
    sumOfDevices([
      { bridge, own: { 'drop.ip.fragment': 7 } },
      { bridge, own: { 'drop.ip.fragment': 8 } },
    ]),
  ).toEqual({
    'frames.in': 2,
    'frames.out': 40,
    'drop.link.library-full': 600,
    'drop.link.no-room': 8000,
    'drop.link.too-long': 100_000,
    'drop.ip.fragment': 15,
  })
  expect(sumOfDevices([])).toEqual({})
})
