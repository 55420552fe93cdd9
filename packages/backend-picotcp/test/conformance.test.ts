/** The stack held against the short profile, whose time is the host's: what the library cannot do is in `deviations.ts`. */
import { testRealTime } from '@ioth/conformance'
import { backend as ts } from '@ioth/stack-ts'
import { backend } from '../src/index.ts'
import { deviations } from './deviations.ts'

testRealTime({ name: 'picotcp', backend, peer: ts, deviations })
