/**
 * One next hop on a link: its hardware address, how sure we are of it (RFC 4861 7.3.2), and the frames that wait for it.
 *
 * @module
 */
import { createBatch, type FrameBatch, type IpAddress, type Offload, pushFrame, Timer } from '@ioth/core'
import { Path } from '../link/path.ts'
import type { NeighborCache } from './cache.ts'

/**
 * - INCOMPLETE: asked for, no answer yet.
 * - REACHABLE: it was there a moment ago.
 * - STALE: it may have gone; nobody asks before somebody sends to it.
 * - DELAY: somebody sent to it; perhaps what comes back confirms it.
 * - PROBE: nothing did, so it is asked. In use meanwhile.
 * - FAILED: it did not answer, and is not asked again for a moment.
 */
export type NeighborState = 'INCOMPLETE' | 'REACHABLE' | 'STALE' | 'DELAY' | 'PROBE' | 'FAILED'

/**
 * Frames that wait for one answer; the latest are kept (RFC 1122 2.3.2.2, RFC 4861 7.2.2). A program may open hundreds of connections as
 * its first words to a neighbour, and a SYN that is dropped here costs it a second.
 */
export const WAITING = 256

/** When a neighbour's next step is due. Made on first use: most entries are only ever spoken to while they answer. */
export class NeighborTimer extends Timer {
  private readonly neighbor: Neighbor

  constructor(neighbor: Neighbor) {
    super()
    this.neighbor = neighbor
  }

  override fire(): void {
    this.neighbor.cache.due(this.neighbor)
  }
}

export class Neighbor extends Path {
  readonly address: IpAddress
  readonly cache: NeighborCache
  /** Place in the cache's table, and who else has it. */
  readonly key: number
  next: Neighbor | null = null
  state: NeighborState = 'INCOMPLETE'
  macHigh = 0
  macLow = 0
  /** Who says that the address is theirs now, while the holder we know is asked whether it is still there. */
  rival = false
  rivalHigh = 0
  rivalLow = 0
  /** Until when rivals are not heard: the holder has answered a moment ago. */
  unrivalledUntil = 0
  /** Until when it counts as reachable, or its failure is remembered. */
  until = 0
  /** Questions sent since the last answer. */
  asked = 0
  lastUsed: number
  /** When it last proved to be there; such entries make room last. */
  confirmedAt: number = Number.NEGATIVE_INFINITY
  /** Whether routes lead through it. */
  isGateway = false
  /** What its advertisements say of it (RFC 4861 7.2.5); a neighbour that stops being one takes its routes along. */
  isRouter = false
  /** To be asked at its next use without waiting for hints: the link was away meanwhile. */
  isDoubtful = false
  override valid = true
  waiting: FrameBatch | null = null
  timer: NeighborTimer | null = null

  constructor(cache: NeighborCache, key: number, address: IpAddress, now: number) {
    super()
    this.cache = cache
    this.key = key
    this.address = address
    this.lastUsed = now
  }

  override get mtu(): number {
    return this.cache.mtu
  }

  override get offload(): Offload {
    return this.cache.port.link.offload
  }

  override get room(): number {
    return this.cache.port.outbox.room
  }

  override get isBusy(): boolean {
    return this.cache.port.isBusy
  }

  override get unresolved(): boolean {
    return this.state === 'INCOMPLETE' || this.state === 'FAILED'
  }

  override suspect(): void {
    this.cache.suspect(this)
  }

  override confirm(): void {
    if (this.unresolved || this.rival) return
    this.cache.confirm(this)
  }

  override transmit(
    at: number,
    headLength: number,
    body: number,
    bodyLength: number,
    flags: number,
    segmentSize: number,
    transportAt: number,
  ): void {
    const { cache, state } = this
    const { now } = cache.clock
    this.lastUsed = now
    if (!this.rival && state !== 'INCOMPLETE' && state !== 'FAILED') {
      if (state === 'STALE' || (state === 'REACHABLE' && now > this.until)) cache.used(this)
      const { macHigh, macLow } = this
      const { etherType } = cache.resolver
      cache.port.send(macHigh, macLow, etherType, at, headLength, body, bodyLength, flags, segmentSize, transportAt)
      return
    }
    this.waiting ??= createBatch(cache.port.pool, WAITING)
    if (this.waiting.count === WAITING) cache.dropOldest(this.waiting)
    pushFrame(this.waiting, at, headLength, body, bodyLength, flags, segmentSize, transportAt)
    if (state === 'FAILED' || (state === 'INCOMPLETE' && !cache.isAsking(this))) cache.resolve(this)
  }
}
