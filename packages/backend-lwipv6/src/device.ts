/**
 * An interface of the library on a link of ours. It is a VDE interface with one end of a socket pair for its network; the other end is
 * bridged to the link, and what stands beside the library looks at each frame on the way.
 *
 * @module
 */
import {
  type ErrorCode,
  ErrorLimit,
  type FramePool,
  fromBytes,
  type IpAddress,
  type Link,
  NetError,
  PROTO_UDP,
  parseMac,
  randomMac,
  type Scheduler,
  TCP_ACK,
  TCP_FIN,
  TCP_RST,
  TCP_SYN,
} from '@ioth/core'
import { groupMac } from '@ioth/core/groups'
import {
  answerArp,
  answerSolicitation,
  closeDescriptor,
  DeviceEcho,
  type Echo,
  endsOf,
  errnoError,
  type Flow,
  FlowTable,
  FrameBridge,
  type FrameGuard,
  isArp,
  isIcmpError,
  isSolicitation,
  isStray,
  makeSegment,
  mendIcmp,
  NeighborProbe,
  PacketView,
  refusalOf,
  reportOf,
  withMss,
} from '@ioth/ffi'
import { ipAddr, maskOf } from './addresses.ts'
import type { Lwip, Pointer } from './bindings.ts'
import type { Connection } from './connection.ts'
import { FENCE_ADDRESS, Fence } from './fence.ts'
import { Hops } from './hops.ts'
import { changeMac } from './ioctl.ts'
import { UNREAD_SEGMENTS } from './limits.ts'

/** What a device needs of its engine. */
export interface DeviceOwner {
  readonly scheduler: Scheduler
  readonly pool: FramePool
  readonly lwip: Lwip
  readonly stack: Pointer
  readonly echo: Echo
  sourceFor(destination: IpAddress): IpAddress | null
  /** The neighbour that packets to an address go to; null: there is no way. */
  nextHop(destination: IpAddress): IpAddress | null
  /** Whether an address is heard by all of a network of ours. */
  isBroadcast(address: IpAddress): boolean
  /**
   * A SYN has come. @returns whether it may go on: there is room for the connection; `later`: the library does not listen there yet, and the
   * device keeps the SYN until {@link Device.releaseEarly}; `nobody`: no program listens there.
   */
  admits(device: Device, frame: PacketView): boolean | 'later' | 'nobody'
  /** The network says that a datagram, which it quotes, cannot get there. */
  reported(quoted: PacketView, code: ErrorCode): void
  /** A segment that may complete a handshake. @returns whether it may go on now; else the device keeps it back until {@link Device.releaseHeld}. */
  mayComplete(device: Device, frame: PacketView): boolean
}

/** SYNs that wait for a listener. */
const MOST_EARLY = 64

export interface DeviceCounters {
  dropFragment: number
  dropBacklog: number
  dropStray: number
  dropUnread: number
  dropErrors: number
}

export class Device implements FrameGuard {
  readonly mac: string
  readonly bridge: FrameBridge
  readonly flows: FlowTable
  readonly neighbors: NeighborProbe
  readonly fence: Fence
  readonly counters: DeviceCounters = { dropFragment: 0, dropBacklog: 0, dropStray: 0, dropUnread: 0, dropErrors: 0 }
  private readonly owner: DeviceOwner
  private readonly nif: Pointer
  private readonly hops: Hops
  private readonly hardware: Uint8Array
  private readonly packet = { in: new PacketView(), out: new PacketView(), quoted: new PacketView() }
  private readonly errors: ErrorLimit
  readonly echo: DeviceEcho
  private held: Uint8Array[] = []
  /** SYNs to ports that the library will listen on in a moment. */
  private early: Uint8Array[] = []

  /**
   * @param place the number of interfaces the stack has made before: they are `vd0`, `vd1`, …
   * @throws NetError EINVAL, ENODEV, ERR_IOTH_BACKEND_UNUSABLE
   */
  constructor(owner: DeviceOwner, link: Link, place: number, mac?: string) {
    if (link.type !== 'ethernet') {
      throw new NetError('EINVAL', 'interface', {
        message: `LWIPv6 needs Ethernet frames; ${link.name} carries IP packets`,
      })
    }
    const { scheduler, pool, lwip, stack } = owner
    const { clock } = scheduler
    this.owner = owner
    const chosen = mac ?? randomMac(scheduler.random)
    this.mac = chosen.toLowerCase()
    this.hardware = parseMac(this.mac)
    this.bridge = new FrameBridge({ scheduler, pool, link, guard: this })
    this.flows = new FlowTable({
      clock,
      toPeer: (frame) => this.bridge.toLink(frame),
      toLibrary: (frame) => this.bridge.toLibrary(frame),
    })
    this.errors = new ErrorLimit(scheduler)
    const way = { mac: this.hardware, mtu: link.mtu, emit: (frame: Uint8Array): void => this.bridge.toLink(frame) }
    this.echo = new DeviceEcho(owner.echo, way, (address) => this.hops.has(address))
    this.neighbors = new NeighborProbe({
      clock,
      mac: this.hardware,
      sourceFor: (destination) => owner.sourceFor(destination),
      isOurs: (address) => this.hops.has(address),
      toPeer: (frame) => this.bridge.toLink(frame),
    })
    this.fence = new Fence({ clock, mac: this.hardware, toLibrary: (frame) => this.bridge.toLibrary(frame) })
    const nif = lwip.addVdeif(stack, `seqpacket://${this.bridge.libraryEnd}`, 0)
    if (nif === null) {
      closeDescriptor(this.bridge.libraryEnd)
      void this.bridge.close()
      throw new NetError('ERR_IOTH_BACKEND_UNUSABLE', 'interface', {
        message:
          'LWIPv6 cannot open its interface: it looks for the library libvdeplug.so by that name. Type: apt install libvdeplug-dev',
      })
    }
    this.nif = nif
    const named = { lwip, stack, name: `vd${place}` }
    // Before the interface is up: it would announce the random one it was made with.
    const linkLocal = linkLocalOf(changeMac(named, this.mac))
    this.hops = new Hops(named, nif)
    this.hops.addSilent(FENCE_ADDRESS)
    if (lwip.ifUp(nif, 0) < 0) throw errnoError('interface')
    // The library would speak to everybody from it, and it is that of the hardware address it invented.
    lwip.delAddr(nif, ipAddr(linkLocal), maskOf(6, 64))
  }

