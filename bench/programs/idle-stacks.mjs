/** `node --expose-gc idle-stacks.mjs COUNT`: so many stacks with an address on one switch, idle. Prints what each of them holds, in octets. */
import { core, ts } from '../packages.mjs'

const count = Number(process.argv[2])
const scheduler = core.createVirtualScheduler()
const pool = core.createFramePool()
const lan = core.createSwitch({ scheduler, pool })
const stacks = []

async function open(first, end) {
  const making = []
  for (let index = first; index < end; index++) {
    const address = `10.0.${index >> 8}.${index & 255}/16`
    making.push(ts.createStack({ scheduler, pool, interfaces: [{ link: lan.port(), addresses: [address] }] }))
  }
  await scheduler.settle(60_000_000)
  stacks.push(...(await Promise.all(making)))
}

// What the first stacks need once and for all does not count.
await open(1, 100)
const before = measure()
await open(100, 100 + count)
process.stdout.write(`${(measure() - before) / count}\n`)

function measure() {
  globalThis.gc()
  const { heapUsed, arrayBuffers } = process.memoryUsage()
  return heapUsed + arrayBuffers
}
