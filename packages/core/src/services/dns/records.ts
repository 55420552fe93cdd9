/**
 * Records as programs see them: the fields that `node:dns` gives, with type and time to live.
 *
 * @module
 */
import { answer } from '@dnsquery/dns-packet'
import { parseIpAddress } from '../../address/ip-address.ts'
import { readDomainName } from '../domain-name.ts'
import { CLASS_IN, type DnsMessage, type RecordView, TYPES } from './message.ts'

/** The records of each type. */
export interface RecordsByType {
  readonly A: { readonly address: string }
  readonly AAAA: { readonly address: string }
  readonly CNAME: { readonly value: string }
  readonly NS: { readonly value: string }
  readonly PTR: { readonly value: string }
  readonly MX: { readonly exchange: string; readonly priority: number }
  readonly TXT: { readonly entries: readonly string[] }
  readonly SRV: { readonly name: string; readonly port: number; readonly priority: number; readonly weight: number }
  readonly SOA: {
    readonly nsname: string
    readonly hostmaster: string
    readonly serial: number
    readonly refresh: number
    readonly retry: number
    readonly expire: number
    readonly minttl: number
  }
  readonly NAPTR: {
    readonly flags: string
    readonly service: string
    readonly regexp: string
    readonly replacement: string
    readonly order: number
    readonly preference: number
  }
  readonly TLSA: {
    readonly certUsage: number
    readonly selector: number
    readonly match: number
    readonly data: Uint8Array
  }
  readonly CAA: { readonly critical: number; readonly tag: string; readonly value: string }
}

/** Types of records that can be asked for; ANY: whatever the server has. */
export type RecordType = keyof RecordsByType | 'ANY'

/** A record of one type; without a type, of any. */
export type DnsRecord<Type extends RecordType = RecordType> = {
  [Each in Type extends 'ANY' ? keyof RecordsByType : Type & keyof RecordsByType]: RecordsByType[Each] & {
    readonly type: Each
    /** Seconds for which it may be kept. */
    readonly ttl: number
  }
}[Type extends 'ANY' ? keyof RecordsByType : Type & keyof RecordsByType]

const NAMES: ReadonlyMap<number, string> = new Map(Object.entries(TYPES).map(([name, number]) => [number, name]))

/** Reads a record of a checked message; null for types that are none of ours. */
export function readRecordData({ octets }: DnsMessage, view: RecordView): DnsRecord | null {
  const type = NAMES.get(view.type)
  if (type === undefined || type === 'OPT' || type === 'ANY' || view.class !== CLASS_IN) return null
  return { type, ttl: view.ttl, ...readFields(type, octets, view) } as DnsRecord
}

function readFields(type: string, octets: Uint8Array, view: RecordView): object {
  if (type === 'NAPTR') return readNaptr(octets, view)
  if (type === 'TLSA') return readTlsa(octets, view)
  return fieldsOf(type, answer.decode(octets, view.at) as never)
}

/** From what the codec gives to what programs see. */
function fieldsOf(type: string, { data }: { data: never }): object {
  const codec = data as Record<string, never>
  switch (type) {
    case 'A':
    case 'AAAA':
      return { address: parseIpAddress(data).toString() }
    case 'MX':
      return { exchange: bare(codec.exchange as never), priority: codec.preference }
    case 'SRV':
      return { name: bare(codec.target as never), port: codec.port, priority: codec.priority, weight: codec.weight }
    case 'SOA':
      return {
        nsname: bare(codec.mname as never),
        hostmaster: bare(codec.rname as never),
        serial: codec.serial,
        refresh: codec.refresh,
        retry: codec.retry,
        expire: codec.expire,
        minttl: codec.minimum,
      }
    case 'TXT':
      return { entries: (data as Uint8Array[]).map((octets) => new TextDecoder().decode(octets)) }
    case 'CAA':
      return { critical: codec.flags, tag: codec.tag, value: codec.value }
    default:
      return { value: bare(data) }
  }
}

/** The codec writes the root as a dot; `node:dns` has nothing for it. */
function bare(name: string): string {
  return name === '.' ? '' : name
}

/** RFC 6698 2.1, which the codec does not know. */
function readTlsa(octets: Uint8Array, { dataAt, dataLength }: RecordView): RecordsByType['TLSA'] {
  const [certUsage, selector, match] = octets.subarray(dataAt) as unknown as [number, number, number]
  return { certUsage, selector, match, data: octets.slice(dataAt + 3, dataAt + dataLength) }
}

/** RFC 3403 4.1, which the codec does not know. */
function readNaptr(octets: Uint8Array, { dataAt, dataLength }: RecordView): RecordsByType['NAPTR'] {
  const view = new DataView(octets.buffer, octets.byteOffset + dataAt, dataLength)
  const decoder = new TextDecoder()
  let at = dataAt + 4
  const string = (): string => {
    const from = at + 1
    at = from + (octets[at] as number)
    return decoder.decode(octets.subarray(from, at))
  }
  const [flags, service, regexp] = [string(), string(), string()]
  const replacement = readDomainName(octets, at, dataAt + dataLength)?.name ?? ''
  return { flags, service, regexp, replacement, order: view.getUint16(0), preference: view.getUint16(2) }
}
