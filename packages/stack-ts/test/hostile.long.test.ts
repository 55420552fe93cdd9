/** Hostile frames by the million, and floods at their full height; see the suites `hostile campaigns` and `floods`. */
import { SUITES, Suite } from '@ioth/conformance'
import { backend } from '@ioth/stack-ts'
import { describe } from 'vitest'

process.env.IOTH_FRAMES ??= `${2 ** 20}`

const suite = new Suite({ name: 'ts', backend })
for (const name of ['hostile campaigns', 'floods']) describe(name, () => SUITES[name]?.(suite))
