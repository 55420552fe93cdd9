/**
 * Neighbour discovery (RFC 4861) and multicast listener discovery (RFC 3810), as a host may send them.
 *
 * @module
 */
import type { Findings } from './finding.ts'
import type { IpPacket } from './ip.ts'
import { ipv6Text, u8, u16 } from './octets.ts'

/** A message taken apart as far as the tests need it. */
export interface DiscoveryMessage {
  readonly type: number
  /** Of a neighbour advertisement: router 0x80, solicited 0x40, override 0x20. */
  readonly flags: number
  /** Of a neighbour solicitation or advertisement; the group of a listener report or done. */
  readonly target: string
  /** Options by type, without type and length. */
  readonly options: ReadonlyMap<number, Uint8Array>
  /** Of a listener report of version 2. */
  readonly records: readonly { readonly type: number; readonly group: string; readonly sources: readonly string[] }[]
}

const NOBODY = '0:0:0:0:0:0:0:0'
const ALL_NODES = 'ff02:0:0:0:0:0:0:1'
const ALL_ROUTERS = 'ff02:0:0:0:0:0:0:2'
const ALL_V2_ROUTERS = 'ff02:0:0:0:0:0:0:16'
const QUERY = 130
const REPORT = 131
const DONE = 132
const ROUTER_SOLICITATION = 133
const ROUTER_ADVERTISEMENT = 134
const NEIGHBOR_SOLICITATION = 135
const NEIGHBOR_ADVERTISEMENT = 136
const REDIRECT = 137
const REPORT2 = 143
const OPTIONS_AT: Readonly<Record<number, number>> = {
  [ROUTER_SOLICITATION]: 8,
  [NEIGHBOR_SOLICITATION]: 24,
  [NEIGHBOR_ADVERTISEMENT]: 24,
}

export function isDiscovery(type: number): boolean {
  return (type >= QUERY && type <= REDIRECT) || type === REPORT2
}

export function checkDiscovery(packet: IpPacket, message: Uint8Array, findings: Findings): DiscoveryMessage | null {
  const type = u8(message, 0)
  const isOthers = type === QUERY || type === ROUTER_ADVERTISEMENT || type === REDIRECT
  if (!findings.expect(!isOthers, 'nd.type', `a host does not send type ${type}`)) return null
  findings.expect(u8(message, 1) === 0, 'nd.code', `code ${u8(message, 1)}`)
  return type === REPORT2 || type <= DONE ? checkMld(packet, message, findings) : checkNd(packet, message, findings)
}

function checkNd(packet: IpPacket, message: Uint8Array, findings: Findings): DiscoveryMessage | null {
  const type = u8(message, 0)
  const at = OPTIONS_AT[type] as number
  findings.expect(packet.timeToLive === 255, 'nd.hop-limit', `hop limit ${packet.timeToLive}, not 255`)
  findings.expect(packet.fragment === null, 'nd.fragment', 'sent in fragments (RFC 6980)')
  if (!findings.expect(message.length >= at, 'nd.length', `${message.length} octets`)) return null
  const options = readOptions(message, at, findings)
  const target = type === ROUTER_SOLICITATION ? '' : ipv6Text(message, 8)
  const flags = type === NEIGHBOR_ADVERTISEMENT ? u8(message, 4) : 0
  const isFromNobody = packet.source === NOBODY
  findings.expect(!target.startsWith('ff'), 'nd.target', `target ${target} is a group`)
  findings.expect(
    !isFromNobody || !options.has(1),
    'nd.source-link',
    'a hardware address from nobody (RFC 4861 4.1, 4.3)',
  )
  if (type === NEIGHBOR_SOLICITATION) {
    const isToGroup = packet.destinationOctets[0] === 0xff
    findings.expect(!isFromNobody || isToGroup, 'nd.destination', 'a question from nobody to one host')
    findings.expect(
      !isToGroup || isSolicitedNode(packet.destinationOctets, message),
      'nd.destination',
      `${target} is sought at ${packet.destination}`,
    )
    // RFC 4861 7.2.2: who asks everybody says where it is, so that the answer finds it.
    findings.expect(
      !isToGroup || isFromNobody || options.has(1),
      'nd.source-link',
      'asks a group and does not say where it is',
    )
  }
  if (type === NEIGHBOR_ADVERTISEMENT) {
    const isToGroup = packet.destinationOctets[0] === 0xff
    findings.expect((flags & 0x80) === 0, 'nd.router', 'a host says that it is a router')
    findings.expect(!isToGroup || (flags & 0x40) === 0, 'nd.solicited', 'an answer to nobody’s question to a group')
    findings.expect(!isFromNobody, 'nd.source', 'an advertisement from nobody')
  }
  return { type, flags, target, options, records: [] }
}

