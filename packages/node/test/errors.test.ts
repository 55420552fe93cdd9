/**
 * Failures on a stack are those of Node on the host: message, code, errno, syscall, address and port.
 *
 * @module
 */
import type net from 'node:net'
import type { AddressInfo } from 'node:net'
import { getSystemErrorMap } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { hostNetwork, type Network, stackNetworks } from './networks.ts'
import { event } from './trace.ts'

const NUMBERS = new Map([...getSystemErrorMap()].map(([number, [code]]) => [code, number]))

/** What users see of an error, with the addresses of this run named after their parts. */
function face(error: unknown, network: Network, port: number): Record<string, unknown> {
  const { message, code, errno, syscall, address, port: errorPort } = error as NodeJS.ErrnoException & AddressInfo
  const name = (text: string | undefined): string | undefined =>
    text?.replaceAll(network.serverAddress, 'SERVER').replaceAll(`:${port}`, ':PORT')
  return {
    message: name(message),
    code,
    errno,
    syscall,
    address: name(address),
    port: errorPort === port ? 'PORT' : errorPort,
  }
}

async function failure(emitter: net.Socket | net.Server): Promise<unknown> {
  const [error] = await event(emitter, 'error')
  return error
}

type Attempt = (network: Network) => Promise<Record<string, unknown>>

const attempts: Record<string, Attempt> = {
  async 'connection refused'(network) {
    const server = network.server.net.createServer().listen(0, network.serverAddress)
    await event(server, 'listening')
    const { port } = server.address() as AddressInfo
    server.close()
    await event(server, 'close')
    return face(await failure(network.client.net.connect(port, network.serverAddress)), network, port)
  },

  async 'listen on a port in use'(network) {
    const first = network.server.net.createServer().listen(0, network.serverAddress)
    await event(first, 'listening')
    const { port } = first.address() as AddressInfo
    const second = network.server.net.createServer().listen(port, network.serverAddress)
    const error = face(await failure(second), network, port)
    first.close()
    return error
  },

  async 'listen on an address of somebody else'(network) {
    return face(await failure(network.server.net.createServer().listen(80, '192.0.2.1')), network, 80)
  },

  async 'connect from an address of somebody else'(network) {
    const socket = network.client.net.connect({ port: 80, host: network.serverAddress, localAddress: '192.0.2.1' })
    return face(await failure(socket), network, 80)
  },

  async 'connect from a port in use'(network) {
    const holder = network.client.net.createServer().listen(0, network.clientAddress)
    await event(holder, 'listening')
    const { port } = holder.address() as AddressInfo
    const socket = network.client.net.connect({
      port: 80,
      host: network.serverAddress,
      localAddress: network.clientAddress,
      localPort: port,
    })
    const error = face(await failure(socket), network, port)
    holder.close()
    return { ...error, address: undefined, message: String(error.message).replace(network.clientAddress, 'SERVER') }
  },

  async 'a reset connection'(network) {
    const server = network.server.net.createServer((socket) => socket.on('data', () => socket.resetAndDestroy()))
    server.listen(0, network.serverAddress)
    await event(server, 'listening')
    const { port } = server.address() as AddressInfo
    const client = network.client.net.connect(port, network.serverAddress)
    client.resume()
    client.write('go away')
    const error = await failure(client)
    server.close()
    return face(error, network, port)
  },

  async 'resetAndDestroy amid a shutdown'(network) {
    const server = network.server.net.createServer((socket) => socket.on('error', () => {}).resume())
    server.listen(0, network.serverAddress)
    await event(server, 'listening')
    const { port } = server.address() as AddressInfo
    const client = network.client.net.connect({ port, host: network.serverAddress, allowHalfOpen: true })
    await event(client, 'connect')
    const failed = failure(client)
    client.end()
    client.resetAndDestroy()
    const error = await failed
    server.close()
    return face(error, network, port)
  },

  async 'two families, both refused'(network) {
    const server = network.server.net.createServer().listen(0, network.serverAddress)
    await event(server, 'listening')
    const { port } = server.address() as AddressInfo
    server.close()
    await event(server, 'close')
    const socket = network.client.net.connect({
      port,
      host: 'two.example',
      autoSelectFamily: true,
      lookup: (_name, _options, callback) =>
        (callback as unknown as (error: null, all: { address: string; family: number }[]) => void)(null, [
          { address: network.serverAddress, family: 4 },
          { address: '::1', family: 6 },
        ]),
    })
    const error = (await failure(socket)) as AggregateError
    const attempted = socket.autoSelectFamilyAttemptedAddresses.map((text) => text.replace(`${port}`, 'PORT'))
    return {
      ...face(error, network, port),
      errors: error.errors?.length,
      first: face(error.errors?.[0], network, port).message,
      attempted: attempted.length,
    }
  },
}

for (const [name, create] of stackNetworks) {
  describe(name, () => {
    let network: Network
    beforeAll(async () => {
      network = await create()
    })
    afterAll(() => network.close())

    for (const [title, attempt] of Object.entries(attempts)) {
      test(title, async () => {
        const expected = await attempt(hostNetwork())
        expect(expected.code).toBeTypeOf('string')
        expect(await attempt(network)).toEqual(expected)
      })
    }

    test('a destination without a route, in the words of a host without one', async () => {
      const error = await failure(network.client.net.connect(80, '203.0.113.7'))
      expect(error).toMatchObject({
        message: 'connect ENETUNREACH 203.0.113.7:80 - Local (0.0.0.0:0)',
        code: 'ENETUNREACH',
        errno: NUMBERS.get('ENETUNREACH'),
        syscall: 'connect',
        address: '203.0.113.7',
        port: 80,
      })
    })

    test('listening without an address, twice', async () => {
      const first = network.server.net.createServer().listen(0)
      await event(first, 'listening')
      const { port, address } = first.address() as AddressInfo
      const error = await failure(network.server.net.createServer().listen(port))
      first.close()
      expect(error).toMatchObject({ code: 'EADDRINUSE', syscall: 'listen', port, address })
      expect((error as Error).message).toBe(`listen EADDRINUSE: address already in use ${address}:${port}`)
    })
  })
}
