/**
 * IGMP on one interface: its packets. What is said, and when, is `@ioth/core/groups`' business.
 *
 * @module
 */
import { type Clock, type FramePool, IP4_HEADER, type IpAddress, type Random } from '@ioth/core'
import {
  IGMP_TRAFFIC_CLASS,
  type IgmpWire,
  IP4_ROUTER_ALERT,
  type Memberships,
  PROTO_IGMP,
  Igmp as Protocol,
} from '@ioth/core/groups'
import type { Counters } from '../counters.ts'
import type { NetInterface } from '../ip/interface.ts'
import type { Transport } from '../ip/network.ts'
import type { Packet } from '../ip/packet.ts'
import { LINK_HEADROOM } from '../link/path.ts'
import { serializeIpv4 } from '../wire/ipv4.ts'
import { hasRouterAlert } from '../wire/ipv4-option.ts'

/** What IGMP needs of the interface and the stack around it. */
export interface IgmpHost {
  readonly clock: Clock
  readonly random: Random
  readonly pool: FramePool
  readonly counters: Counters
  /** The address reports come from; 0 when the interface has none yet (RFC 3376 4.2.13). */
  source(): number
}

export class Igmp implements IgmpWire {
  readonly memberships: Memberships
  private readonly on: NetInterface
  private readonly host: IgmpHost
  private readonly protocol: Protocol

  constructor(on: NetInterface, host: IgmpHost) {
    this.on = on
    this.host = host
    this.protocol = new Protocol(host.clock, host.random, this)
    this.memberships = this.protocol.memberships
  }

  get mtu(): number {
    return this.on.port.mtu
  }

  receive(packet: Packet): void {
    const { counters, pool } = this.host
    const { at, length, headerAt, ttl, destination, group } = packet
    const hasAlert = hasRouterAlert(pool.view, headerAt + IP4_HEADER, at)
    const reason = this.protocol.receive(pool.bytes.subarray(at, at + length), ttl, destination, group, hasAlert)
    if (reason === null) counters.igmpIn++
    else counters.drop(`igmp.${reason}`)
  }

  /** The link is back, perhaps elsewhere: all is told anew. */
  refresh(): void {
    this.protocol.reporter.refresh()
  }

  /** The interface is gone: nothing is said any more. */
  stop(): void {
    this.protocol.reporter.stop()
  }

  sendIgmp(destination: IpAddress, message: Uint8Array): void {
    const { pool, counters } = this.host
    const packet = serializeIpv4({
      trafficClass: IGMP_TRAFFIC_CLASS,
      id: 0,
      dontFragment: true,
      moreFragments: false,
      fragmentOffset: 0,
      ttl: 1,
      protocol: PROTO_IGMP,
      source: this.host.source(),
      destination: destination.w3,
      options: IP4_ROUTER_ALERT,
      payload: message,
    })
    const at = pool.take(LINK_HEADROOM + packet.length)
    if (at < 0) {
      counters.lose('igmp.pool')
      return
    }
    pool.bytes.set(packet, at + LINK_HEADROOM)
    counters.igmpOut++
    this.on.groupPaths.find(destination, true, false).transmit(at, LINK_HEADROOM + packet.length, 0, 0, 0, 0, 0)
  }
}

/** Hands messages to the interface they came by. */
export const igmpInput: Transport = {
  receive: (packet) => packet.interface?.igmp.receive(packet),
  report: () => {},
}
