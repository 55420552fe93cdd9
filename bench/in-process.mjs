/**
 * Both ends in one process, and one for each contestant; checksums on, MTU 1500: core's Duplex and bindNode's net against node:net; and
 * super-segments.
 */
import { interleaved } from './measure.mjs'
import { startHelper } from './processes.mjs'

const KINDS = {
  bulk: { unit: 'MB/s', scale: 1e-6, full: { octets: 256e6 }, quick: { octets: 48e6 } },
  rr1: {
    unit: 'req/s',
    scale: 1,
    full: { connections: 1, count: 30_000 },
    quick: { connections: 1, count: 6000 },
  },
  rr64: {
    unit: 'req/s',
    scale: 1,
    full: { connections: 64, count: 60_000 },
    quick: { connections: 64, count: 12_000 },
  },
  conn: { unit: 'conn/s', scale: 1, full: { count: 3000 }, quick: { count: 800 } },
}

const TITLES = {
  bulk: 'bulk',
  rr1: '64 B request/response, 1 connection',
  rr64: '64 B request/response, 64 connections',
  conn: 'connect + 1 B + close',
}

/** A goal is a ratio to node:net. */
const CONTESTANTS = {
  duplex: {
    title: 'core Duplex',
    goals: { bulk: 0.5, rr1: 3, rr64: 3, conn: 2 },
  },
  bindnode: {
    title: 'bindNode(stack).net',
    goals: { bulk: 0.4, rr1: 1.5, rr64: 1.5, conn: 1 },
  },
  'super-duplex': {
    title: 'core Duplex, super-segments without checksums',
    goals: { bulk: 2.5 },
  },
  'super-bindnode': {
    title: 'bindNode(stack).net, super-segments without checksums',
    goals: { bulk: null },
  },
}

/** Names of this group's benches: `duplex.bulk`, `bindnode.rr1`, … */
export const names = Object.entries(CONTESTANTS).flatMap(([who, { goals }]) =>
  Object.keys(goals).map((kind) => `${who}.${kind}`),
)

export async function run(wanted, { quick, rounds, report }) {
  const processes = new Map()
  try {
    for (const [kind, { unit, scale, ...sizes }] of Object.entries(KINDS)) {
      const chosen = Object.entries(CONTESTANTS).filter(([who]) => wanted.includes(`${who}.${kind}`))
      if (chosen.length === 0) continue
      const size = quick ? sizes.quick : sizes.full
      const contestants = {}
      for (const who of ['node:net', ...chosen.map(([who]) => who)]) {
        if (!processes.has(who)) processes.set(who, await startContestant(who))
        // Twice before it counts: compilers work while they run.
        contestants[who] = async (isFirst) => {
          if (isFirst) await processes.get(who).ask({ kind, size })
          return (await processes.get(who).ask({ kind, size })).rate
        }
      }
      const medians = await interleaved(contestants, rounds)
      const base = medians.get('node:net')
      for (const [who, { title, goals }] of chosen) {
        const value = medians.get(who)
        report({
          name: `${who}.${kind}`,
          title: `${title}: ${TITLES[kind]}`,
          value: value * scale,
          unit,
          base: base * scale,
          ratio: value / base,
          goal: goals[kind],
          atLeast: true,
        })
      }
    }
  } finally {
    await Promise.all(Array.from(processes.values(), (contestant) => contestant.stop()))
  }
}

const startContestant = (who) => startHelper('contestant.mjs', [who])
