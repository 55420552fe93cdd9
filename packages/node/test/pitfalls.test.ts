/**
 * What went wrong for others, or for prototypes of this interception. The numbers are those of the notes on the method; pitfalls that are
 * a matter of event order (P5) or of whole processes (P13) stand in the tests of those.
 *
 * @module
 */
import { readFileSync } from 'node:fs'
import type net from 'node:net'
import type { AddressInfo } from 'node:net'
import type tls from 'node:tls'
import { getSystemErrorName } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { hostNetwork, type Network, stackNetworks } from './networks.ts'
import { event, follow } from './trace.ts'

const key = readFileSync(new URL('fixtures/self-signed.key', import.meta.url))
const cert = readFileSync(new URL('fixtures/self-signed.crt', import.meta.url))

interface RawHandle {
  readonly fd: number
  bind(address: string, port: number): number
}

for (const [name, create] of stackNetworks) {
  describe(name, () => {
    let network: Network
    beforeAll(async () => {
      network = await create()
    })
    afterAll(() => network.close())

    async function listen(server: net.Server, on = network): Promise<number> {
      server.listen(0, on.serverAddress)
      await event(server, 'listening')
      return (server.address() as AddressInfo).port
    }

    async function closed(server: net.Server): Promise<void> {
      server.close()
      await event(server, 'close')
    }

    test('P1 both sides of a TLS connection write more than all buffers hold before they read', async () => {
      const size = 2 << 20
      const count = async (socket: tls.TLSSocket): Promise<number> => {
        let octets = 0
        for await (const piece of socket) octets += (piece as Buffer).length
        return octets
      }
      const server = network.server.tls.createServer({ key, cert })
      const accepted = event(server, 'secureConnection')
      const client = network.client.tls.connect({ port: await listen(server), host: network.serverAddress, ca: cert })
      const [socket] = (await accepted) as [tls.TLSSocket]
      client.end(Buffer.alloc(size))
      socket.end(Buffer.alloc(size))
      expect(await Promise.all([count(client), count(socket)])).toEqual([size, size])
      await closed(server)
    })

    test('P2 octets that arrive after TLS has let go of the handle', async () => {
      const server = network.server.net.createServer((socket) => {
        socket.on('error', () => {})
        socket.on('data', () => socket.write(Buffer.alloc(100_000)))
      })
      const port = await listen(server)
      const plain = network.client.net.connect(port, network.serverAddress)
      plain.on('error', () => {})
      await event(plain, 'connect')
      const secure = network.client.tls.connect({ socket: plain, ca: cert })
      secure.on('error', () => {})
      // What comes back is no TLS: it ends the TLS side while more arrives.
      await event(secure, 'close')
      plain.destroy()
      await closed(server)
    })

    test('P4 a reset comes after the octets before it', async () => {
      const server = network.server.net.createServer({ pauseOnConnect: true })
      const port = await listen(server)
      const accepted = event(server, 'connection')
      const client = network.client.net.connect(port, network.serverAddress)
      const [socket] = (await accepted) as [net.Socket]
      const trace = follow(socket)
      // What a later connection says is there only after all that the earlier one did.
      const exchange = async (): Promise<void> => {
        const later = event(server, 'connection')
        network.client.net.connect(port, network.serverAddress).resume().end('later')
        const [last] = (await later) as [net.Socket]
        await event(last.resume(), 'end')
      }
      client.write('before')
      await exchange()
      client.resetAndDestroy()
      await exchange()
      socket.resume()
      await event(socket, 'close')
      expect(trace).toEqual(['resume', 'data 6', 'error ECONNRESET read', 'close true'])
      await closed(server)
    })

    test('P6 a connection that waits to be accepted when its server closes is reset', async () => {
      const server = network.server.net.createServer()
      let accepted = 0
      server.on('connection', (socket) => {
        accepted++
        socket.destroy()
        // The other connection is established, and waits.
        server.close()
      })
      const port = await listen(server)
      const outcomes = await Promise.all(
        ['first', 'second'].map(async () => {
          const client = network.client.net.connect(port, network.serverAddress).resume()
          const errors: unknown[] = []
          client.on('error', (error: NodeJS.ErrnoException) => errors.push(error.code))
          await event(client, 'close')
          return errors
        }),
      )
      expect(accepted).toBe(1)
      expect(outcomes).toContainEqual(['ECONNRESET'])
    })

    test('P7 a server without an address is reached by every address of the stack', async () => {
      const server = network.server.net.createServer((socket) => socket.end(`${socket.remoteFamily}`)).listen(0)
      await event(server, 'listening')
      const { port, family } = server.address() as AddressInfo
      const socket = network.client.net.connect(port, network.serverAddress)
      const [data] = await event(socket, 'data')
      expect(String(data)).toBe(family)
      const own = network.server.net.connect(port, 'localhost')
      await event(own.resume(), 'close')
      await closed(server)
    })

    test('P8 names are known after bind, listen and connect', async () => {
      const server = network.server.net.createServer().listen(0)
      // Before `listening` is emitted.
      const { port } = server.address() as AddressInfo
      expect(port).toBeGreaterThan(0)
      const client = network.client.net.connect({
        port,
        host: network.serverAddress,
        localAddress: network.clientAddress,
      })
      await event(client, 'connect')
      expect(client.localAddress).toBe(network.clientAddress)
      expect(client.localPort).toBeGreaterThan(0)
      client.destroy()
      await closed(server)
    })

    test('P9 a second bind is EINVAL, and bound ports are not given out', async () => {
      const servers = Array.from({ length: 50 }, () => network.server.net.createServer().listen(0))
      const ports = servers.map((server) => (server.address() as AddressInfo).port)
      expect(new Set(ports).size).toBe(50)
      const handle = (servers[0] as unknown as { _handle: RawHandle })._handle
      expect(getSystemErrorName(handle.bind(network.serverAddress, 0))).toBe('EINVAL')
      for (const server of servers) server.close()
    })

    test('P10 a happy-eyeballs attempt that times out gives way to the next', async ({ skip }) => {
      if (network.serverAddress === network.clientAddress) skip('on this network every address answers at once')
      const server = network.server.net.createServer((socket) => socket.end('here'))
      const port = await listen(server)
      const seen: string[] = []
      const socket = network.client.net.connect({
        port,
        host: 'two.example',
        autoSelectFamily: true,
        autoSelectFamilyAttemptTimeout: 10,
        lookup: (_name, _options, callback) =>
          (callback as unknown as (error: null, all: { address: string; family: number }[]) => void)(null, [
            // On the network, but nobody has it: nothing answers.
            { address: '10.0.0.99', family: 4 },
            { address: network.serverAddress, family: 4 },
          ]),
      })
      socket.on('connectionAttemptTimeout', () => seen.push('timeout'))
      const [data] = await event(socket, 'data')
      expect(String(data)).toBe('here')
      expect(seen).toEqual(['timeout'])
      await closed(server)
    })

    test('P14 a descriptor of the host’s stays the host’s', async () => {
      const host = hostNetwork()
      const { _createServerHandle } = host.server.net as unknown as {
        _createServerHandle(address: string, port: number, family: 4): RawHandle
      }
      const bound = _createServerHandle('127.0.0.1', 0, 4)
      expect(bound.fd).toBeGreaterThan(0)
      const server = network.server.net.createServer((socket) => socket.end('adopted')).listen({ fd: bound.fd })
      await event(server, 'listening')
      const socket = host.client.net.connect((server.address() as AddressInfo).port, '127.0.0.1')
      const [data] = await event(socket, 'data')
      expect(String(data)).toBe('adopted')
      await closed(server)

      const virtual = network.server.net.createServer().listen(0)
      expect((virtual as unknown as { _handle: RawHandle })._handle.fd).toBe(-1)
      await closed(virtual)
    })
  })
}
