/**
 * A stub resolver on one stack (RFC 1034 5.3.1): asks the stack's name servers, follows aliases, keeps answers.
 *
 * @module
 */
import { type IpAddress, tryParseIpAddress } from '../../address/ip-address.ts'
import { addressOf, checkPort } from '../../api/open-socket.ts'
import type { Stack } from '../../contract/stack.ts'
import { AbortError } from '../../errors/abort-error.ts'
import type { ErrorCode } from '../../errors/codes.ts'
import { hasCode, NetError } from '../../errors/net-error.ts'
import { isDomainName, withoutFinalDot } from '../domain-name.ts'
import { AnswerCache } from './cache.ts'
import { orderDestinations, usableFamilies } from './destination-order.ts'
import { DnsError, querySyscall } from './dns-error.ts'
import { exchange, type NameServer, type Question, type ResolverCounters } from './exchange.ts'
import { type Answer, interpret, LONGEST_CHAIN } from './interpret.ts'
import { type HostsTable, localAddresses, readHosts, reverseName } from './local-names.ts'
import { BAD_VERSION, FORMAT_ERROR, NAME_ERROR, NO_ERROR, NOT_IMPLEMENTED, REFUSED, SERVER_FAILURE } from './message.ts'
import type { DnsRecord, RecordType } from './records.ts'

export interface ResolverOptions {
  /** Addresses, or `address:port` and `[address]:port`. @default the stack's, as they are when a question is asked */
  readonly servers?: readonly (string | IpAddress)[]
  /** How long a server has for its first answer, in milliseconds; twice as long in each further round. @default 2000 */
  readonly timeoutMs?: number
  /** Rounds in which all servers are asked. @default 3 */
  readonly tries?: number
  /** Names with fewer dots are looked up in the search domains first. @default 1 */
  readonly ndots?: number
  /** @default the stack's search domains */
  readonly search?: readonly string[]
  /** Names that need no server. @default none */
  readonly hosts?: HostsTable
  /** Whether letters are capitalized at random and expected back so, which makes answers harder to guess (0x20). @default false */
  readonly randomCase?: boolean
  /** Whether questions say that answers may be larger than 512 octets (RFC 6891). @default true */
  readonly extended?: boolean
  /** Answers that are kept, at most; 0: none. @default 1000 */
  readonly cacheSize?: number
}

export interface ResolveOptions {
  readonly signal?: AbortSignal | undefined
  /** Whether search domains are tried. @default true */
  readonly search?: boolean
}

export interface LookupOptions extends ResolveOptions {
  /** @default both, as far as the stack has addresses of them */
  readonly family?: 4 | 6
}

const DNS_PORT = 53
const MOST_SERVERS = 8

/** Why a server did not answer the question, by its response code. */
const FAILURES: Readonly<Record<number, ErrorCode>> = {
  [FORMAT_ERROR]: 'EFORMERR',
  [SERVER_FAILURE]: 'ESERVFAIL',
  [NOT_IMPLEMENTED]: 'ENOTIMP',
  [REFUSED]: 'EREFUSED',
}

/** A question on its way, for all who ask the same. */
interface Flight {
  readonly promise: Promise<Answer>
  readonly controller: AbortController
  waiting: number
}

/**
 * Makes a resolver with settings of its own. It ends with its stack.
 *
 * ```ts
 * const resolver = createResolver(stack, { servers: ['10.0.0.53'] })
 * const [mail] = await resolver.resolve('example.org', 'MX')
 * ```
 * @throws NetError EINVAL
 */
export function createResolver(stack: Stack, options: ResolverOptions = {}): Resolver {
  return new Resolver(stack, options)
}

const resolvers = new WeakMap<Stack, Resolver>()

/** The stack's own resolver, with the default settings and a cache that everybody shares. */
export function resolverOf(stack: Stack): Resolver {
  const known = resolvers.get(stack)
  if (known !== undefined) return known
  const resolver = new Resolver(stack, {})
  resolvers.set(stack, resolver)
  return resolver
}

/** The records of one type that a name has. @throws as {@link Resolver.resolve}. */
export function resolve<Type extends RecordType = 'A'>(
  stack: Stack,
  name: string,
  type?: Type,
  options?: ResolveOptions,
): Promise<readonly DnsRecord<Type>[]> {
  return resolverOf(stack).resolve(name, type ?? ('A' as Type), options)
}

/** The addresses of a name, in the order in which they should be tried. @throws as {@link Resolver.lookup}. */
export function lookup(stack: Stack, name: string, options?: LookupOptions): Promise<readonly IpAddress[]> {
  return resolverOf(stack).lookup(name, options)
}

