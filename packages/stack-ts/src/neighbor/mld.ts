/**
 * Multicast listener discovery on one interface: its packets. What is said, and when, is `@ioth/core/groups`' business.
 *
 * @module
 */
import {
  ANY_V6,
  type Clock,
  ICMP_CHECKSUM,
  IP6_HEADER,
  IP6_NEXT_HEADER,
  type IpAddress,
  PROTO_HOP_BY_HOP,
  PROTO_ICMP6,
  type Random,
} from '@ioth/core'
import { type Memberships, MLD_HOP_LIMIT, MLD_ROUTER_ALERT, type MldWire, Mld as Protocol } from '@ioth/core/groups'
import type { Counters } from '../counters.ts'
import type { NetInterface } from '../ip/interface.ts'
import type { Ipv6 } from '../ip/ipv6.ts'
import type { Packet } from '../ip/packet.ts'

const OPTION_PAD1 = 0
const OPTION_ROUTER_ALERT = 5

export class Mld implements MldWire {
  readonly memberships: Memberships
  private readonly on: NetInterface
  private readonly ip: Ipv6
  private readonly counters: Counters
  private readonly protocol: Protocol

  constructor(on: NetInterface, ip: Ipv6, clock: Clock, random: Random, counters: Counters) {
    this.on = on
    this.ip = ip
    this.counters = counters
    this.protocol = new Protocol(clock, random, this)
    this.memberships = this.protocol.memberships
  }

  get mtu(): number {
    return this.on.port.mtu
  }

  /** Takes a message whose checksum is right. */
  receive(packet: Packet): void {
    const { ip } = this
    const { at, length, headerAt } = packet
    const { bytes, view } = this.on.port.pool
    const hasAlert = !packet.fragmented && hasRouterAlert(view, headerAt, at)
    const octets = bytes.subarray(at, at + length)
    const [source, destination] = [ip.sourceOf(packet), ip.destinationOf(packet)]
    const reason = this.protocol.receive(octets, packet.ttl, source, destination, hasAlert)
    if (reason !== null) this.counters.drop(`mld.${reason}`)
  }

  /** The link is back, perhaps elsewhere: all is told anew. */
  refresh(): void {
    this.protocol.reporter.refresh()
  }

  /** The interface is gone: nothing is said any more. */
  stop(): void {
    this.protocol.reporter.stop()
  }

  sendMld(to: IpAddress, octets: Uint8Array): void {
    const { ip, on } = this
    const { pool } = on.port
    const length = MLD_ROUTER_ALERT.length + octets.length
    const at = pool.take(ip.headroom + length)
    if (at < 0) {
      this.counters.lose('mld.pool')
      return
    }
    const icmp = at + ip.headroom + MLD_ROUTER_ALERT.length
    pool.bytes.set(MLD_ROUTER_ALERT, at + ip.headroom)
    pool.bytes.set(octets, icmp)
    const source = ip.addresses.linkLocalOn(on)?.address ?? ANY_V6
    const sum = pool.sum(icmp, octets.length, ip.pseudoSum(source, to, PROTO_ICMP6) + octets.length)
    pool.view.setUint16(icmp + ICMP_CHECKSUM, ~sum & 0xffff)
    this.counters.icmpOut++
    const path = on.v6.groupPaths.find(to, true, false)
    ip.send(path, source, to, PROTO_HOP_BY_HOP, MLD_HOP_LIMIT, 0, at, ip.headroom + length, 0, 0, 0, 0)
  }
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