  /** Frames begin to flow. */
  attach(): void {
    this.bridge.attach()
  }

  /** @throws NetError ENOBUFS */
  addAddress(address: IpAddress, prefixLength: number): void {
    this.hops.addAddress(address, prefixLength)
  }

  removeAddress(address: IpAddress): void {
    this.hops.removeAddress(address)
  }

  /** @throws NetError ENETUNREACH, EINVAL */
  addRoute(destination: IpAddress, prefixLength: number, via: IpAddress | null): void {
    this.hops.addRoute(destination, prefixLength, via)
  }

  removeRoute(destination: IpAddress, prefixLength: number): void {
    this.hops.removeRoute(destination, prefixLength)
  }

  /** Frames that were kept back go into the library. */
  releaseHeld(): void {
    for (const frame of this.held.splice(0)) this.bridge.toLibrary(frame)
  }

  /** The library listens on all ports that programs listen on. */
  releaseEarly(): void {
    for (const frame of this.early.splice(0)) {
      if (this.arriving(frame, frame.length)) this.bridge.toLibrary(frame)
    }
  }

  // ---------- frames ----------

  arriving(bytes: Uint8Array, length: number): boolean {
    const { in: segment } = this.packet
    const isPacket = segment.read(bytes, 0, length)
    if (!isPacket || !segment.isTcp) {
      if (this.isStray(bytes, length)) return false
      if (isPacket && this.echo.arriving(segment)) return false
      this.neighbors.arriving(bytes, length)
      const isOurs = (address: IpAddress): boolean => this.hops.has(address)
      if (isPacket && isIcmpError(segment)) this.errorArrives(segment)
      let reply: Uint8Array | null
      // The library would give entries of its table to those who ask, and has none to spare; nor has it a way to link-local addresses, which
      // others may ask from.
      if (isArp(bytes, length)) reply = answerArp(bytes, this.hardware, isOurs)
      else if (isSolicitation(bytes, length)) reply = answerSolicitation(bytes, length, this.hardware, isOurs)
      else return true
      if (reply !== null) this.bridge.toLink(reply)
      return false
    }
    const flow = this.flows.find(segment, 'in')
    if (flow === null) return this.arrivingNew(segment, bytes)
    if (!this.counts(segment, flow)) return false
    const { acknowledgedOctets } = flow
    if (!flow.arriving(segment)) return false
    if (segment.dataLength > 0 && ++flow.unread > UNREAD_SEGMENTS) {
      this.counters.dropUnread++
      return false
    }
    if (flow.isPassive && !this.owner.mayComplete(this, segment)) {
      this.held.push(bytes.slice(0, length))
      return false
    }
    if ((segment.flags & TCP_SYN) !== 0 && !this.passesSyn(segment)) return false
    const hasNews = flow.acknowledgedOctets !== acknowledgedOctets || flow.wasReset
    const connection = flow.observer as Connection | null
    if ((segment.flags & TCP_FIN) !== 0 && segment.dataLength > 0) {
      this.enterWithEnd(segment, connection, hasNews)
      return false
    }
    return connection?.entering(bytes, length, hasNews, segment.dataLength) ?? true
  }

  /**
   * Octets, and the end behind them apart: where the library has some of these octets already it forgets the others, and takes the end for the
   * next (`tcp_in.c`, tcp_receive).
   */
  private enterWithEnd(segment: PacketView, connection: Connection | null, hasNews: boolean): void {
    const { sequence, dataLength, acknowledgment, window, flags } = segment
    const numbers = { flags: TCP_FIN | TCP_ACK, sequence: (sequence + dataLength) | 0, acknowledgment, window }
    const end = makeSegment(endsOf(segment), numbers)
    segment.flags = flags & ~TCP_FIN
    const octets = segment.bytes.slice(0, segment.length)
    if (connection?.entering(octets, octets.length, hasNews, dataLength) !== false) this.bridge.toLibrary(octets)
    if (connection?.entering(end, end.length, false, 0) !== false) this.bridge.toLibrary(end)
  }

