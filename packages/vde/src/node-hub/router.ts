/**
 * Where a frame goes in a node of several members: to the one whose port or connection it is for, to all of them, to the front stack (which
 * answers for the node and refuses what nobody holds), or out to the network.
 *
 * @module
 */
import { type FrameBatch, PROTO_ICMP6, type Random, TCP_ACK, TCP_SYN } from '@ioth/core'
import { ConnectionTable, type HubConnection } from './connection-table.ts'
import { FrameView } from './frame-view.ts'
import { NodePorts } from './node-ports.ts'
import { Tuple } from './tuple.ts'

/** Somebody who takes frames; references stay with the batch. */
export interface FrameTaker {
  send(batch: FrameBatch, index: number): void
}

export interface RouterSetup<Member extends FrameTaker> {
  readonly random: Random
  readonly network: FrameTaker
  readonly front: FrameTaker
  readonly members: Iterable<Member>
  /** The node's hardware address. */
  readonly macHigh: number
  readonly macLow: number
  /** Whether an address is the node's, loopback among them: `local` of the tuple. */
  readonly owns: (tuple: Tuple) => boolean
  /** A frame for a connection that may be on its way from one member to another: then it waits. */
  readonly hold: (connection: HubConnection<Member>, batch: FrameBatch, index: number) => boolean
}

/** Connections of a node, at most. */
const MOST_CONNECTIONS = 262_144
/** Packets in fragments whose owner is remembered; the oldest makes room. */
const MOST_FRAGMENTED = 1_024
/** Neighbour discovery (RFC 4861): solicitations are the front stack's to answer; advertisements are news for all. */
const ROUTER_SOLICITATION = 133
const NEIGHBOR_SOLICITATION = 135
const NEIGHBOR_ADVERTISEMENT = 136
const ECHO_REQUEST = 8
const ECHO_REQUEST6 = 128

export class Router<Member extends FrameTaker> {
  readonly ports: NodePorts<Member>
  readonly connections: ConnectionTable<Member> = new ConnectionTable(MOST_CONNECTIONS)
  private readonly setup: RouterSetup<Member>
  private readonly view = new FrameView()
  private readonly sender = new Tuple()
  /** By fragment id and source. In the order of their coming. */
  private readonly fragmented = new Map<number, Member | null>()

  constructor(setup: RouterSetup<Member>) {
    this.setup = setup
    this.ports = new NodePorts(setup.random)
  }

  /** A frame from the network. */
  arrives(batch: FrameBatch, index: number): void {
    const { view } = this
    view.read(batch, index)
    if (view.isGroup || this.isToUs()) this.inwards(batch, index, null)
  }

  /** A frame of a member; null: of the front stack. */
  leaves(batch: FrameBatch, index: number, from: Member | null): void {
    const { view, setup } = this
    view.read(batch, index)
    if (from !== null && view.kind === 'tcp' && this.isFromUs()) {
      // What comes back for a connection that has moved on is the peer's, not the member's.
      this.sender.reverse(view.tuple)
      if (setup.owns(this.sender)) this.connections.sent(view, this.sender, from)
    }
    if (!view.isGroup && this.isToUs()) {
      this.inwards(batch, index, from)
      return
    }
    if (from !== null && this.isFrontsBusiness()) return
    setup.network.send(batch, index)
    // What goes to a group is for the node itself, too.
    if (!view.isGroup || from === null || view.kind === 'arp' || this.isDiscovery()) return
    this.toAll(batch, index, from)
  }

  private inwards(batch: FrameBatch, index: number, from: Member | null): void {
    const { view, setup } = this
    switch (view.kind) {
      case 'tcp':
        if (!view.isGroup) this.toOwner(batch, index, from, this.tcpOwner())
        return
      case 'udp':
        if (view.isGroup || isGroupAddress(view.tuple)) this.toAll(batch, index, from)
        else this.toOwner(batch, index, from, this.ports.receiverOf(view.tuple))
        return
      case 'error':
        this.toOwner(batch, index, from, this.errorOwner())
        return
      case 'later-fragment': {
        const owner = view.isGroup ? undefined : this.fragmented.get(this.fragmentKey())
        if (owner === undefined) this.toAll(batch, index, from)
        else this.toOwner(batch, index, from, owner)
        return
      }
      case 'arp':
        setup.front.send(batch, index)
        if (!view.isRequest || view.isAnnouncement) this.toMembers(batch, index, from)
        return
      case 'icmp':
        if (this.isSolicitation() || this.isEchoRequest()) setup.front.send(batch, index)
        else this.toAll(batch, index, from)
        return
      case 'echo-reply':
      case 'other':
        this.toAll(batch, index, from)
        return
      case 'malformed':
        setup.front.send(batch, index)
        return
    }
  }

