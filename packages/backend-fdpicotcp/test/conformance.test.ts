/**
 * fd_picoTCP held against the suite, in its helper process, on the host's clock: a short profile, with the TypeScript stack on the other host.
 * The whole suite is `npm run test:backends`.
 */
import { testStack } from '@ioth/conformance'
import { backend as ts } from '@ioth/stack-ts'
import { backend } from '../src/index.ts'
import { deviations } from './deviations.ts'

process.env.IOTH_RUNS = '2'

const suites = ['capabilities', 'TCP: streams', 'backpressure']
const tests = /^(P-01 stream integrity on a sound line|P-10 a writer|the |no |TCP|UDP|IPv6)/

testStack({ name: 'fdpicotcp', backend, peer: ts, suites, tests, deviations })
