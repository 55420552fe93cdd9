/**
 * HTTP over a stack: Node's own client and server, fetch, undici, Express and Fastify.
 *
 * @module
 */
import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import express from 'express'
import Fastify from 'fastify'
import * as undici from 'undici'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { runInStack } from '../src/index.ts'
import { type Network, stackNetworks } from './networks.ts'
import { event } from './trace.ts'

async function portOf(server: Server): Promise<number> {
  if (!server.listening) await event(server, 'listening')
  return (server.address() as AddressInfo).port
}

for (const [name, create] of stackNetworks) {
  describe(name, () => {
    let network: Network
    beforeAll(async () => {
      network = await create()
    })
    afterAll(() => network.close())

    interface Answer {
      readonly status: number | undefined
      readonly body: string
      readonly localPort: number | undefined
    }

    function get(path: string, port: number, options: object = {}): Promise<Answer> {
      const { http } = network.client
      return new Promise((resolve, reject) => {
        const request = http.get({ host: network.serverAddress, port, path, ...options }, (response) => {
          const { localPort } = response.socket
          let body = ''
          response.setEncoding('utf8')
          response.on('data', (piece) => (body += piece))
          response.on('end', () => resolve({ status: response.statusCode, body, localPort }))
        })
        request.on('error', reject)
      })
    }

    test('an agent keeps its connection', async () => {
      const server = network.server.http.createServer((request, response) =>
        response.end(`${request.url} for ${request.socket.remoteAddress}`),
      )
      let connections = 0
      server.on('connection', () => connections++)
      server.listen(0, network.serverAddress)
      const port = await portOf(server)
      const agent = new network.client.http.Agent({ keepAlive: true, maxSockets: 1 })
      const answers: Answer[] = []
      for (const path of ['/a', '/b', '/c']) answers.push(await get(path, port, { agent }))
      expect(answers.map(({ body }) => body)).toEqual(
        ['/a', '/b', '/c'].map((path) => `${path} for ${network.clientAddress}`),
      )
      expect(new Set(answers.map(({ localPort }) => localPort)).size).toBe(1)
      expect(connections).toBe(1)
      agent.destroy()
      server.close()
      await event(server, 'close')
    })

    test('200 connections at once', async () => {
      const server = network.server.http.createServer(async (request, response) => {
        for await (const _ of request);
        response.end(request.url)
      })
      server.listen(0, network.serverAddress)
      const port = await portOf(server)
      const paths = Array.from({ length: 200 }, (_, i) => `/${i}`)
      const answers = await Promise.all(paths.map((path) => get(path, port, { agent: false })))
      expect(answers.map(({ body }) => body)).toEqual(paths)
      expect(new Set(answers.map(({ localPort }) => localPort)).size).toBe(200)
      server.close()
      await event(server, 'close')
    })

    test('a large body each way', async () => {
      const size = 3 << 20
      const server = network.server.http.createServer((request, response) => request.pipe(response))
      server.listen(0, network.serverAddress)
      const port = await portOf(server)
      const request = network.client.http.request({ host: network.serverAddress, port, method: 'POST' })
      const sent = Buffer.alloc(size, 'octets')
      request.end(sent)
      const [response] = (await event(request, 'response')) as [AsyncIterable<Buffer>]
      const pieces: Buffer[] = []
      for await (const piece of response) pieces.push(piece)
      expect(Buffer.concat(pieces).equals(sent)).toBe(true)
      server.close()
      await event(server, 'close')
    })

    test('upgrade and CONNECT hand the socket over', async () => {
      const server = network.server.http.createServer()
      server.on('connect', (_request, socket) => {
        socket.write('HTTP/1.1 200 OK\r\n\r\n')
        socket.pipe(socket)
      })
      server.listen(0, network.serverAddress)
      const port = await portOf(server)
      const request = network.client.http.request({ host: network.serverAddress, port, method: 'CONNECT', path: 'x:1' })
      request.end()
      const [, socket] = (await event(request, 'connect')) as [unknown, import('node:net').Socket]
      socket.write('through')
      const [data] = await event(socket, 'data')
      expect(String(data)).toBe('through')
      socket.end()
      server.close()
      await event(server, 'close')
    })

    test('an agent of another network is refused in words', async () => {
      const { Agent } = await import('node:http')
      await expect(async () => get('/', 80, { agent: new Agent() })).rejects.toThrow(
        'options.agent belongs to another network',
      )
    })

    test('agent: false, a class derived from Agent, a global agent of its own', async () => {
      const { http } = network.client
      class Counting extends http.Agent {
        made = 0
        override createConnection(...args: Parameters<InstanceType<typeof http.Agent>['createConnection']>) {
          this.made++
          return super.createConnection(...args)
        }
      }
      const server = network.server.http.createServer((request, response) => response.end(request.socket.remoteAddress))
      server.listen(0, network.serverAddress)
      const port = await portOf(server)
      const counting = new Counting()
      const { body } = await get('/', port, { agent: counting })
      expect([body, counting.made]).toEqual([network.clientAddress, 1])
      expect(counting).toBeInstanceOf((await import('node:http')).Agent)
      expect((await get('/', port, { agent: false })).body).toBe(network.clientAddress)
      expect((await get('/', port)).body).toBe(network.clientAddress)
      expect(Object.values(http.globalAgent.freeSockets).flat()).toHaveLength(1)
      expect((await import('node:http')).globalAgent).not.toBe(http.globalAgent)
      http.globalAgent.destroy()
      server.close()
      await event(server, 'close')
    })

    for (const [client, request] of [
      ['fetch', fetch],
      ['undici', undici.fetch],
    ] as const) {
      test(`${client} in a scope`, async () => {
        const stack = network.clientStack
        if (stack === null) return
        const server = network.server.http.createServer((request, response) =>
          response.end(`${request.socket.remoteAddress} ${'x'.repeat(50_000)}`),
        )
        server.listen(0, network.serverAddress)
        const port = await portOf(server)
        await runInStack(stack, async () => {
          const response = await request(`http://${network.serverAddress}:${port}/`)
          expect(response.status).toBe(200)
          expect(await response.text()).toBe(`${network.clientAddress} ${'x'.repeat(50_000)}`)
          const refused = await request(`http://${network.serverAddress}:4/`).catch((error: Error) => error)
          expect((refused as Error).cause).toMatchObject({
            message: `connect ECONNREFUSED ${network.serverAddress}:4`,
          })
        })
        server.close()
        server.closeAllConnections()
        await event(server, 'close')
      })
    }

    test('Express sees the peer by its virtual address', async () => {
      const app = express()
      app.use(express.json())
      app.get('/', (request, response) => void response.send(request.ip))
      app.post('/', (request, response) => void response.json({ got: request.body }))
      const server = network.server.http.createServer(app).listen(0, network.serverAddress)
      const port = await portOf(server)
      expect(await get('/', port)).toMatchObject({ status: 200, body: network.clientAddress })
      const request = network.client.http.request({
        host: network.serverAddress,
        port,
        method: 'POST',
        headers: { 'content-type': 'application/json' },
      })
      request.end('{"a":1}')
      const [response] = (await event(request, 'response')) as [AsyncIterable<Buffer>]
      let body = ''
      for await (const piece of response) body += piece
      expect(JSON.parse(body)).toEqual({ got: { a: 1 } })
      network.client.http.globalAgent.destroy()
      server.close()
      await event(server, 'close')
    })

    test('Fastify sees the peer by its virtual address', async () => {
      const app = Fastify({ serverFactory: (handler) => network.server.http.createServer(handler) })
      app.get('/', async (request) => ({ ip: request.ip }))
      await app.listen({ port: 0, host: network.serverAddress })
      const { port } = app.server.address() as AddressInfo
      const { body } = await get('/', port)
      expect(JSON.parse(body)).toEqual({ ip: network.clientAddress })
      network.client.http.globalAgent.destroy()
      await app.close()
    })
  })
}
