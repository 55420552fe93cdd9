/** The suite again, with many more runs of each property and from another seed. */
import { testStack } from '@ioth/conformance'
import { backend } from '../src/index.ts'

process.env.IOTH_RUNS ??= '400'
process.env.IOTH_SEED ??= '2'

testStack({ name: 'ts', backend })
