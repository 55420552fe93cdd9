/** All of the suite over a stack behind the armour. */
import { ARMOUR_DEVIATIONS, testStack } from '@ioth/conformance'
import { armoured } from './armoured-backend.ts'

testStack({ name: 'ts behind the armour', backend: armoured, deviations: ARMOUR_DEVIATIONS })
