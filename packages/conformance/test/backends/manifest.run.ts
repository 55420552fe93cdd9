/** What there is to test: written to the file OUT, for `npm run test:backends`. */
import { writeFileSync } from 'node:fs'
import { ARMOUR_DEVIATIONS, SUITES } from '@ioth/conformance'
import { it } from 'vitest'
import { loadDeviations, loadSubject } from './subjects.ts'

const { SUBJECTS = 'ts', OUT } = process.env

it('tells what is here', async () => {
  const subjects = []
  for (const name of SUBJECTS.split(',')) {
    const { license, probe } = await loadSubject(name)
    const own = await loadDeviations(name)
    // The TypeScript stack needs no armour.
    const deviations = name === 'ts' ? own : [...own, ...ARMOUR_DEVIATIONS]
    subjects.push({ name, license, probe: await probe(), deviations })
  }
  if (OUT !== undefined) writeFileSync(OUT, JSON.stringify({ subjects, suites: Object.keys(SUITES) }))
})