/** The names of an address. @throws as {@link Resolver.reverse}. */
export function reverse(
  stack: Stack,
  address: string | IpAddress,
  options?: ResolveOptions,
): Promise<readonly string[]> {
  return resolverOf(stack).reverse(address, options)
}

export class Resolver {
  readonly counters: ResolverCounters = {
    queries: 0,
    overTcp: 0,
    mismatched: 0,
    malformed: 0,
    timeouts: 0,
    cached: 0,
  }
  private readonly stack: Stack
  private readonly options: Required<Omit<ResolverOptions, 'servers' | 'search' | 'hosts'>>
  private readonly search: readonly string[] | null
  private readonly hosts: ReadonlyMap<string, readonly IpAddress[]>
  private readonly cache: AnswerCache<Answer>
  private readonly flights = new Map<string, Flight>()
  private given: readonly NameServer[] | null = null
  private isClosed = false

  /** Use {@link createResolver}. */
  constructor(stack: Stack, options: ResolverOptions) {
    const { servers, search, hosts = {}, ...others } = options
    this.stack = stack
    this.options = {
      timeoutMs: 2000,
      tries: 3,
      ndots: 1,
      randomCase: false,
      extended: true,
      cacheSize: 1000,
      ...others,
    }
    this.search = search ?? null
    this.hosts = readHosts(hosts)
    this.cache = new AnswerCache(stack.scheduler.clock, this.options.cacheSize)
    if (servers !== undefined) this.setServers(servers)
    const close = (): void => this.close()
    stack.closed.then(close, close)
  }

  /** Whom questions go to. */
  get servers(): readonly NameServer[] {
    return this.given ?? this.stack.nameServers.map((address) => ({ address, port: DNS_PORT }))
  }

  /** @throws NetError EINVAL */
  setServers(servers: readonly (string | IpAddress)[]): void {
    this.given = servers.map(readServer)
    this.cache.clear()
  }

  /**
   * The records of one type that a name has, aliases followed.
   * @throws NetError ENOTFOUND, ENODATA (the name has none of this type), ESERVFAIL, EREFUSED, ENOTIMP, EFORMERR, EBADRESP, ETIMEOUT,
   * ECONNREFUSED (no name server), EBADNAME, ECANCELLED; AbortError.
   */
  async resolve<Type extends RecordType>(
    name: string,
    type: Type,
    options: ResolveOptions = {},
  ): Promise<readonly DnsRecord<Type>[]> {
    const records: unknown = await this.find(name, type, options)
    return records as readonly DnsRecord<Type>[]
  }

  /** The names of an address, by its PTR records. @throws as {@link resolve}. */
  async reverse(address: string | IpAddress, options: ResolveOptions = {}): Promise<readonly string[]> {
    const of = typeof address === 'string' ? tryParseIpAddress(address) : address
    if (of === null) throw new NetError('EINVAL', 'getHostByAddr', { message: `"${address}" is not an IP address` })
    const own = [...this.hosts].filter(([, addresses]) => addresses.some((each) => each.equals(of)))
    if (own.length > 0) return own.map(([name]) => name)
    if (of.isLoopback) return ['localhost']
    this.check('', 'getHostByAddr', options)
    const answer = await this.chase({ name: reverseName(of), type: 'PTR' }, options.signal)
    if (typeof answer === 'string') throw this.failed(answer, 'getHostByAddr', `${of}`)
    return answer.map((record) => (record as DnsRecord<'PTR'>).value)
  }

  /**
   * The addresses of a name, in the order in which they should be tried. Both families are asked for at the same time.
   * @throws NetError ENOTFOUND (also for a name without addresses), and as {@link resolve}.
   */
  async lookup(name: string, options: LookupOptions = {}): Promise<readonly IpAddress[]> {
    const { family, signal } = options
    const local = localAddresses(this.stack, this.hosts, name)
    const wanted = local?.filter((address) => family === undefined || address.family === family)
    if (wanted !== undefined && wanted.length > 0) return wanted
    if (wanted !== undefined) throw new DnsError('ENOTFOUND', LOOKUP, name)
    this.check(name, LOOKUP, options)
    const families = family === undefined ? usableFamilies(this.stack) : [family]
    const failures = new Failures()
    for (const candidate of this.candidates(name, options.search ?? true)) {
      const questions = families.map((each): Question => ({ name: candidate, type: each === 6 ? 'AAAA' : 'A' }))
      const answers = await Promise.all(questions.map((question) => this.chase(question, signal)))
      const addresses = answers.flatMap((answer) => {
        if (typeof answer !== 'string')
          return answer.map((record) => addressOf((record as DnsRecord<'A'>).address, name))
        failures.note(answer)
        return []
      })
      if (addresses.length > 0) return orderDestinations(this.stack, addresses)
      if (failures.isFinal) break
    }
    // As getaddrinfo has it: a name without an address is as good as none.
    throw this.failed(failures.code === 'ENODATA' ? 'ENOTFOUND' : failures.code, LOOKUP, name)
  }

