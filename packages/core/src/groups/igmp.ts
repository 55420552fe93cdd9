/**
 * The host's part of IGMP on one interface (RFC 3376, with RFC 2236 and RFC 1112 for older routers), messages in and messages out: tells the
 * routers of the link which groups we listen to, and answers their queries. When is the reporter's business.
 *
 * @module
 */
import { IpAddress } from '../address/ip-address.ts'
import type { Clock, Random } from '../contract/clock.ts'
import { IP4_HEADER } from '../frame/offsets.ts'
import { inMessages } from './group-records.ts'
import { type Generation, type GroupRecord, GroupReporter, type GroupWire } from './group-reporter.ts'
import {
  IGMP_LEAVE,
  IGMP_QUERY,
  IGMP_REPORT_V1,
  IGMP_REPORT_V2,
  IGMP_REPORT_V3,
  type IgmpMessage,
  type IgmpQuery,
  parseIgmp,
  recordLength,
  serializeIgmp,
} from './igmp-message.ts'
import { Memberships } from './memberships.ts'

export const PROTO_IGMP = 2
/** Internetwork control (RFC 3376 4). */
export const IGMP_TRAFFIC_CLASS = 0xc0
/** 224.0.0.1, all hosts: always joined, never reported (RFC 3376 5). */
export const ALL_HOSTS: number = 0xe0000001 | 0
const ALL_ROUTERS = IpAddress.v4(0xe0000002 | 0)
const ALL_V3_ROUTERS = IpAddress.v4(0xe0000016 | 0)
/** Router alert with value 0: routers shall look at the packet (RFC 2113). */
export const IP4_ROUTER_ALERT: Uint8Array = Uint8Array.of(148, 4, 0, 0)
const TENTH = 100_000

/** What IGMP needs of the interface. */
export interface IgmpWire {
  readonly mtu: number
  /** Sends a message with time to live 1, {@link IGMP_TRAFFIC_CLASS} and {@link IP4_ROUTER_ALERT}. */
  sendIgmp(destination: IpAddress, message: Uint8Array): void
}

export class Igmp implements GroupWire {
  readonly memberships: Memberships
  readonly reporter: GroupReporter
  private readonly wire: IgmpWire

  constructor(clock: Clock, random: Random, wire: IgmpWire) {
    this.wire = wire
    this.reporter = new GroupReporter(clock, random, this, (group) => group.w3 === ALL_HOSTS)
    this.memberships = new Memberships(this.reporter)
    this.reporter.memberships = this.memberships
  }

  /**
   * A message arrived.
   * @param destination of the packet.
   * @param isGroup whether it went to more than us.
   * @param hasAlert whether the packet had a router alert.
   * @returns why it is dropped; null: it is not.
   */
  receive(octets: Uint8Array, ttl: number, destination: number, isGroup: boolean, hasAlert: boolean): string | null {
    const message = parseIgmp(octets)
    if (typeof message === 'string') return message
    // Every message is sent with 1 (RFC 2236 2, RFC 3376 4): whatever has more came from afar.
    if (ttl !== 1) return 'ttl'
    if (message.type === IGMP_QUERY) {
      // RFC 3376 9.1: without a router alert it is no query of a router of this link.
      return message.version === 1 || hasAlert ? this.queried(message, destination, isGroup) : 'alert'
    }
    if (message.type === IGMP_REPORT_V1 || message.type === IGMP_REPORT_V2) {
      this.reporter.reported(IpAddress.v4(message.group))
    }
    return null
  }

  private queried(
    { version, group, sources, maxResponse }: IgmpQuery,
    destination: number,
    isGroup: boolean,
  ): string | null {
    // A query about all groups goes to all hosts, one about a group to the group, either to us alone (RFC 3376 4.1.12).
    const isFitting = !isGroup || destination === (group === 0 ? ALL_HOSTS : group)
    if (!isFitting || (group !== 0 && group >>> 28 !== 0xe)) return 'group'
    this.reporter.queried(
      version,
      group === 0 ? null : IpAddress.v4(group),
      sources.map((source) => IpAddress.v4(source)),
      maxResponse * TENTH,
    )
    return null
  }

  // ---------- GroupWire ----------

  report(records: readonly GroupRecord[]): void {
    const room = this.wire.mtu - IP4_HEADER - IP4_ROUTER_ALERT.length
    for (const part of inMessages(records, room, recordLength)) {
      const words = part.map(({ type, group, sources }) => ({
        type,
        group: group.w3,
        sources: sources.map(({ w3 }) => w3),
      }))
      this.send(ALL_V3_ROUTERS, { type: IGMP_REPORT_V3, records: words })
    }
  }

  reportOld(generation: Generation, group: IpAddress): void {
    this.send(group, { type: generation === 1 ? IGMP_REPORT_V1 : IGMP_REPORT_V2, group: group.w3 })
  }

  leaveOld(group: IpAddress): void {
    this.send(ALL_ROUTERS, { type: IGMP_LEAVE, group: group.w3 })
  }

  private send(destination: IpAddress, message: IgmpMessage): void {
    this.wire.sendIgmp(destination, serializeIgmp(message))
  }
}
