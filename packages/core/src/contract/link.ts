/**
 * A link is a batch-oriented frame port: what a stack plugs into, and what wrappers (impair, trace, filter, capture) compose.
 *
 * @module
 */
import type { IpAddress } from '../address/ip-address.ts'
import type { NetError } from '../errors/net-error.ts'
import type { FrameBatch, Offload } from './frame.ts'

export type LinkState = 'opening' | 'up' | 'lost' | 'closed'

/** The one who takes what arrives on a link. */
export interface LinkSink {
  /** What this taker accepts on arriving frames. */
  readonly accepts: Offload
  /** Frames that arrived. Valid during the call only; `retain` the pieces that are kept. Never re-enters the link's `send`. */
  frames(batch: FrameBatch): void
  /** The link takes frames again after a short `send`. */
  writable(): void
  /** The link's state changed; `lost` may become `up` again by itself, `closed` is final. */
  changed(state: LinkState, reason?: NetError): void
}

/** Who uses a link, for people who look at the network. */
export interface LinkUser {
  /** The stack's name. */
  readonly backend: string
  /** What is listened on: `80/tcp`, `53/udp`, in the order of ports; at most {@link MOST_LISTENING} of them. */
  readonly listening: readonly string[]
}

/** How many ports a {@link LinkUser} tells of, at most. */
export const MOST_LISTENING = 64

export interface Link {
  /** Whether frames begin with an Ethernet header or with an IP header. */
  readonly type: 'ethernet' | 'ip'
  /** Largest IP packet, in octets. */
  readonly mtu: number
  /** What the far side (or the link itself, which then finishes the frames) takes. May become larger when the link goes up; read it at each flush. */
  readonly offload: Offload
  readonly state: LinkState
  /** Text for people and logs: the locator it was opened by. */
  readonly name: string
  /**
   * Whether the far side carries loopback between the members of one node: a packet to the node itself whose port nobody here holds may be
   * sent to the link's own hardware address, and what comes from that address is taken as looped. May become true; read it at each use.
   */
  readonly carriesLoopback?: boolean
  /** Exactly one sink. Throws when there is one already. */
  attach(sink: LinkSink): void
  /**
   * Hands frames over and tells how many were taken: the references of those pass to the link, the others stay with the caller
   * until {@link LinkSink.writable}. Never calls any sink before it returns.
   */
  send(batch: FrameBatch): number
  /** Synchronous best effort to bring out what is queued, for exit handlers; true when nothing is left. */
  flush(): boolean
  /**
   * Synchronous: takes what has arrived, as the event loop would have it taken next. For exit handlers, which no loop will follow; absent
   * where a link cannot. @returns whether something had.
   */
  receiveNow?(): boolean
  /**
   * Asks the network for the exclusive use of an address, where the network keeps a register (our switch does). The link repeats the
   * claim by itself after a reconnection.
   * @returns true when the register granted it, false when the network must be asked as well: it has no register, or the register only saw
   * somebody use the address lately, who may be gone (probe then).
   * @param force whether it is taken from another port that has it.
   * @throws NetError EADDRINUSE when another port has it.
   */
  claim?(address: IpAddress, mac: string, force?: boolean): Promise<boolean>
  /** Gives a claimed address back. */
  unclaim?(address: IpAddress): void
  /** Tells the network who is here, where it wants to know (our switch does). The link says it again after a reconnection. */
  introduce?(user: LinkUser): void
  /**
   * Gives everything back before it returns, for those whose event loop may not run for long; what had arrived is still delivered.
   * Where it is missing, {@link close} does so.
   */
  abandon?(): void
  /** Gives everything back. Idempotent. */
  close(): Promise<void>
}
