/**
 * The name server of a gateway: knows those on the network, and passes every other question on to the host's name servers, by UDP and TCP
 * (RFC 1035, RFC 5625).
 *
 * @module
 */
import { encode } from '@dnsquery/dns-packet'
import {
  type Connection,
  type ConnectionListener,
  type DatagramSocket,
  type IpAddress,
  listen,
  openDatagram,
  type Stack,
  tryParseIpAddress,
} from '@ioth/core'
import { type DnsQuestion, parseDns } from '@ioth/core/services'
import type { Names } from './names.ts'
import { askUpstream, type UpstreamServer } from './upstream.ts'

export interface DnsForwarderOptions {
  readonly stack: Stack
  /** Addresses of the gateway to answer at. */
  readonly addresses: readonly IpAddress[]
  readonly names: Names
  /** Asked in this order. */
  readonly upstream: () => readonly UpstreamServer[]
}

const PORT = 53
/** Questions at a time. */
const MOST_QUESTIONS = 512
const MOST_CONNECTIONS = 64
/** A connection that asks nothing for so long is closed, in milliseconds (RFC 7766 6.2.3). */
const IDLE_MS = 10_000
/** Nodes come and go. */
const TTL_SECONDS = 5
const A = 1
const PTR = 12
const AAAA = 28
const ANY = 255
const AUTHORITATIVE = 0x0400
const RECURSION = 0x0180
const RCODE = { ok: 0, format: 1, failure: 2, unknown: 3 } as const

export class DnsForwarder {
  readonly counters = { asked: 0, own: 0, forwarded: 0, failed: 0, dropped: 0 }
  private readonly options: DnsForwarderOptions
  private readonly sockets: DatagramSocket[]
  private readonly listeners: ConnectionListener[]
  private readonly connections = new Set<Connection>()
  private questions = 0

  /** @throws NetError as `openDatagram` and `listen`. */
  constructor(options: DnsForwarderOptions) {
    this.options = options
    const { stack, addresses } = options
    this.sockets = addresses.map((host) => openDatagram(stack, { host, port: PORT }))
    this.listeners = addresses.map((host) => listen(stack, { host, port: PORT }))
    for (const socket of this.sockets) void this.serveDatagrams(socket)
    for (const listener of this.listeners) void this.serveConnections(listener)
  }

  async close(): Promise<void> {
    for (const connection of this.connections) connection.reset()
    await Promise.all([...this.sockets, ...this.listeners].map((each) => each.close()))
  }

  private async serveDatagrams(socket: DatagramSocket): Promise<void> {
    try {
      for await (const { data, address, port } of socket) {
        if (this.questions >= MOST_QUESTIONS) {
          this.counters.dropped++
          continue
        }
        void this.answer(data, 'udp').then(async (octets) => {
          if (octets !== null) await socket.send(octets, { host: address, port }).catch(() => this.counters.dropped++)
        })
      }
    } catch {
      // The stack is closed, and the socket with it.
    }
  }

  private async serveConnections(listener: ConnectionListener): Promise<void> {
    try {
      for await (const connection of listener) {
        if (this.connections.size >= MOST_CONNECTIONS) connection.reset()
        else void this.serveConnection(connection)
      }
    } catch {
      // As above.
    }
  }

  private async serveConnection(connection: Connection): Promise<void> {
    this.connections.add(connection)
    let received = Buffer.alloc(0)
    try {
      for (;;) {
        const piece = await connection.read({ timeoutMs: IDLE_MS })
        if (piece === null) break
        received = Buffer.concat([received, piece])
        while (received.length >= 2 && received.length >= 2 + received.readUInt16BE(0)) {
          const end = 2 + received.readUInt16BE(0)
          const octets = await this.answer(received.subarray(2, end), 'tcp')
          received = received.subarray(end)
          if (octets !== null)
            await connection.write(Buffer.concat([Uint8Array.of(octets.length >> 8, octets.length & 255), octets]))
        }
      }
      await connection.close()
    } catch {
      connection.reset()
    } finally {
      this.connections.delete(connection)
    }
  }

  /** @returns null: what came is no question. Never throws. */
  private async answer(query: Uint8Array, transport: 'udp' | 'tcp'): Promise<Uint8Array | null> {
    const message = parseDns(query)
    const [question] = typeof message === 'string' ? [] : message.questions
    if (typeof message === 'string' || message.isResponse || question === undefined) {
      this.counters.dropped++
      return null
    }
    this.counters.asked++
    this.questions++
    try {
      const own = await this.ownAnswer(message.id, question)
      if (own !== null) {
        this.counters.own++
        return own
      }
      const answer = await askUpstream(this.options.upstream(), query, transport)
      if (answer !== null) {
        this.counters.forwarded++
        return answer
      }
      this.counters.failed++
      return respond(message.id, question, RCODE.failure, [])
    } finally {
      this.questions--
    }
  }

  /** What we know ourselves; null: somebody else must be asked. */
  private async ownAnswer(id: number, question: DnsQuestion): Promise<Uint8Array | null> {
    const { names } = this.options
    const name = question.name.toLowerCase()
    const reversed = question.type === PTR ? addressOfReverse(name) : null
    if (reversed !== null) {
      const found = await names.nameOf(reversed)
      return found === null ? null : respond(id, question, RCODE.ok, [{ type: 'PTR', data: found }])
    }
    const addresses = await names.find(name)
    if (addresses === null) return names.isOurs(name) ? respond(id, question, RCODE.unknown, []) : null
    const wanted = addresses.filter(
      ({ family }) => question.type === ANY || question.type === (family === 4 ? A : AAAA),
    )
    const records = wanted.map((address) => ({ type: address.family === 4 ? 'A' : 'AAAA', data: String(address) }))
    return respond(id, question, RCODE.ok, records)
  }
}

interface Answer {
  readonly type: string
  readonly data: string
}

function respond(id: number, question: DnsQuestion, rcode: number, answers: readonly Answer[]): Uint8Array {
  const name = question.name === '' ? '.' : question.name
  const octets = encode({
    type: 'response',
    id,
    flags: RECURSION | (rcode === RCODE.failure ? 0 : AUTHORITATIVE) | rcode,
    questions: [{ type: 'A', name, class: 'IN' }],
    answers: answers.map(({ type, data }) => ({ type, name, class: 'IN', ttl: TTL_SECONDS, data })) as never,
  })
  // The type that was asked for may be one that the codec has no word for.
  const at = 12 + endOfName(octets.subarray(12))
  octets[at] = question.type >> 8
  octets[at + 1] = question.type & 255
  return octets
}

function endOfName(octets: Uint8Array): number {
  let at = 0
  while (octets[at] !== 0 && at < octets.length) at += 1 + (octets[at] as number)
  return at + 1
}

/** RFC 1035 3.5, RFC 3596 2.5. */
function addressOfReverse(name: string): IpAddress | null {
  const labels = name.split('.')
  if (name.endsWith('.in-addr.arpa') && labels.length === 6)
    return tryParseIpAddress(labels.slice(0, 4).reverse().join('.'))
  if (!name.endsWith('.ip6.arpa') || labels.length !== 34) return null
  const digits = labels.slice(0, 32).reverse().join('')
  return /^[0-9a-f]{32}$/.test(digits) ? tryParseIpAddress((digits.match(/.{4}/g) as string[]).join(':')) : null
}
