import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { examples, ioth, iothEnds, type Running, temporaryFolder } from './support/processes.ts'

/** A user of the test's own: their runtime directory, and so their default network, is nobody else's. */
function somebody() {
  const runtime = join(temporaryFolder(), 'run')
  mkdirSync(runtime, { mode: 0o700 })
  return { env: { XDG_RUNTIME_DIR: runtime } }
}

async function serverWithoutAddress(user: ReturnType<typeof somebody>): Promise<{ server: Running; address: string }> {
  const server = ioth(['run', `${examples}/http-server.mjs`], user)
  const [, address] = await server.prints(/^ioth: (10\.40\.0\.\d+)\/24 on \S*\/ioth$/m)
  await server.prints(/Serving/)
  return { server, address: address as string }
}

test('with neither -a nor -f two programs get addresses, say so, and reach each other', async () => {
  const user = somebody()
  const { server, address } = await serverWithoutAddress(user)
  const client = await iothEnds(['run', `${examples}/http-client.mjs`, `http://${address}/`], user)
  expect(client.stderr).toMatch(/^ioth: 10\.40\.0\.\d+\/24 on \S+\/ioth\n$/)
  expect(client.stdout).toMatch(new RegExp(`^Hello 10\\.40\\.0\\.\\d+, this is ${address} port 80\\.\n200 OK`))
  expect(server.stdout).toBe('Serving on port 80\n')
})

test('-q says nothing', async () => {
  const user = somebody()
  const { address } = await serverWithoutAddress(user)
  const client = await iothEnds(['run', '-q', `${examples}/http-client.mjs`, `http://${address}/`], user)
  expect(client.stderr).toBe('')
})

test('many starters at one moment end with one switch', async () => {
  const user = somebody()
  const servers = await Promise.all(Array.from({ length: 6 }, () => serverWithoutAddress(user)))
  expect(new Set(servers.map(({ address }) => address)).size).toBe(6)
  const ports = JSON.parse((await iothEnds(['ps', '--json'], user)).stdout) as { addresses: { address: string }[] }[]
  const seen = ports.flatMap(({ addresses }) => addresses.map(({ address }) => address))
  expect(seen.sort()).toEqual(servers.map(({ address }) => address).sort())
})
