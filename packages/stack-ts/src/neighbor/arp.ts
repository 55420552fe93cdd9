/**
 * ARP (RFC 826, RFC 1122 2.3.2) with address conflict detection (RFC 5227): answers for our addresses, learns from others, notices who
 * else claims what is ours.
 *
 * @module
 */
import {
  ARP_LENGTH,
  ARP_OPERATION,
  ARP_SENDER_IP,
  ARP_SENDER_MAC,
  ARP_TARGET_IP,
  type Clock,
  ETHERNET_HEADER,
  ETHERTYPE_ARP,
  ETHERTYPE_IP4,
  IpAddress,
  type Random,
} from '@ioth/core'
import type { Counters } from '../counters.ts'
import { LINK_HEADROOM } from '../link/path.ts'
import type { Port } from '../link/port.ts'
import { ARP_REPLY, ARP_REQUEST, checkArp, writeArp } from '../wire/arp.ts'
import { BROADCAST_MAC, isGroupMac, type Mac } from '../wire/ethernet.ts'
import { NeighborCache, type Resolver, type ResolverTiming, type Undeliverable } from './cache.ts'
import type { Neighbor } from './neighbor.ts'

/** Which addresses are ours on this port. */
export interface ArpOwner {
  /** Whether we answer for this address. */
  owns(address: number): boolean
  /** Our address to ask with: one in the target's network if there is one; 0 when we have none. */
  sourceFor(target: number): number
  /** Someone else uses an address that we use, or are about to use. */
  conflict(address: number, mac: Mac): void
  /** Whether the address is being probed. */
  isTentative(address: number): boolean
}

const NOBODY: Mac = { high: 0, low: 0 }
const FRAME = ETHERNET_HEADER + ARP_LENGTH

/**
 * Six questions, half a second apart, then the neighbour counts as failed after three seconds. RFC 1122 2.3.2.1 recommends one a second; on
 * a link that loses frames the closer questions are worth more than the few octets they cost.
 */
const TIMING: ResolverTiming = {
  askInterval: 500_000,
  groupAsks: 6,
  directAsks: 3,
  reachableTime: 30_000_000,
  asksBeforeMove: true,
}

export class Arp implements Resolver {
  readonly etherType: number = ETHERTYPE_IP4
  readonly timing: ResolverTiming = TIMING
  readonly cache: NeighborCache
  private readonly port: Port
  private readonly owner: ArpOwner
  private readonly counters: Counters

  constructor(
    port: Port,
    clock: Clock,
    random: Random,
    owner: ArpOwner,
    counters: Counters,
    undeliverable: Undeliverable,
  ) {
    this.port = port
    this.owner = owner
    this.counters = counters
    this.cache = new NeighborCache(port, clock, random, this, counters, undeliverable)
  }

  ask(neighbor: Neighbor, direct: boolean): void {
    const target = neighbor.address.w3
    const to = direct ? { high: neighbor.macHigh, low: neighbor.macLow } : BROADCAST_MAC
    this.send(to, ARP_REQUEST, this.owner.sourceFor(target), NOBODY, target)
  }

  /** Asks whether anybody has an address, without claiming it (RFC 5227 2.1.1). */
  probe(address: number): void {
    this.send(BROADCAST_MAC, ARP_REQUEST, 0, NOBODY, address)
  }

  /** Tells everybody that the address is ours (RFC 5227 2.3). */
  announce(address: number): void {
    this.send(BROADCAST_MAC, ARP_REQUEST, address, NOBODY, address)
  }

  /** Takes a packet from the wire; `at` is behind the Ethernet header. */
  receive(at: number, length: number): void {
    const { counters, owner, cache } = this
    const { view } = this.port.pool
    const reason = checkArp(view, at, length)
    if (reason !== null) {
      counters.drop(`arp.${reason}`)
      return
    }
    const senderHigh = view.getUint16(at + ARP_SENDER_MAC)
    const senderLow = view.getInt32(at + ARP_SENDER_MAC + 2)
    const senderIp = view.getInt32(at + ARP_SENDER_IP)
    const targetIp = view.getInt32(at + ARP_TARGET_IP)
    const isRequest = view.getUint16(at + ARP_OPERATION) === ARP_REQUEST
    if (isGroupMac(senderHigh) || (senderHigh === 0 && senderLow === 0) || senderIp >>> 28 >= 0xe) {
      counters.drop('arp.sender')
      return
    }
    if (senderHigh === this.port.mac.high && senderLow === this.port.mac.low) {
      counters.drop('arp.own')
      return
    }
    counters.arpIn++
    const sender: Mac = { high: senderHigh, low: senderLow }

    if (senderIp !== 0 && (owner.owns(senderIp) || owner.isTentative(senderIp))) {
      counters.addressConflicts++
      owner.conflict(senderIp, sender)
      return
    }
    // Two stacks that probe for one address at the same time (RFC 5227 2.1.1).
    if (senderIp === 0 && isRequest && owner.isTentative(targetIp)) {
      counters.addressConflicts++
      owner.conflict(targetIp, sender)
      return
    }
    const forUs = owner.owns(targetIp)
    if (senderIp !== 0) {
      const known = cache.find(0, 0, 0xffff, senderIp)
      if (known === null) {
        if (forUs && isRequest) cache.heard(cache.path(IpAddress.v4(senderIp)), senderHigh, senderLow)
      } else if (forUs && !isRequest && known.asked > 0) cache.answered(known, senderHigh, senderLow)
      else cache.heard(known, senderHigh, senderLow)
    }
    if (forUs && isRequest) this.send(sender, ARP_REPLY, targetIp, sender, senderIp)
  }

  private send(to: Mac, operation: 1 | 2, senderIp: number, targetMac: Mac, targetIp: number): void {
    const { pool } = this.port
    const at = pool.take(FRAME)
    if (at < 0) {
      this.counters.lose('arp.pool')
      return
    }
    const packet = { operation, senderMac: this.port.mac, senderIp, targetMac, targetIp }
    writeArp(pool.view, at + LINK_HEADROOM, packet)
    this.counters.arpOut++
    this.port.send(to.high, to.low, ETHERTYPE_ARP, at, FRAME, 0, 0, 0, 0, 0)
  }
}
