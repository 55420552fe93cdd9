/**
 * HTTP/2 over a stack, with and without TLS: sessions of Node's own on bound sockets.
 *
 * @module
 */
import { readFileSync } from 'node:fs'
import http2 from 'node:http2'
import type net from 'node:net'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { runInStack } from '../src/index.ts'
import { hostNetwork, type Network, stackNetworks } from './networks.ts'
import { event } from './trace.ts'

const key = readFileSync(new URL('fixtures/self-signed.key', import.meta.url))
const cert = readFileSync(new URL('fixtures/self-signed.crt', import.meta.url))

for (const [name, create] of [['host', async () => hostNetwork()], ...stackNetworks] as typeof stackNetworks) {
  describe(name, () => {
    let network: Network
    beforeAll(async () => {
      network = await create()
    })
    afterAll(() => network.close())

    for (const secure of [false, true]) {
      test(`${secure ? 'with' : 'without'} TLS: 20 requests at once, 1 MB there and back`, async () => {
        const echo = (stream: http2.ServerHttp2Stream): void => {
          stream.respond({ ':status': 200 })
          stream.pipe(stream)
        }
        const listen = (): net.Server => {
          const server = secure ? http2.createSecureServer({ key, cert }) : http2.createServer()
          server.on('stream', echo).listen(0, network.serverAddress)
          return server
        }
        const server = network.serverStack === null ? listen() : runInStack(network.serverStack, listen)
        await event(server, 'listening')
        const { port } = server.address() as AddressInfo
        const session = http2.connect(`${secure ? 'https' : 'http'}://${network.serverAddress}:${port}`, {
          createConnection: () =>
            secure
              ? network.client.tls.connect({ port, host: network.serverAddress, ca: cert, ALPNProtocols: ['h2'] })
              : network.client.net.connect(port, network.serverAddress),
        })
        const sent = Buffer.alloc(1 << 20, 'octets')
        const ask = async (body: Buffer): Promise<boolean> => {
          const stream = session.request({ ':method': 'POST', ':path': '/' })
          stream.end(body)
          const pieces: Buffer[] = []
          for await (const piece of stream) pieces.push(piece as Buffer)
          return Buffer.concat(pieces).equals(body)
        }
        const answers = await Promise.all([sent, ...Array.from({ length: 20 }, (_, i) => Buffer.from(`${i}`))].map(ask))
        expect(new Set(answers)).toEqual(new Set([true]))
        session.close()
        await event(session, 'close')
        server.close()
        await event(server, 'close')
      })
    }
  })
}
