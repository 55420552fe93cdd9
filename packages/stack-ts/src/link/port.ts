/**
 * A port is where the stack meets a {@link Link}: it takes what arrives and queues what leaves.
 *
 * @module
 */
import {
  ETH_SOURCE,
  ETH_TYPE,
  ETHERNET_HEADER,
  ETHERTYPE_ARP,
  ETHERTYPE_IP4,
  ETHERTYPE_IP6,
  type FrameBatch,
  type FramePool,
  FULL_OFFLOAD,
  type Link,
  type LinkSink,
  type LinkState,
  type NetError,
  type Offload,
} from '@ioth/core'
import type { Counters } from '../counters.ts'
import type { NetInterface } from '../ip/interface.ts'
import { isGroupMac, type Mac, macFromBytes, writeEthernet } from '../wire/ethernet.ts'
import { Outbox } from './outbox.ts'
import { LINK_HEADROOM } from './path.ts'

/** Who takes the packets of a port, by protocol. Positions and lengths are those behind the Ethernet header. */
export interface PacketTaker {
  /** @param group whether the frame was sent to a multicast or broadcast address. */
  ipv4(port: Port, at: number, length: number, body: number, bodyLength: number, flags: number, group: boolean): void
  ipv6(port: Port, at: number, length: number, body: number, bodyLength: number, flags: number, group: boolean): void
  arp(port: Port, at: number, length: number): void
  /** A packet that another process of the node sent to the node itself. */
  looped(type: number, at: number, length: number, body: number, bodyLength: number, flags: number): void
  /** The link takes frames again. */
  writable(port: Port): void
  changed(port: Port, state: LinkState, reason?: NetError): void
}

/** Takes IPv4 packets out before the stack sees them: those of a DHCP client, who has no address yet. */
export interface PacketTap {
  /** @param frame where the Ethernet header begins. @returns whether the packet was taken. */
  takes(frame: number, at: number, length: number, body: number, bodyLength: number, flags: number): boolean
}

/** Frames that may wait for a link. */
const OUTBOX_LIMIT = 1024

export class Port implements LinkSink {
  readonly accepts: Offload = FULL_OFFLOAD
  readonly link: Link
  readonly pool: FramePool
  readonly mac: Mac
  readonly mtu: number
  readonly outbox: Outbox
  /** Set by the interface that this is the port of. */
  interface: NetInterface | null = null
  /** Whether the link took less than it was offered. */
  blocked = false
  tap: PacketTap | null = null
  /** Where the frame in hand begins. */
  private frameAt = 0
  private readonly isEthernet: boolean
  private readonly counters: Counters
  private readonly taker: PacketTaker
  /** Called when a frame was queued: somebody must flush. */
  private readonly queued: () => void

  constructor(
    link: Link,
    pool: FramePool,
    mac: Mac,
    mtu: number,
    counters: Counters,
    taker: PacketTaker,
    queued: () => void,
  ) {
    this.link = link
    this.pool = pool
    this.mac = mac
    this.mtu = mtu
    this.counters = counters
    this.taker = taker
    this.queued = queued
    this.isEthernet = link.type === 'ethernet'
    this.outbox = new Outbox(pool, OUTBOX_LIMIT)
  }

  /** Whether next hops have to be resolved. */
  get hasNeighbors(): boolean {
    return this.isEthernet
  }

  /** The hardware address that the frame in hand came from. */
  get frameSource(): Mac {
    return macFromBytes(this.pool.bytes, this.frameAt + ETH_SOURCE)
  }

  get isBusy(): boolean {
    return this.blocked || this.outbox.isBatchFull
  }

  frames(batch: FrameBatch): void {
    const { counters } = this
    for (let i = 0; i < batch.count; i++) {
      counters.frameArrives(batch.headLength[i]! + batch.bodyLength[i]!)
      this.frame(batch.head[i]!, batch.headLength[i]!, batch.body[i]!, batch.bodyLength[i]!, batch.flags[i]!)
      counters.frameEnds()
    }
  }

