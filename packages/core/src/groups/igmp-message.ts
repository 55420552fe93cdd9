/**
 * IGMP (RFC 1112 appendix I, RFC 2236 2, RFC 3376 4).
 *
 * ```
 *  0    1          2       4         8          10      12
 *  +----+----------+-------+---------+----------+-------+------------
 *  |type| max resp | sum   | group   | S, QRV…  | count | sources         query; versions 1 and 2 end after the group
 *  +----+----------+-------+---------+----------+-------+------------
 *  |type| 0        | sum   | 0           | records      | records         report of version 3
 *  +----+----------+-------+----+--------+--------------+------------
 *  record: type, length of auxiliary data, number of sources (16 bits), group, sources, auxiliary data
 * ```
 *
 * @module
 */
import { shortSum } from '../armour/octets.ts'

export const IGMP_QUERY = 0x11
export const IGMP_REPORT_V1 = 0x12
export const IGMP_REPORT_V2 = 0x16
export const IGMP_LEAVE = 0x17
export const IGMP_REPORT_V3 = 0x22

const SHORT = 8
const LONG_QUERY = 12
const RECORD = 8

export interface IgmpQuery {
  readonly type: typeof IGMP_QUERY
  readonly version: 1 | 2 | 3
  /** 0: all groups. */
  readonly group: number
  readonly sources: readonly number[]
  /** Within which to answer, in tenths of a second. */
  readonly maxResponse: number
}

export interface IgmpGroupMessage {
  readonly type: typeof IGMP_REPORT_V1 | typeof IGMP_REPORT_V2 | typeof IGMP_LEAVE
  readonly group: number
}

export interface IgmpRecord {
  readonly type: number
  readonly group: number
  readonly sources: readonly number[]
}

export interface IgmpReport {
  readonly type: typeof IGMP_REPORT_V3
  readonly records: readonly IgmpRecord[]
}

export type IgmpMessage = IgmpQuery | IgmpGroupMessage | IgmpReport

/** @returns the message, or why it is none. */
export function parseIgmp(octets: Uint8Array): IgmpMessage | string {
  if (octets.length < SHORT) return 'short'
  if (sumOf(octets) !== 0xffff) return 'checksum'
  const view = new DataView(octets.buffer, octets.byteOffset, octets.length)
  const type = octets[0] as number
  const group = view.getInt32(4)
  if (type === IGMP_QUERY) return parseQuery(view, octets[1] as number, group)
  if (type === IGMP_REPORT_V1 || type === IGMP_REPORT_V2 || type === IGMP_LEAVE) return { type, group }
  if (type === IGMP_REPORT_V3) return parseReport(view)
  return 'type'
}

/** RFC 3376 7.1: the length tells the version. */
function parseQuery(view: DataView, code: number, group: number): IgmpQuery | string {
  const length = view.byteLength
  if (length === SHORT) {
    // RFC 2236 4: version 1 asks for an answer within ten seconds.
    return { type: IGMP_QUERY, version: code === 0 ? 1 : 2, group, sources: [], maxResponse: code === 0 ? 100 : code }
  }
  if (length < LONG_QUERY) return 'length'
  const count = view.getUint16(10)
  if (LONG_QUERY + count * 4 > length) return 'length'
  const sources = Array.from({ length: count }, (_, index) => view.getInt32(LONG_QUERY + index * 4))
  return { type: IGMP_QUERY, version: 3, group, sources, maxResponse: expandCode(code) }
}

/** RFC 3376 4.1.1: codes from 128 on are a mantissa and an exponent. */
function expandCode(code: number): number {
  return code < 128 ? code : ((code & 15) | 16) << (((code >> 4) & 7) + 3)
}

function parseReport(view: DataView): IgmpReport | string {
  const records: IgmpRecord[] = []
  const count = view.getUint16(6)
  let at = SHORT
  for (let i = 0; i < count; i++) {
    if (at + RECORD > view.byteLength) return 'length'
    const sourceCount = view.getUint16(at + 2)
    const end = at + RECORD + sourceCount * 4
    if (end > view.byteLength) return 'length'
    const first = at + RECORD
    const sources = Array.from({ length: sourceCount }, (_, index) => view.getInt32(first + index * 4))
    records.push({ type: view.getUint8(at), group: view.getInt32(at + 4), sources })
    at = end + view.getUint8(at + 1) * 4
  }
  return at > view.byteLength ? 'length' : { type: IGMP_REPORT_V3, records }
}

/** Octets of a record in a report. */
export function recordLength(sources: number): number {
  return RECORD + sources * 4
}

/** Reports of all versions, leaves, and queries of versions 1 and 2, and of 3 with a response time below 12.8 s. */
export function serializeIgmp(message: IgmpMessage): Uint8Array {
  const octets = new Uint8Array(lengthOf(message))
  const view = new DataView(octets.buffer)
  octets[0] = message.type
  if (message.type === IGMP_REPORT_V3) {
    view.setUint16(6, message.records.length)
    let at = SHORT
    for (const { type, group, sources } of message.records) {
      octets[at] = type
      view.setUint16(at + 2, sources.length)
      view.setInt32(at + 4, group)
      for (const [index, source] of sources.entries()) view.setInt32(at + RECORD + index * 4, source)
      at += recordLength(sources.length)
    }
  } else {
    view.setInt32(4, message.group)
    if (message.type === IGMP_QUERY) {
      octets[1] = message.version === 1 ? 0 : message.maxResponse
      if (message.version === 3) {
        view.setUint16(10, message.sources.length)
        for (const [index, source] of message.sources.entries()) view.setInt32(LONG_QUERY + index * 4, source)
      }
    }
  }
  view.setUint16(2, ~sumOf(octets))
  return octets
}

function lengthOf(message: IgmpMessage): number {
  if (message.type === IGMP_REPORT_V3) {
    return message.records.reduce((length, { sources }) => length + recordLength(sources.length), SHORT)
  }
  return message.type === IGMP_QUERY && message.version === 3 ? LONG_QUERY + message.sources.length * 4 : SHORT
}

/** RFC 1071, folded; an odd last octet counts as its word's high half. */
function sumOf(octets: Uint8Array): number {
  const even = octets.length & ~1
  return shortSum(octets, 0, even, even < octets.length ? (octets[even] as number) << 8 : 0)
}
