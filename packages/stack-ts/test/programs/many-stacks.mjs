/**
 * `node --expose-gc many-stacks.mjs COUNT`: so many stacks on one in-process switch. Each is asked for an echo by its neighbour; then all
 * are left alone for an hour of their time, and closed. Prints one line of JSON about what that took and what is left.
 */
import { createFramePool, createSwitch, createVirtualScheduler, parseIpAddress, trace } from '@ioth/core'
import { createStack } from '@ioth/stack-ts'

const SECOND = 1_000_000
const HOUR = 3600 * SECOND
/** Asked at the same time. */
const ROUND = 100

const count = Number(process.argv[2])
const scheduler = createVirtualScheduler({ seed: 1 })
const pool = createFramePool()
const lan = createSwitch({ scheduler, pool, queueFrames: 65_536 })
const addressOf = (index) => `10.0.${index >> 8}.${index & 255}`
const resident = () => Math.round(process.memoryUsage.rss() / 1024)

globalThis.gc()
const before = process.memoryUsage()
let frames = 0
const stacks = []
for (let first = 0; first < count; first += ROUND) {
  const making = []
  for (let index = first; index < Math.min(count, first + ROUND); index++) {
    const port = lan.port()
    // One line is watched: what is for all is heard there, too.
    const link = index === 0 ? trace(port, () => frames++, scheduler.clock) : port
    making.push(createStack({ scheduler, pool, interfaces: [{ link, addresses: [`${addressOf(index + 1)}/8`] }] }))
  }
  await scheduler.settle(SECOND)
  stacks.push(...(await Promise.all(making)))
}
await scheduler.settle(60 * SECOND)
globalThis.gc()
const idle = process.memoryUsage()
const bytesPerStack = Math.round((idle.heapUsed + idle.arrayBuffers - before.heapUsed - before.arrayBuffers) / count)

let answers = 0
for (let first = 0; first < count; first += ROUND) {
  const asking = stacks.slice(first, first + ROUND).map((stack, place) => {
    const next = (first + place + 1) % count
    return stack.ping(parseIpAddress(addressOf(next + 1))).then(() => answers++)
  })
  await scheduler.settle(SECOND)
  await Promise.all(asking)
}
globalThis.gc()
const rssAfterPing = resident()

// Questions are over and answers have aged: from here on nothing moves.
await scheduler.settle(HOUR)
const [timers, heard] = [scheduler.timers, frames]
await scheduler.settle(HOUR)
const framesWhenIdle = frames - heard

const closing = Promise.all(stacks.map((stack) => stack.close()))
await scheduler.settle(120 * SECOND)
await closing
process.stdout.write(
  `${JSON.stringify({
    stacks: stacks.length,
    answers,
    rssKilobytes: Math.max(rssAfterPing, resident()),
    bytesPerStack,
    idle: { timers, frames: framesWhenIdle },
    left: { timers: scheduler.timers, holds: scheduler.holds, slots: pool.used, ports: lan.ports.length },
  })}\n`,
)
