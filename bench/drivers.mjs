/**
 * The same three calls over node:net and over our stacks, so that one workload measures all of them.
 *
 * A driver gives `listen(onConnection)`, `connect()` and `close()`; connections are Node's streams everywhere.
 */
import net from 'node:net'
import { core, loadNode, streams, ts } from './packages.mjs'

const { createPipe, defaultPool, defaultScheduler, FULL_OFFLOAD, NO_OFFLOAD } = core
const PORT = 80

/** Node's own, over the kernel's loopback. */
export function nodeNet() {
  let server
  let port
  return {
    listen: (onConnection) =>
      new Promise((resolve) => {
        server = net.createServer({ noDelay: true }, onConnection).listen(0, '127.0.0.1', () => {
          port = server.address().port
          resolve()
        })
      }),
    connect: () => net.connect({ port, host: '127.0.0.1', noDelay: true }),
    close: () => new Promise((resolve) => server.close(resolve)),
  }
}

/** Two stacks in this process, a pipe between them. */
export async function pair({ superSegments = false } = {}) {
  const scheduler = defaultScheduler()
  const pool = defaultPool()
  const offload = superSegments ? FULL_OFFLOAD : NO_OFFLOAD
  const links = createPipe({ scheduler, pool, mtu: 1500, offload })
  const stacks = await Promise.all(
    links.map((link, index) =>
      ts.createStack({ scheduler, pool, interfaces: [{ link, addresses: [`10.0.0.${index + 1}/24`] }] }),
    ),
  )
  return { client: stacks[0], server: stacks[1] }
}

/** Core's own Duplex. */
export async function coreDuplex(options) {
  const { client, server } = await pair(options)
  let listening
  return {
    async listen(onConnection) {
      listening = streams.createServer(server, { noDelay: true }, onConnection).listen({ port: PORT })
    },
    connect: () => streams.connect(client, { host: '10.0.0.2', port: PORT, noDelay: true }),
    async close() {
      listening?.close()
      await Promise.all([client.close(), server.close()])
    },
  }
}

/** Node's `net` on our stacks. */
export async function boundNet(options) {
  const { bindNode } = await loadNode()
  const { client, server } = await pair(options)
  const ours = { client: bindNode(client).net, server: bindNode(server).net }
  let listening
  return {
    listen: (onConnection) =>
      new Promise((resolve) => {
        listening = ours.server.createServer({ noDelay: true }, onConnection).listen(PORT, resolve)
      }),
    connect: () => ours.client.connect({ host: '10.0.0.2', port: PORT, noDelay: true }),
    async close() {
      listening?.close()
      await Promise.all([client.close(), server.close()])
    },
  }
}
