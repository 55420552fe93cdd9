/**
 * `ioth resolve`: what the name servers of a network say about a name or an address.
 *
 * @module
 */
import { hasCode, type Stack, tryParseIpAddress } from '@ioth/core'
import { resolve as ask, type DnsRecord, type RecordType, reverse } from '@ioth/core/services'
import { EXIT, Failure } from '../failure.ts'
import { explainName, near } from '../network/find-target.ts'
import { joinNetwork } from '../network/join.ts'
import type { NetworkSettings } from '../options/network-options.ts'
import { formatTable } from '../output.ts'

export interface ResolveOptions {
  /** A, AAAA, MX, …; without it the addresses. */
  readonly type?: string
  readonly json?: boolean
}

const TYPES: readonly RecordType[] = [
  'A',
  'AAAA',
  'ANY',
  'CAA',
  'CNAME',
  'MX',
  'NAPTR',
  'NS',
  'PTR',
  'SOA',
  'SRV',
  'TLSA',
  'TXT',
]

export async function resolve(
  name: string,
  { type, json = false }: ResolveOptions,
  settings: NetworkSettings,
): Promise<void> {
  const kind = type?.toUpperCase() as RecordType | undefined
  if (kind !== undefined && !TYPES.includes(kind)) {
    throw new Failure(EXIT.usage, `"${type}" is not a type of record. It can be ${TYPES.join(', ')}.`)
  }
  await using stack = await joinNetwork(settings, { name: 'ioth-resolve', ...near(null, settings) })
  try {
    const records = await find(stack, name, kind)
    if (json) console.log(JSON.stringify(records, null, 2))
    else process.stdout.write(formatTable(['TYPE', 'TTL', 'DATA'], records.map(toRow)))
  } catch (error) {
    throw explainName(error, stack, name)
  }
}

async function find(stack: Stack, name: string, type: RecordType | undefined): Promise<readonly DnsRecord[]> {
  const address = type === undefined ? tryParseIpAddress(name) : null
  if (address !== null) {
    const names = await reverse(stack, address)
    return names.map((value) => ({ type: 'PTR', ttl: 0, value }))
  }
  if (type !== undefined) return await ask(stack, name, type)
  const [v4, v6] = await Promise.allSettled([ask(stack, name, 'A'), ask(stack, name, 'AAAA')])
  const found = [v4, v6].flatMap((each): readonly DnsRecord[] => (each.status === 'fulfilled' ? each.value : []))
  if (found.length > 0) return found
  const reasons = [v4, v6].flatMap((each) => (each.status === 'rejected' ? [each.reason] : []))
  throw reasons.find((reason) => !hasCode(reason, 'ENODATA')) ?? reasons[0]
}

/** The data as zone files have it. */
function toRow({ type, ttl, ...fields }: DnsRecord): string[] {
  const { priority, weight, port, order, preference, ...others } = fields as Record<string, unknown>
  const numbers = [order, preference, priority, weight, port].filter((value) => value !== undefined)
  return [type, String(ttl), [...numbers, ...Object.values(others).map(toWord)].join(' ')]
}

function toWord(value: unknown): string {
  if (Array.isArray(value)) return value.map((text) => JSON.stringify(text)).join(' ')
  if (value instanceof Uint8Array) return Buffer.from(value).toString('hex')
  return value === '' ? '.' : String(value)
}
