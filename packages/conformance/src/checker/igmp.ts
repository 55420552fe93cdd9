/**
 * IGMP (RFC 2236, RFC 3376 4), as a host may send it.
 *
 * @module
 */
import type { Findings } from './finding.ts'
import type { IpPacket } from './ip.ts'
import { hex, internetChecksum, ipv4Text, u8, u16 } from './octets.ts'

export interface IgmpRecord {
  readonly type: number
  readonly group: string
  readonly sources: readonly string[]
}

export interface IgmpMessage {
  readonly type: number
  /** Of a query, a report of version 1 or 2, or a leave. */
  readonly group: string
  /** Of a report of version 3. */
  readonly records: readonly IgmpRecord[]
}

const REPORT_V1 = 0x12
const REPORT_V2 = 0x16
const LEAVE = 0x17
const REPORT_V3 = 0x22
const SHORTEST = 8

export function checkIgmp(packet: IpPacket, message: Uint8Array, findings: Findings): IgmpMessage | null {
  if (!findings.expect(message.length >= SHORTEST, 'igmp.length', `${message.length} octets are no message`))
    return null
  const type = u8(message, 0)
  findings.expect(internetChecksum(message) === 0, 'igmp.checksum', `checksum ${hex(u16(message, 2))} is wrong`)
  findings.expect(packet.timeToLive === 1, 'igmp.ttl', `time to live ${packet.timeToLive}, not 1`)
  findings.expect(packet.routerAlert === true, 'igmp.router-alert', 'sent without a router alert')
  const group = ipv4Text(message, 4)
  const destination = { [REPORT_V1]: group, [REPORT_V2]: group, [LEAVE]: '224.0.0.2', [REPORT_V3]: '224.0.0.22' }[type]
  if (!findings.expect(destination !== undefined, 'igmp.type', `a host does not send type ${hex(type, 2)}`)) return null
  findings.expect(
    packet.destination === destination,
    'igmp.destination',
    `type ${hex(type, 2)} to ${packet.destination}`,
  )
  if (type !== REPORT_V3) {
    findings.expect(isReportable(group), 'igmp.group', `${group} is no group to report`)
    return { type, group, records: [] }
  }
  return { type, group: '', records: readRecords(message, findings) }
}

function readRecords(message: Uint8Array, findings: Findings): IgmpRecord[] {
  const records: IgmpRecord[] = []
  const count = u16(message, 6)
  let at = SHORTEST
  for (let i = 0; i < count && at + SHORTEST <= message.length; i++) {
    const sourceCount = u16(message, at + 2)
    const end = at + SHORTEST + sourceCount * 4
    if (end > message.length) break
    const type = u8(message, at)
    const group = ipv4Text(message, at + 4)
    const first = at + SHORTEST
    const sources = Array.from({ length: sourceCount }, (_, index) => ipv4Text(message, first + index * 4))
    findings.expect(type >= 1 && type <= 6, 'igmp.record', `a record of type ${type}`)
    findings.expect(isReportable(group), 'igmp.group', `${group} is no group to report`)
    findings.expect(u8(message, at + 1) === 0, 'igmp.record', 'a record with auxiliary data')
    records.push({ type, group, sources })
    at = end
  }
  const isWhole = records.length === count && at === message.length
  findings.expect(isWhole, 'igmp.length', `${records.length} of ${count} records in ${message.length} octets`)
  return records
}

/** A group, and not the one of all hosts, which needs no report. */
function isReportable(group: string): boolean {
  const first = Number.parseInt(group, 10)
  return first >= 224 && first < 240 && group !== '224.0.0.1'
}
