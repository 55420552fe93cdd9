/**
 * What surrounds a callback: AsyncLocalStorage, diagnostics channels, async hooks, the order of ticks.
 *
 * @module
 */
import { AsyncLocalStorage } from 'node:async_hooks'
import diagnostics from 'node:diagnostics_channel'
import type net from 'node:net'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { hostNetwork, type Network, stackNetworks } from './networks.ts'
import { event } from './trace.ts'

type Program = (network: Network) => Promise<unknown>

async function listen(server: net.Server, network: Network): Promise<number> {
  server.listen(0, network.serverAddress)
  await event(server, 'listening')
  return (server.address() as AddressInfo).port
}

const programs: Record<string, Program> = {
  async 'stores follow connect and listen'(network) {
    const storage = new AsyncLocalStorage<string>()
    const seen: Record<string, string | undefined> = {}
    const note = (name: string) => () => {
      seen[name] ??= storage.getStore() ?? 'none'
    }
    const server = await storage.run('listen', async () => {
      const server = network.server.net.createServer((socket) => {
        note('connection')()
        socket.on('data', note('server data'))
        socket.on('end', note('server end'))
        socket.on('close', note('server close'))
        socket.write('hello', note('server write'))
        socket.resume()
      })
      server.on('close', note('listener close'))
      await listen(server, network)
      note('listening')()
      return server
    })
    const { port } = server.address() as AddressInfo
    const sockets = ['one', 'two'].map((name) =>
      storage.run(name, () => {
        const socket = network.client.net.connect(port, network.serverAddress)
        for (const each of ['connect', 'data', 'end', 'close']) socket.on(each, note(`${name} ${each}`))
        socket.write('x'.repeat(10), note(`${name} write`))
        return socket
      }),
    )
    await Promise.all(sockets.map((socket) => event(socket, 'data')))
    for (const socket of sockets) {
      // A large write is called back in the context that made it.
      await storage.run('later', () => new Promise((resolve) => socket.write(Buffer.alloc(4 << 20), resolve)))
      socket.end()
      await event(socket, 'close')
    }
    server.close()
    await event(server, 'close')
    return seen
  },

  async 'a turn shared by two sockets keeps their stores apart'(network) {
    const storage = new AsyncLocalStorage<number>()
    const server = network.server.net.createServer((socket) => socket.pipe(socket))
    const port = await listen(server, network)
    const mixed: boolean[] = []
    await Promise.all(
      Array.from({ length: 20 }, (_, i) =>
        storage.run(i, async () => {
          const socket = network.client.net.connect(port, network.serverAddress)
          for (let round = 0; round < 5; round++) {
            socket.write(`${i}`)
            const [data] = await event(socket, 'data')
            mixed.push(storage.getStore() === i && String(data) === `${i}`)
          }
          socket.end()
          await event(socket, 'close')
        }),
      ),
    )
    server.close()
    return mixed
  },

  async 'diagnostics channels'(network) {
    const seen: string[] = []
    const names = ['net.client.socket', 'net.server.socket', 'http.client.request.start', 'http.server.request.start']
    const subscribers = names.map((name) => [name, () => void seen.push(name)] as const)
    for (const [name, subscriber] of subscribers) diagnostics.subscribe(name, subscriber)
    const server = network.server.http.createServer((_, response) => response.end())
    const port = await listen(server, network)
    const request = network.client.http.get({ host: network.serverAddress, port, agent: false })
    const [response] = (await event(request, 'response')) as [NodeJS.ReadableStream]
    response.resume()
    await event(response as never, 'close')
    server.close()
    await event(server, 'close')
    for (const [name, subscriber] of subscribers) diagnostics.unsubscribe(name, subscriber)
    return seen
  },

  async 'ticks and microtasks run between callbacks'(network) {
    const order: string[] = []
    const server = network.server.net.createServer((socket) => {
      order.push('connection')
      process.nextTick(() => order.push('tick'))
      queueMicrotask(() => order.push('microtask'))
      socket.resume()
    })
    const port = await listen(server, network)
    const sockets = [1, 2, 3].map(() => network.client.net.connect(port, network.serverAddress))
    await Promise.all(sockets.map((socket) => event(socket, 'connect')))
    for (const socket of sockets) socket.end()
    await Promise.all(sockets.map((socket) => event(socket.resume(), 'close')))
    server.close()
    await event(server, 'close')
    return order
  },
}

for (const [name, create] of stackNetworks) {
  describe(name, () => {
    let network: Network
    beforeAll(async () => {
      network = await create()
    })
    afterAll(() => network.close())

    for (const [title, program] of Object.entries(programs)) {
      test(title, async () => {
        const expected = await program(hostNetwork())
        expect(await program(network)).toEqual(expected)
      })
    }
  })
}
