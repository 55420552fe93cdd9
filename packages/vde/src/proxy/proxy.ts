/**
 * A proxy on the host's loopback into a network: SOCKS 5 and HTTP on one port, told apart by the first octet. Names are resolved inside of
 * the network.
 *
 * @module
 */
import { createServer, type Server, type Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { NetError, type Stack, tryParseIpAddress } from '@ioth/core'
import { toDuplex } from '@ioth/core/node'
import { connectByName } from '@ioth/core/services'
import { hostPortError } from '../publish/host-port-error.ts'
import { breakStream, joinStreams } from '../streams/join-streams.ts'
import { createHttpProxy } from './http-proxy.ts'
import { SOCKS_REPLY, SocksNegotiation, socksCode, socksReply } from './socks.ts'

export interface ProxyOptions {
  /** 0: the host's choice. @default 1080 */
  readonly port?: number
  /** An address of loopback. @default '127.0.0.1' */
  readonly host?: string
  /** `USER:PASSWORD`. @default anybody on this host may */
  readonly password?: string
}

/** A proxy that runs. */
export interface Proxy extends AsyncDisposable {
  readonly host: string
  readonly port: number
  /** Closes the port; connections are reset. Idempotent. */
  close(): Promise<void>
}

/** How long a client may take for its first words, and a node to accept a connection, in milliseconds. */
const PATIENCE_MS = 30_000
/** A negotiation of SOCKS is shorter. */
const LONGEST_NEGOTIATION = 1024
const SOCKS5 = 5

/** @throws NetError ERR_IOTH_CONFIG (no loopback address); EADDRINUSE, EACCES with the next command. */
export async function startProxy(stack: Stack, options: ProxyOptions = {}): Promise<Proxy> {
  const { port = 1080, host = '127.0.0.1', password } = options
  if (tryParseIpAddress(host)?.isLoopback !== true) {
    throw new NetError('ERR_IOTH_CONFIG', 'proxy', {
      message: `the proxy listens on loopback only, and ${host} is none. For others publish single ports: ioth publish ${host}:8080:10.40.0.32:80`,
    })
  }
  const server = createServer({ allowHalfOpen: true, noDelay: true })
  await new Promise<void>((settle, reject) => {
    server.once('error', (error) => reject(hostPortError(error, host, port, `ioth proxy ${port + 1}`)))
    server.listen({ host, port }, settle)
  })
  return new RunningProxy(stack, server, host, password ?? null)
}

class RunningProxy implements Proxy {
  readonly host: string
  readonly port: number
  private readonly stack: Stack
  private readonly server: Server
  private readonly http: ReturnType<typeof createHttpProxy>
  private readonly password: string | null
  private readonly sockets = new Set<Socket>()

  constructor(stack: Stack, server: Server, host: string, password: string | null) {
    this.stack = stack
    this.server = server
    this.host = host
    this.port = (server.address() as { port: number }).port
    this.password = password
    this.http = createHttpProxy((to, port, signal) => this.dial(to, port, signal), password)
    server.removeAllListeners('error')
    // The host is short of descriptors: the next connection may find one.
    server.on('error', () => {})
    server.on('connection', (socket) => this.accept(socket))
  }

  async close(): Promise<void> {
    for (const socket of this.sockets) breakStream(socket)
    if (!this.server.listening) return
    await new Promise<void>((settle) => this.server.close(() => settle()))
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  private accept(socket: Socket): void {
    this.sockets.add(socket)
    socket.once('close', () => this.sockets.delete(socket))
    socket.on('error', () => {})
    socket.setTimeout(PATIENCE_MS, () => socket.destroy())
    const ended = (): unknown => socket.destroy()
    socket.once('end', ended)
    socket.once('data', (first: Buffer) => {
      socket.pause()
      socket.off('end', ended)
      socket.removeAllListeners('timeout').setTimeout(0)
      if (first[0] === SOCKS5) {
        void this.socks(socket, first)
        return
      }
      socket.unshift(first)
      this.http.emit('connection', socket)
      process.nextTick(() => socket.resume())
    })
  }

  private async socks(socket: Socket, first: Buffer): Promise<void> {
    const slow = (): unknown => socket.destroy()
    socket.setTimeout(PATIENCE_MS, slow)
    const negotiation = new SocksNegotiation(this.password)
    let octets = first
    for (;;) {
      const step = negotiation.next(octets)
      if (step.kind === 'refuse' || octets.length > LONGEST_NEGOTIATION) {
        socket.end(step.kind === 'refuse' ? step.octets : '')
        return
      }
      if (step.kind === 'connect') {
        await this.connect(socket, step.host, step.port, octets.subarray(step.used))
        return
      }
      if (step.kind === 'say') {
        socket.write(step.octets)
        octets = octets.subarray(step.used)
      } else {
        const more = await nextPiece(socket)
        if (more === null) {
          socket.destroy()
          return
        }
        octets = Buffer.concat([octets, more])
      }
    }
  }

  private async connect(socket: Socket, host: string, port: number, rest: Buffer): Promise<void> {
    socket.setTimeout(0)
    const gone = new AbortController()
    socket.once('close', () => gone.abort())
    try {
      const far = await this.dial(host, port, gone.signal)
      socket.write(socksReply(SOCKS_REPLY.succeeded))
      if (rest.length > 0) far.write(rest)
      joinStreams(socket, far)
    } catch (error) {
      if (socket.writable) socket.end(socksReply(socksCode(error)))
    }
  }

  private async dial(host: string, port: number, signal: AbortSignal): Promise<Duplex> {
    const connection = await connectByName(this.stack, { host, port, noDelay: true, timeoutMs: PATIENCE_MS, signal })
    return toDuplex(connection, { allowHalfOpen: true })
  }
}

/** What a paused socket receives next; null: its end. */
function nextPiece(socket: Socket): Promise<Buffer | null> {
  return new Promise((settle) => {
    const done = (piece: Buffer | null): void => {
      socket.off('readable', look).off('end', over).off('close', over)
      settle(piece)
    }
    const over = (): void => done(null)
    const look = (): void => {
      const piece = socket.read() as Buffer | null
      if (piece !== null) done(piece)
    }
    socket.on('readable', look).once('end', over).once('close', over)
    if (socket.destroyed || socket.readableEnded) over()
    else look()
  })
}
