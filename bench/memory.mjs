/**
 * What a long transfer adds to resident memory: after 1 GB against after 100 MB, in the process that grows more.
 */
import { withSwitch } from './processes.mjs'
import { connectedPeers } from './two-processes.mjs'

const MB = 1e6

export const names = ['memory.gigabyte']

export async function run(_wanted, { quick, report }) {
  const octets = quick ? 300 * MB : 1000 * MB
  const growth = await withSwitch(async (dir) => {
    const peers = await connectedPeers('bulk', ['ioth', dir, '10.0.0.1/24'], ['ioth', dir, '10.0.0.2/24'], '10.0.0.1')
    await peers.run({ octets: 100 * MB })
    const before = await peers.rss()
    await peers.run({ octets: octets - 100 * MB })
    const after = await peers.rss()
    await peers.stop()
    return Math.max(...after.map((rss, index) => rss - before[index])) / MB
  })
  report({
    name: 'memory.gigabyte',
    title: `resident memory after ${octets / MB} MB, above that after 100 MB`,
    value: growth,
    unit: 'MB',
    base: null,
    ratio: growth,
    ratioUnit: ' MB',
    goal: 30,
    atLeast: false,
  })
}
