/** What must hold in every run, ten thousand times over, from another seed: all but streams. */
import { SUITES, testStack } from '@ioth/conformance'
import { backend } from '../src/index.ts'

process.env.IOTH_RUNS ??= process.env.IOTH_LONG_RUNS ?? '10000'
process.env.IOTH_SEED ??= '2'

const suites = Object.keys(SUITES).filter((name) => name !== 'TCP: streams')
testStack({ name: 'ts', backend, suites, tests: /^P-(0[1-9]|1[01])\b/ })
