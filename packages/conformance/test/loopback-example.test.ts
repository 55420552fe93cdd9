/** The backend of docs/adding-a-backend.md, held against what a stack without a network can be held against. */
import { type Deviation, testStack } from '@ioth/conformance'
import type { Backend } from '@ioth/core'

const example = new URL('../../../examples/loopback-stack.mjs', import.meta.url).href
const { backend, deviations } = (await import(example)) as { backend: Backend; deviations: readonly Deviation[] }
const suites = ['one host alone', 'lifecycle', 'capabilities']

testStack({ name: 'the loopback stack of the tutorial', backend, suites, deviations })
