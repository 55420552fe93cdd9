/**
 * The neighbour cache: which hardware address a next hop has, and the frames that wait for the answer.
 *
 * States as in RFC 4861 7.3.2, for IPv4 as well: INCOMPLETE (asked, no answer yet), REACHABLE, PROBE (the answer grew old and is being
 * checked, still in use), FAILED. How a question looks is the resolver's business: ARP now, Neighbour Discovery beside it.
 *
 * @module
 */
import { type Clock, createBatch, type FrameBatch, type IpAddress, type Offload, pushFrame, Timer } from '@ioth/core'
import type { Counters } from '../counters.ts'
import { LINK_HEADROOM, Path } from '../link/path.ts'
import type { Port } from '../link/port.ts'

export type NeighborState = 'INCOMPLETE' | 'REACHABLE' | 'PROBE' | 'FAILED'

/** Asks the network for a neighbour's hardware address. */
export interface Resolver {
  readonly etherType: number
  /** @param direct whether to ask the address known so far instead of everybody. */
  ask(neighbor: Neighbor, direct: boolean): void
}

/** Is told of a packet that could not be delivered: positions of its IP header. */
export type Undeliverable = (at: number, length: number) => void

/** How long an answer is trusted without a question; well below the 20 minutes of RFC 1122 2.3.2.1. */
const REACHABLE_TIME = 60_000_000
/**
 * Six questions, half a second apart, then the neighbour counts as failed after three seconds. RFC 1122 recommends one a second; on a
 * link that loses frames the closer questions are worth more than the few octets they cost.
 */
const ASK_INTERVAL = 500_000
const ASK_TIMES = 6
/** Questions to a neighbour of old: two to it alone, the rest to everybody. */
const ASK_DIRECT_TIMES = 2
/** A neighbour that failed is asked again at most once a second. */
const FAILED_TIME = 1_000_000
/**
 * Frames that wait for one answer; the latest are kept (RFC 1122 2.3.2.2). A program may open hundreds of connections as its first words
 * to a neighbour, and a SYN that is dropped here costs it a second.
 */
const WAITING = 256

export class Neighbor extends Path {
  readonly address: IpAddress
  readonly key: number
  state: NeighborState = 'INCOMPLETE'
  macHigh = 0
  macLow = 0
  /** Until when the answer is trusted, or the failure remembered. */
  until = 0
  /** When the next question is due, while one is open; 0: none is. */
  askAt = 0
  asked = 0
  lastUsed = 0
  override valid = true
  waiting: FrameBatch | null = null
  private readonly cache: NeighborCache

  constructor(cache: NeighborCache, key: number, address: IpAddress) {
    super()
    this.cache = cache
    this.key = key
    this.address = address
  }

  override get mtu(): number {
    return this.cache.port.mtu
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

  override transmit(
    at: number,
    headLength: number,
    body: number,
    bodyLength: number,
    flags: number,
    segmentSize: number,
    transportAt: number,
  ): void {
    const { port, clock, resolver } = this.cache
    const now = clock.now
    this.lastUsed = now
    if (this.state === 'REACHABLE' || this.state === 'PROBE') {
      if (now > this.until && this.state === 'REACHABLE') this.cache.check(this)
      const { macHigh, macLow } = this
      port.send(macHigh, macLow, resolver.etherType, at, headLength, body, bodyLength, flags, segmentSize, transportAt)
      return
    }
    this.waiting ??= createBatch(port.pool, WAITING)
    if (this.waiting.count === WAITING) this.cache.dropOldest(this.waiting)
    pushFrame(this.waiting, at, headLength, body, bodyLength, flags, segmentSize, transportAt)
    if (this.askAt === 0) this.cache.resolve(this)
  }
}

export class NeighborCache extends Timer {
  readonly port: Port
  readonly clock: Clock
  readonly resolver: Resolver
  private readonly entries = new Map<number, Neighbor>()
  /** Those with an open question. */
  private readonly open = new Set<Neighbor>()
  private readonly counters: Counters
  private readonly undeliverable: Undeliverable
  private readonly limit: number

  constructor(
    port: Port,
    clock: Clock,
    resolver: Resolver,
    counters: Counters,
    undeliverable: Undeliverable,
    limit = 1024,
  ) {
    super()
    this.port = port
    this.clock = clock
    this.resolver = resolver
    this.counters = counters
    this.undeliverable = undeliverable
    this.limit = limit
  }

  get size(): number {
    return this.entries.size
  }

  list(): Iterable<Neighbor> {
    return this.entries.values()
  }

  find(key: number): Neighbor | null {
    return this.entries.get(key) ?? null
  }

  /** The entry of a next hop, made when there is none yet. */
  path(key: number, address: IpAddress): Neighbor {
    const known = this.entries.get(key)
    if (known !== undefined) return known
    if (this.entries.size >= this.limit) this.evict()
    const neighbor = new Neighbor(this, key, address)
    neighbor.lastUsed = this.clock.now
    this.entries.set(key, neighbor)
    return neighbor
  }

