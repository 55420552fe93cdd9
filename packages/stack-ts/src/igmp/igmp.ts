/**
 * IGMP (RFC 3376, with RFC 2236 and RFC 1112 for older routers), one object per interface: tells the routers of the link which groups we
 * listen to, and answers their queries. When is the reporter's business; this file knows the packets.
 *
 * @module
 */
import { type Clock, type FramePool, IP4_HEADER, IpAddress, type Random } from '@ioth/core'
import type { Counters } from '../counters.ts'
import { type Generation, type GroupRecord, GroupReporter, type GroupWire } from '../ip/group-reporter.ts'
import type { NetInterface } from '../ip/interface.ts'
import { Memberships } from '../ip/memberships.ts'
import type { Transport } from '../ip/network.ts'
import type { Packet } from '../ip/packet.ts'
import { LINK_HEADROOM } from '../link/path.ts'
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
} from '../wire/igmp.ts'
import { serializeIpv4 } from '../wire/ipv4.ts'
import { hasRouterAlert, ROUTER_ALERT_OPTION } from '../wire/ipv4-option.ts'

export const PROTO_IGMP = 2
/** 224.0.0.1, all hosts: always joined, never reported (RFC 3376 5). */
export const ALL_HOSTS: number = 0xe0000001 | 0
const ALL_ROUTERS = 0xe0000002 | 0
const ALL_V3_ROUTERS = 0xe0000016 | 0
/** Internetwork control (RFC 3376 4). */
const PRECEDENCE = 0xc0
const TENTH = 100_000
const REPORT_HEADER = 8

/** What IGMP needs of the interface and the stack around it. */
export interface IgmpHost {
  readonly clock: Clock
  readonly random: Random
  readonly pool: FramePool
  readonly counters: Counters
  /** The address reports come from; 0 when the interface has none yet (RFC 3376 4.2.13). */
  source(): number
}

export class Igmp implements GroupWire {
  readonly memberships: Memberships
  readonly reporter: GroupReporter
  private readonly on: NetInterface
  private readonly host: IgmpHost

  constructor(on: NetInterface, host: IgmpHost) {
    this.on = on
    this.host = host
    this.reporter = new GroupReporter(host.clock, host.random, this, (group) => group.w3 === ALL_HOSTS)
    this.memberships = new Memberships(this.reporter)
    this.reporter.memberships = this.memberships
  }

  receive(packet: Packet): void {
    const { counters, pool } = this.host
    const { at, length, headerAt } = packet
    const message = parseIgmp(pool.bytes.subarray(at, at + length))
    if (typeof message === 'string') {
      counters.drop(`igmp.${message}`)
    } else if (packet.ttl !== 1) {
      // Every message is sent with 1 (RFC 2236 2, RFC 3376 4): whatever has more came from afar.
      counters.drop('igmp.ttl')
    } else if (message.type === IGMP_QUERY) {
      // RFC 3376 9.1: without a router alert it is no query of a router of this link.
      if (message.version === 1 || hasRouterAlert(pool.view, headerAt + IP4_HEADER, at)) this.queried(packet, message)
      else counters.drop('igmp.alert')
    } else {
      counters.igmpIn++
      if (message.type === IGMP_REPORT_V1 || message.type === IGMP_REPORT_V2) {
        this.reporter.reported(IpAddress.v4(message.group))
      }
    }
  }

  private queried(packet: Packet, { version, group, sources, maxResponse }: IgmpQuery): void {
    const { counters } = this.host
    // A query about all groups goes to all hosts, one about a group to the group, either to us alone (RFC 3376 4.1.12).
    const isFitting = !packet.group || packet.destination === (group === 0 ? ALL_HOSTS : group)
    if (!isFitting || (group !== 0 && group >>> 28 !== 0xe)) {
      counters.drop('igmp.group')
      return
    }
    counters.igmpIn++
    const address = group === 0 ? null : IpAddress.v4(group)
    this.reporter.queried(
      version,
      address,
      sources.map((source) => IpAddress.v4(source)),
      maxResponse * TENTH,
    )
  }

  // ---------- GroupWire ----------

  report(records: readonly GroupRecord[]): void {
    const room = this.on.port.mtu - IP4_HEADER - ROUTER_ALERT_OPTION.length
    let fitting: { type: number; group: number; sources: number[] }[] = []
    let length = REPORT_HEADER
    for (const { type, group, sources } of records) {
      const words = sources.map(({ w3 }) => w3)
      // RFC 3376 4.2.16: a list that is too long is told in several records.
      const most = Math.max(1, Math.floor((room - REPORT_HEADER - recordLength(0)) / 4))
      for (let first = 0; first === 0 || first < words.length; first += most) {
        const part = words.slice(first, first + most)
        if (length + recordLength(part.length) > room) {
          this.send(ALL_V3_ROUTERS, { type: IGMP_REPORT_V3, records: fitting })
          fitting = []
          length = REPORT_HEADER
        }
        fitting.push({ type, group: group.w3, sources: part })
        length += recordLength(part.length)
      }
    }
    if (fitting.length > 0) this.send(ALL_V3_ROUTERS, { type: IGMP_REPORT_V3, records: fitting })
  }

  reportOld(generation: Generation, group: IpAddress): void {
    this.send(group.w3, { type: generation === 1 ? IGMP_REPORT_V1 : IGMP_REPORT_V2, group: group.w3 })
  }

  leaveOld(group: IpAddress): void {
    this.send(ALL_ROUTERS, { type: IGMP_LEAVE, group: group.w3 })
  }

  private send(destination: number, message: IgmpMessage): void {
    const { pool, counters } = this.host
    const packet = serializeIpv4({
      trafficClass: PRECEDENCE,
      id: 0,
      dontFragment: true,
      moreFragments: false,
      fragmentOffset: 0,
      ttl: 1,
      protocol: PROTO_IGMP,
      source: this.host.source(),
      destination,
      options: ROUTER_ALERT_OPTION,
      payload: serializeIgmp(message),
    })
    const at = pool.take(LINK_HEADROOM + packet.length)
    if (at < 0) {
      counters.lose('igmp.pool')
      return
    }
    pool.bytes.set(packet, at + LINK_HEADROOM)
    counters.igmpOut++
    this.on.groupPaths
      .find(IpAddress.v4(destination), true, false)
      .transmit(at, LINK_HEADROOM + packet.length, 0, 0, 0, 0, 0)
  }
}

/** Hands messages to the interface they came by. */
export const igmpInput: Transport = {
  receive: (packet) => packet.interface?.igmp.receive(packet),
  report: () => {},
}
