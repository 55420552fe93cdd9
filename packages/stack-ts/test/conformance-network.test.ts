/** The stack held against the suite of every stack: addresses, protocols below and beside TCP, names, and all that no other part has. `IOTH_RUNS` and `IOTH_SEED` say how long and where; see `@ioth/conformance`. */
import { testStack } from '@ioth/conformance'
import { backend } from '../src/index.ts'
import { NETWORK } from './conformance-parts.ts'

testStack({ name: 'ts', backend, suites: NETWORK })
