/** What takes as long as a user would wait. */
import { serveDhcp } from '@ioth/core/services'
import { expect, test } from 'vitest'
import { createStack } from '../src/index.ts'
import { ioth, iothEnds, programs, startSwitch } from './support/processes.ts'

test('without a server --dhcp ends in words', async () => {
  const { path } = await startSwitch()
  const environment = { IOTH_DHCP: '1' }
  const { stderr, exitCode } = await iothEnds(['resolve', '-f', path, 'web.test'], { env: environment })
  expect(stderr).toMatch(/^ioth: no DHCP server on .* gave an address within 30 s: .*-a/)
  expect(exitCode).toBe(69)
}, 60_000)

test('a lease that becomes another one is news for every process of the node', async () => {
  const { path } = await startSwitch()
  await using stack = await createStack({ vnl: path, addresses: ['10.40.0.1/24'] })
  // Kept for half a minute: it is asked for again after the half of that.
  const serve = (first: number, dns: string) => {
    const range = [`10.40.0.${first}`, `10.40.0.${first + 9}`] as const
    return serveDhcp(stack, { range, leaseSeconds: 30, dns: [dns], probe: false })
  }
  const before = serve(100, '10.40.0.53')
  const words = ['run', '--dhcp', '-q', '-f', path, `${programs}/tree/addresses.mjs`, '10.40.0.1']
  const program = ioth(words)
  const all = (address: string, dns: string): string[] =>
    ['child', 'parent'].map((who) => `${who} has ${address}, speaks from ${address}, asks ${dns}`)
  for (const line of all('10.40.0.100', '10.40.0.53')) await program.prints(new RegExp(line))
  await before.close()
  await using after = serve(110, '10.40.0.54')
  for (const line of all('10.40.0.110', '10.40.0.54')) await program.prints(new RegExp(line))
  expect(after.leases.map(({ address }) => `${address}`)).toEqual(['10.40.0.110'])
  // One of the node asks, and no other.
  expect(after.counters).toMatchObject({ refused: 1, offered: 1, granted: 1 })
}, 90_000)
