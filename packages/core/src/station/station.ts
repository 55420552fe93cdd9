/**
 * A station: what a host does on its link without its TCP/IP stack, for libraries that do it badly or not at all. It stands between a link
 * and a library: asks whether an address is free, announces and defends it, speaks DHCP, and puts the armour in front of all.
 *
 * ```
 *   network <-> link <-> armour <-> station <-> the library's device
 * ```
 *
 * The library attaches to the station as to any link. What it sends passes; what arrives passes, but for answers to the DHCP client while
 * that runs.
 *
 * @module
 */

import { fromBytes, type IpAddress, parseIpAddress } from '../address/ip-address.ts'
import { formatMac, parseMac } from '../address/mac.ts'
import { type ArmouredLink, type ArmourOptions, armour } from '../armour/armour.ts'
import { half, word } from '../armour/octets.ts'
import type { FrameBatch, FramePool } from '../contract/frame.ts'
import type { Link, LinkSink, LinkState } from '../contract/link.ts'
import { Job, type Scheduler } from '../contract/scheduler.ts'
import { NetError } from '../errors/net-error.ts'
import { copyEntry, createBatch, frameLength, pushFrame, readFrame } from '../frame/batch.ts'
import {
  ARP_OPERATION,
  ARP_SENDER_IP,
  ARP_SENDER_MAC,
  ARP_TARGET_IP,
  ETH_SOURCE,
  ETH_TYPE,
  ETHERNET_HEADER,
  ETHERTYPE_ARP,
  ETHERTYPE_IP4,
  ETHERTYPE_IP6,
  ICMP_TYPE,
  IP6_HEADER,
  IP6_NEXT_HEADER,
  IP6_PAYLOAD_LENGTH,
  IP6_SOURCE,
  PROTO_ICMP6,
} from '../frame/offsets.ts'
import { LinkWrapper } from '../links/link-wrapper.ts'
import { isForDhcpClient } from '../services/dhcp/packet.ts'
import { AddressClaim, type ClaimWire, type StationProbe } from './address-claim.ts'
import {
  ARP_FRAME,
  NEIGHBOR_ADVERTISEMENT,
  NEIGHBOR_FRAME,
  NEIGHBOR_OPTIONS,
  NEIGHBOR_SOLICITATION,
  NEIGHBOR_TARGET,
  NONCE_OCTETS,
  OPTION_NONCE,
  OPTION_TARGET_LINK,
  writeAdvertisement,
  writeArpRequest,
  writeSolicitation,
} from './frames.ts'
import { groupMessageAt } from './group-message-at.ts'

export interface StationOptions {
  readonly scheduler: Scheduler
  readonly pool: FramePool
  /** The library's, `aa:bb:cc:dd:ee:ff`. */
  readonly mac: string
  /** How an address is probed where the network has no register. @default `'fast'` */
  readonly probe?: StationProbe
  /** Options of the armour. `clampMss` and the like depend on the library. */
  readonly armour?: Omit<ArmourOptions, 'scheduler'>
  /**
   * Somebody else, `mac`, uses an address that is ours, or that was about to be. `isLost`: it was defended and taken again within ten seconds, and the library must
   * give it up now (RFC 5227 2.4 b). Called in a turn; must not throw.
   */
  readonly onConflict?: (address: IpAddress, mac: string, isLost: boolean) => void
}

/** Takes packets for the DHCP client, which stay out of the library's sight. */
export interface DhcpTap {
  /** @param packet an IPv4 packet. @param station the MAC it came from. */
  take(packet: Uint8Array, station: Uint8Array): void
}

/** Speaks IGMP and MLD in the library's place. */
export interface GroupTap {
  take(packet: Uint8Array, at: number, isGroup: boolean): void
  refresh(): void
  stop(): void
  counters(): Record<string, number>
}

