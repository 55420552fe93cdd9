/**
 * `node --expose-gc idle-pairs.mjs net|ioth COUNT`: so many connections within this process that carried an octet each way and are idle,
 * Node's streams at both ends. Prints what a pair adds, in octets: to resident memory, and to the kernel's own (sockets, files), which no
 * process is charged for.
 */
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
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

// What the first pairs need once and for all does not count.
await open(200)
const before = measure()
await open(count)
const after = measure()
const perPair = Object.entries(after).map(([name, octets]) => [name, (octets - before[name]) / count])
process.stdout.write(`${JSON.stringify(Object.fromEntries(perPair))}\n`)
process.exit()

function measure() {
  globalThis.gc()
  globalThis.gc()
  return { resident: process.memoryUsage.rss(), kernel: kernelMemory() }
}

/** Slabs that cannot be given back. */
function kernelMemory() {
  const [, kilobytes] = readFileSync('/proc/meminfo', 'utf8').match(/^SUnreclaim:\s+(\d+) kB$/m)
  return Number(kilobytes) * 1024
}