  private toOwner(batch: FrameBatch, index: number, from: Member | null, owner: Member | null): void {
    const { view, setup } = this
    if (view.isFirstFragment) this.noteFragment(owner)
    // A member that sends to itself holds the port no longer.
    if (owner !== null && owner !== from) owner.send(batch, index)
    else if (!this.isHeld(batch, index)) setup.front.send(batch, index)
  }

  private isHeld(batch: FrameBatch, index: number): boolean {
    const connection = this.view.kind === 'tcp' ? this.connections.find(this.view.tuple) : null
    return connection?.owner === null && this.setup.hold(connection, batch, index)
  }

  private toAll(batch: FrameBatch, index: number, from: Member | null): void {
    this.setup.front.send(batch, index)
    this.toMembers(batch, index, from)
  }

  private toMembers(batch: FrameBatch, index: number, from: Member | null): void {
    for (const member of this.setup.members) if (member !== from) member.send(batch, index)
  }

  private tcpOwner(): Member | null {
    const { view, connections, ports } = this
    const known = connections.find(view.tuple)
    const isOpening = (view.tcpFlags & (TCP_SYN | TCP_ACK)) === TCP_SYN
    if (known !== null && !(isOpening && known.isOver)) {
      connections.received(known, view)
      return known.owner
    }
    if (!isOpening) return null
    // The old connection of these ports is over, but its owner may have to say so: only another listener takes its place.
    const listener = ports.listenerOf(view.tuple)
    if (known !== null) {
      if (listener === null || listener === known.owner) return known.owner
      connections.remove(known)
    }
    if (listener !== null) connections.add(view.tuple, listener)
    return listener
  }

  private errorOwner(): Member | null {
    const { view, connections, ports } = this
    if (view.protocol === 17) return ports.receiverOf(view.tuple)
    return connections.find(view.tuple)?.owner ?? null
  }

  private noteFragment(owner: Member | null): void {
    const { fragmented } = this
    fragmented.set(this.fragmentKey(), owner)
    if (fragmented.size <= MOST_FRAGMENTED) return
    for (const oldest of fragmented.keys()) {
      fragmented.delete(oldest)
      break
    }
  }

  private fragmentKey(): number {
    const { fragmentId, tuple } = this.view
    return (fragmentId >>> 0) * 0x10_0000 + ((tuple.remote0 ^ tuple.remote1 ^ tuple.remote2 ^ tuple.remote3) & 0xf_ffff)
  }

  private isToUs(): boolean {
    const { view, setup } = this
    return view.destinationLow === setup.macLow && view.destinationHigh === setup.macHigh
  }

  private isFromUs(): boolean {
    const { view, setup } = this
    return view.sourceLow === setup.macLow && view.sourceHigh === setup.macHigh
  }

  /** What the front stack does for all members: they need not speak for the node's addresses themselves. */
  private isFrontsBusiness(): boolean {
    const { view } = this
    if (view.kind === 'arp') return !view.isRequest || view.isAnnouncement || view.tuple.remote3 === 0
    if (view.kind !== 'icmp' || view.protocol !== PROTO_ICMP6) return false
    const { icmpType } = view
    if (icmpType === NEIGHBOR_ADVERTISEMENT || icmpType === ROUTER_SOLICITATION) return true
    // Duplicate address detection (RFC 4862 5.4.2) asks from no address.
    return icmpType === NEIGHBOR_SOLICITATION && isUnspecified(view.tuple)
  }

  private isDiscovery(): boolean {
    const { view } = this
    return view.kind === 'icmp' && view.protocol === PROTO_ICMP6 && view.icmpType >= 130 && view.icmpType <= 143
  }

  private isSolicitation(): boolean {
    const { protocol, icmpType } = this.view
    return protocol === PROTO_ICMP6 && (icmpType === NEIGHBOR_SOLICITATION || icmpType === ROUTER_SOLICITATION)
  }

  private isEchoRequest(): boolean {
    const { protocol, icmpType } = this.view
    return icmpType === (protocol === PROTO_ICMP6 ? ECHO_REQUEST6 : ECHO_REQUEST)
  }
}

function isUnspecified({ remote0, remote1, remote2, remote3 }: Tuple): boolean {
  return remote0 === 0 && remote1 === 0 && remote2 === 0 && remote3 === 0
}

/** A directed broadcast comes in a frame to all; a group's address may come in one to us alone. */
function isGroupAddress(tuple: Tuple): boolean {
  return tuple.isV4 ? tuple.local3 >>> 28 === 0xe : tuple.local0 >>> 24 === 0xff
}
