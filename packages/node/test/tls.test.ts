/**
 * TLS over a stack: https, STARTTLS, bulk in both directions, resets.
 *
 * @module
 */
import { readFileSync } from 'node:fs'
import type net from 'node:net'
import type { AddressInfo } from 'node:net'
import type tls from 'node:tls'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Network, stackNetworks } from './networks.ts'
import { event } from './trace.ts'

const fixture = (name: string): Buffer => readFileSync(new URL(`fixtures/${name}`, import.meta.url))
const key = fixture('self-signed.key')
const cert = fixture('self-signed.crt')

for (const [name, create] of stackNetworks) {
  describe(name, () => {
    let network: Network
    beforeAll(async () => {
      network = await create()
    })
    afterAll(() => network.close())

    async function listen(server: net.Server): Promise<number> {
      server.listen(0, network.serverAddress)
      await event(server, 'listening')
      return (server.address() as AddressInfo).port
    }

    test('https with a self-signed certificate', async () => {
      const server = network.server.https.createServer({ key, cert }, (request, response) =>
        response.end(`hello ${request.socket.remoteAddress}`),
      )
      const port = await listen(server)
      const { https } = network.client
      const request = https.get({ host: network.serverAddress, port, ca: cert })
      const [response] = (await event(request, 'response')) as [import('node:http').IncomingMessage]
      expect((response.socket as tls.TLSSocket).authorized).toBe(true)
      let body = ''
      for await (const piece of response) body += piece
      expect(body).toBe(`hello ${network.clientAddress}`)
      const [refused] = await event(https.get({ host: network.serverAddress, port, agent: false }), 'error')
      expect(refused).toMatchObject({ code: 'DEPTH_ZERO_SELF_SIGNED_CERT' })
      https.globalAgent.destroy()
      server.close()
      await event(server, 'close')
    })

    test('3 MB there and back', async () => {
      const server = network.server.tls.createServer({ key, cert }, (socket) => socket.pipe(socket))
      const port = await listen(server)
      const client = network.client.tls.connect({ port, host: network.serverAddress, ca: cert })
      await event(client, 'secureConnect')
      const sent = Buffer.alloc(3 << 20, 'octets')
      client.end(sent)
      const pieces: Buffer[] = []
      for await (const piece of client) pieces.push(piece as Buffer)
      expect(Buffer.concat(pieces).equals(sent)).toBe(true)
      server.close()
      await event(server, 'close')
    })

    test('STARTTLS on both sides', async () => {
      const { tls: serverTls } = network.server
      const server = network.server.net.createServer((plain) => {
        plain.once('data', (word) => {
          expect(String(word)).toBe('STARTTLS')
          plain.write('GO')
          const secure = new serverTls.TLSSocket(plain, {
            isServer: true,
            secureContext: serverTls.createSecureContext({ key, cert }),
          })
          secure.on('data', (data) => secure.end(`secret ${data}`))
        })
      })
      const port = await listen(server)
      const plain = network.client.net.connect(port, network.serverAddress)
      plain.write('STARTTLS')
      const [go] = await event(plain, 'data')
      expect(String(go)).toBe('GO')
      const secure = network.client.tls.connect({ socket: plain, ca: cert, servername: 'server.example' })
      secure.write('question')
      let answer = ''
      for await (const piece of secure) answer += piece
      expect(answer).toBe('secret question')
      expect(secure.authorized).toBe(true)
      server.close()
      await event(server, 'close')
    })

    test('TLS around a socket that is still connecting', async () => {
      const server = network.server.tls.createServer({ key, cert }, (socket) => socket.end('here'))
      const port = await listen(server)
      const secure = network.client.tls.connect({
        socket: network.client.net.connect(port, network.serverAddress),
        ca: cert,
        servername: 'server.example',
      })
      let answer = ''
      for await (const piece of secure) answer += piece
      expect(answer).toBe('here')
      server.close()
      await event(server, 'close')
    })

    test('a reset reaches the TLS socket as ECONNRESET', async () => {
      const server = network.server.tls.createServer({ key, cert })
      const raw = event(server, 'connection') as Promise<[net.Socket]>
      server.on('secureConnection', (socket) =>
        socket.on('error', () => {}).on('data', async () => (await raw)[0].resetAndDestroy()),
      )
      const port = await listen(server)
      const client = network.client.tls.connect({ port, host: network.serverAddress, ca: cert })
      client.resume()
      client.write('go away')
      const [error] = await event(client, 'error')
      expect(error).toMatchObject({ code: 'ECONNRESET', syscall: 'read' })
      server.close()
      await event(server, 'close')
    })

    test('a refused connection has the same face as without TLS', async () => {
      const server = network.server.net.createServer()
      const port = await listen(server)
      server.close()
      await event(server, 'close')
      const [error] = await event(network.client.tls.connect({ port, host: network.serverAddress }), 'error')
      expect(error).toMatchObject({
        message: `connect ECONNREFUSED ${network.serverAddress}:${port}`,
        address: network.serverAddress,
        port,
      })
    })

    test('destroying amid a handshake and amid a transfer', async () => {
      const server = network.server.tls.createServer({ key, cert }, (socket) => {
        socket.on('error', () => {})
        socket.resume()
      })
      server.on('tlsClientError', () => {})
      const port = await listen(server)
      const options = { port, host: network.serverAddress, ca: cert }
      const early = network.client.tls.connect(options)
      await event(early, 'connect')
      early.destroy()
      await event(early, 'close')
      const late = network.client.tls.connect(options)
      await event(late, 'secureConnect')
      late.write(Buffer.alloc(4 << 20))
      late.destroy()
      await event(late, 'close')
      server.close()
      await event(server, 'close')
    })
  })
}
