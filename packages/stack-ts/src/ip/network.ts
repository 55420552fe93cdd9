/**
 * IP as the transports see it: one object per family. TCP and UDP know no header of it.
 *
 * @module
 */
import type { IpAddress } from '@ioth/core'
import type { Memberships } from '@ioth/core/groups'
import type { Path } from '../link/path.ts'
import type { NetInterface } from './interface.ts'
import type { Packet } from './packet.ts'

export interface Network {
  readonly family: 4 | 6
  /** Octets to leave free in front of a transport header: link and IP header. */
  readonly headroom: number
  /** Octets of the IP header. */
  readonly headerLength: number
  /** The segment size of a peer that names none (RFC 9293 3.7.1). */
  readonly defaultMss: number
  /** Time to live of packets whose sender does not care. */
  readonly hopLimit: number
  /** The way to one host; null when no route leads there, or the address names a group. */
  findPath(destination: IpAddress): Path | null
  /** Our address towards a destination; null when no route leads there. */
  sourceFor(destination: IpAddress): IpAddress | null
  /** Whether the address is one of this host. */
  isOurs(address: IpAddress): boolean
  /** Whether a socket may have it as its own: one of ours, or, at a gateway that takes packets for every address, any. */
  isBindable(address: IpAddress): boolean
  /** The interface that leads to a group or to everybody, as the routes say, else the first; null when there is none. */
  groupInterface(group: IpAddress): NetInterface | null
  /**
   * The way to a group, or to everybody, by one interface.
   * @param out whether it leaves the host.
   * @param loop whether we hear it ourselves, if we listen to the group.
   */
  groupPath(group: IpAddress, on: NetInterface, out: boolean, loop: boolean): Path
  /** Our address on one interface, as a source of what goes to a destination; null when there is none. */
  sourceOn(on: NetInterface, destination: IpAddress): IpAddress | null
  /** The groups of this family that an interface listens to. */
  memberships(on: NetInterface): Memberships
  /** Whether the address names all hosts of a network, or a group. */
  isGroup(address: IpAddress): boolean
  /** The address as a demultiplexing key, as in {@link Packet}. */
  keyOf(address: IpAddress): number
  /** The addresses of the packet in hand. */
  sourceOf(packet: Packet): IpAddress
  destinationOf(packet: Packet): IpAddress
  /** Whether the packet in hand, whose keys are those of the two addresses, really is of them: keys of IPv6 are hashes. */
  isBetween(packet: Packet, local: IpAddress, remote: IpAddress): boolean
  /** Largest packet towards a destination: the path's MTU, or less if routers said so. */
  mtuTowards(destination: IpAddress, path: Path): number
  /** A router said that a packet of ours was too big. */
  lowerMtu(destination: IpAddress, mtu: number, length: number): void
  /** Sum of the pseudo-header without the length. */
  pseudoSum(source: IpAddress, destination: IpAddress, protocol: number): number
  /**
   * Puts the IP header in front of a transport header and sends. References pass on.
   * @param at position of the frame: the transport header stands at `at + headroom`.
   * @param headLength octets of the head piece, the headroom among them.
   */
  send(
    path: Path,
    source: IpAddress,
    destination: IpAddress,
    protocol: number,
    ttl: number,
    trafficClass: number,
    at: number,
    headLength: number,
    body: number,
    bodyLength: number,
    flags: number,
    segmentSize: number,
  ): void
}

/** Why a packet of ours did not arrive, in the words of the errors that sockets report. */
export type Unreachable = 'EACCES' | 'EHOSTUNREACH' | 'ENETUNREACH' | 'ECONNREFUSED' | 'EMSGSIZE' | 'EPROTO'

/** A report about a packet of ours: from the network (ICMP), or from the neighbour cache. */
export interface ErrorReport {
  readonly code: Unreachable
  /** Whether it speaks for good: a soft one may pass (RFC 1122 4.2.3.9). */
  readonly hard: boolean
  /** Next-hop MTU of a packet that was too big, if the router named it; 0 otherwise. */
  readonly mtu: number
  /** Octets of the packet that the error is about, as its header says. */
  readonly packetLength: number
  readonly network: Network
  /** Our side and the other side. */
  readonly local: IpAddress
  readonly remote: IpAddress
  /** Who says so; null: our own neighbour cache. */
  readonly from: IpAddress | null
  /** Whether the packet ran out of hops, and not into something. */
  readonly expired: boolean
  /** Where the quoted transport header begins, and how many octets of it are there. */
  readonly at: number
  readonly length: number
}

/** A protocol above IP. */
export interface Transport {
  receive(packet: Packet): void
  /** An error about a packet of this protocol. */
  report(error: ErrorReport): void
}
