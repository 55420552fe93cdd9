/**
 * Memory: what an idle stack holds, what an idle pair of connected streams costs, and what a long transfer adds to resident memory.
 */
import { interleaved } from './measure.mjs'
import { runProgram, withSwitch } from './processes.mjs'
import { connectedPeers } from './two-processes.mjs'

const KB = 1024
const MB = 1e6
const EXPOSE_GC = ['--expose-gc']
/** The young generation grows by up to 48 MB while connections are opened, and does not shrink: that is no part of what they hold. */
const SMALL_NURSERY = ['--max-semi-space-size=1']

const benches = { 'memory.stack': idleStack, 'memory.pair': idlePair, 'memory.gigabyte': gigabyte }

export const names = Object.keys(benches)

export async function run(wanted, options) {
  for (const name of wanted) options.report({ name, ...(await benches[name](options)) })
}

/** Heap and buffers of a stack with one address, after a minute of silence. */
async function idleStack({ quick }) {
  const { output } = await runProgram('idle-stacks.mjs', null, [quick ? '500' : '2000'], EXPOSE_GC)
  return amount(Number(output) / KB, 'KB', 20, 'an idle stack')
}

/** Resident memory of the process, and for node:net what the kernel holds for its sockets. */
async function idlePair({ quick, rounds }) {
  const count = quick ? '2000' : '4000'
  const measured = (kind) => async () => {
    const { output } = await runProgram('idle-pairs.mjs', null, [kind, count], [...EXPOSE_GC, ...SMALL_NURSERY])
    const { resident, kernel } = JSON.parse(output)
    return (resident + kernel) / KB
  }
  const medians = await interleaved({ net: measured('net'), ioth: measured('ioth') }, rounds)
  const [base, value] = [medians.get('net'), medians.get('ioth')]
  const title = 'an idle pair of connected streams, the kernel’s part counted'
  return { title, value, unit: 'KB', base, ratio: value / base, goal: 0.7, atLeast: false }
}

/** After 1 GB against after 100 MB, in the process that grows more. */
async function gigabyte({ quick }) {
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
  return amount(growth, 'MB', 30, `resident memory after ${octets / MB} MB, above that after 100 MB`)
}

/** A figure that has a limit of its own, and is compared with nothing. */
function amount(value, unit, goal, title) {
  return { title, value, unit, base: null, ratio: value, ratioUnit: ` ${unit}`, goal, atLeast: false }
}
