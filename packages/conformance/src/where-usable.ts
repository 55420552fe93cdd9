/**
 * Groups of tests for backends that may not be here.
 *
 * @module
 */
import type { Backend } from '@ioth/core'
import { describe, it } from 'vitest'
import { readSettings } from './settings.ts'

/** In the place of tests: a skip that is seen, or a failure when `IOTH_REQUIRE_BACKENDS` names the backend. @param next what to do about it. */
export function leftOut(backend: string, reason: string, next: string): void {
  if (readSettings().requiredBackends.includes(backend)) {
    it(backend, () => {
      throw new Error(`${reason}\n${next}`)
    })
    return
  }
  // Not every reporter of vitest prints the names of what is skipped.
  console.warn(`skipped: ${reason}. ${next}`)
  it.skip(reason)
}

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
      leftOut(backend.name, reason, probe.next ?? '')
      return
    }
    register()
  })
}
