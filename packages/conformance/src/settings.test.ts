import { expect, it } from 'vitest'
import { readSettings } from './settings.ts'

it('has defaults that make two runs the same', () => {
  expect(readSettings({})).toEqual({ runs: 20, frames: 6000, seed: 1, path: undefined, requiredBackends: [] })
})

it('is read from the environment', () => {
  const environment = {
    IOTH_RUNS: '500',
    IOTH_FRAMES: '70',
    IOTH_SEED: '-7',
    IOTH_PATH: '3:1',
    IOTH_REQUIRE_BACKENDS: 'ts,picotcp',
  }
  expect(readSettings(environment)).toEqual({
    runs: 500,
    frames: 70,
    seed: -7,
    path: '3:1',
    requiredBackends: ['ts', 'picotcp'],
  })
  expect(readSettings({ IOTH_SEED: 'random' }).seed).toBeTypeOf('number')
})

it('refuses what is no number', () => {
  expect(() => readSettings({ IOTH_RUNS: 'many' })).toThrow('IOTH_RUNS is "many"; give a whole number')
})
