/** An unmodified Express application on fd_picoTCP. */
import { testExpress } from './support/express.ts'

await testExpress('fdpicotcp', 8_000_000)
