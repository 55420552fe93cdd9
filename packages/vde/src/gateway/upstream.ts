/**
 * Questions to the host's name servers, passed on as they are: each from a socket and with an id of its own (RFC 5452), to one server after
 * the other.
 *
 * @module
 */
import { randomInt } from 'node:crypto'
import { createSocket } from 'node:dgram'
import { connect } from 'node:net'

/** Where a name server of the host listens: `192.0.2.53`, `127.0.0.1:5353`, `[::1]:53`, as `dns.getServers` gives them. */
export interface UpstreamServer {
  readonly host: string
  readonly port: number
}

/** How long one server may take, in milliseconds. */
const PATIENCE_MS = 3_000
const LONGEST_ANSWER = 65_535
const DNS_PORT = 53
const HEADER = 12

/** @returns null: it is no server. */
export function parseServer(text: string): UpstreamServer | null {
  const match = /^\[([0-9a-fA-F:.%\w]+)\](?::(\d+))?$/.exec(text) ?? /^([\d.]+)(?::(\d+))?$/.exec(text)
  if (match !== null) return { host: match[1] as string, port: Number(match[2] ?? DNS_PORT) }
  return /^[0-9a-fA-F:.]+$/.test(text) && text.includes(':') ? { host: text, port: DNS_PORT } : null
}

/** Asks by the transport that was used to ask us. @returns null: nobody answers. */
export async function askUpstream(
  servers: readonly UpstreamServer[],
  query: Uint8Array,
  transport: 'udp' | 'tcp',
): Promise<Uint8Array | null> {
  for (const server of servers) {
    const id = randomInt(0x10000)
    const own = Uint8Array.from(query)
    own[0] = id >> 8
    own[1] = id & 255
    const answer = await (transport === 'udp' ? byUdp(server, own) : byTcp(server, own))
    if (answer === null) continue
    const restored = Uint8Array.from(answer)
    restored.set(query.subarray(0, 2))
    return restored
  }
  return null
}

function byUdp({ host, port }: UpstreamServer, query: Uint8Array): Promise<Uint8Array | null> {
  return new Promise((settle) => {
    const socket = createSocket(host.includes(':') ? 'udp6' : 'udp4')
    let over = false
    const done = (answer: Uint8Array | null): void => {
      if (over) return
      over = true
      clearTimeout(timer)
      socket.close()
      settle(answer)
    }
    const timer = setTimeout(() => done(null), PATIENCE_MS)
    socket.on('error', () => done(null))
    socket.on('message', (octets) => {
      if (isAnswer(octets, query)) done(octets)
    })
    // A connected socket hears nobody else, and hears that nobody is there.
    socket.connect(port, host, () => socket.send(query, (error) => error !== null && done(null)))
  })
}

function byTcp({ host, port }: UpstreamServer, query: Uint8Array): Promise<Uint8Array | null> {
  return new Promise((settle) => {
    const socket = connect({ host, port, noDelay: true, timeout: PATIENCE_MS })
    let received = Buffer.alloc(0)
    const done = (answer: Uint8Array | null): void => {
      socket.destroy()
      settle(answer)
    }
    socket.on('error', () => done(null))
    socket.on('timeout', () => done(null))
    socket.on('close', () => done(null))
    socket.on('data', (octets) => {
      received = Buffer.concat([received, octets])
      if (received.length < 2) return
      const end = 2 + received.readUInt16BE(0)
      if (received.length >= end) done(isAnswer(received.subarray(2, end), query) ? received.subarray(2, end) : null)
      else if (received.length > LONGEST_ANSWER) done(null)
    })
    socket.write(Uint8Array.of(query.length >> 8, query.length & 255, ...query))
  })
}

/** The same id, an answer, and the first question as it was asked, letters and all. */
function isAnswer(octets: Uint8Array, query: Uint8Array): boolean {
  if (octets.length < HEADER || octets[0] !== query[0] || octets[1] !== query[1]) return false
  if (((octets[2] as number) & 0x80) === 0) return false
  // An answer that says that it did not understand may leave the question out (RFC 1035 4.1.1).
  if (octets[4] === 0 && octets[5] === 0) return true
  const end = endOfQuestion(query)
  return Buffer.compare(octets.subarray(HEADER, end), query.subarray(HEADER, end)) === 0
}

function endOfQuestion(query: Uint8Array): number {
  let at = HEADER
  while (at < query.length && query[at] !== 0) at += 1 + (query[at] as number)
  return Math.min(at + 5, query.length)
}
