/**
 * DNS messages (RFC 1035 4.1), as they come from anybody: a checked view of where everything lies. The wire codec of records is
 * `@dnsquery/dns-packet`'s work; it sees no record that was not found whole here, and none that is not used.
 *
 * Checked here because the codec is lax: each record's data against its length and its type, names by the rules of `domain-name.ts`, and
 * that the counts of the header allocate nothing.
 *
 * @module
 */
import { encode, RECURSION_DESIRED } from '@dnsquery/dns-packet'
import { readDomainName, skipDomainName } from '../domain-name.ts'

/** Types that are asked for, or that an answer is understood by (RFC 1035, 3596, 2782, 3403, 6698, 8659). */
export const TYPES = {
  A: 1,
  NS: 2,
  CNAME: 5,
  SOA: 6,
  PTR: 12,
  MX: 15,
  TXT: 16,
  AAAA: 28,
  SRV: 33,
  NAPTR: 35,
  OPT: 41,
  TLSA: 52,
  ANY: 255,
  CAA: 257,
} as const

export const CLASS_IN = 1

// Response codes (RFC 1035 4.1.1)
export const NO_ERROR = 0
export const FORMAT_ERROR = 1
export const SERVER_FAILURE = 2
export const NAME_ERROR = 3
export const NOT_IMPLEMENTED = 4
export const REFUSED = 5
/** RFC 6891 9. */
export const BAD_VERSION = 16

export interface DnsQuestion {
  readonly name: string
  readonly type: number
  readonly class: number
}

/** Where a record lies, and what is needed to tell whether it is of use. */
export interface RecordView {
  readonly section: 'answer' | 'authority' | 'additional'
  readonly name: string
  readonly type: number
  readonly class: number
  /** Seconds; RFC 2181 8: values above 2^31 - 1 are 0. */
  readonly ttl: number
  /** Where the record begins. */
  readonly at: number
  readonly dataAt: number
  readonly dataLength: number
  /** Of CNAME: the name it leads to. */
  readonly target: string
}

export interface DnsMessage {
  readonly octets: Uint8Array
  readonly id: number
  readonly isResponse: boolean
  readonly opcode: number
  readonly isTruncated: boolean
  /** With the upper bits of RFC 6891, where an OPT record has them. */
  readonly rcode: number
  readonly questions: readonly DnsQuestion[]
  readonly records: readonly RecordView[]
}

const HEADER = 12
const FLAGS = 2
const COUNTS = 4
const RECORD_FIXED = 10

const RESPONSE = 0x8000
const TRUNCATED = 0x0200

/** RFC 9715: what passes nearly everywhere without fragments. */
export const UDP_PAYLOAD = 1232

/** A query with one question. @param isExtended whether an OPT record (RFC 6891) says how large an answer may be. */
export function serializeQuery(id: number, name: string, type: keyof typeof TYPES, isExtended: boolean): Uint8Array {
  const options = { type: 'OPT' as const, name: '.', udpPayloadSize: UDP_PAYLOAD, options: [] }
  return encode({
    type: 'query',
    id,
    flags: RECURSION_DESIRED,
    questions: [{ type: type as 'A', name: name === '' ? '.' : name, class: 'IN' }],
    additionals: isExtended ? [options as never] : [],
  })
}

/** Whether a message says that it was cut, whatever else is in it. */
export function isTruncatedAnswer(octets: Uint8Array, id: number): boolean {
  return (
    octets.length >= HEADER &&
    u16(octets, 0) === id &&
    (u16(octets, FLAGS) & (RESPONSE | TRUNCATED)) === (RESPONSE | TRUNCATED)
  )
}

