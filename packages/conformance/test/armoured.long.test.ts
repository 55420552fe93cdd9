/** All of the suite over a stack behind the armour. */
import { testStack } from '@ioth/conformance'
import { armoured, deviations } from './armoured-backend.ts'

testStack({ name: 'ts behind the armour', backend: armoured, deviations })
