/**
 * One contestant of `in-process.mjs`, in a process of its own: `node contestant.mjs NAME`, with an IPC channel.
 *
 * Of its own, because contestants in one process disturb each other by what they leave behind. V8 allows external memory, which received
 * octets are, only so much above the size of its heap: with 9 to 15 MB of modules in it, a bulk transfer collects all garbage every thirty
 * megabytes and takes twice the processor's time; with less or more it does so twice in a gigabyte. So it is with `node:net`, and was with ours
 * before their octets cast a shadow on the heap (`castShadow` in core).
 *
 * Messages: `{ kind, size }` → `{ rate }`.
 */
import { boundNet, coreDuplex, nodeNet } from './drivers.mjs'
import * as workloads from './workloads.mjs'

const DRIVERS = {
  'node:net': nodeNet,
  duplex: coreDuplex,
  bindnode: boundNet,
  'super-duplex': () => coreDuplex({ superSegments: true }),
  'super-bindnode': () => boundNet({ superSegments: true }),
}

const WORKLOADS = {
  bulk: workloads.bulk,
  rr1: workloads.requests,
  rr64: workloads.requests,
  conn: workloads.connections,
}

const create = DRIVERS[process.argv[2]]

process.on('message', async ({ id, kind, size }) => {
  const driver = await create()
  await driver.listen((socket) => driver.onConnection(socket))
  const rate = await WORKLOADS[kind](driver, size)
  await driver.close()
  process.send({ id, rate })
})
// The bench is over, or broke off.
process.on('disconnect', () => process.exit())
process.send({ ready: true })
