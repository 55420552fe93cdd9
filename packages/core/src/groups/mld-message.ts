/**
 * Multicast listener discovery (RFC 2710 3, RFC 3810 5), which travels in ICMPv6.
 *
 * ```
 *  0    1    2       4          6     8         24        26      28
 *  +----+----+-------+----------+-----+---------+---------+-------+---------
 *  |type| 0  | sum   | max resp | 0   | group   | S, QRV… | count | sources   query, and all of version 1; that ends after the group
 *  |type| 0  | sum   | 0        | records                                     report of version 2
 *  +----+----+-------+----------+---------------
 *  record: type, length of auxiliary data, number of sources (16 bits), group, sources, auxiliary data
 * ```
 *
 * @module
 */
import { fromBytes, type IpAddress, toBytes } from '../address/ip-address.ts'
import { ICMP_TYPE } from '../frame/offsets.ts'

// Types of ICMPv6 messages.
export const MLD_QUERY = 130
export const MLD_REPORT = 131
export const MLD_DONE = 132
export const MLD2_REPORT = 143

const SHORT = 24
const LONG_QUERY = 28
const REPORT = 8
const RECORD = 20

/** A hop-by-hop header with nothing but the router alert option of MLD (RFC 2711 2.1) and padding; `next` is ICMPv6. */
export const ROUTER_ALERT: readonly number[] = [58, 0, 5, 2, 0, 0, 1, 0]

export interface MldQuery {
  readonly type: typeof MLD_QUERY
  readonly version: 1 | 2
  /** `::`: all groups. */
  readonly group: IpAddress
  readonly sources: readonly IpAddress[]
  /** Within which to answer, in milliseconds. */
  readonly maxResponse: number
}

export interface MldGroupMessage {
  readonly type: typeof MLD_REPORT | typeof MLD_DONE
  readonly group: IpAddress
}

export interface MldRecord {
  readonly type: number
  readonly group: IpAddress
  readonly sources: readonly IpAddress[]
}

export interface MldReport {
  readonly type: typeof MLD2_REPORT
  readonly records: readonly MldRecord[]
}

export type MldMessage = MldQuery | MldGroupMessage | MldReport

/** Reads a message, checksum not looked at. @returns why it is none. */
export function parseMld(octets: Uint8Array): MldMessage | string {
  const type = octets[ICMP_TYPE]
  const view = new DataView(octets.buffer, octets.byteOffset, octets.length)
  if (type === MLD2_REPORT) return parseReport(octets, view)
  if (octets.length < SHORT) return 'short'
  const group = fromBytes(octets, 8, 16)
  if (type === MLD_REPORT || type === MLD_DONE) return { type, group }
  if (type !== MLD_QUERY) return 'type'
  const code = view.getUint16(4)
  // RFC 3810 8.1: the length tells the version.
  if (octets.length === SHORT) return { type, version: 1, group, sources: [], maxResponse: code }
  if (octets.length < LONG_QUERY) return 'length'
  const count = view.getUint16(26)
  if (LONG_QUERY + count * 16 > octets.length) return 'length'
  const sources = Array.from({ length: count }, (_, index) => fromBytes(octets, LONG_QUERY + index * 16, 16))
  return { type, version: 2, group, sources, maxResponse: expandCode(code) }
}

/** The message with checksum 0. A query's response time is below 32.768 s. */
export function serializeMld(message: MldMessage): Uint8Array {
  const octets = new Uint8Array(lengthOf(message))
  const view = new DataView(octets.buffer)
  octets[ICMP_TYPE] = message.type
  if (message.type === MLD2_REPORT) {
    view.setUint16(6, message.records.length)
    let at = REPORT
    for (const { type, group, sources } of message.records) {
      octets[at] = type
      view.setUint16(at + 2, sources.length)
      octets.set(toBytes(group), at + 4)
      for (const [index, source] of sources.entries()) octets.set(toBytes(source), at + RECORD + index * 16)
      at += recordLength(sources.length)
    }
    return octets
  }
  octets.set(toBytes(message.group), 8)
  if (message.type === MLD_QUERY) {
    view.setUint16(4, message.maxResponse)
    if (message.version === 2) {
      view.setUint16(26, message.sources.length)
      for (const [index, source] of message.sources.entries()) octets.set(toBytes(source), LONG_QUERY + index * 16)
    }
  }
  return octets
}

/** Octets of a record in a report. */
export function recordLength(sources: number): number {
  return RECORD + sources * 16
}

/** RFC 3810 5.1.3: codes from 32768 on are a mantissa and an exponent. */
function expandCode(code: number): number {
  return code < 0x8000 ? code : ((code & 0xfff) | 0x1000) << (((code >> 12) & 7) + 3)
}

function parseReport(octets: Uint8Array, view: DataView): MldReport | string {
  if (octets.length < REPORT) return 'short'
  const records: MldRecord[] = []
  const count = view.getUint16(6)
  let at = REPORT
  for (let i = 0; i < count; i++) {
    if (at + RECORD > octets.length) return 'length'
    const sourceCount = view.getUint16(at + 2)
    const first = at + RECORD
    const end = first + sourceCount * 16
    if (end > octets.length) return 'length'
    const sources = Array.from({ length: sourceCount }, (_, index) => fromBytes(octets, first + index * 16, 16))
    records.push({ type: octets[at] as number, group: fromBytes(octets, at + 4, 16), sources })
    at = end + (octets[at + 1] as number) * 4
  }
  return at > octets.length ? 'length' : { type: MLD2_REPORT, records }
}

function lengthOf(message: MldMessage): number {
  if (message.type === MLD2_REPORT) {
    return message.records.reduce((length, { sources }) => length + recordLength(sources.length), REPORT)
  }
  if (message.type === MLD_QUERY && message.version === 2) return LONG_QUERY + message.sources.length * 16
  return SHORT
}
