/** LWIPv6 held against the short profile, in its helper process, on the host's clock, with the TypeScript stack on the other host. */
import { testRealTime } from '@ioth/conformance'
import { backend as ts } from '@ioth/stack-ts'
import { backend } from '../src/index.ts'
import { deviations } from './deviations.ts'

testRealTime({ name: 'lwipv6', backend, peer: ts, deviations })
