import { execFileSync } from 'node:child_process'
import { expect, test } from 'vitest'
import { examples, ioth, programs, startSwitch } from './support/processes.ts'

const MB = 1024 * 1024

test('memory after 1 GB is at most 30 MB above that after 100 MB, in client, server and switch', async () => {
  const { path, process: lan } = await startSwitch()
  const server = ioth(['run', `${examples}/http-server.mjs`, '-a', '10.40.0.32/24', '-f', path])
  await server.prints(/Serving/)
  const client = ioth([
    'run',
    `${programs}/fetch-repeatedly.mjs`,
    '-a',
    '10.40.0.33/24',
    '-f',
    path,
    'http://10.40.0.32/big',
    '10',
  ])

  await client.prints(/\n/)
  const [serverFirst, switchFirst] = [residentMemory(server.child.pid), residentMemory(lan.child.pid)]
  // The server waits at the end of the client's last download; the client's lines tell of its own memory.
  await client.ended
  const rounds = client.stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { octets: number; rss: number })
  expect(rounds.map(({ octets }) => octets)).toEqual(Array(10).fill(100_000_000))

  const growth = {
    client: (rounds.at(-1)!.rss - rounds[0]!.rss) / MB,
    server: (residentMemory(server.child.pid) - serverFirst) / MB,
    switch: (residentMemory(lan.child.pid) - switchFirst) / MB,
  }
  console.log('growth from 100 MB to 1 GB, in MB:', growth)
  for (const megabytes of Object.values(growth)) expect(megabytes).toBeLessThanOrEqual(30)
})

/** Octets, as the system counts them. */
function residentMemory(pid: number | undefined): number {
  return Number(execFileSync('ps', ['-o', 'rss=', '-p', String(pid)], { encoding: 'utf8' })) * 1024
}
