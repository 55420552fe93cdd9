/**
 * A path is the next hop towards a destination, as IP and the transports see it: what it carries, and a way to send on it.
 * One object serves all flows through one neighbour.
 *
 * @module
 */
import type { Offload } from '@ioth/core'

/** Octets kept free in front of every IP header: an Ethernet header. */
export const LINK_HEADROOM = 14

export abstract class Path {
  /** Largest IP packet. */
  abstract readonly mtu: number
  /** What may be left undone on frames for this path. */
  abstract readonly offload: Offload
  /** Frames it takes now without dropping. */
  abstract readonly room: number
  /** Whether who can wait with a frame should: it is called again when what is queued has left. */
  abstract readonly isBusy: boolean
  /** Whether it still leads anywhere; a false one is looked up again. */
  abstract readonly valid: boolean
  /** Whether the next hop is known not to answer, or has not answered yet. */
  abstract readonly unresolved: boolean

  /** A protocol above made progress with somebody behind the next hop: it is there (RFC 4861 7.3.1). */
  confirm(): void {}

  /** A protocol above hears nothing from behind the next hop any more: it may be gone (RFC 9293 3.8.3, R1). */
  suspect(): void {}

  /**
   * Sends a frame whose IP header stands at `at + LINK_HEADROOM`; its references pass to the path.
   * @param headLength octets of the head piece, the headroom among them.
   * @param transportAt offset of the transport header from `at`.
   */
  abstract transmit(
    at: number,
    headLength: number,
    body: number,
    bodyLength: number,
    flags: number,
    segmentSize: number,
    transportAt: number,
  ): void
}
