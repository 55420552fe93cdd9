/** An unmodified Express application on LWIPv6. */
import { testExpress } from './support/express.ts'

await testExpress('lwipv6', 1_000_000)
