/**
 * What an answer says about the question: the records that a chain of aliases leads to, and no others (RFC 1034 3.6.2, RFC 2308, RFC 6604).
 *
 * @module
 */

import type { Question } from './exchange.ts'
import { CLASS_IN, type DnsMessage, NAME_ERROR, type RecordView, TYPES } from './message.ts'
import { type DnsRecord, readRecordData } from './records.ts'

/** What became of a question. */
export interface Answer {
  readonly records: readonly DnsRecord[]
  /** Why there are none; null where there are, and where the question goes on with {@link next}. */
  readonly failure: 'ENOTFOUND' | 'ENODATA' | null
  /** The name at the end of the chain, when the server said nothing about it. */
  readonly next: string | null
  /** How long it may be kept, in seconds. */
  readonly ttl: number
}

/** Aliases that are followed, in all. */
export const LONGEST_CHAIN = 16

/** @returns null for a chain of aliases that goes in circles or too far. */
export function interpret(message: DnsMessage, question: Question): Answer | null {
  const answers = message.records.filter(({ section, class: each }) => section === 'answer' && each === CLASS_IN)
  const type = TYPES[question.type]
  let owner = question.name.toLowerCase()
  let ttl = Number.POSITIVE_INFINITY
  for (let aliases = 0; ; aliases++) {
    const found = answers.filter((record) => isOf(record, owner) && (record.type === type || type === TYPES.ANY))
    const records = found.map((record) => readRecordData(message, record)).filter((record) => record !== null)
    if (records.length > 0) {
      const shortest = Math.min(ttl, ...records.map((record) => record.ttl))
      return { records, failure: null, next: null, ttl: shortest }
    }
    const alias = answers.find((record) => isOf(record, owner) && record.type === TYPES.CNAME)
    if (alias === undefined) return nothing(message, owner, aliases > 0, ttl)
    if (aliases === LONGEST_CHAIN) return null
    owner = alias.target.toLowerCase()
    ttl = Math.min(ttl, alias.ttl)
  }
}

function nothing(message: DnsMessage, owner: string, isAlias: boolean, aliasTtl: number): Answer {
  const negativeTtl = Math.min(aliasTtl, negativeTtlOf(message, owner))
  const none = { records: [], next: null, ttl: negativeTtl }
  if (message.rcode === NAME_ERROR) return { ...none, failure: 'ENOTFOUND' }
  // RFC 2308 2.2: with a SOA record the server speaks of the name at the end.
  if (!isAlias || negativeTtl > 0) return { ...none, failure: 'ENODATA' }
  return { records: [], failure: null, next: owner, ttl: aliasTtl }
}

/** RFC 2308 5: the smaller one of the SOA record's time to live and its last field; without one nothing is kept. */
function negativeTtlOf(message: DnsMessage, owner: string): number {
  const soa = message.records.find(
    ({ section, type, class: each, name }) =>
      section === 'authority' && type === TYPES.SOA && each === CLASS_IN && isWithin(owner, name.toLowerCase()),
  )
  const record = soa === undefined ? null : readRecordData(message, soa)
  return record?.type === 'SOA' ? Math.min(record.ttl, record.minttl) : 0
}

function isOf(record: RecordView, owner: string): boolean {
  return record.name.toLowerCase() === owner
}

/** A zone speaks of its own names only. */
function isWithin(name: string, zone: string): boolean {
  return zone === '' || name === zone || name.endsWith(`.${zone}`)
}
