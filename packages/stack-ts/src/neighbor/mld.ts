/**
 * Multicast listener discovery (RFC 3810, with RFC 2710 for older routers), one object per interface: tells the routers of the link which
 * groups we listen to, and answers their queries. When is the reporter's business; this file knows the packets.
 *
 * @module
 */
import {
  ANY_V6,
  type Clock,
  ICMP_CHECKSUM,
  IP6_HEADER,
  IP6_NEXT_HEADER,
  IpAddress,
  PROTO_HOP_BY_HOP,
  PROTO_ICMP6,
  type Random,
} from '@ioth/core'
import type { Counters } from '../counters.ts'
import { type Generation, type GroupRecord, GroupReporter, type GroupWire } from '../ip/group-reporter.ts'
import type { NetInterface } from '../ip/interface.ts'
import type { Ipv6 } from '../ip/ipv6.ts'
import { Memberships } from '../ip/memberships.ts'
import type { Packet } from '../ip/packet.ts'
import { ICMP6_MLD_DONE, ICMP6_MLD_QUERY, ICMP6_MLD_REPORT, ICMP6_MLD2_REPORT } from '../wire/icmpv6.ts'
import { type MldMessage, type MldQuery, parseMld, ROUTER_ALERT, recordLength, serializeMld } from '../wire/mld.ts'

/** ff02::1: always listened to, never reported (RFC 3810 6). */
export const ALL_NODES: IpAddress = new IpAddress(6, 0xff020000, 0, 0, 1)
export const ALL_ROUTERS: IpAddress = new IpAddress(6, 0xff020000, 0, 0, 2)
const ALL_V2_ROUTERS = new IpAddress(6, 0xff020000, 0, 0, 0x16)
const HOP_LIMIT = 1
const REPORT_HEADER = 8
const MILLISECOND = 1000
const OPTION_PAD1 = 0
const OPTION_ROUTER_ALERT = 5

export class Mld implements GroupWire {
  readonly memberships: Memberships
  readonly reporter: GroupReporter
  private readonly on: NetInterface
  private readonly ip: Ipv6
  private readonly counters: Counters

  constructor(on: NetInterface, ip: Ipv6, clock: Clock, random: Random, counters: Counters) {
    this.on = on
    this.ip = ip
    this.counters = counters
    this.reporter = new GroupReporter(clock, random, this, isSilent)
    this.memberships = new Memberships(this.reporter)
    this.reporter.memberships = this.memberships
  }

  /** Takes a message whose checksum is right. */
  receive(packet: Packet): void {
    const { counters, ip } = this
    const { at, length, headerAt } = packet
    const { bytes, view } = this.on.port.pool
    if (packet.ttl !== HOP_LIMIT) {
      counters.drop('mld.hop-limit')
    } else if (packet.fragmented || !hasRouterAlert(view, headerAt, at)) {
      counters.drop('mld.alert')
    } else {
      const source = ip.sourceOf(packet)
      const message = parseMld(bytes.subarray(at, at + length))
      if (typeof message === 'string') counters.drop(`mld.${message}`)
      // RFC 3590 4: a report may come from nowhere, a query may not.
      else if (!source.isLinkLocal && (message.type === ICMP6_MLD_QUERY || !source.isUnspecified)) {
        counters.drop('mld.source')
      } else if (message.type === ICMP6_MLD_QUERY) this.queried(ip.destinationOf(packet), message)
      else if (message.type === ICMP6_MLD_REPORT) this.reporter.reported(message.group)
    }
  }

  private queried(destination: IpAddress, { version, group, sources, maxResponse }: MldQuery): void {
    // RFC 3810 5.1.15: a query about all groups goes to all nodes, one about a group to the group, either to us alone.
    const isGeneral = group.isUnspecified
    const fitting = isGeneral ? ALL_NODES : group
    const isFitting = !destination.isMulticast || isSameGroup(destination, fitting)
    if (!isFitting || !(isGeneral || group.isMulticast)) {
      this.counters.drop('mld.group')
      return
    }
    this.reporter.queried(version === 1 ? 2 : 3, isGeneral ? null : group, sources, maxResponse * MILLISECOND)
  }