export interface Station extends Link {
  readonly mac: string
  /** Who gets packets to the DHCP client's port; null: the library does. See {@link leaseOnStation}. */
  dhcp: DhcpTap | null
  /** Who gets IGMP and MLD; null: the library does. See {@link GroupsOnStation}. */
  groups: GroupTap | null
  /**
   * Makes sure that nobody on the network has the address, and announces it. Until it settles the library must not use the address.
   * @throws NetError EADDRINUSE; ENETDOWN when the link went away meanwhile.
   */
  acquire(address: IpAddress): Promise<void>
  /** The library gave the address up. */
  release(address: IpAddress): void
  /** Sends an IP packet to a station, or to a group of them. */
  transmit(packet: Uint8Array, station: Uint8Array): void
  /** A packet to the DHCP client was dropped for this reason. */
  dropped(reason: string): void
  /** What came and went, with that of the armour. None ever decreases. */
  counters(): Record<string, number>
}

/** Puts a station and the armour in front of a link. The link's only taker is the station from now on. */
export function createStation(link: Link, options: StationOptions): Station {
  return new StackStation(armour(link, { ...options.armour, scheduler: options.scheduler }), options)
}

/** Frames of its own that wait for the end of a turn. */
const MOST_PENDING = 32
const NOTHING = new Uint8Array(0)
const MAC_LENGTH = 6
const ARP_REQUEST = 1

class StackStation extends LinkWrapper implements Station, ClaimWire {
  readonly mac: string
  dhcp: DhcpTap | null = null
  groups: GroupTap | null = null
  private readonly armoured: ArmouredLink
  private readonly options: StationOptions
  private readonly hardware: Uint8Array
  private readonly claims = new Map<string, AddressClaim>()
  /** Addresses that are asked for at the network's register. */
  private readonly coming = new Set<string>()
  private readonly granted = new Set<string>()
  private readonly openWaiters: { resolve: () => void; reject: (reason: NetError) => void }[] = []
  private readonly emission: Emission
  private readonly stats = {
    framesTaken: 0,
    framesUntaken: 0,
    framesOfOthers: 0,
    framesOut: 0,
    framesLost: 0,
    addressConflicts: 0,
  }
  private readonly dhcpDrops = new Map<string, number>()
  private kept: FrameBatch | null = null
  private isClosed = false

  constructor(armoured: ArmouredLink, options: StationOptions) {
    super(armoured)
    this.armoured = armoured
    this.options = options
    this.mac = options.mac
    this.hardware = parseMac(options.mac)
    this.emission = new Emission(createBatch(options.pool, MOST_PENDING), (batch) => this.outbox.send(batch))
    armoured.attach(this)
  }

  /** The library comes later than the first question. */
  override attach(sink: LinkSink): void {
    if (this.sink !== null) throw new NetError('EINVAL', 'attach', { message: `${this.name} has a sink already` })
    this.sink = sink
  }

  async acquire(scoped: IpAddress): Promise<void> {
    const address = scoped.withScope(0)
    const text = address.toString()
    if (this.claims.has(text) || this.coming.has(text)) throw new NetError('EEXIST', 'address', { address: text })
    this.coming.add(text)
    try {
      if (this.state === 'opening') await this.opened()
      if ((await this.armoured.claim?.(address, this.mac)) === true) this.granted.add(text)
      this.assertWanted(text, this.coming.has(text))
      if (this.type === 'ethernet') await this.probed(address, text)
    } finally {
      this.coming.delete(text)
    }
  }

  private async probed(address: IpAddress, text: string): Promise<void> {
    const { scheduler, probe = 'fast' } = this.options
    const mode = this.granted.has(text) ? 'none' : probe
    let mine: AddressClaim | null = null
    await new Promise<void>((resolve, reject) => {
      const claim = new AddressClaim(this, scheduler.clock, scheduler.random, mode, address, (holder) => {
        if (holder === null) return resolve()
        this.release(address)
        const message = `address ${text} is in use by ${holder} on ${this.name}`
        reject(new NetError('EADDRINUSE', 'address', { address: text, message }))
      })
      mine = claim
      this.claims.set(text, claim)
      claim.start()
    })
    this.assertWanted(text, this.claims.get(text) === mine)
  }

