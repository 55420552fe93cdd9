/**
 * An interface as IP sees it: a port, how next hops behind it are found, and how groups are reached.
 *
 * @module
 */
import { BROADCAST_V4, ETHERTYPE_IP4, type IpAddress, type Offload } from '@ioth/core'
import type { Memberships } from '@ioth/core/groups'
import type { Igmp } from '../igmp/igmp.ts'
import type { Loopback } from '../link/loopback.ts'
import { Path } from '../link/path.ts'
import type { Port } from '../link/port.ts'
import type { Arp } from '../neighbor/arp.ts'
import type { NeighborDiscovery } from '../neighbor/nd.ts'
import { BROADCAST_MAC, type Mac } from '../wire/ethernet.ts'
import type { Packet } from './packet.ts'

export interface NetInterface {
  readonly index: number
  readonly name: string
  readonly port: Port
  /** Null on links without hardware addresses. */
  readonly arp: Arp | null
  /** On links without hardware addresses: the way to anybody. */
  readonly direct: Path
  /** The ways to IPv4 groups, and to everybody. */
  readonly groupPaths: GroupPaths
  /** Membership in IPv4 groups. */
  readonly igmp: Igmp
  /** Its half that speaks IPv6. */
  readonly v6: NetInterface6
}

/** What IPv6 needs of an interface. */
export interface NetInterface6 {
  /** Neighbours; null on links without hardware addresses. */
  readonly nd: NeighborDiscovery | null
  /** On links without hardware addresses: the way to anybody. */
  readonly direct: Path
  readonly groupPaths: GroupPaths
  /** Membership in groups. */
  readonly memberships: Memberships
  /** Whether packets to a group are for us. */
  isMember(w0: number, w1: number, w2: number, w3: number): boolean
  /** Takes a message of neighbour or multicast listener discovery whose checksum is right. */
  receive(packet: Packet, type: number): void
}

/** A path to a hardware address that needs no resolution: everybody, a group, or the far end of a point-to-point link. */
export class FixedPath extends Path {
  override valid = true
  override readonly unresolved: boolean = false
  protected readonly port: Port
  private readonly to: Mac
  private readonly etherType: number

  constructor(port: Port, to: Mac = BROADCAST_MAC, etherType: number = ETHERTYPE_IP4) {
    super()
    this.port = port
    this.to = to
    this.etherType = etherType
  }

  override get mtu(): number {
    return this.port.mtu
  }

  override get offload(): Offload {
    return this.port.link.offload
  }

  override get room(): number {
    return this.port.outbox.room
  }

  override get isBusy(): boolean {
    return this.port.isBusy
  }

  override transmit(
    at: number,
    headLength: number,
    body: number,
    bodyLength: number,
    flags: number,
    segmentSize: number,
    transportAt: number,
  ): void {
    const { high, low } = this.to
    this.port.send(high, low, this.etherType, at, headLength, body, bodyLength, flags, segmentSize, transportAt)
  }
}

/** What a group is to one interface. */
export interface GroupScope {
  readonly etherType: number
  /** The hardware address of a group. */
  macOf(group: IpAddress): Mac
  /** Whether we listen to the group here, so that what we send to it is for us, too. */
  isJoined(group: IpAddress): boolean
}

/** The way to a group on one link. What is sent may go out, come back to ourselves, or both (RFC 1112 6.1). */
class GroupPath extends FixedPath {
  readonly group: IpAddress
  private readonly on: NetInterface
  private readonly scope: GroupScope
  private readonly out: boolean
  private readonly loopback: Loopback | null

  constructor(on: NetInterface, scope: GroupScope, group: IpAddress, out: boolean, loopback: Loopback | null) {
    super(on.port, scope.macOf(group), scope.etherType)
    this.group = group
    this.on = on
    this.scope = scope
    this.out = out
    this.loopback = loopback
  }

  override transmit(
    at: number,
    headLength: number,
    body: number,
    bodyLength: number,
    flags: number,
    segmentSize: number,
    transportAt: number,
  ): void {
    const { loopback, port, on } = this
    if (loopback !== null && this.scope.isJoined(this.group)) {
      port.pool.retain(at)
      if (bodyLength !== 0) port.pool.retain(body)
      loopback.copy(on, at, headLength, body, bodyLength, flags)
    }
    if (this.out) {
      super.transmit(at, headLength, body, bodyLength, flags, segmentSize, transportAt)
      return
    }
    port.pool.release(at)
    if (bodyLength !== 0) port.pool.release(body)
  }
}

/** Groups whose paths are kept. */
const KEPT = 64

/** The paths to groups on one interface, kept as long as they are few. */
export class GroupPaths {
  private readonly on: NetInterface
  private readonly scope: GroupScope
  private readonly loopback: Loopback
  /** By the last word of the group; one for each combination of out and loop. */
  private known: Map<number, (GroupPath | null)[]> | null = null

  constructor(on: NetInterface, scope: GroupScope, loopback: Loopback) {
    this.on = on
    this.scope = scope
    this.loopback = loopback
  }

  /**
   * @param out whether frames leave by the link.
   * @param loop whether we hear them ourselves, if we listen to the group.
   */
  find(group: IpAddress, out = true, loop = true): Path {
    this.known ??= new Map()
    const { known: paths } = this
    let kinds = paths.get(group.w3)
    if (kinds === undefined) {
      if (paths.size >= KEPT) paths.clear()
      kinds = [null, null, null, null]
      paths.set(group.w3, kinds)
    }
    const kind = (out ? 1 : 0) + (loop ? 2 : 0)
    const known = kinds[kind] as GroupPath | null
    if (known?.group.equals(group)) return known
    const path = new GroupPath(this.on, this.scope, group, out, loop ? this.loopback : null)
    kinds[kind] = path
    return path
  }
}

/** RFC 2464 7: the low 32 bits of a group's address. */
export function groupMac6(group: IpAddress): Mac {
  return { high: 0x3333, low: group.w3 }
}

export const LIMITED_BROADCAST: number = BROADCAST_V4.w3

/** RFC 1112 6.4: the low 23 bits of a group's address; a broadcast is everybody's. */
export function groupMac4(group: IpAddress): Mac {
  return group.isMulticast ? { high: 0x0100, low: 0x5e000000 | (group.w3 & 0x7fffff) } : BROADCAST_MAC
}
