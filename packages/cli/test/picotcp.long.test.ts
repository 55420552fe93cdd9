/** An unmodified Express application on picoTCP, for clients on the TypeScript stack and on picoTCP. */
import { expect, test } from 'vitest'
import { askExpress, rightAnswers, startExpress, whyNot } from './support/express.ts'
import { startSwitch } from './support/processes.ts'

const OCTETS = 50_000_000
const reason = await whyNot('picotcp')

test.skipIf(reason !== '').each(['ts', 'picotcp'])(
  `from %s: a thousand requests, fifty at once, and a large file${reason}`,
  async (client) => {
    const { path } = await startSwitch()
    await startExpress('picotcp', path, OCTETS)
    const { stdout, exitCode } = await askExpress(client, path)
    expect(stdout).toBe(rightAnswers(OCTETS))
    expect(exitCode).toBe(0)
  },
)