  /** @throws NetError when the link is gone or the address was released meanwhile. */
  private assertWanted(text: string, isWanted: boolean): void {
    if (!this.isClosed && isWanted) return
    this.granted.delete(text)
    this.armoured.unclaim?.(parseIpAddress(text))
    throw new NetError(this.isClosed ? 'ENETDOWN' : 'EADDRNOTAVAIL', 'address', { address: text })
  }

  release(scoped: IpAddress): void {
    const address = scoped.withScope(0)
    const text = address.toString()
    const claim = this.claims.get(text)
    this.coming.delete(text)
    this.claims.delete(text)
    claim?.stop()
    this.granted.delete(text)
    this.armoured.unclaim?.(address)
  }

  counters(): Record<string, number> {
    const { framesTaken, framesUntaken, framesOfOthers, framesOut, framesLost, addressConflicts } = this.stats
    const grouping = this.groups?.counters() ?? {}
    const refused = [...this.dhcpDrops.values(), ...Object.values(grouping)].reduce((sum, count) => sum + count, 0)
    const leasing = [...this.dhcpDrops].map(([reason, count]) => [`drop.dhcp.${reason}`, count])
    return {
      ...this.armoured.counters(),
      ...Object.fromEntries(leasing),
      ...grouping,
      'station.framesTaken': framesTaken - refused,
      'station.framesOut': framesOut,
      'station.addressConflicts': addressConflicts,
      'drop.station.no-taker': framesUntaken,
      'drop.station.other-host': framesOfOthers,
      'lost.station.memory': framesLost,
    }
  }

  override async close(): Promise<void> {
    this.fail(new NetError('ENETDOWN', 'address', { message: `${this.name} was closed` }))
    await super.close()
  }

  override flush(): boolean {
    this.emission.run()
    return super.flush()
  }

  override changed(state: LinkState, reason?: NetError): void {
    if (state === 'up') {
      for (const { resolve } of this.openWaiters.splice(0)) resolve()
      for (const claim of this.claims.values()) claim.announce()
      this.groups?.refresh()
    } else if (state === 'closed') {
      this.fail(reason ?? new NetError('ENETDOWN', 'address', { message: `${this.name} was closed` }))
    }
    super.changed(state, reason)
  }

  // ---------- frames ----------

  protected sendFrames(batch: FrameBatch): void {
    this.outbox.send(batch)
  }

  frames(batch: FrameBatch): void {
    let kept = 0
    for (let index = 0; index < batch.count; index++) {
      const passes = this.passes(batch, index)
      if (!passes && kept++ === 0) this.keepBefore(batch, index)
      if (passes && kept > 0) copyEntry(batch, index, this.kept as FrameBatch)
    }
    const rest = kept === 0 ? batch : (this.kept as FrameBatch)
    if (this.sink === null) this.stats.framesUntaken += rest.count
    else if (rest.count > 0) this.sink.frames(rest)
  }

  /** What passed before the first frame that does not. */
  private keepBefore(batch: FrameBatch, end: number): void {
    if (this.kept === null || this.kept.capacity < batch.count) this.kept = createBatch(batch.pool, batch.capacity)
    this.kept.count = 0
    for (let index = 0; index < end; index++) copyEntry(batch, index, this.kept)
  }

  /** Looks at a frame that the armour let pass. @returns whether the library is to see it. */
  private passes(batch: FrameBatch, index: number): boolean {
    if (this.type === 'ip') return true
    const { bytes } = batch.pool
    const head = batch.head[index] as number
    // A hub, or a switch that has not learned yet, sends everybody what is for one; libraries believe what they get.
    if (((bytes[head] as number) & 1) === 0 && !this.isMine(bytes, head)) {
      this.stats.framesOfOthers++
      return false
    }
    if (this.claims.size === 0 && this.dhcp === null && this.groups === null) return true
    const type = half(bytes, head + ETH_TYPE)
    if (this.groups !== null && type !== ETHERTYPE_ARP && this.takeGroups(batch, index, this.groups)) {
      this.stats.framesTaken++
      return false
    }
    const isTaken =
      type === ETHERTYPE_ARP
        ? this.hearArp(bytes, head + ETHERNET_HEADER)
        : type === ETHERTYPE_IP6 && bytes[head + ETHERNET_HEADER + IP6_NEXT_HEADER] === PROTO_ICMP6
          ? this.hearNeighbor(bytes, head)
          : type === ETHERTYPE_IP4 && this.dhcp !== null && this.takeDhcp(batch, index, this.dhcp)
    if (isTaken) this.stats.framesTaken++
    return !isTaken
  }

