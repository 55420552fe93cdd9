/**
 * The packet in the stack's hands on its way up. One object per stack, filled again for each packet: nothing in it may be kept.
 *
 * @module
 */
import { CHECKSUM_MISSING, CHECKSUM_VERIFIED } from '@ioth/core'
import type { NetInterface } from './interface.ts'
import type { Network } from './network.ts'

/** A checksum that nobody needs to compute. */
const TRUSTED = CHECKSUM_VERIFIED | CHECKSUM_MISSING

export class Packet {
  /** The family it came by; each has a packet of its own. */
  network!: Network
  /** The interface it came by, or that our own packet to a group left by; null for packets to ourselves. */
  interface: NetInterface | null = null
  /** Addresses as demultiplexing keys: the 32 bits of an IPv4 address, a keyed hash of an IPv6 one. */
  source = 0
  destination = 0
  protocol = 0
  ttl = 0
  trafficClass = 0
  /** Position of the IP header, in one piece with the transport header. */
  headerAt = 0
  /** Position of the transport header. */
  at = 0
  /** Octets from {@link at} on in the head piece. */
  length = 0
  /** Position and length of the rest; length 0: there is none. */
  body = 0
  bodyLength = 0
  flags = 0
  /** Sum of the pseudo-header's addresses and protocol. */
  pseudoSum = 0
  /** Whether it was sent to a group or to everybody, by its IP or its hardware address. */
  group = false
  /** Whether it never left the stack. */
  looped = false
  /** IPv6: where the number of the protocol stands, from the IP header on. */
  nextHeaderAt = 0
  /** IPv6: whether it came with a fragment header. */
  fragmented = false

  /** Octets behind the IP header. */
  get payloadLength(): number {
    return this.length + this.bodyLength
  }

  get isTrusted(): boolean {
    return (this.flags & TRUSTED) !== 0
  }
}
