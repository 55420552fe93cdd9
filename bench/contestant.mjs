/**
 * One contestant of `in-process.mjs`, in a process of its own: `node contestant.mjs NAME`, with an IPC channel.
 *
 * Of its own, because contestants in one process disturb each other by what they leave behind: how large its heap is decides how often V8
 * collects all garbage during a bulk transfer (`castShadow` in core), with `node:net`, too.
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
