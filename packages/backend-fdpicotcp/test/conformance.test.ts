/**
 * fd_picoTCP held against the short profile, in its helper process, on the host's clock, with the TypeScript stack on the other host. Once for
 * each property, line and family: its timers count in tenths of a second and more. `npm run test:backends` runs them more often.
 */
import { testRealTime } from '@ioth/conformance'
import { backend as ts } from '@ioth/stack-ts'
import { backend } from '../src/index.ts'
import { deviations } from './deviations.ts'

testRealTime({ name: 'fdpicotcp', backend, peer: ts, deviations }, { runs: 1 })
