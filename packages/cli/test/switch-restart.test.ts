import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { ioth, programs, startSwitch } from './support/processes.ts'

test('a killed switch: programs say so, come back by themselves, and their connections survive', async () => {
  const { path, process: first } = await startSwitch()
  const server = ioth(['run', '-a', '10.40.0.32/24', '-f', path, `${programs}/echo-lines.mjs`])
  await server.prints(/ready/)
  const client = ioth(['run', '-a', '10.40.0.33/24', '-f', path, `${programs}/count-lines.mjs`, '10.40.0.32'])
  await client.prints(/echo 3\n/)

  await first.stop('SIGKILL')
  await Promise.all([client.prints(/^ioth: the link to .* is lost/m), server.prints(/^ioth: the link to .* is lost/m)])
  const before = client.stdout
  // The outage itself is what is tested: 3 seconds without a switch.
  await sleep(3000)
  expect(client.stdout).toBe(before)

  await startSwitch(path)
  await Promise.all([client.prints(/^ioth: the link to .* is back/m), server.prints(/^ioth: the link to .* is back/m)])
  const { stdout, exitCode } = await client.ended
  expect(stdout).toBe(`${Array.from({ length: 200 }, (_, n) => `echo ${n}\n`).join('')}all on one connection\n`)
  expect(exitCode).toBe(0)
})
