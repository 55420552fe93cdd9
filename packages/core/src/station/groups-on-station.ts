/**
 * IGMP and MLD in the place of a library: what is joined in the two tables is reported on a station's frames, and queries are answered
 * there. The library sees none of it.
 *
 * @module
 */
import { fromBytes, type IpAddress, toBytes } from '../address/ip-address.ts'
import { shortSum } from '../armour/octets.ts'
import type { Scheduler } from '../contract/scheduler.ts'
import {
  ICMP_CHECKSUM,
  IP4_CHECKSUM,
  IP4_DESTINATION,
  IP4_DONT_FRAGMENT,
  IP4_FRAGMENT,
  IP4_HEADER,
  IP4_PROTOCOL,
  IP4_SOURCE,
  IP4_TOTAL_LENGTH,
  IP4_TRAFFIC_CLASS,
  IP4_TTL,
  IP6_DESTINATION,
  IP6_HEADER,
  IP6_HOP_LIMIT,
  IP6_NEXT_HEADER,
  IP6_PAYLOAD_LENGTH,
  IP6_SOURCE,
  IP6_VERSION_CLASS_FLOW,
  PROTO_HOP_BY_HOP,
  PROTO_ICMP6,
} from '../frame/offsets.ts'
import { groupMac } from '../groups/group-mac.ts'
import { IGMP_TRAFFIC_CLASS, Igmp, type IgmpWire, IP4_ROUTER_ALERT, PROTO_IGMP } from '../groups/igmp.ts'
import type { Memberships } from '../groups/memberships.ts'
import { MLD_HOP_LIMIT, Mld, type MldWire } from '../groups/mld.ts'
import { ROUTER_ALERT as MLD_ROUTER_ALERT } from '../groups/mld-message.ts'
import type { Station } from './station.ts'

export interface GroupsOnStationOptions {
  readonly scheduler: Scheduler
  /** Whom reports come from: an IPv4 address, or a link-local one; "any" when there is none (RFC 3376 4.2.13, RFC 3590 4). */
  source(family: 4 | 6): IpAddress
}

const OPTION_END = 0
const OPTION_PAD = 1
const OPTION_ROUTER_ALERT4 = 148
const OPTION_PAD6 = 0
const OPTION_ROUTER_ALERT6 = 5

export class GroupsOnStation implements IgmpWire, MldWire {
  readonly mtu: number
  private readonly station: Station
  private readonly options: GroupsOnStationOptions
  private readonly igmp: Igmp
  private readonly mld: Mld
  private readonly drops = new Map<string, number>()

  /** From now on the station's library neither hears nor needs to speak IGMP and MLD. */
  constructor(station: Station, options: GroupsOnStationOptions) {
    const { clock, random } = options.scheduler
    this.station = station
    this.options = options
    this.mtu = station.mtu
    this.igmp = new Igmp(clock, random, this)
    this.mld = new Mld(clock, random, this)
    station.groups = this
  }

  /** Groups that are joined here are the network's business at once. */
  memberships(family: 4 | 6): Memberships {
    return (family === 4 ? this.igmp : this.mld).memberships
  }

  /** `drop.igmp.<reason>` and `drop.mld.<reason>`. */
  counters(): Record<string, number> {
    return Object.fromEntries(this.drops)
  }

  // ---------- what the station says ----------

  /**
   * @internal a packet with IGMP or MLD in it, which the armour let pass.
   * @param at where the message begins.
   * @param isGroup whether its frame went to more than us.
   */
  take(packet: Uint8Array, at: number, isGroup: boolean): void {
    const isIp4 = (packet[0] as number) >>> 4 === 4
    const reason = isIp4 ? this.takeIgmp(packet, at, isGroup) : this.takeMld(packet, at)
    if (reason === null) return
    const name = `drop.${isIp4 ? 'igmp' : 'mld'}.${reason}`
    this.drops.set(name, (this.drops.get(name) ?? 0) + 1)
  }

  /** @internal the link is back, perhaps elsewhere. */
  refresh(): void {
    this.igmp.reporter.refresh()
    this.mld.reporter.refresh()
  }

  /** @internal the link is gone. */
  stop(): void {
    this.igmp.reporter.stop()
    this.mld.reporter.stop()
  }

