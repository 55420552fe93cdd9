/**
 * What speaks DNS by itself: `dns.resolve*`, `dns.reverse` and `Resolver`, down at Node's channel to c-ares. On a stack, its queries go to
 * the stack's name servers, or to those of `setServers`, by core's resolver.
 *
 * @module
 */
import dns from 'node:dns'
import { setImmediate } from 'node:timers'
import type { Stack } from '@ioth/core'
import type { DnsRecord, RecordType, Resolver } from '@ioth/core/services'
import type { Choices } from './choices.ts'
import type { Methods, Natives } from './native.ts'

/** Node's QueryReqWrap. */
interface QueryRequest {
  oncomplete(error: string | null, result?: unknown, ttls?: readonly number[]): void
}

/** One of `setServers`: family, address, port. */
type NativeServer = readonly [family: number, address: string, port: number]

type Query = (resolver: Resolver, name: string) => Promise<Result>

interface Result {
  readonly result: unknown
  readonly ttls?: readonly number[]
}

/** The queries of a channel by name, each with what Node makes of the answer. */
const QUERIES: Readonly<Record<string, Query>> = {
  queryA: addresses('A'),
  queryAaaa: addresses('AAAA'),
  queryCname: list('CNAME', ({ value }) => value),
  queryNs: list('NS', ({ value }) => value),
  queryPtr: list('PTR', ({ value }) => value),
  queryTxt: list('TXT', ({ entries }) => entries),
  queryMx: list('MX', typed),
  querySrv: list('SRV', typed),
  queryNaptr: list('NAPTR', untold),
  queryCaa: list('CAA', typed),
  queryTlsa: list('TLSA', tlsa),
  async querySoa(resolver, name) {
    const [soa] = await resolver.resolve(name, 'SOA', NO_SEARCH)
    return { result: untold(soa as DnsRecord<'SOA'>) }
  },
  async queryAny(resolver, name) {
    const records = await resolver.resolve(name, 'ANY', NO_SEARCH)
    return { result: ANY_ORDER.flatMap((type) => records.filter((record) => record.type === type).map(anyRecord)) }
  },
  async getHostByAddr(resolver, address) {
    return { result: await resolver.reverse(address) }
  },
}

/** Node looks for one type after the other in the answer to ANY. */
const ANY_ORDER: readonly RecordType[] = [
  'A',
  'AAAA',
  'CNAME',
  'MX',
  'NS',
  'TXT',
  'SRV',
  'PTR',
  'NAPTR',
  'SOA',
  ...('resolveTlsa' in dns ? (['TLSA'] as const) : []),
  'CAA',
]

/** Since Node 24 records of these three say of what type they are, whatever was asked for. */
const SAYS_TYPE = Number.parseInt(process.versions.node, 10) >= 24

/** As c-ares: search domains are for `dns.lookup`. */
const NO_SEARCH = { search: false } as const

export function interceptQueries({ cares }: Natives, choices: Choices): void {
  const prototype = cares.ChannelWrap.prototype
  const channels = new WeakMap<object, Channel>()

  function channelOf(handle: object): Channel {
    const known = channels.get(handle)
    if (known !== undefined) return known
    const channel = new Channel()
    channels.set(handle, channel)
    return channel
  }

  const stackOf = (handle: object): Stack | null => choices.chosen(handle) ?? choices.current

  for (const name of Object.keys(prototype).filter((each) => /^(query|getHostByAddr$)/.test(each))) {
    replace(prototype, name, (handle, native, args) => {
      const stack = stackOf(handle)
      if (stack === null) return native()
      const [request, question] = args as [QueryRequest, string]
      void channelOf(handle).ask(stack, QUERIES[name] ?? notThere, request, question)
      return 0
    })
  }
  replace(prototype, 'setServers', (handle, native, args) => {
    channelOf(handle).setServers(args[0] as readonly NativeServer[])
    return native()
  })
  replace(prototype, 'getServers', (handle, native) => {
    const stack = stackOf(handle)
    if (stack === null || channelOf(handle).servers !== undefined) return native()
    return stack.nameServers.map((address) => [address.toString(), 53])
  })
  replace(prototype, 'cancel', (handle, native) => {
    channels.get(handle)?.cancel()
    return native()
  })
}