  /** The network told where a neighbour is. What waited for it leaves. */
  learn(neighbor: Neighbor, macHigh: number, macLow: number): void {
    neighbor.macHigh = macHigh
    neighbor.macLow = macLow
    neighbor.state = 'REACHABLE'
    neighbor.until = this.clock.now + REACHABLE_TIME
    this.settle(neighbor)
    const { waiting } = neighbor
    if (waiting === null) return
    neighbor.waiting = null
    for (let i = 0; i < waiting.count; i++) {
      neighbor.transmit(
        waiting.head[i]!,
        waiting.headLength[i]!,
        waiting.body[i]!,
        waiting.bodyLength[i]!,
        waiting.flags[i]!,
        waiting.segmentSize[i]!,
        waiting.transportAt[i]!,
      )
    }
  }

  /** Opens the question for a neighbour that has no address yet. */
  resolve(neighbor: Neighbor): void {
    const now = this.clock.now
    const isHeldOff = neighbor.state === 'FAILED' && now < neighbor.until
    neighbor.state = 'INCOMPLETE'
    neighbor.asked = 0
    neighbor.askAt = isHeldOff ? neighbor.until : now
    this.open.add(neighbor)
    this.advance(neighbor, now)
    this.rearm()
  }

  /** Opens the question whether an old answer still holds. */
  check(neighbor: Neighbor): void {
    neighbor.state = 'PROBE'
    neighbor.asked = 0
    neighbor.askAt = this.clock.now
    this.open.add(neighbor)
    this.advance(neighbor, this.clock.now)
    this.rearm()
  }

  dropOldest(waiting: FrameBatch): void {
    this.drop(waiting, 0)
    waiting.count--
    for (const column of [
      waiting.head,
      waiting.headLength,
      waiting.body,
      waiting.bodyLength,
      waiting.flags,
      waiting.segmentSize,
      waiting.transportAt,
    ]) {
      column.copyWithin(0, 1, waiting.count + 1)
    }
    this.counters.lose('neighbor.waiting')
  }

  /** Forgets a neighbour; flows that used it look their way up again. */
  remove(neighbor: Neighbor): void {
    neighbor.valid = false
    this.entries.delete(neighbor.key)
    this.settle(neighbor)
    this.discard(neighbor, false)
  }

  /** The link is back, perhaps to another network: all answers are doubtful. */
  doubt(): void {
    for (const neighbor of this.entries.values()) neighbor.until = 0
  }

  clear(): void {
    for (const neighbor of [...this.entries.values()]) this.remove(neighbor)
    this.clock.disarm(this)
  }

  override fire(): void {
    const now = this.clock.now
    for (const neighbor of [...this.open]) if (neighbor.askAt <= now) this.advance(neighbor, now)
    this.rearm()
  }

  /** Asks, or gives up. */
  private advance(neighbor: Neighbor, now: number): void {
    if (neighbor.askAt > now) return
    if (neighbor.asked === ASK_TIMES) {
      neighbor.state = 'FAILED'
      neighbor.until = now + FAILED_TIME
      this.settle(neighbor)
      this.discard(neighbor, true)
      return
    }
    const direct = neighbor.state === 'PROBE' && neighbor.asked < ASK_DIRECT_TIMES
    neighbor.asked++
    neighbor.askAt = now + ASK_INTERVAL
    this.resolver.ask(neighbor, direct)
  }

  private settle(neighbor: Neighbor): void {
    if (neighbor.askAt === 0) return
    neighbor.askAt = 0
    this.open.delete(neighbor)
    this.rearm()
  }

  private rearm(): void {
    let earliest = Number.POSITIVE_INFINITY
    for (const neighbor of this.open) earliest = Math.min(earliest, neighbor.askAt)
    if (earliest === Number.POSITIVE_INFINITY) this.clock.disarm(this)
    else if (!this.armed || this.at !== earliest) this.clock.arm(this, earliest)
  }

  private discard(neighbor: Neighbor, tell: boolean): void {
    const { waiting } = neighbor
    if (waiting === null) return
    neighbor.waiting = null
    for (let i = 0; i < waiting.count; i++) {
      this.counters.lose('neighbor.unreachable')
      if (tell) this.undeliverable(waiting.head[i]! + LINK_HEADROOM, waiting.headLength[i]! - LINK_HEADROOM)
      this.drop(waiting, i)
    }
  }

  private drop(waiting: FrameBatch, index: number): void {
    this.port.pool.release(waiting.head[index]!)
    if (waiting.bodyLength[index] !== 0) this.port.pool.release(waiting.body[index]!)
  }

  /** Makes room: a failed entry first, then the one unused for longest. */
  private evict(): void {
    let victim: Neighbor | null = null
    for (const neighbor of this.entries.values()) {
      if (neighbor.state === 'FAILED') {
        victim = neighbor
        break
      }
      if (victim === null || neighbor.lastUsed < victim.lastUsed) victim = neighbor
    }
    if (victim !== null) this.remove(victim)
  }
}
