/** One part of the suite over one backend, or a pair of them: what `npm run test:backends` starts. The variables say which. */
import { testStack } from '@ioth/conformance'
import type { Backend } from '@ioth/core'
import { loadSubjects } from './subjects.ts'

const { SUBJECT = 'ts', PEER = SUBJECT, SUITES = '', TESTS } = process.env

const [backend, peer] = (await loadSubjects(SUBJECT, PEER)) as [Backend, Backend]

testStack({
  name: SUBJECT,
  backend,
  peer,
  ...(SUITES === '' ? {} : { suites: SUITES.split(';') }),
  ...(TESTS === undefined ? {} : { tests: new RegExp(TESTS) }),
})
