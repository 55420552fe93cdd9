/** The stack held against the suite of every stack: hostile frames and floods. `IOTH_RUNS` and `IOTH_SEED` say how long and where; see `@ioth/conformance`. */
import { testStack } from '@ioth/conformance'
import { backend } from '../src/index.ts'
import { HOSTILE } from './conformance-parts.ts'

testStack({ name: 'ts', backend, suites: HOSTILE })
