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

    const connect = (secure: boolean, port: number): http2.ClientHttp2Session =>
      http2.connect(`${secure ? 'https' : 'http'}://${network.serverAddress}:${port}`, {
        createConnection: () =>
          secure
            ? network.client.tls.connect({ port, host: network.serverAddress, ca: cert, ALPNProtocols: ['h2'] })
            : network.client.net.connect(port, network.serverAddress),
      })

    async function serve(secure: boolean, answer: (stream: http2.ServerHttp2Stream) => void): Promise<net.Server> {
      const listen = (): net.Server => {
        const server = secure ? http2.createSecureServer({ key, cert }) : http2.createServer()
        server.on('stream', answer).listen(0, network.serverAddress)
        return server
      }
      const server = network.serverStack === null ? listen() : runInStack(network.serverStack, listen)
      await event(server, 'listening')
      return server
    }

    async function close(session: http2.ClientHttp2Session, server: net.Server): Promise<void> {
      session.close()
      await event(session, 'close')
      server.close()
      await event(server, 'close')
    }

    for (const secure of [false, true]) {
      test(`${secure ? 'with' : 'without'} TLS: 20 requests at once, 1 MB there and back`, async () => {
        const server = await serve(secure, (stream) => {
          stream.respond({ ':status': 200 })
          stream.pipe(stream)
        })
        const session = connect(secure, (server.address() as AddressInfo).port)
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
        await close(session, server)
      })

      for (const body of ['a body', '']) {
        test(`${secure ? 'with' : 'without'} TLS: who awaits the response finds its stream open, ${body || 'no body'}`, async () => {
          const server = await serve(secure, (stream) => {
            stream.respond({ ':status': 200 }, { endStream: body === '' })
            if (body !== '') stream.end(body)
          })
          const session = connect(secure, (server.address() as AddressInfo).port)
          for (let round = 0; round < 3; round++) {
            const stream = session.request({ ':path': '/' })
            await event(stream, 'response')
            expect([stream.closed, stream.destroyed]).toEqual([false, false])
            let text = ''
            for await (const piece of stream) text += piece
            expect(text).toBe(body)
          }
          await close(session, server)
        })
      }
    }
  })
}
