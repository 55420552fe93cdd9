/**
 * A program on the plug of the VDE protocol, from its start to its end.
 *
 * @module
 */
import { expect, test } from 'vitest'
import { ioth, iothEnds, startSwitch } from './support/processes.ts'

test('fetches, and ends in peace although its plug still has something to read', async () => {
  const { path } = await startSwitch()
  const server = ioth(['run', '-q', '-a', '10.40.0.32/24', '-f', path, 'packages/cli/test/programs/big-file.mjs'])
  await server.prints(/listening/)
  const client = ['packages/cli/test/programs/fetch-file.mjs', 'http://10.40.0.32/3000000']
  const fetched = await iothEnds(['run', '-q', '-a', '10.40.0.33/24', '-f', `vde://${path}[ctl]`, ...client])
  expect(fetched.stdout).toMatch(/^fetched 3000000 /)
  expect(fetched.stderr).not.toMatch(/FATAL/)
  expect(fetched.exitCode).toBe(0)
})