  private takeGroups(batch: FrameBatch, index: number, tap: GroupTap): boolean {
    const { bytes } = batch.pool
    const head = batch.head[index] as number
    const at = groupMessageAt(bytes, head + ETHERNET_HEADER)
    if (at < 0) return false
    const frame = new Uint8Array(frameLength(batch, index))
    readFrame(batch, index, frame)
    tap.take(frame.subarray(ETHERNET_HEADER), at - head - ETHERNET_HEADER, ((bytes[head] as number) & 1) !== 0)
    return true
  }

  private takeDhcp(batch: FrameBatch, index: number, tap: DhcpTap): boolean {
    const head = batch.head[index] as number
    const { view, bytes } = batch.pool
    const headLength = batch.headLength[index] as number
    if (!isForDhcpClient(view, head + ETHERNET_HEADER, headLength - ETHERNET_HEADER)) return false
    const frame = new Uint8Array(frameLength(batch, index))
    readFrame(batch, index, frame)
    tap.take(frame.subarray(ETHERNET_HEADER), bytes.slice(head + ETH_SOURCE, head + ETH_SOURCE + MAC_LENGTH))
    return true
  }

  /**
   * RFC 5227 2.1.1, 2.4: somebody uses one of our addresses, or is about to. @returns whether it is that: libraries would answer it, or
   * believe it.
   */
  private hearArp(bytes: Uint8Array, arp: number): boolean {
    const mac = arp + ARP_SENDER_MAC
    if (this.isMine(bytes, mac)) return false
    const sender = word(bytes, arp + ARP_SENDER_IP)
    const isProbe = sender === 0 && half(bytes, arp + ARP_OPERATION) === ARP_REQUEST
    const address = isProbe ? word(bytes, arp + ARP_TARGET_IP) : sender
    for (const claim of this.claims.values()) {
      if (claim.address.family !== 4 || claim.address.w3 !== address) continue
      if (isProbe && !claim.tentative) return false
      this.conflict(claim, formatMac(bytes, mac))
      return true
    }
    return false
  }

  /** RFC 4862 5.4.3, 5.4.4. @returns as {@link hearArp}. */
  private hearNeighbor(bytes: Uint8Array, head: number): boolean {
    const ip = head + ETHERNET_HEADER
    const icmp = ip + IP6_HEADER
    const type = bytes[icmp + ICMP_TYPE]
    if (type !== NEIGHBOR_SOLICITATION && type !== NEIGHBOR_ADVERTISEMENT) return false
    if (this.isMine(bytes, head + ETH_SOURCE)) return false
    const claim = this.claims.get(fromBytes(bytes, icmp + NEIGHBOR_TARGET, 16).toString())
    if (claim === undefined) return false
    if (type === NEIGHBOR_SOLICITATION) {
      const isProbe = bytes.subarray(ip + IP6_SOURCE, ip + IP6_SOURCE + 16).every((octet) => octet === 0)
      const end = icmp + half(bytes, ip + IP6_PAYLOAD_LENGTH)
      if (!isProbe || !claim.tentative || isSame(nonceOf(bytes, icmp + NEIGHBOR_OPTIONS, end), claim.nonce))
        return false
    }
    const end = icmp + half(bytes, ip + IP6_PAYLOAD_LENGTH)
    const link =
      type === NEIGHBOR_ADVERTISEMENT ? optionAt(bytes, icmp + NEIGHBOR_OPTIONS, end, OPTION_TARGET_LINK) : -1
    this.conflict(claim, formatMac(bytes, link < 0 ? head + ETH_SOURCE : link + 2))
    return true
  }

  private isMine(bytes: Uint8Array, at: number): boolean {
    const { hardware } = this
    for (let index = 0; index < MAC_LENGTH; index++) if (bytes[at + index] !== hardware[index]) return false
    return true
  }