function readOptions(message: Uint8Array, from: number, findings: Findings): Map<number, Uint8Array> {
  const options = new Map<number, Uint8Array>()
  let at = from
  while (at + 2 <= message.length) {
    const length = u8(message, at + 1) * 8
    if (
      !findings.expect(
        length > 0 && at + length <= message.length,
        'nd.option',
        `an option of ${length} octets at ${at}`,
      )
    )
      return options
    options.set(u8(message, at), message.slice(at + 2, at + length))
    at += length
  }
  findings.expect(at === message.length, 'nd.option', `${message.length - at} octets behind the options`)
  return options
}

function checkMld(packet: IpPacket, message: Uint8Array, findings: Findings): DiscoveryMessage | null {
  const type = u8(message, 0)
  findings.expect(packet.timeToLive === 1, 'mld.hop-limit', `hop limit ${packet.timeToLive}, not 1`)
  findings.expect(packet.routerAlert === true, 'mld.router-alert', 'sent without a router alert')
  const isFromHere = packet.source === NOBODY || packet.source.startsWith('fe80:')
  findings.expect(isFromHere, 'mld.source', `from ${packet.source}, not link-local`)
  if (type === REPORT2) {
    findings.expect(packet.destination === ALL_V2_ROUTERS, 'mld.destination', `a report to ${packet.destination}`)
    return { type, flags: 0, target: '', options: new Map(), records: readRecords(message, findings) }
  }
  if (!findings.expect(message.length === 24, 'mld.length', `${message.length} octets`)) return null
  const target = ipv6Text(message, 8)
  findings.expect(isReportable(target), 'mld.group', `${target} is no group to report`)
  const destination = type === REPORT ? target : ALL_ROUTERS
  findings.expect(packet.destination === destination, 'mld.destination', `type ${type} to ${packet.destination}`)
  return { type, flags: 0, target, options: new Map(), records: [] }
}

function readRecords(message: Uint8Array, findings: Findings): DiscoveryMessage['records'] {
  const records: DiscoveryMessage['records'][number][] = []
  const count = u16(message, 6)
  let at = 8
  for (let i = 0; i < count && at + 20 <= message.length; i++) {
    const sourceCount = u16(message, at + 2)
    const end = at + 20 + sourceCount * 16
    if (end > message.length) break
    const first = at + 20
    const group = ipv6Text(message, at + 4)
    const type = u8(message, at)
    findings.expect(type >= 1 && type <= 6, 'mld.record', `a record of type ${type}`)
    findings.expect(isReportable(group), 'mld.group', `${group} is no group to report`)
    findings.expect(u8(message, at + 1) === 0, 'mld.record', 'a record with auxiliary data')
    const sources = Array.from({ length: sourceCount }, (_, index) => ipv6Text(message, first + index * 16))
    records.push({ type, group, sources })
    at = end
  }
  const isWhole = records.length === count && at === message.length
  findings.expect(isWhole, 'mld.length', `${records.length} of ${count} records in ${message.length} octets`)
  return records
}

/** A group beyond the interface, and not the one of all nodes, which needs no report (RFC 3810 6). */
function isReportable(group: string): boolean {
  return /^ff[0-9a-f][2-9a-f]:/.test(group) && group !== ALL_NODES
}

/** Whether a group is that of the target of a solicitation (RFC 4291 2.7.1). */
function isSolicitedNode(group: Uint8Array, message: Uint8Array): boolean {
  const prefix = [0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xff]
  return prefix.every((octet, i) => group[i] === octet) && [21, 22, 23].every((i) => message[i] === group[i - 8])
}
