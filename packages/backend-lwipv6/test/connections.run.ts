/** Ten thousand connections to and from LWIPv6, in its helper process. `npm run test:backends` runs it. */
import { testConnections } from '../../conformance/test/backends/connections.ts'
import { backend } from '../src/index.ts'

testConnections(backend)
