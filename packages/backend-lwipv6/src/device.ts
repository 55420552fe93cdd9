/**
 * An interface of the library on a link of ours. It is a VDE interface with one end of a socket pair for its network; the other end is
 * bridged to the link, and what stands beside the library looks at each frame on the way.
 *
 * @module
 */
import {
  ETH_TYPE,
  ETHERNET_HEADER,
  ETHERTYPE_IP4,
  type FramePool,
  fromBytes,
  IP4_FRAGMENT,
  IP4_FRAGMENT_OFFSET,
  IP4_MORE_FRAGMENTS,
  type IpAddress,
  type Link,
  NetError,
  parseMac,
  randomMac,
  type Scheduler,
  TCP_ACK,
  TCP_RST,
  TCP_SYN,
} from '@ioth/core'
import { type ArmouredLink, armour } from '@ioth/core/armour'
import {
  closeDescriptor,
  errnoError,
  FlowTable,
  FrameBridge,
  type FrameGuard,
  NeighborProbe,
  TcpFrame,
} from '@ioth/ffi'
import { AF_INET, ipAddr, maskOf } from './addresses.ts'
import type { Lwip, Pointer } from './bindings.ts'
import { UNREAD_SEGMENTS } from './limits.ts'

/** What a device needs of its engine. */
export interface DeviceOwner {
  readonly scheduler: Scheduler
  readonly pool: FramePool
  readonly lwip: Lwip
  readonly stack: Pointer
  sourceFor(destination: IpAddress): IpAddress | null
  /** A SYN has come for a port of ours. @returns whether it may go on: there is room for the connection. */
  admits(device: Device, frame: TcpFrame): boolean
  /** A segment that may complete a handshake. @returns whether it may go on now; else the device keeps it back until {@link Device.releaseHeld}. */
  mayComplete(device: Device, frame: TcpFrame): boolean
}

const SIOCSIFHWADDR = 0x8924
const SIOCGIFHWADDR = 0x8927
const IFREQ = 40
const IFNAMSIZ = 16
const SOCK_DGRAM = 2

export interface DeviceCounters {
  dropFragment: number
  dropBacklog: number
  dropUnread: number
}

