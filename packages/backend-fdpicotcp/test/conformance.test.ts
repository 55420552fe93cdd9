/**
 * fd_picoTCP held against the suite, in its helper process, on the host's clock: the short profile, with the TypeScript stack on the other host.
 * The whole suite is `npm run test:backends`.
 */
import { testRealTime } from '@ioth/conformance'
import { backend as ts } from '@ioth/stack-ts'
import { backend } from '../src/index.ts'
import { deviations } from './deviations.ts'

testRealTime({ name: 'fdpicotcp', backend, peer: ts, deviations })
