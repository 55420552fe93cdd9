/**
 * One end of a connection between two processes. Started with an IPC channel:
 * `node peer.mjs net` over the kernel's loopback, `node peer.mjs ioth DIR ADDRESS` on the switch in DIR.
 *
 * Messages: `{ listen: kind }` → `{ port }`; `{ connect: { host, port }, kind, size }` → `{ rate }`; `{ rss: true }` → `{ rss }`.
 */
import { once } from 'node:events'
import net from 'node:net'
import { performance } from 'node:perf_hooks'
import { ask, echo, writeAll } from './workloads.mjs'

const PORT = 80

/** Bulk: reads as many octets as announced by the first four, in units of 64 KiB, then answers with one. */
function sink(socket) {
  let expected = 0
  let received = 0
  socket.on('data', (chunk) => {
    if (expected === 0) expected = chunk.readUInt32BE(0) * 65_536
    received += chunk.length
    if (received === expected + 4) socket.write('k')
  })
  socket.on('end', () => socket.end())
}

const kinds = {
  bulk: {
    serve: sink,
    async run(socket, { octets }) {
      const blocks = Math.ceil(octets / 65_536)
      const announcement = Buffer.alloc(4)
      announcement.writeUInt32BE(blocks)
      const since = performance.now()
      socket.write(announcement)
      writeAll(socket, blocks * 65_536)
      await once(socket, 'data')
      return (blocks * 65_536) / ((performance.now() - since) / 1000)
    },
  },
  rr: {
    serve: echo,
    async run(socket, { count }) {
      const since = performance.now()
      await ask(socket, count)
      return count / ((performance.now() - since) / 1000)
    },
  },
}

async function overNet() {
  return {
    listen: (serve) =>
      new Promise((resolve) => {
        const server = net
          .createServer({ noDelay: true }, serve)
          .listen(0, '127.0.0.1', () => resolve(server.address().port))
      }),
    connect: ({ port }) => net.connect({ port, host: '127.0.0.1', noDelay: true }),
  }
}

async function overSwitch(dir, address) {
  const { core, loadVde, streams, ts } = await import('./packages.mjs')
  const { openVnl } = await loadVde()
  const link = await openVnl(dir)
  const scheduler = core.defaultScheduler()
  const stack = await ts.createStack({
    scheduler,
    pool: core.defaultPool(),
    interfaces: [{ link, addresses: [address] }],
  })
  return {
    async listen(serve) {
      streams.createServer(stack, { noDelay: true }, serve).listen({ port: PORT })
      return PORT
    },
    connect: ({ host, port }) => streams.connect(stack, { host, port, noDelay: true }),
  }
}

const [mode, ...rest] = process.argv.slice(2)
const driver = await (mode === 'net' ? overNet() : overSwitch(...rest))

process.on('message', async ({ id, listen, connect, kind, size, rss }) => {
  if (listen !== undefined) {
    process.send({ id, port: await driver.listen(kinds[listen].serve) })
  } else if (connect !== undefined) {
    const socket = driver.connect(connect)
    await once(socket, 'connect')
    const rate = await kinds[kind].run(socket, size)
    socket.end()
    await once(socket, 'close')
    process.send({ id, rate })
  } else if (rss) {
    process.send({ id, rss: process.memoryUsage.rss() })
  }
})
// The bench is over, or broke off.
process.on('disconnect', () => process.exit())
process.send({ ready: true })