  /** Gives up what is being asked: it fails with ECANCELLED. */
  cancel(): void {
    for (const { controller } of this.flights.values()) controller.abort()
  }

  /** Gives up what is being asked, and what was kept. Idempotent. */
  close(): void {
    this.isClosed = true
    this.cancel()
    this.cache.clear()
  }

  [Symbol.dispose](): void {
    this.close()
  }

  // ---- names ----

  private async find(name: string, type: RecordType, options: ResolveOptions): Promise<readonly DnsRecord[]> {
    const syscall = querySyscall(type)
    this.check(name, syscall, options)
    const isAddress = tryParseIpAddress(name) !== null
    const local = isAddress ? null : localAddresses(this.stack, this.hosts, name)
    if (local !== null && (type === 'A' || type === 'AAAA')) {
      const addresses = local.filter(({ family }) => family === (type === 'A' ? 4 : 6))
      if (addresses.length === 0) throw new DnsError(local.length === 0 ? 'ENOTFOUND' : 'ENODATA', syscall, name)
      return addresses.map((address) => ({ type, ttl: 0, address: `${address}` }))
    }
    const failures = new Failures()
    for (const candidate of this.candidates(name, options.search ?? true)) {
      const answer = await this.chase({ name: candidate, type }, options.signal)
      if (typeof answer !== 'string') return answer
      failures.note(answer)
      if (failures.isFinal) break
    }
    throw this.failed(failures.code, syscall, name)
  }

  private check(name: string, syscall: string, { signal }: ResolveOptions): void {
    if (signal?.aborted === true) throw new AbortError(signal.reason)
    if (this.isClosed) throw new DnsError('ECANCELLED', syscall, name)
    if (name !== '' && name !== '.' && !isDomainName(name)) throw new DnsError('EBADNAME', syscall, name)
  }

  /** The names that are asked for in the place of one, in order. */
  private candidates(name: string, searches: boolean): readonly string[] {
    if (name.endsWith('.') || !searches) return [withoutFinalDot(name)]
    const dots = name.split('.').length - 1
    const domains = this.search ?? this.stack.searchDomains
    const searched = domains.map((domain) => `${name}.${withoutFinalDot(domain)}`).filter(isDomainName)
    return dots >= this.options.ndots ? [name, ...searched] : [...searched, name]
  }

  private failed(code: ErrorCode, syscall: string, name: string): DnsError {
    const advice = this.servers.length === 0 && code === 'ECONNREFUSED' ? ': the stack has no name server' : ''
    return new DnsError(code, syscall, name, undefined, advice)
  }

  // ---- questions ----

  /** Asks, and asks on where an alias leads to a name that the server said nothing about. @returns the records, or why there are none. */
  private async chase(question: Question, signal: AbortSignal | undefined): Promise<readonly DnsRecord[] | ErrorCode> {
    let { name } = question
    for (let aliases = 0; aliases <= LONGEST_CHAIN; aliases++) {
      let answer: Answer
      try {
        answer = await this.answerTo({ name, type: question.type }, signal)
      } catch (error) {
        if (error instanceof ServersFailed) return error.code
        throw error
      }
      if (answer.failure !== null) return answer.failure
      if (answer.next === null) return answer.records
      name = answer.next
    }
    return 'EBADRESP'
  }

  /** From the cache, from somebody who asks the same just now (RFC 5452 5), or from a server. */
  private answerTo(question: Question, signal: AbortSignal | undefined): Promise<Answer> {
    const key = `${question.type} ${question.name.toLowerCase()}`
    const kept = this.cache.find(key)
    if (kept !== null) {
      this.counters.cached++
      return Promise.resolve(kept)
    }
    const flight = this.flights.get(key) ?? this.takeOff(key, question)
    return joined(flight, signal)
  }

