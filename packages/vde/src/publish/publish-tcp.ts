/**
 * A TCP port of the host that leads to a node.
 *
 * @module
 */
import { createServer, type Server, type Socket } from 'node:net'
import type { Stack } from '@ioth/core'
import { type StackDuplex, toDuplex } from '@ioth/core/node'
import { connectByName } from '@ioth/core/services'
import { breakStream, joinStreams } from '../streams/join-streams.ts'
import { hostPortError } from './host-port-error.ts'
import type { Publication, PublishOptions } from './publish.ts'
import { formatEndpoint, type PublishedPort } from './published-port.ts'

/** How long a node may take to accept a connection, in milliseconds. */
const CONNECT_MS = 30_000

/** @throws NetError as {@link import('./publish.ts').publish}. */
export async function publishTcp(stack: Stack, port: PublishedPort, options: PublishOptions): Promise<Publication> {
  const server = createServer({ pauseOnConnect: true, allowHalfOpen: true, noDelay: true })
  await new Promise<void>((settle, reject) => {
    server.once('error', (error) => reject(hostPortError(error, port.host, port.hostPort, another(port))))
    server.listen({ host: port.host, port: port.hostPort }, settle)
  })
  return new TcpPublication(stack, server, port, options)
}

class TcpPublication implements Publication {
  readonly port: PublishedPort
  private readonly stack: Stack
  private readonly server: Server
  private readonly options: PublishOptions
  private readonly sockets = new Set<Socket>()
  private readonly stopping = new AbortController()
  private inTrouble = false

  constructor(stack: Stack, server: Server, port: PublishedPort, options: PublishOptions) {
    this.stack = stack
    this.server = server
    this.options = options
    this.port = { ...port, hostPort: (server.address() as { port: number }).port }
    server.removeAllListeners('error')
    // The host is short of descriptors: the next connection may find one.
    server.on('error', () => {})
    server.on('connection', (socket) => void this.serve(socket))
  }

  get open(): number {
    return this.sockets.size
  }

  async close(): Promise<void> {
    this.stopping.abort()
    for (const socket of this.sockets) breakStream(socket)
    if (!this.server.listening) return
    await new Promise<void>((settle) => this.server.close(() => settle()))
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  private async serve(socket: Socket): Promise<void> {
    this.sockets.add(socket)
    socket.once('close', () => this.sockets.delete(socket))
    // Until the two are joined; a client that gives up takes the connection to the node with it.
    const givenUp = new AbortController()
    socket.on('error', () => {})
    socket.once('close', () => givenUp.abort())
    let far: StackDuplex
    try {
      far = toDuplex(
        await connectByName(this.stack, {
          host: this.port.target,
          port: this.port.targetPort,
          noDelay: true,
          timeoutMs: CONNECT_MS,
          signal: AbortSignal.any([givenUp.signal, this.stopping.signal]),
        }),
        { allowHalfOpen: true },
      )
    } catch (error) {
      breakStream(socket)
      if (!givenUp.signal.aborted && !this.stopping.signal.aborted) this.trouble(error as Error)
      return
    }
    this.inTrouble = false
    joinStreams(socket, far)
    socket.resume()
  }

  private trouble(error: Error): void {
    if (this.inTrouble) return
    this.inTrouble = true
    this.options.onTrouble?.(this.port, error)
  }
}

function another({ host, hostPort, target, targetPort }: PublishedPort): string {
  const own = host === '127.0.0.1' ? '' : `${host.includes(':') ? `[${host}]` : host}:`
  return `ioth publish ${own}${hostPort < 1024 ? hostPort + 8000 : hostPort + 1}:${formatEndpoint(target, targetPort)}`
}
