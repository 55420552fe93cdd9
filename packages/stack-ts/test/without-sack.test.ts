/** Recovery by duplicate acknowledgements alone, and Reno's window: the same suite, with what the settings turn off. */
import { SUITES, Suite } from '@ioth/conformance'
import { describe, expect, test } from 'vitest'
import { backend } from '../src/index.ts'
import { Scenario } from './scenario.ts'

const settings = { tcp: { sack: false, congestion: 'newreno' } } as const
const capabilities = Object.freeze({ ...backend.capabilities, sack: false, rackTlp: false })

describe('ts without SACK', () => {
  SUITES['TCP: recovery']?.(new Suite({ name: 'ts without SACK', backend: { ...backend, capabilities }, settings }))
})

test('the capabilities of a stack follow its settings', async () => {
  const scenario = await Scenario.create({ settings })
  expect(scenario.stack.capabilities).toEqual(capabilities)
  await scenario.finish()
})
