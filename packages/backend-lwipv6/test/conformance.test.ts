/**
 * LWIPv6 held against the short profile, in its helper process, on the host's clock, with the TypeScript stack on the other host. Once for each
 * property, line and family: what the library takes for lost it sends again after a second and more. `npm run test:backends` runs them more often.
 */
import { testRealTime } from '@ioth/conformance'
import { backend as ts } from '@ioth/stack-ts'
import { backend } from '../src/index.ts'
import { deviations } from './deviations.ts'

testRealTime({ name: 'lwipv6', backend, peer: ts, deviations }, { runs: 1 })
