/**
 * Groups of tests for backends that may not be here.
 *
 * @module
 */
import type { Backend } from '@ioth/core'
import { describe, it } from 'vitest'
import { readSettings } from './settings.ts'

/**
 * A group of tests with vitest, where all backends are usable. One that is not usable is a visible skip with its reason in the place of the
 * tests, and a failure when `IOTH_REQUIRE_BACKENDS` names it.
 */
export function describeWhereUsable(name: string, backends: readonly Backend[], register: () => void): void {
  describe(name, async () => {
    for (const backend of new Set(backends)) {
      const probe = await backend.probe()
      if (probe.usable) continue
      const reason = `${backend.name} is not usable here: ${probe.reason ?? 'no reason given'}; tried ${probe.tried.join(', ')}`
      if (!readSettings().requiredBackends.includes(backend.name)) it.skip(reason)
      else
        it(backend.name, () => {
          throw new Error(`${reason}\n${probe.next ?? ''}`)
        })
      return
    }
    register()
  })
}