  private takeIgmp(packet: Uint8Array, at: number, isGroup: boolean): string | null {
    const view = new DataView(packet.buffer, packet.byteOffset, packet.length)
    const end = view.getUint16(IP4_TOTAL_LENGTH)
    const hasAlert = hasOption(packet, IP4_HEADER, at, OPTION_ROUTER_ALERT4, OPTION_PAD, OPTION_END)
    const ttl = packet[IP4_TTL] as number
    return this.igmp.receive(packet.subarray(at, end), ttl, view.getInt32(IP4_DESTINATION), isGroup, hasAlert)
  }

  private takeMld(packet: Uint8Array, at: number): string | null {
    const view = new DataView(packet.buffer, packet.byteOffset, packet.length)
    const end = IP6_HEADER + view.getUint16(IP6_PAYLOAD_LENGTH)
    const isBehind = packet[IP6_NEXT_HEADER] === PROTO_HOP_BY_HOP
    const hasAlert = isBehind && hasOption(packet, IP6_HEADER + 2, at, OPTION_ROUTER_ALERT6, OPTION_PAD6, -1)
    const source = fromBytes(packet, IP6_SOURCE, 16)
    const destination = fromBytes(packet, IP6_DESTINATION, 16)
    return this.mld.receive(packet.subarray(at, end), packet[IP6_HOP_LIMIT] as number, source, destination, hasAlert)
  }

  // ---------- what is sent ----------

  /** Without stations there is nobody who forwards to some of them only. */
  private transmit(packet: Uint8Array, destination: IpAddress): void {
    if (this.station.type === 'ethernet') this.station.transmit(packet, groupMac(destination))
  }

  /** @internal */
  sendIgmp(destination: IpAddress, message: Uint8Array): void {
    const at = IP4_HEADER + IP4_ROUTER_ALERT.length
    const packet = new Uint8Array(at + message.length)
    const view = new DataView(packet.buffer)
    packet[0] = 0x40 | (at / 4)
    packet[IP4_TRAFFIC_CLASS] = IGMP_TRAFFIC_CLASS
    view.setUint16(IP4_TOTAL_LENGTH, packet.length)
    view.setUint16(IP4_FRAGMENT, IP4_DONT_FRAGMENT)
    packet[IP4_TTL] = 1
    packet[IP4_PROTOCOL] = PROTO_IGMP
    packet.set(toBytes(this.options.source(4)), IP4_SOURCE)
    packet.set(toBytes(destination), IP4_DESTINATION)
    packet.set(IP4_ROUTER_ALERT, IP4_HEADER)
    view.setUint16(IP4_CHECKSUM, ~shortSum(packet, 0, at, 0))
    packet.set(message, at)
    this.transmit(packet, destination)
  }

  /** @internal */
  sendMld(destination: IpAddress, message: Uint8Array): void {
    const at = IP6_HEADER + MLD_ROUTER_ALERT.length
    const packet = new Uint8Array(at + message.length)
    const view = new DataView(packet.buffer)
    packet[IP6_VERSION_CLASS_FLOW] = 0x60
    view.setUint16(IP6_PAYLOAD_LENGTH, packet.length - IP6_HEADER)
    packet[IP6_NEXT_HEADER] = PROTO_HOP_BY_HOP
    packet[IP6_HOP_LIMIT] = MLD_HOP_LIMIT
    packet.set(toBytes(this.options.source(6)), IP6_SOURCE)
    packet.set(toBytes(destination), IP6_DESTINATION)
    packet.set(MLD_ROUTER_ALERT, IP6_HEADER)
    packet.set(message, at)
    const pseudo = shortSum(packet, IP6_SOURCE, 32, PROTO_ICMP6 + message.length)
    view.setUint16(at + ICMP_CHECKSUM, ~shortSum(packet, at, message.length, pseudo))
    this.transmit(packet, destination)
  }
}

/** Whether a list of options that the armour let pass has one of a kind. */
function hasOption(bytes: Uint8Array, from: number, end: number, kind: number, pad: number, last: number): boolean {
  const isIp4 = last !== -1
  for (let at = from; at < end; ) {
    const each = bytes[at] as number
    if (each === kind) return true
    if (each === last) return false
    if (each === pad) at++
    else at += isIp4 ? (bytes[at + 1] as number) : 2 + (bytes[at + 1] as number)
  }
  return false
}