  private frame(at: number, length: number, body: number, bodyLength: number, flags: number): void {
    const { counters, taker } = this
    if (!this.isEthernet) {
      this.bare(at, length, body, bodyLength, flags)
      return
    }
    if (length < ETHERNET_HEADER) {
      counters.drop('ethernet.short')
      return
    }
    const { view } = this.pool
    const { high, low } = this.mac
    const destinationHigh = view.getUint16(at)
    const group = isGroupMac(destinationHigh)
    if (!group && (destinationHigh !== high || view.getInt32(at + 2) !== low)) {
      counters.drop('ethernet.destination')
      return
    }
    const sourceHigh = view.getUint16(at + ETH_SOURCE)
    const type = view.getUint16(at + ETH_TYPE)
    if (isGroupMac(sourceHigh) || (sourceHigh === high && view.getInt32(at + ETH_SOURCE + 2) === low)) {
      if (group || type === ETHERTYPE_ARP) counters.drop('ethernet.source')
      else this.fromOurselves(type, at + ETHERNET_HEADER, length - ETHERNET_HEADER, body, bodyLength, flags)
      return
    }
    const frame = at
    this.frameAt = at
    at += ETHERNET_HEADER
    length -= ETHERNET_HEADER
    if (type === ETHERTYPE_IP4 && this.tap?.takes(frame, at, length, body, bodyLength, flags) === true) return
    if (type === ETHERTYPE_IP4) taker.ipv4(this, at, length, body, bodyLength, flags, group)
    else if (type === ETHERTYPE_IP6) taker.ipv6(this, at, length, body, bodyLength, flags, group)
    else if (type === ETHERTYPE_ARP) taker.arp(this, at, length)
    else counters.drop('ethernet.type')
  }

  /** A packet of a link without headers of its own. */
  private bare(at: number, length: number, body: number, bodyLength: number, flags: number): void {
    const isIpv6 = length > 0 && this.pool.view.getUint8(at) >>> 4 === 6
    if (isIpv6) this.taker.ipv6(this, at, length, body, bodyLength, flags, false)
    else this.taker.ipv4(this, at, length, body, bodyLength, flags, false)
  }

  private fromOurselves(
    type: number,
    at: number,
    length: number,
    body: number,
    bodyLength: number,
    flags: number,
  ): void {
    if (this.link.carriesLoopback === true) this.taker.looped(type, at, length, body, bodyLength, flags)
    else this.counters.drop('ethernet.source')
  }

  writable(): void {
    this.blocked = false
    this.taker.writable(this)
  }

  changed(state: LinkState, reason?: NetError): void {
    if (state === 'up') this.blocked = false
    this.taker.changed(this, state, reason)
  }

  /** Queues a frame for one station. See {@link Path.transmit} for the frame. */
  send(
    macHigh: number,
    macLow: number,
    type: number,
    at: number,
    headLength: number,
    body: number,
    bodyLength: number,
    flags: number,
    segmentSize: number,
    transportAt: number,
  ): void {
    let taken: boolean
    let octets = headLength + bodyLength
    if (this.isEthernet) {
      writeEthernet(this.pool.view, at, macHigh, macLow, this.mac.high, this.mac.low, type)
      taken = this.outbox.append(at, headLength, body, bodyLength, flags, segmentSize, transportAt)
    } else {
      const head = at + LINK_HEADROOM
      const length = headLength - LINK_HEADROOM
      octets -= LINK_HEADROOM
      taken = this.outbox.append(head, length, body, bodyLength, flags, segmentSize, transportAt - LINK_HEADROOM)
    }
    if (!taken) {
      this.counters.lose('link.full')
      return
    }
    this.counters.framesOut++
    this.counters.octetsOut += octets
    this.queued()
  }

  /** Offers the link what is queued; false when something stays behind. */
  flush(): boolean {
    if (this.outbox.length === 0) return true
    if (this.blocked) return false
    this.blocked = !this.outbox.flush(this.link)
    return !this.blocked
  }

  /** What a lost link would only drop is not kept for it. */
  discard(): void {
    for (let left = this.outbox.length; left > 0; left--) this.counters.lose('link.lost')
    this.outbox.clear()
    this.blocked = false
  }
}