  /**
   * Whether a segment counts, which the library asks as it was asked before RFC 5961: it resets for any RST in its window, answers what is no
   * answer to its SYN by a RST, and takes octets whatever they acknowledge (`tcp_in.c`, tcp_process and tcp_receive).
   */
  private counts(segment: PacketView, flow: Flow): boolean {
    if (!flow.hasBegun || flow.isDead) return true
    const verdict = flow.acceptance.judge(segment, flow)
    if (verdict === 'answer') flow.acknowledge()
    else if (verdict === 'refuse') this.refuse(segment)
    if (verdict !== 'take') return false
    const { sequence, dataLength } = segment
    if (dataLength > 0) flow.acceptance.given.give(sequence, (sequence + dataLength) | 0)
    return true
  }

  leaving(bytes: Uint8Array, length: number): boolean {
    const { out: packet } = this.packet
    if (!packet.read(bytes, 0, length)) {
      // It may have questions of its own; neighbours are asked for beside it.
      if (isArp(bytes, length)) this.fence.answer(bytes, length)
      return false
    }
    if (packet.isTcp) {
      const flow = this.flows.find(packet, 'out')
      // A flow has its peer's hardware address.
      if (flow !== null) return flow.leaving(packet)
    } else if (packet.isFragment) {
      // One of its own cannot make another library of its kind reassemble, which corrupts that one's heap.
      this.counters.dropFragment++
      return false
    }
    return this.address(packet)
  }

  /** Where the library's packet goes, which knows no neighbours. @returns whether it can go now. */
  private address(packet: PacketView): boolean {
    const { bytes, length, destinationAddress: destination } = packet
    if (destination.isMulticast || this.owner.isBroadcast(destination)) {
      bytes.set(groupMac(destination))
      return true
    }
    if (isIcmpError(packet) && !this.errors.take()) {
      this.counters.dropErrors++
      return false
    }
    // Asked by a group it answers from the group (`icmp6.c`, icmp_input), or from an address that was taken away (RFC 4443 2.2).
    if (packet.isIcmp && !this.hops.has(packet.sourceAddress)) {
      const own = this.owner.sourceFor(destination)
      if (own === null) return false
      packet.sourceAddress = own
    }
    mendIcmp(packet)
    const hop = this.owner.nextHop(destination)
    return hop !== null && this.neighbors.address(bytes, length, hop)
  }

  // ---------- ending ----------

  /** The library lets go of its end: all its sockets are closed. */
  down(): void {
    this.neighbors.close()
    this.fence.close()
    this.flows.clear()
    this.hops.close()
    this.owner.lwip.ifDown(this.nif)
  }

  /** The library looks at no source, and answers what was meant for many. */
  private isStray(bytes: Uint8Array, length: number): boolean {
    if (!isStray(bytes, length, this.hardware, (address) => this.owner.isBroadcast(address))) return false
    this.counters.dropStray++
    return true
  }

  /** To a peer that announces no segment size the library would send its own, in fragments (`tcp_in.c`, tcp_parseopt). */
  private passesSyn(segment: PacketView): boolean {
    const announced = withMss(segment)
    if (announced !== null) this.bridge.toLibrary(announced)
    return announced === null
  }

  /** The library tells no datagram socket of errors. */
  private errorArrives(packet: PacketView): void {
    const { quoted } = this.packet
    if (this.echo.errorArrives(packet)) return
    const code = reportOf(packet, quoted)
    if (code !== null && quoted.protocol === PROTO_UDP) this.owner.reported(quoted, code)
  }

  private refuse(segment: PacketView): void {
    const refusal = refusalOf(segment)
    if (refusal !== null) this.bridge.toLink(refusal)
  }

  private arrivingNew(segment: PacketView, bytes: Uint8Array): boolean {
    const { flags, length } = segment
    if (this.isStray(bytes, length) || !this.hops.has(segment.destinationAddress)) return false
    const isOpening = (flags & (TCP_SYN | TCP_ACK | TCP_RST)) === TCP_SYN
    const admitted = isOpening ? this.owner.admits(this, segment) : 'nobody'
    if (admitted === true) return this.passesSyn(segment)
    if (admitted === 'nobody') {
      // The library's answer to an acknowledgement is one off (`tcp_in.c`, tcp_listen_input).
      this.refuse(segment)
      return false
    }
    if (admitted === 'later' && this.early.length < MOST_EARLY) this.early.push(bytes.slice(0, length))
    else this.counters.dropBacklog++
    return false
  }
}

/** The one that the library makes of a hardware address (RFC 4291, appendix A). */
function linkLocalOf(mac: Uint8Array): IpAddress {
  const [a, b, c, d, e, f] = mac as unknown as [number, number, number, number, number, number]
  return fromBytes([0xfe, 0x80, 0, 0, 0, 0, 0, 0, a ^ 2, b, c, 0xff, 0xfe, d, e, f])
}
