/** A service that moves from host to host and keeps its address. The hosts are namespaces with a switch each, joined by `vde_plug` over UDP. */
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import type { Namespace } from '../../conformance/test/kernel/namespace.ts'
import {
  bare,
  examples,
  ioth,
  iothEnds,
  programs,
  type Running,
  startSwitch,
  temporaryFolder,
} from './support/processes.ts'
import { cable, iothIn, namespace, skipNamespaces, startIn, whyNamespaces } from './support/world.ts'

interface Host {
  readonly namespace: Namespace
  readonly path: string
}

/** Two hosts on one network. */
async function twoHosts(): Promise<[Host, Host]> {
  const hosts = await Promise.all(
    ['a', 'b'].map(async () => {
      const path = join(temporaryFolder(), 'lan')
      const within = await namespace()
      await iothIn(within, ['switch', path]).prints(/switch at/)
      return { namespace: within, path }
    }),
  )
  const [a, b] = hosts as [Host, Host]
  cable(a.namespace, b.namespace, 'v', [['198.51.100.1/24', '198.51.100.2/24']])
  for (const [{ namespace: within, path }, far] of [
    [a, '198.51.100.2'],
    [b, '198.51.100.1'],
  ] as const) {
    startIn(within, 'vde_plug', [`vde://${path}`, `udp://10000->${far}:10000`])
  }
  return [a, b]
}

function serve({ namespace: within, path }: Host, ...more: string[]): Running {
  return iothIn(within, ['run', `${programs}/whoami.mjs`, '-a', '10.40.0.50/24', '-f', path, ...more])
}

describe.skipIf(skipNamespaces)(`between hosts${whyNamespaces}`, () => {
  test('stopped here, started there: the next request of a client succeeds; twice is refused; --take-over forces it', async () => {
    const [a, b] = await twoHosts()
    const first = serve(a)
    await first.prints(/Serving/)
    // A client that asks whenever it is told to, each time by a new connection.
    const client = iothIn(
      a.namespace,
      ['run', `${programs}/ask.mjs`, '-a', '10.40.0.9/24', '-f', a.path, '--', 'http://10.40.0.50/'],
      { open: true },
    )
    const ask = async (): Promise<string> => {
      const from = client.output.length
      client.child.stdin?.write('\n')
      return (await client.prints(/^(answer|error) .*\n/m, from))[0]
    }
    await client.prints(/ready/)
    const by = ({ child }: Running): string => `answer 10.40.0.50 is process ${child.pid}\n`
    expect(bare(await ask())).toBe(by(first))

    // Twice: the one who is there answers for the address.
    const twice = serve(b)
    expect((await twice.ended).exitCode).toBe(69)
    expect(twice.stderr).toMatch(/10\.40\.0\.50 is in use by [0-9a-f:]+ on .*ioth run --take-over/)

    await first.stop('SIGINT')
    const second = serve(b)
    await second.prints(/Serving/)
    expect(bare(await ask())).toBe(by(second))

    // By force, while the other runs: it lets the address go.
    const third = serve(a, '--take-over')
    await third.prints(/Serving/)
    // Until the word has come to it, it answers who asks whether it is still there.
    await second.prints(/ioth: 10\.40\.0\.50 has been taken over by [0-9a-f:]+/)
    expect(bare(await ask())).toBe(by(third))
    expect(bare(await ask())).toBe(by(third))
  })
})

test('on one switch: an address is taken from a program that is stopped in its tracks', async () => {
  const { path } = await startSwitch()
  const program = [`${examples}/http-server.mjs`, '-a', '10.40.0.50/24', '-f', path]
  const first = ioth(['run', ...program])
  await first.prints(/Serving/)
  first.child.kill('SIGSTOP')
  const refused = await iothEnds(['run', ...program])
  expect(refused.stderr).toMatch(/10\.40\.0\.50 is in use on this network by http-server\.mjs/)
  const second = ioth(['run', ...program, '--take-over'])
  await second.prints(/Serving/)
  const page = await iothEnds(['curl', '-f', path, 'http://10.40.0.50/'])
  expect(bare(page.stdout)).toMatch(/this is 10\.40\.0\.50/)
  expect((await iothEnds(['ps', '-f', path, '--json'])).stdout.match(/10\.40\.0\.50/g)?.length).toBe(1)
})
