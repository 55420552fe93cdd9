/** An unmodified Express application on picoTCP, for clients on the TypeScript stack and on picoTCP. */
import { loadBackend } from '@ioth/core/registry'
import { expect, test } from 'vitest'
import { ioth, iothEnds, programs, root, startSwitch } from './support/processes.ts'

const { usable, reason = '', tried } = await (await loadBackend('picotcp', { from: [root] })).probe()
const title = usable ? 'from' : `(skipped: ${reason}; tried ${tried.join(', ')}) from`

test.skipIf(!usable).each(['ts', 'picotcp'])(
  `${title} %s: a thousand requests, fifty at once, and a large file`,
  async (client) => {
    const { path } = await startSwitch()
    const server = ioth([
      'run',
      '-l',
      'picotcp',
      '-a',
      '10.40.0.32/24',
      '-f',
      path,
      `${programs}/express-file.mjs`,
      '50000000',
    ])
    await server.prints(/ready/)
    const words = ['run', '-l', client, '-a', '10.40.0.33/24', '-f', path, `${programs}/express-client.mjs`]
    const { stdout, exitCode } = await iothEnds([...words, 'http://10.40.0.32'])
    expect(stdout).toBe('1000 right answers\n50000000 octets, the right hash\n')
    expect(exitCode).toBe(0)
  },
)
