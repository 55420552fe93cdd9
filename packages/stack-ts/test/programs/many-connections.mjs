/**
 * `node --expose-gc many-connections.mjs COUNT`: so many connections between two stacks, each with one octet carried both ways. They are
 * left alone for a day of their time, and closed. Prints one line of JSON about what a pair of sockets holds, what happens while they are
 * idle, and what is left.
 */
import {
  ANY_V4,
  createFramePool,
  createPipe,
  createVirtualScheduler,
  parseIpAddress,
  READABLE,
  trace,
} from '@ioth/core'
import { createStack } from '@ioth/stack-ts'

const SECOND = 1_000_000
const HOUR = 3600 * SECOND
/** Opened at the same time. */
const ROUND = 500
const PORT = 80

const count = Number(process.argv[2])
const scheduler = createVirtualScheduler({ seed: 1 })
const pool = createFramePool()
const [near, far] = createPipe({ scheduler, pool })
let frames = 0
const links = [trace(near, () => frames++, scheduler.clock), far]
const making = links.map((link, i) =>
  createStack({ scheduler, pool, interfaces: [{ link, addresses: [`10.0.0.${i + 1}/24`] }] }),
)
await scheduler.settle(SECOND)
const [client, server] = await Promise.all(making)

const socket = server.openTcp(4)
socket.bind(ANY_V4, PORT)
const listener = socket.listen(1024)
const octet = new Uint8Array(1)
const echo = (accepted) => {
  accepted.interest = READABLE
  accepted.onReady = () => {
    if (accepted.read(octet, 0, 1) === 1) accepted.write(octet, 0, 1)
    else accepted.close()
  }
  return accepted
}
const accepted = []
listener.interest = READABLE
listener.onReady = () => {
  for (let next = listener.accept(); next !== null; next = listener.accept()) accepted.push(echo(next))
}
await scheduler.settle(60 * SECOND)
const idleTimers = scheduler.timers
globalThis.gc()
const before = process.memoryUsage()
const slots = pool.used

const opened = []
let answers = 0
for (let first = 0; first < count; first += ROUND) {
  for (let index = first; index < Math.min(count, first + ROUND); index++) {
    const one = client.openTcp(4)
    one.connect(parseIpAddress('10.0.0.2'), PORT)
    one.interest = READABLE
    one.onReady = () => {
      if (one.read(octet, 0, 1) === 1) answers++
    }
    opened.push(one)
  }
  await scheduler.settle(SECOND)
  for (const one of opened.slice(first)) one.write(octet, 0, 1)
  await scheduler.settle(SECOND)
}
await scheduler.settle(HOUR)
globalThis.gc()
const idle = process.memoryUsage()
const bytesPerPair = Math.round((idle.heapUsed + idle.arrayBuffers - before.heapUsed - before.arrayBuffers) / count)
const slotsHeld = pool.used - slots
const rssKilobytes = Math.round(process.memoryUsage.rss() / 1024)

const [timers, seen] = [scheduler.timers - idleTimers, frames]
await scheduler.settle(24 * HOUR)
const framesWhenIdle = frames - seen
const established = [...client.sockets()].filter(({ state }) => state === 'ESTABLISHED').length

for (const one of opened) one.close()
await scheduler.settle(SECOND)
listener.close()
await scheduler.settle(120 * SECOND)
const sockets = [client, server].map((stack) => [...stack.sockets()].length)
const closing = [client.close(), server.close()]
await scheduler.settle(SECOND)
await Promise.all(closing)
process.stdout.write(
  `${JSON.stringify({
    connections: established,
    answers,
    bytesPerPair,
    rssKilobytes,
    idle: { timers, frames: framesWhenIdle, slots: slotsHeld },
    left: { sockets, timers: scheduler.timers, holds: scheduler.holds, slots: pool.used },
  })}\n`,
)
