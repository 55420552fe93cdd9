import { expect, test } from 'vitest'
import { programs, start, startSwitch } from './support/processes.ts'

test('10 MB arrive intact both ways at once, over a link that loses 5 % and takes 10 ms', async () => {
  const { path } = await startSwitch()
  const { output, exitCode } = await start(process.execPath, [`${programs}/bad-link.mjs`, path]).ended
  expect(output).toBe('down intact, up intact\n')
  expect(exitCode).toBe(0)
})