  // ---------- GroupWire ----------

  report(records: readonly GroupRecord[]): void {
    const room = this.on.port.mtu - IP6_HEADER - ROUTER_ALERT.length
    const most = Math.max(1, Math.floor((room - REPORT_HEADER - recordLength(0)) / recordLength(1)))
    let fitting: GroupRecord[] = []
    let length = REPORT_HEADER
    for (const { type, group, sources } of records) {
      // RFC 3810 5.2.15: a list that is too long is told in several records.
      for (let first = 0; first === 0 || first < sources.length; first += most) {
        const part = sources.slice(first, first + most)
        if (length + recordLength(part.length) > room) {
          this.send(ALL_V2_ROUTERS, { type: ICMP6_MLD2_REPORT, records: fitting })
          fitting = []
          length = REPORT_HEADER
        }
        fitting.push({ type, group, sources: part })
        length += recordLength(part.length)
      }
    }
    if (fitting.length > 0) this.send(ALL_V2_ROUTERS, { type: ICMP6_MLD2_REPORT, records: fitting })
  }

  reportOld(_generation: Generation, group: IpAddress): void {
    this.send(group, { type: ICMP6_MLD_REPORT, group })
  }

  leaveOld(group: IpAddress): void {
    this.send(ALL_ROUTERS, { type: ICMP6_MLD_DONE, group })
  }

  /** From a link-local address, or from nowhere while there is none (RFC 3590 4); hop limit 1, router alert. */
  private send(to: IpAddress, message: MldMessage): void {
    const { ip, on } = this
    const { pool } = on.port
    const octets = serializeMld(message)
    const length = ROUTER_ALERT.length + octets.length
    const at = pool.take(ip.headroom + length)
    if (at < 0) {
      this.counters.lose('mld.pool')
      return
    }
    const icmp = at + ip.headroom + ROUTER_ALERT.length
    pool.bytes.set(ROUTER_ALERT, at + ip.headroom)
    pool.bytes.set(octets, icmp)
    const source = ip.addresses.linkLocalOn(on)?.address ?? ANY_V6
    const sum = pool.sum(icmp, octets.length, ip.pseudoSum(source, to, PROTO_ICMP6) + octets.length)
    pool.view.setUint16(icmp + ICMP_CHECKSUM, ~sum & 0xffff)
    this.counters.icmpOut++
    const path = on.v6.groupPaths.find(to, true, false)
    ip.send(path, source, to, PROTO_HOP_BY_HOP, HOP_LIMIT, 0, at, ip.headroom + length, 0, 0, 0, 0)
  }
}

/** All nodes, and what has no scope or that of the interface (RFC 3810 6). */
function isSilent(group: IpAddress): boolean {
  return ((group.w0 >>> 16) & 15) < 2 || isSameGroup(group, ALL_NODES)
}

function isSameGroup(a: IpAddress, b: IpAddress): boolean {
  return a.w3 === b.w3 && a.w2 === b.w2 && a.w1 === b.w1 && a.w0 === b.w0
}

/** Whether a hop-by-hop header with a router alert (RFC 2711) stands between the IP header and the message. */
function hasRouterAlert(view: DataView, headerAt: number, end: number): boolean {
  if (view.getUint8(headerAt + IP6_NEXT_HEADER) !== PROTO_HOP_BY_HOP) return false
  const header = headerAt + IP6_HEADER
  const optionsEnd = Math.min(end, header + 8 + view.getUint8(header + 1) * 8)
  for (let at = header + 2; at + 1 < optionsEnd; ) {
    const kind = view.getUint8(at)
    if (kind === OPTION_ROUTER_ALERT) return true
    at += kind === OPTION_PAD1 ? 1 : 2 + view.getUint8(at + 1)
  }
  return false
}
