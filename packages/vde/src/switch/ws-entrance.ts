/**
 * Where WebSockets come in: browser tabs, and programs that can nothing else. On loopback only; whoever comes must know the token, and a
 * page must be of an origin that was named, for any page of the world may try to connect to this host.
 *
 * @module
 */
import { randomBytes, timingSafeEqual } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import { NO_OFFLOAD } from '@ioth/core'
import type { VdeRefusal } from '@ioth/ffi'
import { type WebSocket, WebSocketServer } from 'ws'
import { MAX_NAME, printable } from '../stream/opening.ts'
import { lengthOf, MIN_FRAME, RECORD_HEADER, writeFrameHeader } from '../stream/record.ts'
import { inputBytes, inputEnd, inputView } from '../stream/stream-input.ts'
import { networkError } from '../vnl/switch-directory.ts'
import { Port, type PortOutbox } from './port.ts'
import type { EntranceSetup } from './vde-entrance.ts'

export interface WebSocketEntranceOptions {
  /** A loopback address. @default 127.0.0.1 */
  readonly host?: string
  /** 0: any. */
  readonly port: number
  /** @default one of chance */
  readonly token?: string
  /** Origins of pages that may connect, beside those of this host: `https://lab.example.org`. */
  readonly origins?: readonly string[]
}

export interface WebSocketHooks {
  choose(): number | VdeRefusal
  readonly setup: EntranceSetup
  added(port: WsPort): void
  removed(port: WsPort): void
  refused(reason: string): void
}

const LOOPBACK = /^(127(\.\d{1,3}){3}|::1|localhost)$/
/** `http://localhost:3000`, `http://[::1]`, and the like. */
const LOOPBACK_ORIGIN = /^https?:\/\/(localhost|127(\.\d{1,3}){3}|\[::1\])(:\d+)?$/
const LOOPBACK_HOST = /^(localhost|127(\.\d{1,3}){3}|\[::1\])(:\d+)?$/
const TOKEN_OCTETS = 16
const OVERHEAD = 18

export class WsEntrance {
  readonly ports: Set<WsPort> = new Set()
  /** With the token: for whoever may join. */
  readonly url: string
  private readonly server: WebSocketServer

  private constructor(server: WebSocketServer, url: string) {
    this.server = server
    this.url = url
  }

  /** @throws NetError ERR_IOTH_NETWORK */
  static async open(options: WebSocketEntranceOptions, hooks: WebSocketHooks): Promise<WsEntrance> {
    const { host = '127.0.0.1', port, token = randomBytes(TOKEN_OCTETS).toString('hex'), origins = [] } = options
    if (!LOOPBACK.test(host)) {
      throw networkError(
        `WebSockets are served on loopback only, not on ${host}. From elsewhere: ssh -L 8787:127.0.0.1:8787 HOST`,
      )
    }
    if (token.length < TOKEN_OCTETS) throw networkError(`a token has at least ${TOKEN_OCTETS} characters`)
    const server = new WebSocketServer({
      host,
      port,
      maxPayload: hooks.setup.mtu + OVERHEAD,
      perMessageDeflate: false,
      verifyClient: ({ req }: { req: IncomingMessage }, done: (ok: boolean, code?: number, text?: string) => void) => {
        const why = refusal(req, token, origins)
        if (why === null) return done(true)
        hooks.refused(why)
        done(false, why === 'token' ? 401 : 403, `this needs ${why === 'token' ? 'the token' : 'another origin'}`)
      },
    })
    await new Promise<void>((resolve, reject) => {
      server.once('listening', resolve)
      server.once('error', (error) =>
        reject(networkError(`WebSockets cannot be served on ${host}:${port}: ${error.message}`, error)),
      )
    })
    const at = server.address() as { port: number }
    const entrance = new WsEntrance(
      server,
      `ws://${host.includes(':') ? `[${host}]` : host}:${at.port}/?token=${token}`,
    )
    server.on('error', () => {})
    server.on('connection', (socket, request) => entrance.add(socket, request, hooks))
    return entrance
  }

  unref(): void {
    // The server of `ws` has no unref of its own.
    ;(this.server as unknown as { _server?: { unref(): void } })._server?.unref()
  }

  async close(): Promise<void> {
    for (const port of this.ports) port.close('the switch is stopping')
    await new Promise<void>((resolve) => {
      this.server.close(() => resolve())
      for (const client of this.server.clients) client.terminate()
    })
  }

