/**
 * HTTP keep-alive requests per second, client and server in one process: Node's own `http` on the kernel's loopback, the same by `bindNode` on
 * two stacks with a pipe between them (MTU 1500, checksums on), and a whole program under `ioth run`, which asks itself.
 */
import http from 'node:http'
import { pair } from './drivers.mjs'
import { askRepeatedly, listen } from './keep-alive.mjs'
import { interleaved } from './measure.mjs'
import { loadNode } from './packages.mjs'
import { runProgram, withSwitch } from './processes.mjs'

const CONNECTIONS = { 1: { full: 6000, quick: 1500 }, 50: { full: 20_000, quick: 4000 } }

export const names = ['bindnode.http1', 'bindnode.http50', 'run.http1', 'run.http50']

export async function run(wanted, { quick, rounds, report }) {
  for (const connections of [1, 50]) {
    const count = CONNECTIONS[connections][quick ? 'quick' : 'full']
    const tell = (name, title, medians) =>
      report({
        name,
        title: `${title}: HTTP keep-alive, ${connections} connection${connections > 1 ? 's' : ''}`,
        value: medians.get('ioth'),
        unit: 'req/s',
        base: medians.get('node:http'),
        ratio: medians.get('ioth') / medians.get('node:http'),
        goal: 1,
        atLeast: true,
      })
    const bound = `bindnode.http${connections}`
    if (wanted.includes(bound)) tell(bound, 'bindNode(stack).http', await boundModules(connections, count, rounds))
    const program = `run.http${connections}`
    if (wanted.includes(program)) tell(program, 'ioth run', await programs(connections, count, rounds))
  }
}

async function boundModules(connections, count, rounds) {
  const { bindNode } = await loadNode()
  const stacks = await pair()
  const ours = { client: bindNode(stacks.client).http, server: bindNode(stacks.server).http }
  const hostServer = await listen(http, '127.0.0.1')
  const ourServer = await listen(ours.server, '10.0.0.2')
  const medians = await interleaved(
    {
      'node:http': () => askRepeatedly(http, '127.0.0.1', hostServer.address().port, connections, count),
      ioth: () => askRepeatedly(ours.client, '10.0.0.2', ourServer.address().port, connections, count),
    },
    rounds,
  )
  for (const server of [hostServer, ourServer]) server.close()
  await Promise.all([stacks.client.close(), stacks.server.close()])
  return medians
}

function programs(connections, count, rounds) {
  return withSwitch((dir) => {
    const rate = async (options, address) =>
      Number((await runProgram('keep-alive.mjs', options, [address, connections, count].map(String))).output)
    return interleaved(
      {
        'node:http': () => rate(null, '127.0.0.1'),
        ioth: () => rate(['-f', dir, '-a', '10.0.0.9/24', '-q'], '10.0.0.9'),
      },
      rounds,
    )
  })
}