  private takeOff(key: string, question: Question): Flight {
    const controller = new AbortController()
    const asking = this.askServers(question, controller.signal).then((answer) => {
      this.cache.keep(key, answer, answer.ttl, answer.failure !== null)
      return answer
    })
    const flight: Flight = { promise: asking, controller, waiting: 0 }
    const landed = (): void => {
      if (this.flights.get(key) === flight) this.flights.delete(key)
    }
    this.flights.set(key, flight)
    // Whoever asks after it was given up asks anew. A failure that nobody waits for any more is nobody's.
    controller.signal.addEventListener('abort', landed)
    asking.then(landed, landed)
    return flight
  }

  private async askServers(question: Question, signal: AbortSignal): Promise<Answer> {
    const { timeoutMs, tries } = this.options
    const servers = this.servers.slice(0, MOST_SERVERS)
    let failure: ErrorCode = 'ECONNREFUSED'
    for (let round = 0; round < tries; round++) {
      let isSilent = false
      for (const server of servers) {
        const answer = await this.askServer(server, question, timeoutMs * 2 ** round, signal)
        if (typeof answer !== 'string') return answer
        failure = answer
        isSilent ||= failure === 'ETIMEOUT'
      }
      // Who refused once refuses again; who was silent may not have heard.
      if (!isSilent) break
    }
    throw new ServersFailed(failure)
  }

  /** @returns the answer, or why the server gave none. */
  private async askServer(
    server: NameServer,
    question: Question,
    timeoutMs: number,
    signal: AbortSignal,
  ): Promise<Answer | ErrorCode> {
    const { randomCase, extended } = this.options
    const common = { timeoutMs, signal, randomCase, counters: this.counters }
    try {
      let message = await exchange(this.stack, server, question, { ...common, isExtended: extended })
      // RFC 6891 7: a server of before asks for the question without the extension.
      const isTooNew = [FORMAT_ERROR, NOT_IMPLEMENTED, BAD_VERSION].includes(message.rcode)
      if (extended && isTooNew) {
        message = await exchange(this.stack, server, question, { ...common, isExtended: false })
      }
      if (message.rcode !== NO_ERROR && message.rcode !== NAME_ERROR) return FAILURES[message.rcode] ?? 'ESERVFAIL'
      return interpret(message, question) ?? 'EBADRESP'
    } catch (error) {
      if (signal.aborted) return 'ECANCELLED'
      if (hasCode(error, 'ETIMEDOUT')) {
        this.counters.timeouts++
        return 'ETIMEOUT'
      }
      if (hasCode(error, 'EPROTO')) return 'EBADRESP'
      if (error instanceof NetError) return 'ECONNREFUSED'
      throw error
    }
  }
}

const LOOKUP = 'getaddrinfo'

/** All servers were asked, and none answered the question. */
class ServersFailed extends Error {
  readonly code: ErrorCode

  constructor(code: ErrorCode) {
    super(code)
    this.code = code
  }
}

/** What several names were told: of those that do not exist and have no data, the more hopeful one; anything else ends the search. */
class Failures {
  code: ErrorCode = 'ENOTFOUND'

  get isFinal(): boolean {
    return this.code !== 'ENOTFOUND' && this.code !== 'ENODATA'
  }

  note(code: ErrorCode): void {
    if (!this.isFinal && code !== 'ENOTFOUND') this.code = code
  }
}

/** Waits for a question with others. When the last one gives up, so does the question. */
function joined(flight: Flight, signal: AbortSignal | undefined): Promise<Answer> {
  flight.waiting++
  if (signal === undefined) return flight.promise
  return new Promise((resolve, reject) => {
    const give = (settle: () => void): void => {
      signal.removeEventListener('abort', abort)
      settle()
    }
    const abort = (): void => {
      if (--flight.waiting === 0) flight.controller.abort()
      give(() => reject(new AbortError(signal.reason)))
    }
    signal.addEventListener('abort', abort)
    flight.promise.then(
      (answer) => give(() => resolve(answer)),
      (error) => give(() => reject(error)),
    )
  })
}

/** `10.0.0.53`, `10.0.0.53:5353`, `[fc00::53]:5353`. */
function readServer(given: string | IpAddress): NameServer {
  if (typeof given === 'object') return { address: given, port: DNS_PORT }
  const match = /^(?:\[([^\]]+)\]|([^:]+))(?::(\d+))?$/.exec(given)
  const host = tryParseIpAddress(given) !== null ? given : (match?.[1] ?? match?.[2] ?? given)
  const port = host === given || match?.[3] === undefined ? DNS_PORT : Number(match[3])
  checkPort(port, 1)
  return { address: addressOf(host, 'servers'), port }
}
