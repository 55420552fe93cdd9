/** An unmodified Express application on picoTCP. */
import { testExpress } from './support/express.ts'

await testExpress('picotcp', 50_000_000)
