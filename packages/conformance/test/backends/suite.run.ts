/** One part of the whole suite over one backend: what `npm run test:backends` starts. The variables say which. */
import { testStack } from '@ioth/conformance'
import type { Backend } from '@ioth/core'
import { loadDeviations, loadFrameDeviations, loadSubjects } from './subjects.ts'

const { SUBJECT = 'ts', SUITES = '' } = process.env

const [backend, peer] = (await loadSubjects(SUBJECT, 'ts')) as [Backend, Backend]
const deviations = (await loadDeviations(SUBJECT)).filter(({ skip }) => skip === true)
const frameDeviations = await loadFrameDeviations(SUBJECT)

testStack({
  name: SUBJECT,
  backend,
  peer,
  deviations,
  frameDeviations,
  suites: SUITES.split(';'),
})
