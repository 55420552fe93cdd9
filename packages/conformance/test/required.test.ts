/** Backends that `IOTH_REQUIRE_BACKENDS` names are there, also those that no other test asks for: a name that is misspelt is required of nobody. */
import { loadBackend } from '@ioth/core/registry'
import { expect, test } from 'vitest'
import { readSettings } from '../src/settings.ts'

const { requiredBackends } = readSettings()

test('backends that are required are there', async () => {
  for (const name of requiredBackends) {
    const { usable, reason, next } = await (await loadBackend(name)).probe()
    expect({ name, usable, reason, next }).toMatchObject({ usable: true })
  }
})
