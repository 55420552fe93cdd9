/**
 * Small costs, each against its naive form: they tell where a regression of the large figures comes from.
 */
import { performance } from 'node:perf_hooks'
import { interleaved } from './measure.mjs'
import { core } from './packages.mjs'

const FRAME = 1472

/** Calls per second. */
function rate(calls, work) {
  const since = performance.now()
  const result = work(calls)
  const seconds = (performance.now() - since) / 1000
  // Read the result, so that the work cannot be left out.
  if (result === Number.POSITIVE_INFINITY) throw new Error('impossible')
  return calls / seconds
}

function checksum() {
  const pool = core.createFramePool()
  const at = pool.take(FRAME)
  pool.bytes.fill(0x5a, at, at + FRAME)
  const byteLoop = (calls) => {
    let result = 0
    for (let i = 0; i < calls; i++) {
      const { bytes } = pool
      let sum = 0
      for (let j = 0; j < FRAME; j += 2) sum += (bytes[at + j] << 8) | bytes[at + j + 1]
      while (sum > 0xffff) sum = (sum & 0xffff) + Math.floor(sum / 0x10000)
      result += sum
    }
    return result
  }
  const pooled = (calls) => {
    let result = 0
    for (let i = 0; i < calls; i++) result += pool.sum(at, FRAME, 0)
    return result
  }
  return {
    title: 'checksum of 1472 octets against a loop over octets',
    ours: pooled,
    naive: byteLoop,
    calls: 30_000,
    goal: 8,
  }
}

function slots() {
  const pool = core.createFramePool()
  const fresh = (calls) => {
    let result = 0
    for (let i = 0; i < calls; i++) result += new Uint8Array(1514).length
    return result
  }
  const pooled = (calls) => {
    let result = 0
    for (let i = 0; i < calls; i++) {
      const at = pool.take(1514)
      result += at
      pool.release(at)
    }
    return result
  }
  return { title: 'a slot of the pool against a new Uint8Array', ours: pooled, naive: fresh, calls: 100_000, goal: 5 }
}

function timers() {
  class Nothing extends core.Timer {
    fire() {}
  }
  const scheduler = core.createVirtualScheduler()
  const timer = new Nothing()
  const ours = (calls) => {
    for (let i = 0; i < calls; i++) {
      scheduler.clock.arm(timer, i)
      scheduler.clock.disarm(timer)
    }
    return 0
  }
  const host = (calls) => {
    for (let i = 0; i < calls; i++) clearTimeout(setTimeout(() => {}, 1000))
    return 0
  }
  return { title: 'arming and disarming a timer against setTimeout', ours, naive: host, calls: 100_000, goal: 5 }
}

const BENCHES = { 'micro.checksum': checksum, 'micro.pool': slots, 'micro.timer': timers }

export const names = Object.keys(BENCHES)

export async function run(wanted, { rounds, report }) {
  for (const name of wanted) {
    const { title, ours, naive, calls, goal } = BENCHES[name]()
    const medians = await interleaved(
      { naive: async () => rate(calls, naive), ours: async () => rate(calls, ours) },
      rounds,
    )
    const [value, base] = [medians.get('ours'), medians.get('naive')]
    report({
      name,
      title,
      value: value / 1e6,
      unit: 'M/s',
      base: base / 1e6,
      ratio: value / base,
      goal,
      atLeast: true,
    })
  }
}