  private conflict(claim: AddressClaim, mac: string): void {
    this.stats.addressConflicts++
    const isTentative = claim.tentative
    const isKept = claim.conflict(mac)
    if (isTentative) {
      // Whoever asked for it is told by a rejection, too.
      this.options.onConflict?.(claim.address, mac, false)
      return
    }
    if (!isKept) this.release(claim.address)
    this.options.onConflict?.(claim.address, mac, !isKept)
  }

  // ---------- what it sends itself ----------

  probe(address: IpAddress, nonce: Uint8Array): void {
    if (address.family === 4) this.sendArp(0, address.w3)
    else this.emit(NEIGHBOR_FRAME, (pool, at) => writeSolicitation(pool, at, this.hardware, address, nonce))
  }

  announce(address: IpAddress): void {
    if (address.family === 4) this.sendArp(address.w3, address.w3)
    else this.emit(NEIGHBOR_FRAME, (pool, at) => writeAdvertisement(pool, at, this.hardware, address))
  }

  transmit(packet: Uint8Array, station: Uint8Array): void {
    this.emit(ETHERNET_HEADER + packet.length, ({ bytes, view }, at) => {
      bytes.set(station, at)
      bytes.set(this.hardware, at + ETH_SOURCE)
      view.setUint16(at + ETH_TYPE, (packet[0] as number) >>> 4 === 4 ? ETHERTYPE_IP4 : ETHERTYPE_IP6)
      bytes.set(packet, at + ETHERNET_HEADER)
    })
  }

  dropped(reason: string): void {
    this.dhcpDrops.set(reason, (this.dhcpDrops.get(reason) ?? 0) + 1)
  }

  private sendArp(sender: number, target: number): void {
    this.emit(ARP_FRAME, (pool, at) => writeArpRequest(pool, at, this.hardware, sender, target))
  }

  /** A frame of a few an hour: it leaves with the jobs of this turn. */
  private emit(length: number, write: (pool: FramePool, at: number) => void): void {
    const { pool, scheduler } = this.options
    const { batch } = this.emission
    const at = this.isClosed || batch.count === batch.capacity ? -1 : pool.take(length)
    if (at < 0) {
      this.stats.framesLost++
      return
    }
    write(pool, at)
    pushFrame(batch, at, length)
    this.stats.framesOut++
    scheduler.defer(this.emission)
  }

  private opened(): Promise<void> {
    return new Promise((resolve, reject) => this.openWaiters.push({ resolve, reject }))
  }

  /** The link is gone for good. */
  private fail(reason: NetError): void {
    this.isClosed = true
    this.emission.run()
    for (const { reject } of this.openWaiters.splice(0)) reject(reason)
    for (const { address } of [...this.claims.values()]) this.release(address)
    this.groups?.stop()
  }
}

/** Brings out what the station wants to send: never from inside the arrival of a frame. */
class Emission extends Job {
  readonly batch: FrameBatch
  private readonly send: (batch: FrameBatch) => void

  constructor(batch: FrameBatch, send: (batch: FrameBatch) => void) {
    super()
    this.batch = batch
    this.send = send
  }

  override run(): void {
    const { batch } = this
    if (batch.count === 0) return
    this.send(batch)
    batch.count = 0
  }
}

/** The nonce among the options of a message that the armour let pass (RFC 7527 4.1). */
function nonceOf(bytes: Uint8Array, from: number, end: number): Uint8Array {
  const at = optionAt(bytes, from, end, OPTION_NONCE)
  return at < 0 ? NOTHING : bytes.subarray(at + 2, at + 2 + NONCE_OCTETS)
}

/** Where an option of eight octets begins among those of a message that the armour let pass; -1: there is none. */
function optionAt(bytes: Uint8Array, from: number, end: number, kind: number): number {
  for (let at = from; at + 8 <= end; at += Math.max(8, (bytes[at + 1] as number) * 8)) {
    if (bytes[at] === kind && bytes[at + 1] === 1) return at
  }
  return -1
}

function isSame(one: Uint8Array, other: Uint8Array): boolean {
  return one.length === other.length && one.every((octet, index) => octet === other[index])
}
