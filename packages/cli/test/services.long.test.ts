/** What takes as long as a user would wait. */
import { expect, test } from 'vitest'
import { iothEnds, startSwitch } from './support/processes.ts'

test('without a server --dhcp ends in words', async () => {
  const { path } = await startSwitch()
  const environment = { IOTH_DHCP: '1' }
  const { stderr, exitCode } = await iothEnds(['resolve', '-f', path, 'web.test'], { env: environment })
  expect(stderr).toMatch(/^ioth: no DHCP server on .* gave an address within 30 s: .*-a/)
  expect(exitCode).toBe(69)
}, 60_000)
