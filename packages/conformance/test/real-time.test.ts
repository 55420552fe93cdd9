/** The short profile by itself: the TypeScript stack passes it on the host's clock, and what it is there for is found. */
import { testRealTime } from '@ioth/conformance'
import { backend } from '@ioth/stack-ts'
import { counting } from '../examples/counting-backend.ts'

testRealTime({ name: 'the example', backend: counting(backend), peer: backend })
