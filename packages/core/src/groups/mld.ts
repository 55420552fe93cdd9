/**
 * The host's part of multicast listener discovery on one interface (RFC 3810, with RFC 2710 for older routers), messages in and messages
 * out: tells the routers of the link which groups we listen to, and answers their queries. When is the reporter's business.
 *
 * @module
 */
import { IpAddress } from '../address/ip-address.ts'
import type { Clock, Random } from '../contract/clock.ts'
import { IP6_HEADER } from '../frame/offsets.ts'
import { inMessages } from './group-records.ts'
import { type Generation, type GroupRecord, GroupReporter, type GroupWire } from './group-reporter.ts'
import { Memberships } from './memberships.ts'
import {
  MLD_DONE,
  MLD_QUERY,
  MLD_REPORT,
  MLD2_REPORT,
  type MldMessage,
  type MldQuery,
  parseMld,
  ROUTER_ALERT,
  recordLength,
  serializeMld,
} from './mld-message.ts'

/** Of every message. */
export const MLD_HOP_LIMIT = 1
/** ff02::1: always listened to, never reported (RFC 3810 6). */
export const ALL_NODES: IpAddress = new IpAddress(6, 0xff020000 | 0, 0, 0, 1)
/** ff02::2 */
export const ALL_ROUTERS: IpAddress = new IpAddress(6, 0xff020000 | 0, 0, 0, 2)
const ALL_V2_ROUTERS = new IpAddress(6, 0xff020000 | 0, 0, 0, 0x16)
const MILLISECOND = 1000

/** What it needs of the interface. */
export interface MldWire {
  readonly mtu: number
  /**
   * Sends a message, whose checksum is 0 yet, with hop limit 1 behind {@link ROUTER_ALERT}; from a link-local address, or from nowhere
   * while there is none (RFC 3590 4).
   */
  sendMld(destination: IpAddress, message: Uint8Array): void
}

export class Mld implements GroupWire {
  readonly memberships: Memberships
  readonly reporter: GroupReporter
  private readonly wire: MldWire

  constructor(clock: Clock, random: Random, wire: MldWire) {
    this.wire = wire
    this.reporter = new GroupReporter(clock, random, this, isSilent)
    this.memberships = new Memberships(this.reporter)
    this.reporter.memberships = this.memberships
  }

  /**
   * A message arrived whose checksum is right.
   * @param hasAlert whether the packet had a router alert, and is no fragment.
   * @returns why it is dropped; null: it is not.
   */
  receive(
    octets: Uint8Array,
    hopLimit: number,
    source: IpAddress,
    destination: IpAddress,
    hasAlert: boolean,
  ): string | null {
    if (hopLimit !== MLD_HOP_LIMIT) return 'hop-limit'
    if (!hasAlert) return 'alert'
    const message = parseMld(octets)
    if (typeof message === 'string') return message
    // RFC 3590 4: a report may come from nowhere, a query may not.
    if (!source.isLinkLocal && (message.type === MLD_QUERY || !source.isUnspecified)) return 'source'
    if (message.type === MLD_QUERY) return this.queried(destination, message)
    if (message.type === MLD_REPORT) this.reporter.reported(message.group)
    return null
  }

  private queried(destination: IpAddress, { version, group, sources, maxResponse }: MldQuery): string | null {
    // RFC 3810 5.1.15: a query about all groups goes to all nodes, one about a group to the group, either to us alone.
    const isGeneral = group.isUnspecified
    const fitting = isGeneral ? ALL_NODES : group
    const isFitting = !destination.isMulticast || destination.equals(fitting)
    if (!isFitting || !(isGeneral || group.isMulticast)) return 'group'
    this.reporter.queried(version === 1 ? 2 : 3, isGeneral ? null : group, sources, maxResponse * MILLISECOND)
    return null
  }

  // ---------- GroupWire ----------

  report(records: readonly GroupRecord[]): void {
    const room = this.wire.mtu - IP6_HEADER - ROUTER_ALERT.length
    for (const part of inMessages(records, room, recordLength))
      this.send(ALL_V2_ROUTERS, { type: MLD2_REPORT, records: part })
  }

  reportOld(_generation: Generation, group: IpAddress): void {
    this.send(group, { type: MLD_REPORT, group })
  }

  leaveOld(group: IpAddress): void {
    this.send(ALL_ROUTERS, { type: MLD_DONE, group })
  }

  private send(destination: IpAddress, message: MldMessage): void {
    this.wire.sendMld(destination, serializeMld(message))
  }
}

/** All nodes, and what has no scope or that of the interface (RFC 3810 6). */
function isSilent(group: IpAddress): boolean {
  return ((group.w0 >>> 16) & 15) < 2 || group.equals(ALL_NODES)
}
