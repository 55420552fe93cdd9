/** The stack held against the suite of every stack. `IOTH_RUNS` and `IOTH_SEED` say how long and where; see `@ioth/conformance`. */
import { testStack } from '@ioth/conformance'
import { backend } from '../src/index.ts'

testStack({ name: 'ts', backend, deviations: [] })
