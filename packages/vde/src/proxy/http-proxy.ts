/**
 * The HTTP half of the proxy (RFC 9110 3.7, 9.3.6): `CONNECT` for tunnels, requests with a whole URL for plain HTTP.
 *
 * @module
 */
import { createServer, type IncomingMessage, request, type Server, type ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import { joinStreams } from '../streams/join-streams.ts'

/** Opens a connection inside of the network. */
export type Dial = (host: string, port: number, signal: AbortSignal) => Promise<Duplex>

/** Headers between two neighbours (RFC 9110 7.6.1). */
const HOP_BY_HOP = [
  'connection',
  'keep-alive',
  'proxy-connection',
  'proxy-authorization',
  'proxy-authenticate',
  'te',
  'upgrade',
]

/** A server that has no port of its own: sockets are handed to it by `emit('connection', socket)`. @param password `USER:PASSWORD` */
export function createHttpProxy(dial: Dial, password: string | null): Server {
  const expected = password === null ? null : `Basic ${Buffer.from(password).toString('base64')}`
  const isAllowed = ({ headers }: IncomingMessage): boolean =>
    expected === null || headers['proxy-authorization'] === expected
  const server = createServer((incoming, response) => {
    response.on('error', () => {})
    if (isAllowed(incoming)) void forward(dial, incoming, response)
    else refuse(response, 407, 'Give the password of the proxy.', { 'proxy-authenticate': 'Basic realm="ioth"' })
  })
  server.on('connect', (incoming: IncomingMessage, socket: Duplex, head: Buffer) => {
    socket.on('error', () => {})
    if (isAllowed(incoming)) void tunnel(dial, incoming, socket, head)
    else socket.end('HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic realm="ioth"\r\n\r\n')
  })
  server.on('clientError', (_error, socket: Duplex) => {
    if (socket.writable) socket.end('HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n')
    else socket.destroy()
  })
  return server
}

async function tunnel(dial: Dial, { url = '' }: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
  const target = URL.canParse(`tcp://${url}`) ? new URL(`tcp://${url}`) : null
  if (target === null || target.port === '') {
    socket.end('HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n')
    return
  }
  const gone = abortWhenClosed(socket)
  try {
    const far = await dial(bare(target.hostname), Number(target.port), gone)
    socket.write('HTTP/1.1 200 Connection established\r\n\r\n')
    if (head.length > 0) far.write(head)
    joinStreams(socket, far)
  } catch (error) {
    if (socket.writable) socket.end(`HTTP/1.1 ${statusOf(error)} ${word(error)}\r\nConnection: close\r\n\r\n`)
  }
}

async function forward(dial: Dial, incoming: IncomingMessage, response: ServerResponse): Promise<void> {
  const url = URL.canParse(incoming.url ?? '') ? new URL(incoming.url as string) : null
  if (url?.protocol !== 'http:') {
    refuse(
      response,
      400,
      'This is a proxy: ask it for a whole http:// URL. Example: curl -x http://127.0.0.1:1080 http://10.40.0.32/',
    )
    return
  }
  try {
    const far = await dial(bare(url.hostname), Number(url.port) || 80, abortWhenClosed(response))
    const outgoing = request({
      method: incoming.method ?? 'GET',
      path: `${url.pathname}${url.search}`,
      headers: { ...withoutHops(incoming), host: url.host, connection: 'close' },
      createConnection: () => far as never,
    })
    outgoing.on('response', (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.statusMessage, withoutHops(answer))
      answer.on('error', () => response.destroy())
      answer.on('aborted', () => response.destroy())
      answer.pipe(response)
    })
    outgoing.on('error', (error) => refuse(response, statusOf(error), error.message))
    response.once('close', () => outgoing.destroy())
    incoming.pipe(outgoing)
  } catch (error) {
    refuse(response, statusOf(error), (error as Error).message)
  }
}

function withoutHops({ headers }: IncomingMessage): Record<string, string | string[] | undefined> {
  const named = String(headers.connection ?? '')
    .toLowerCase()
    .split(/\s*,\s*/)
  return Object.fromEntries(
    Object.entries(headers).filter(([name]) => !HOP_BY_HOP.includes(name) && !named.includes(name)),
  )
}

function refuse(response: ServerResponse, status: number, text: string, headers: Record<string, string> = {}): void {
  if (response.headersSent) response.destroy()
  else
    response.writeHead(status, { 'content-type': 'text/plain; charset=utf-8', ...headers }).end(`ioth proxy: ${text}\n`)
}

function statusOf(error: unknown): number {
  return ['ETIMEDOUT', 'ETIMEOUT'].includes((error as { code?: string }).code ?? '') ? 504 : 502
}

/** One word for the status line: what went wrong. */
function word(error: unknown): string {
  return (error as { code?: string }).code?.replace(/[^A-Z0-9_]/g, '') ?? 'failed'
}

function bare(hostname: string): string {
  return hostname.replace(/^\[|\]$/g, '')
}

function abortWhenClosed(stream: NodeJS.EventEmitter): AbortSignal {
  const gone = new AbortController()
  stream.once('close', () => gone.abort())
  return gone.signal
}
