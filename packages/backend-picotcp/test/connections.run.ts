/** Ten thousand connections to and from each picoTCP that is installed. `npm run test:backends` runs it. */
import { describe } from 'vitest'
import { testOn } from '../../conformance/test/backends/connections.ts'
import { backend } from '../src/index.ts'
import { installed, skipWhereNoneIs } from './installed.ts'

/** Octets: all is in this process. */
const MOST_LEFT = 1024

skipWhereNoneIs()

describe.each(installed)('%s', (library) => testOn(backend, { library }, MOST_LEFT))