export class Device implements FrameGuard {
  readonly link: ArmouredLink
  readonly mac: string
  readonly bridge: FrameBridge
  readonly flows: FlowTable
  readonly neighbors: NeighborProbe
  readonly counters: DeviceCounters = { dropFragment: 0, dropBacklog: 0, dropUnread: 0 }
  private readonly owner: DeviceOwner
  private readonly nif: Pointer
  private readonly segment = { in: new TcpFrame(), out: new TcpFrame() }
  private held: Uint8Array[] = []

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
    this.link = armour(link, { scheduler, fragments: 'drop', clampMss: true })
    const chosen = mac ?? randomMac(scheduler.random)
    this.mac = chosen.toLowerCase()
    this.bridge = new FrameBridge({ scheduler, pool, link: this.link, guard: this })
    this.segment.in.use(this.bridge.incoming)
    this.segment.out.use(this.bridge.outgoing)
    this.flows = new FlowTable({
      clock,
      toPeer: (frame) => this.bridge.toLink(frame),
      toLibrary: (frame) => this.bridge.toLibrary(frame),
    })
    this.neighbors = new NeighborProbe({
      clock,
      mac: parseMac(this.mac),
      sourceFor: (destination) => owner.sourceFor(destination),
      toPeer: (frame) => this.bridge.toLink(frame),
    })
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
    const linkLocal = this.setMac(`vd${place}`)
    if (lwip.ifUp(nif, 0) < 0) throw errnoError('interface')
    // The library would speak to everybody from it, and it is that of the hardware address it invented.
    lwip.delAddr(nif, ipAddr(linkLocal), maskOf(6, 64))
  }

  /** Frames begin to flow. */
  attach(): void {
    this.bridge.attach()
  }

  addAddress(address: IpAddress, prefixLength: number): void {
    const { lwip } = this.owner
    if (lwip.addAddr(this.nif, ipAddr(address), maskOf(address.family, prefixLength)) < 0) throw errnoError('address')
  }

  removeAddress(address: IpAddress, prefixLength: number): void {
    this.owner.lwip.delAddr(this.nif, ipAddr(address), maskOf(address.family, prefixLength))
  }

  /** @throws NetError EINVAL */
  addRoute(destination: IpAddress, prefixLength: number, via: IpAddress | null): void {
    const { lwip, stack } = this.owner
    const mask = maskOf(destination.family, prefixLength)
    const result = lwip.addRoute(stack, ipAddr(destination), mask, ipAddr(via ?? destination), this.nif, 0)
    if (result < 0) throw errnoError('route', -result)
  }

  removeRoute(destination: IpAddress, prefixLength: number, via: IpAddress | null): void {
    const { lwip, stack } = this.owner
    const mask = maskOf(destination.family, prefixLength)
    lwip.delRoute(stack, ipAddr(destination), mask, ipAddr(via ?? destination), this.nif, 0)
  }

  /** Frames that were kept back go into the library. */
  releaseHeld(): void {
    for (const frame of this.held.splice(0)) this.bridge.toLibrary(frame)
  }

  // ---------- frames ----------

  arriving(bytes: Uint8Array, length: number): boolean {
    const { in: segment } = this.segment
    if (!segment.parse(length)) {
      this.neighbors.arriving(bytes, length)
      return true
    }
    const flow = this.flows.find(segment, 'in')
    if (flow === null) return this.arrivingNew(segment)
    if (!flow.arriving(segment)) return false
    if (segment.payload > 0 && ++flow.unread > UNREAD_SEGMENTS) {
      this.counters.dropUnread++
      return false
    }
    if (flow.isPassive && !this.owner.mayComplete(this, segment)) {
      this.held.push(bytes.slice(0, length))
      return false
    }
    return true
  }

  leaving(bytes: Uint8Array, length: number): boolean {
    const { out: segment } = this.segment
    if (!segment.parse(length)) {
      if (!isFragment(bytes, length)) return true
      this.counters.dropFragment++
      return false
    }
    return this.flows.find(segment, 'out')?.leaving(segment) ?? true
  }

  // ---------- ending ----------

  /** The library lets go of its end: all its sockets are closed. */
  down(): void {
    this.neighbors.close()
    this.flows.clear()
    this.owner.lwip.ifDown(this.nif)
  }

  private arrivingNew(segment: TcpFrame): boolean {
    const { flags } = segment
    if ((flags & (TCP_SYN | TCP_ACK | TCP_RST)) !== TCP_SYN) return true
    if (!this.owner.admits(this, segment)) {
      this.counters.dropBacklog++
      return false
    }
    return true
  }

  /** Before the interface is up: it would announce the random one it was made with. @returns the link-local address of that one. */
  private setMac(name: string): IpAddress {
    const { lwip, stack } = this.owner
    const s = lwip.socket(stack, AF_INET, SOCK_DGRAM, 0)
    if (s < 0) throw errnoError('interface')
    try {
      const request = new Uint8Array(IFREQ)
      request.set(new TextEncoder().encode(name))
      if (lwip.ioctl(s, SIOCGIFHWADDR, request) !== 0) throw errnoError('interface')
      const [a = 0, b, c, d, e, f] = request.subarray(IFNAMSIZ + 2)
      const linkLocal = fromBytes([0xfe, 0x80, 0, 0, 0, 0, 0, 0, a ^ 2, b, c, 0xff, 0xfe, d, e, f] as number[])
      // The hardware address follows its family.
      request.set(parseMac(this.mac), IFNAMSIZ + 2)
      if (lwip.ioctl(s, SIOCSIFHWADDR, request) !== 0) throw errnoError('interface')
      return linkLocal
    } finally {
      lwip.close(s)
    }
  }
}

/** A fragment of the library's own: it cannot make another library of its kind reassemble, which corrupts that one's heap. */
function isFragment(bytes: Uint8Array, length: number): boolean {
  const type = ((bytes[ETH_TYPE] as number) << 8) | (bytes[ETH_TYPE + 1] as number)
  const at = ETHERNET_HEADER + IP4_FRAGMENT
  if (type !== ETHERTYPE_IP4 || length < at + 2) return false
  const field = ((bytes[at] as number) << 8) | (bytes[at + 1] as number)
  return (field & (IP4_MORE_FRAGMENTS | IP4_FRAGMENT_OFFSET)) !== 0
}