  private add(socket: WebSocket, request: IncomingMessage, hooks: WebSocketHooks): void {
    socket.on('error', () => {})
    const number = hooks.choose()
    if (typeof number !== 'number') {
      hooks.refused(number.refusal)
      socket.close(1013, `refused: ${number.refusal}`)
      return
    }
    const name = new URL(request.url ?? '/', 'ws://x').searchParams.get('name') ?? 'websocket'
    const port = new WsPort(socket, { number, name, ...hooks.setup })
    this.ports.add(port)
    socket.on('close', () => {
      port.state = 'closed'
      if (this.ports.delete(port)) hooks.removed(port)
    })
    hooks.added(port)
  }
}

/** A port whose plug is a WebSocket. */
export class WsPort extends Port {
  readonly outbox: WsOutbox
  private readonly socket: WebSocket

  constructor(socket: WebSocket, setup: { name: string; number: number } & WebSocketHooks['setup']) {
    super(setup)
    this.socket = socket
    this.outbox = new WsOutbox(socket, setup.queueOctets)
    const { received, name, mtu } = setup
    this.open({ name: printable(name, MAX_NAME), pid: 0, mtu, accepts: NO_OFFLOAD, frames: true })
    socket.on('message', (data: Buffer, isBinary) => {
      if (this.state !== 'open') return
      if (!isBinary || data.length < MIN_FRAME) {
        this.counters['drop.in.malformed']++
        return
      }
      const from = inputEnd(0)
      writeFrameHeader(inputView, from, data.length, 0, 0, 0)
      inputBytes.set(data, from + RECORD_HEADER)
      received(this, from, from + RECORD_HEADER + data.length)
    })
  }

  unref(): void {
    // The socket under a WebSocket belongs to the package; the process is held by the server alone.
  }

  close(reason: string): void {
    this.socket.close(1001, reason)
  }
}

/** Records on their way into a WebSocket, each a message. */
class WsOutbox implements PortOutbox {
  bytes: Uint8Array = new Uint8Array(0)
  view: DataView = new DataView(this.bytes.buffer)
  private readonly socket: WebSocket
  private readonly limit: number
  private reserved: Uint8Array[] = []
  private reservedOctets = 0

  constructor(socket: WebSocket, limit: number) {
    this.socket = socket
    this.limit = limit
  }

  get octets(): number {
    return this.socket.bufferedAmount + this.reservedOctets
  }

  room(octets: number): boolean {
    return this.octets + octets <= this.limit
  }

  append(from: Uint8Array, start: number, end: number): void {
    this.write()
    for (let at = start; at < end; ) {
      const next =
        at +
        RECORD_HEADER +
        lengthOf(((from[at + 5] as number) << 16) | ((from[at + 6] as number) << 8) | (from[at + 7] as number))
      // A copy: the memory is somebody's who goes on.
      this.socket.send(from.slice(at + RECORD_HEADER, next))
      at = next
    }
  }

  reserve(octets: number): number {
    this.bytes = new Uint8Array(octets)
    this.view = new DataView(this.bytes.buffer)
    this.reserved.push(this.bytes)
    this.reservedOctets += octets
    return 0
  }

  write(): void {
    if (this.reserved.length === 0) return
    for (const record of this.reserved) this.socket.send(record.subarray(RECORD_HEADER))
    this.reserved = []
    this.reservedOctets = 0
  }

  close(): void {
    this.reserved = []
    this.reservedOctets = 0
  }
}

/** Why not; null: it may come in. */
function refusal(
  request: IncomingMessage,
  token: string,
  origins: readonly string[],
): 'token' | 'origin' | 'host' | null {
  const { origin, host } = request.headers
  // A name of somebody else's that leads here (DNS rebinding) is no name of ours.
  if (host !== undefined && !LOOPBACK_HOST.test(host)) return 'host'
  if (origin !== undefined && !LOOPBACK_ORIGIN.test(origin) && !origins.includes(origin)) return 'origin'
  const given = new URL(request.url ?? '/', 'ws://x').searchParams.get('token') ?? ''
  const [a, b] = [Buffer.from(given), Buffer.from(token)]
  return a.length === b.length && timingSafeEqual(a, b) ? null : 'token'
}