/** What is kept for one channel: the servers that were set, and a resolver for each stack. */
class Channel {
  servers: readonly string[] | undefined
  private readonly resolvers = new Map<Stack, Promise<Resolver>>()

  setServers(servers: readonly NativeServer[]): void {
    this.servers = servers.map(([family, address, port]) =>
      family === 6 ? `[${address}]:${port}` : `${address}:${port}`,
    )
    for (const resolver of this.resolvers.values()) void resolver.then((each) => each.close())
    this.resolvers.clear()
  }

  cancel(): void {
    for (const resolver of this.resolvers.values()) void resolver.then((each) => each.cancel())
  }

  async ask(stack: Stack, query: Query, request: QueryRequest, name: string): Promise<void> {
    let code: string | null = null
    let answer: Result = { result: undefined }
    try {
      answer = await query(await this.resolver(stack), name)
    } catch (error) {
      code = (error as { code?: string }).code ?? 'ESERVFAIL'
    }
    // In a task of its own: what the program throws is its own uncaught exception, not the rejection of a promise of ours.
    setImmediate(() =>
      code === null ? request.oncomplete(null, answer.result, answer.ttls) : request.oncomplete(code),
    )
  }

  private resolver(stack: Stack): Promise<Resolver> {
    const known = this.resolvers.get(stack)
    if (known !== undefined) return known
    const made = this.make(stack)
    this.resolvers.set(stack, made)
    const forget = (): void => void this.resolvers.delete(stack)
    stack.closed.then(forget, forget)
    return made
  }

  private async make(stack: Stack): Promise<Resolver> {
    // Loaded when the first name is asked for: most programs of a network know no names.
    const { createResolver } = await import('@ioth/core/services')
    // As c-ares, a channel keeps no answers.
    return createResolver(stack, { cacheSize: 0, ...(this.servers === undefined ? {} : { servers: this.servers }) })
  }
}

function addresses(type: 'A' | 'AAAA'): Query {
  return async (resolver, name) => {
    const records = await resolver.resolve(name, type, NO_SEARCH)
    return { result: records.map(({ address }) => address), ttls: records.map(({ ttl }) => ttl) }
  }
}

function list<Type extends RecordType>(type: Type, field: (record: DnsRecord<Type>) => unknown): Query {
  return async (resolver, name) => ({ result: (await resolver.resolve(name, type, NO_SEARCH)).map(field) })
}

/** Where Node 24 has a place for the type and leaves it empty. */
function untold(record: DnsRecord): unknown {
  return SAYS_TYPE ? { ...plain(record), type: undefined } : plain(record)
}

/** Without what `node:dns` does not tell. */
function plain<R extends DnsRecord>(record: R): Omit<R, 'type' | 'ttl'> {
  const { type, ttl, ...fields } = record
  return fields
}

/** Certificates are ArrayBuffers there. */
function tlsa({ certUsage, selector, match, data }: DnsRecord<'TLSA'>): Record<string, unknown> {
  return { certUsage, selector, match, data: data.slice().buffer }
}

function typed(record: DnsRecord): unknown {
  if (SAYS_TYPE) return anyRecord(record)
  return record.type === 'CAA' ? { critical: record.critical, [record.tag]: record.value } : plain(record)
}

/** The members in Node's order: programs print them. */
function anyRecord(record: DnsRecord): unknown {
  const { type } = record
  if (type === 'A' || type === 'AAAA') return { address: record.address, ttl: record.ttl, type }
  if (type === 'TLSA') return tlsa(record)
  if (type !== 'CAA') return { ...plain(record), type }
  const { critical, tag, value } = record
  return SAYS_TYPE ? { critical, type, [tag]: value } : { critical, [tag]: value, type }
}

/** Types that a newer Node asks for. */
function notThere(): Promise<Result> {
  return Promise.reject(Object.assign(new Error('no such query'), { code: 'ENOTIMP' }))
}

function replace(
  prototype: Methods,
  name: string,
  around: (handle: object, native: () => unknown, args: unknown[]) => unknown,
): void {
  const original = prototype[name] as (this: object, ...args: unknown[]) => unknown
  const method = {
    [name](this: object, ...args: unknown[]): unknown {
      return around(this, () => original.apply(this, args), args)
    },
  }[name]
  Object.defineProperty(prototype, name, { value: method, writable: true, configurable: true, enumerable: true })
}
