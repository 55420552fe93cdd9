/**
 * `node --expose-gc idle-pairs.mjs net|ioth COUNT`: so many connections within this process that carried one octet and are idle, each with
 * Node's streams at both ends. Prints what each pair adds to resident memory and to V8's heap, in octets.
 */
import { once } from 'node:events'
import { coreDuplex, nodeNet } from '../drivers.mjs'

const [kind, count] = [process.argv[2], Number(process.argv[3])]
const driver = await (kind === 'net' ? nodeNet() : coreDuplex())
const ends = []
await driver.listen((socket) => {
  ends.push(socket)
  socket.on('data', (octets) => socket.write(octets))
})

async function open(pairs) {
  for (let left = pairs; left > 0; left -= 100) {
    const opened = Array.from({ length: Math.min(left, 100) }, () => driver.connect())
    await Promise.all(opened.map((socket) => once(socket, 'connect')))
    for (const socket of opened) socket.write('x')
    await Promise.all(opened.map((socket) => once(socket, 'data')))
    ends.push(...opened)
  }
}

/** What the first pairs need once and for all does not count. */
await open(200)
const before = measure()
await open(count)
const after = measure()
process.stdout.write(
  `${JSON.stringify({ rss: (after.rss - before.rss) / count, heap: (after.heap - before.heap) / count })}\n`,
)
process.exit()

function measure() {
  globalThis.gc()
  globalThis.gc()
  const { rss, heapUsed, external } = process.memoryUsage()
  return { rss, heap: heapUsed + external }
}
