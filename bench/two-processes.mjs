/**
 * Two processes through our switch (a third), against two processes over the kernel's loopback. Also the memory that a long transfer costs.
 */
import { interleaved } from './measure.mjs'
import { startPeer, withSwitch } from './processes.mjs'

const BENCHES = {
  'switch.bulk': {
    title: 'two processes through the switch: bulk',
    kind: 'bulk',
    full: { octets: 128e6 },
    quick: { octets: 32e6 },
    unit: 'MB/s',
    scale: 1e-6,
    goal: 0.1,
  },
  'switch.rr': {
    title: 'two processes through the switch: 64 B request/response',
    kind: 'rr',
    full: { count: 10_000 },
    quick: { count: 3000 },
    unit: 'req/s',
    scale: 1,
    goal: 0.25,
  },
}

export const names = [...Object.keys(BENCHES)]

export async function run(wanted, { quick, rounds, report }) {
  await withSwitch(async (dir) => {
    for (const name of wanted) {
      const { title, kind, full, quick: small, unit, scale, goal } = BENCHES[name]
      const size = quick ? small : full
      const contestants = {
        'node:net': await connectedPeers(kind, ['net'], ['net'], '127.0.0.1'),
        ioth: await connectedPeers(kind, ['ioth', dir, '10.0.0.1/24'], ['ioth', dir, '10.0.0.2/24'], '10.0.0.1'),
      }
      const runs = Object.entries(contestants).map(([who, peers]) => [who, () => peers.run(size)])
      const medians = await interleaved(Object.fromEntries(runs), rounds)
      for (const peers of Object.values(contestants)) await peers.stop()
      const [value, base] = [medians.get('ioth'), medians.get('node:net')]
      report({ name, title, value: value * scale, unit, base: base * scale, ratio: value / base, goal, atLeast: true })
    }
  })
}

/** A serving process and one that connects to it. */
export async function connectedPeers(kind, serverArgs, clientArgs, host) {
  const server = await startPeer(...serverArgs)
  const client = await startPeer(...clientArgs)
  const { port } = await server.ask({ listen: kind })
  return {
    run: async (size) => (await client.ask({ connect: { host, port }, kind, size })).rate,
    /** Resident memory of both, in octets. */
    rss: async () => [(await server.ask({ rss: true })).rss, (await client.ask({ rss: true })).rss],
    async stop() {
      await client.stop()
      await server.stop()
    },
  }
}
