/**
 * One question to one server: UDP from a fresh socket with a random id and port, TCP when the answer does not fit (RFC 1035 4.2, RFC 5452,
 * RFC 7766).
 *
 * @module
 */
import type { IpAddress } from '../../address/ip-address.ts'
import { connect } from '../../api/connection.ts'
import { openDatagram } from '../../api/datagrams.ts'
import type { WaitOptions } from '../../api/pending.ts'
import type { Random } from '../../contract/clock.ts'
import type { Stack } from '../../contract/stack.ts'
import { NetError } from '../../errors/net-error.ts'
import { CLASS_IN, type DnsMessage, isTruncatedAnswer, parseDns, serializeQuery, TYPES } from './message.ts'
import type { RecordType } from './records.ts'

/** A name server. */
export interface NameServer {
  readonly address: IpAddress
  readonly port: number
}

export interface Question {
  /** Without a final dot; the root is `''`. */
  readonly name: string
  readonly type: RecordType
}

export interface ExchangeOptions {
  readonly timeoutMs: number
  readonly signal: AbortSignal
  /** Whether the question carries an OPT record. */
  readonly isExtended: boolean
  /** Whether letters of the name are capitalized at random, and expected back so. */
  readonly randomCase: boolean
  readonly counters: ResolverCounters
}

/** What a resolver counts. */
export interface ResolverCounters {
  /** Questions sent, by UDP and TCP. */
  queries: number
  /** Of them, those that went by TCP. */
  overTcp: number
  /** Datagrams that were no answers to the question: another id, another question, another port. */
  mismatched: number
  /** Datagrams that broke a rule of the wire format. */
  malformed: number
  timeouts: number
  /** Questions that the cache answered. */
  cached: number
}

/** RFC 5452 9.1: a flood of wrong answers is an attack; the question then goes by TCP, where nobody guesses. */
const MOST_MISMATCHES = 64

/**
 * @throws NetError ETIMEDOUT, ECONNREFUSED, ENETUNREACH, EHOSTUNREACH, EPROTO (the answer by TCP is none); AbortError.
 */
export async function exchange(
  stack: Stack,
  server: NameServer,
  question: Question,
  options: ExchangeOptions,
): Promise<DnsMessage> {
  const { random } = stack.scheduler
  const id = random.int32() & 0xffff
  const name = options.randomCase ? capitalized(question.name, random) : question.name
  const query = serializeQuery(id, name, question.type, options.isExtended)
  const asked: Asked = { id, name, type: TYPES[question.type], isExact: options.randomCase }
  const deadline = stack.scheduler.clock.now + options.timeoutMs * 1000
  const wait = (): WaitOptions => {
    const left = (deadline - stack.scheduler.clock.now) / 1000
    return { timeoutMs: Math.max(left, 0), signal: options.signal }
  }
  options.counters.queries++
  const answer = await byUdp(stack, server, query, asked, options.counters, wait)
  if (answer !== null) return answer
  options.counters.queries++
  options.counters.overTcp++
  return byTcp(stack, server, query, asked, wait)
}

/** What an answer must match. */
interface Asked {
  readonly id: number
  readonly name: string
  readonly type: number
  /** Also in the case of its letters. */
  readonly isExact: boolean
}

/** @returns null: ask by TCP. */
async function byUdp(
  stack: Stack,
  { address, port }: NameServer,
  query: Uint8Array,
  asked: Asked,
  counters: ResolverCounters,
  wait: () => WaitOptions,
): Promise<DnsMessage | null> {
  // The port of a fresh socket is unpredictable, and the connected socket hears nobody but the server.
  const socket = openDatagram(stack, { family: address.family })
  try {
    socket.connect({ host: address, port })
    await socket.send(query, undefined, wait())
    for (let mismatches = 0; mismatches < MOST_MISMATCHES; mismatches++) {
      const { data } = await socket.receive(wait())
      if (isTruncatedAnswer(data, asked.id)) return null
      const message = parseDns(data)
      if (typeof message === 'string') counters.malformed++
      else if (matches(message, asked)) return message
      else counters.mismatched++
    }
    return null
  } finally {
    await socket.close()
  }
}

async function byTcp(
  stack: Stack,
  { address, port }: NameServer,
  query: Uint8Array,
  asked: Asked,
  wait: () => WaitOptions,
): Promise<DnsMessage> {
  const connection = await connect(stack, { host: address, port, ...wait() })
  try {
    await connection.write(Uint8Array.of(query.length >> 8, query.length & 255, ...query), wait())
    let received = new Uint8Array(0)
    for (;;) {
      const piece = await connection.read(wait())
      if (piece === null) throw new NetError('EPROTO', 'query', { message: `${address} ended before it had answered` })
      const both = new Uint8Array(received.length + piece.length)
      both.set(received)
      both.set(piece, received.length)
      received = both
      const length = received.length < 2 ? -1 : 2 + (((received[0] as number) << 8) | (received[1] as number))
      if (length < 0 || received.length < length) continue
      const message = parseDns(received.subarray(2, length))
      if (typeof message !== 'string' && matches(message, asked)) return message
      throw new NetError('EPROTO', 'query', { message: `${address} answered something else` })
    }
  } finally {
    connection.reset()
  }
}

/** RFC 5452 9.1: id and question; address and port are the socket's affair. */
function matches({ isResponse, opcode, id, questions }: DnsMessage, asked: Asked): boolean {
  const [question] = questions
  if (!isResponse || opcode !== 0 || id !== asked.id || questions.length !== 1 || question === undefined) return false
  if (question.type !== asked.type || question.class !== CLASS_IN) return false
  return asked.isExact ? question.name === asked.name : question.name.toLowerCase() === asked.name.toLowerCase()
}

function capitalized(name: string, random: Random): string {
  const bits = new Uint8Array(name.length)
  random.fill(bits)
  return Array.from(name, (letter, at) =>
    (bits[at] as number) & 1 ? letter.toUpperCase() : letter.toLowerCase(),
  ).join('')
}