/** @returns the message, or why it is none. */
export function parseDns(octets: Uint8Array): DnsMessage | string {
  if (octets.length < HEADER) return 'short'
  const flags = u16(octets, FLAGS)
  const questions: DnsQuestion[] = []
  const records: RecordView[] = []
  let at = HEADER
  for (let left = u16(octets, COUNTS); left > 0; left--) {
    const name = readDomainName(octets, at)
    if (name === null || name.next + 4 > octets.length) return 'question'
    questions.push({ name: name.name, type: u16(octets, name.next), class: u16(octets, name.next + 2) })
    at = name.next + 4
  }
  let rcode = flags & 15
  for (const [index, section] of SECTIONS.entries()) {
    for (let left = u16(octets, COUNTS + 2 + 2 * index); left > 0; left--) {
      const record = readRecord(octets, at, section)
      if (typeof record === 'string') return record
      if (record.type === TYPES.OPT && section === 'additional') rcode |= (octets[record.dataAt - 6] as number) << 4
      records.push(record)
      at = record.dataAt + record.dataLength
    }
  }
  return {
    octets,
    id: u16(octets, 0),
    isResponse: (flags & RESPONSE) !== 0,
    opcode: (flags >>> 11) & 15,
    isTruncated: (flags & TRUNCATED) !== 0,
    rcode,
    questions,
    records,
  }
}

const SECTIONS = ['answer', 'authority', 'additional'] as const

function readRecord(octets: Uint8Array, at: number, section: RecordView['section']): RecordView | string {
  const name = readDomainName(octets, at)
  if (name === null) return 'name'
  const { next } = name
  if (next + RECORD_FIXED > octets.length) return 'record'
  const type = u16(octets, next)
  const dataAt = next + RECORD_FIXED
  const dataLength = u16(octets, next + 8)
  if (dataAt + dataLength > octets.length) return 'record'
  if (!isSound(octets, type, dataAt, dataAt + dataLength)) return 'data'
  const ttl = u16(octets, next + 4) * 0x10000 + u16(octets, next + 6)
  return {
    section,
    name: name.name,
    type,
    class: u16(octets, next + 2),
    ttl: ttl > 0x7fff_ffff ? 0 : ttl,
    at,
    dataAt,
    dataLength,
    target: type === TYPES.CNAME ? (readDomainName(octets, dataAt)?.name ?? '') : '',
  }
}

/** Whether the data of a record fills its length exactly, as far as the type is one of ours. */
function isSound(octets: Uint8Array, type: number, at: number, end: number): boolean {
  switch (type) {
    case TYPES.A:
      return end - at === 4
    case TYPES.AAAA:
      return end - at === 16
    case TYPES.CNAME:
    case TYPES.NS:
    case TYPES.PTR:
      return endOfName(octets, at, end) === end
    case TYPES.MX:
      return endOfName(octets, at + 2, end) === end
    case TYPES.SRV:
      return endOfName(octets, at + 6, end) === end
    case TYPES.SOA: {
      const mailbox = endOfName(octets, at, end)
      // The mailbox may have a dot inside of its first label.
      return mailbox >= 0 && skipDomainName(octets, mailbox, end) + 20 === end
    }
    case TYPES.TXT: {
      let next = at
      while (next >= 0 && next < end) next = endOfString(octets, next, end)
      return next === end && end > at
    }
    case TYPES.NAPTR: {
      let next = at + 4
      for (let string = 0; string < 3; string++) next = endOfString(octets, next, end)
      return next >= 0 && endOfName(octets, next, end) === end
    }
    case TYPES.TLSA:
      return end - at > 3
    case TYPES.CAA: {
      const tag = octets[at + 1] as number
      return end - at >= 2 && tag > 0 && at + 2 + tag <= end
    }
    default:
      return true
  }
}

function endOfName(octets: Uint8Array, at: number, end: number): number {
  return at < end ? (readDomainName(octets, at, end)?.next ?? -1) : -1
}

function endOfString(octets: Uint8Array, at: number, end: number): number {
  if (at < 0 || at >= end) return -1
  const next = at + 1 + (octets[at] as number)
  return next <= end ? next : -1
}

function u16(octets: Uint8Array, at: number): number {
  return ((octets[at] as number) << 8) | (octets[at + 1] as number)
}
