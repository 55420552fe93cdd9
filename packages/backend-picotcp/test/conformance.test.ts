/** The stack held against the suite of every stack, in a short profile: its time is the host's, so that a second of the network is a second. */
import { testStack } from '@ioth/conformance'
import { backend as ts } from '@ioth/stack-ts'
import { backend } from '../src/index.ts'

process.env.IOTH_RUNS = '2'

testStack({
  name: 'picotcp',
  backend,
  peer: ts,
  suites: ['TCP: streams'],
  tests: /^P-01 stream integrity on a sound line/,
})
