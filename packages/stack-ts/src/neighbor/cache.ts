/**
 * The neighbour cache of an interface and family: which hardware address a next hop has, and whether it is still there. Neighbour
 * unreachability detection (RFC 4861 7.3) for both families; how a question looks is the resolver's business.
 *
 * Bounded, and hard to fill with rubbish: entries that never proved to be there make room first, gateways last; questions for absent
 * neighbours are limited altogether.
 *
 * Whoever says that an address has moved is believed, and then checked (RFC 826, RFC 4861 7.2.5). Where the protocol has no such check
 * (IPv4), a neighbour that was reachable a moment ago is asked first, and keeps the address if it answers.
 *
 * @module
 */
import { type Clock, type FrameBatch, type IpAddress, type Random, releaseFrame, removeFirst } from '@ioth/core'
import type { Counters } from '../counters.ts'
import { LINK_HEADROOM } from '../link/path.ts'
import type { Port } from '../link/port.ts'
import { Neighbor, NeighborTimer } from './neighbor.ts'
import { QuestionLimit } from './question-limit.ts'

/** Asks the network for a neighbour's hardware address. */
export interface Resolver {
  readonly etherType: number
  readonly timing: ResolverTiming
  /** @param direct whether to ask the address known so far instead of everybody. */
  ask(neighbor: Neighbor, direct: boolean): void
  /** A neighbour that was there does not answer any more, and is forgotten. */
  lost?(neighbor: Neighbor): void
}

/** Microseconds, and counts. */
export interface ResolverTiming {
  /** Between two questions. */
  askInterval: number
  /** Questions to everybody before a neighbour counts as failed. */
  readonly groupAsks: number
  /** Questions to the neighbour alone before it counts as gone. */
  readonly directAsks: number
  /** How long an answer is good for, on average (RFC 4861 6.3.2). */
  reachableTime: number
  /** Whether a neighbour that was there a moment ago is asked before another takes its address. */
  readonly asksBeforeMove: boolean
}

/** Is told of a packet that could not be delivered: position and length of its IP packet, and whether that is for good. */
export type Undeliverable = (at: number, length: number, isFinal: boolean) => void

/** RFC 4861 10: how long after a packet its answer may confirm the neighbour. */
const DELAY_FIRST_PROBE = 5_000_000
/** A neighbour that failed is asked again at most once a second. */
const FAILED_TIME = 1_000_000
/**
 * A neighbour that was there less than this ago may only be out of reach: a connection that is being opened goes on trying. Afterwards, and
 * for one that never was there, silence ends it.
 */
const PATIENCE = 45_000_000
/** Who would lose its address to another has this long to object, twice; below the retransmission timeout of a connection. */
const OBJECTION_TIME = 100_000
const OBJECTION_ASKS = 2
/** After an objection its rivals are not heard for a while. */
const OBJECTION_HOLD = 1_000_000
/** RFC 4861 6.3.2: a new random factor at least every few hours. */
const REACHABLE_TIME_HOLD = 7_200_000_000

export class NeighborCache {
  readonly port: Port
  readonly clock: Clock
  readonly resolver: Resolver
  /** Largest IP packet for neighbours: the link's, or less if a router said so. */
  mtu: number
  private readonly random: Random
  private readonly counters: Counters
  private readonly undeliverable: Undeliverable
  private readonly limit: number
  private readonly entries = new Map<number, Neighbor>()
  private readonly questions: QuestionLimit<Neighbor>
  private count = 0
  /** Makes the places of IPv6 addresses unpredictable. */
  private readonly salt: number
  private reachableTime = 0
  private reachableTimeUntil = Number.NEGATIVE_INFINITY

  constructor(
    port: Port,
    clock: Clock,
    random: Random,
    resolver: Resolver,
    counters: Counters,
    undeliverable: Undeliverable,
    limit = 1024,
  ) {
    this.port = port
    this.clock = clock
    this.random = random
    this.resolver = resolver
    this.counters = counters
    this.undeliverable = undeliverable
    this.limit = limit
    this.mtu = port.mtu
    this.salt = random.int32() | 1
    this.questions = new QuestionLimit(clock, (neighbor) => this.advance(neighbor))
  }

  get size(): number {
    return this.count
  }

  /** The entries, in their states of now. */
  *list(): Iterable<Neighbor> {
    for (const first of this.entries.values()) {
      for (let neighbor: Neighbor | null = first; neighbor !== null; neighbor = neighbor.next) yield this.aged(neighbor)
    }
  }

  /** The entry of an address of these four words (IPv4 in its mapped form), or null. */
  find(w0: number, w1: number, w2: number, w3: number): Neighbor | null {
    let neighbor = this.entries.get(this.keyOf(w0, w1, w2, w3)) ?? null
    while (neighbor !== null) {
      const { address } = neighbor
      if (address.w3 === w3 && address.w2 === w2 && address.w1 === w1 && address.w0 === w0) return this.aged(neighbor)
      neighbor = neighbor.next
    }
    return null
  }

  /** The entry of a next hop, made when there is none yet. @param isGateway whether a route leads through it. */
  path(address: IpAddress, isGateway = false): Neighbor {
    const { w0, w1, w2, w3 } = address
    const known = this.find(w0, w1, w2, w3)
    if (known !== null) {
      known.isGateway ||= isGateway
      return known
    }
    if (this.count >= this.limit) this.makeRoom()
    const key = this.keyOf(w0, w1, w2, w3)
    const neighbor = new Neighbor(this, key, address, this.clock.now)
    neighbor.isGateway = isGateway
    neighbor.next = this.entries.get(key) ?? null
    this.entries.set(key, neighbor)
    this.count++
    return neighbor
  }

  // ---------- what the network tells ----------

  /** An answer to a question of ours: the neighbour is there. What waited for it leaves. */
  answered(neighbor: Neighbor, macHigh: number, macLow: number): void {
    if (neighbor.rival) {
      // Whoever it is that answers, only the holder was asked.
      if (!isAt(neighbor, macHigh, macLow)) return
      neighbor.rival = false
      neighbor.unrivalledUntil = this.clock.now + OBJECTION_HOLD
    }
    this.settle(neighbor)
    neighbor.macHigh = macHigh
    neighbor.macLow = macLow
    this.confirm(neighbor)
    this.sendWaiting(neighbor)
  }

  /** The neighbour named its hardware address without being asked. */
  heard(neighbor: Neighbor, macHigh: number, macLow: number): void {
    if (!neighbor.unresolved) {
      if (isAt(neighbor, macHigh, macLow)) return
      if (this.resolver.timing.asksBeforeMove && neighbor.state === 'REACHABLE') {
        this.askBeforeMove(neighbor, macHigh, macLow)
        return
      }
      if (neighbor.rival) return
    }
    this.move(neighbor, macHigh, macLow)
  }

  /** Takes over a hardware address that is yet to be confirmed. */
  move(neighbor: Neighbor, macHigh: number, macLow: number): void {
    this.settle(neighbor)
    neighbor.rival = false
    neighbor.macHigh = macHigh
    neighbor.macLow = macLow
    neighbor.state = 'STALE'
    this.sendWaiting(neighbor)
  }

  /** It is no longer certain where the neighbour is. */
  suspect(neighbor: Neighbor): void {
    if (neighbor.state === 'REACHABLE') neighbor.state = 'STALE'
  }

  /** The neighbour is there: it answered, or a protocol above it made progress (RFC 4861 7.3.1). */
  confirm(neighbor: Neighbor): void {
    const { now } = this.clock
    neighbor.until = now + this.currentReachableTime(now)
    neighbor.confirmedAt = now
    if (neighbor.state === 'REACHABLE') return
    this.settle(neighbor)
    neighbor.state = 'REACHABLE'
    neighbor.isDoubtful = false
  }

  /** The link is back, perhaps to another network: all answers are doubtful. */
  doubt(): void {
    for (const neighbor of this.list()) {
      this.suspect(neighbor)
      neighbor.isDoubtful = true
    }
  }

  /** What a router said of {@link ResolverTiming.reachableTime}. */
  timingChanged(): void {
    this.reachableTimeUntil = Number.NEGATIVE_INFINITY
  }

  // ---------- the state machine ----------

  /** Somebody sends to a neighbour that may have gone. */
  used(neighbor: Neighbor): void {
    neighbor.asked = 0
    if (neighbor.isDoubtful) {
      neighbor.state = 'PROBE'
      this.advance(neighbor)
      return
    }
    neighbor.state = 'DELAY'
    this.arm(neighbor, this.clock.now + DELAY_FIRST_PROBE)
  }

  /**
   * A neighbour that was there does not answer any more. As if its entry were deleted (RFC 4861 7.3.3), but that it was there a moment ago
   * is remembered; who sends through a gateway looks for another one.
   */
  private lose(neighbor: Neighbor): void {
    if (neighbor.isGateway) this.remove(neighbor)
    else neighbor.state = 'INCOMPLETE'
    // Questions to it alone were free: there is nothing to give back.
    neighbor.asked = 0
    this.resolver.lost?.(neighbor)
  }

  /** Opens the question for a neighbour that has no address yet. */
  resolve(neighbor: Neighbor): void {
    const isHeldOff = neighbor.state === 'FAILED' && this.clock.now < neighbor.until
    neighbor.state = 'INCOMPLETE'
    neighbor.asked = 0
    if (isHeldOff) this.arm(neighbor, neighbor.until)
    else this.due(neighbor)
  }

  /** Whether a question is open, or stands in line. */
  isAsking(neighbor: Neighbor): boolean {
    return neighbor.timer?.armed === true || this.questions.isWaiting(neighbor)
  }

  /** The time of a neighbour's next step has come. */
  due(neighbor: Neighbor): void {
    const { state, asked } = neighbor
    if (state === 'DELAY') neighbor.state = 'PROBE'
    // Silence is what the limit is about: questions again, and to one who was there, are few by themselves.
    const isFree = state !== 'INCOMPLETE' || asked > 0 || neighbor.isGateway
    if (isFree || this.questions.admit(neighbor)) this.advance(neighbor)
  }

  /** Asks, or gives up. */
  private advance(neighbor: Neighbor): void {
    const { timing } = this.resolver
    const { now } = this.clock
    const { state, asked } = neighbor
    const isDirect = state !== 'INCOMPLETE'
    const most = neighbor.rival ? OBJECTION_ASKS : isDirect ? timing.directAsks : timing.groupAsks
    if (asked < most) {
      neighbor.asked++
      this.arm(neighbor, now + (neighbor.rival ? OBJECTION_TIME : timing.askInterval))
      this.resolver.ask(neighbor, isDirect)
      return
    }
    if (neighbor.rival) {
      this.move(neighbor, neighbor.rivalHigh, neighbor.rivalLow)
    } else if (isDirect) {
      this.lose(neighbor)
    } else {
      neighbor.state = 'FAILED'
      neighbor.until = now + FAILED_TIME
      this.discard(neighbor, now - neighbor.confirmedAt > PATIENCE ? 'gone' : 'silent')
      // Who sends through a gateway looks for another one.
      if (neighbor.isGateway) this.remove(neighbor)
      this.resolver.lost?.(neighbor)
    }
  }

  /** Asks the holder we know whether it is still there before we believe another; what is to be sent waits. */
  private askBeforeMove(neighbor: Neighbor, macHigh: number, macLow: number): void {
    if (neighbor.unrivalledUntil > this.clock.now) {
      this.counters.drop('neighbor.rival')
      return
    }
    neighbor.rival = true
    neighbor.rivalHigh = macHigh
    neighbor.rivalLow = macLow
    neighbor.state = 'PROBE'
    neighbor.asked = 0
    this.advance(neighbor)
  }

  /** The entry in its state of now: that it was reachable is only looked at when somebody asks. */
  private aged(neighbor: Neighbor): Neighbor {
    if (neighbor.state === 'REACHABLE' && this.clock.now > neighbor.until) neighbor.state = 'STALE'
    return neighbor
  }

  private currentReachableTime(now: number): number {
    if (now >= this.reachableTimeUntil) {
      const { reachableTime } = this.resolver.timing
      this.reachableTime = Math.round(reachableTime * (0.5 + (this.random.int32() >>> 0) / 2 ** 32))
      this.reachableTimeUntil = now + REACHABLE_TIME_HOLD
    }
    return this.reachableTime
  }

  private arm(neighbor: Neighbor, at: number): void {
    neighbor.timer ??= new NeighborTimer(neighbor)
    this.clock.arm(neighbor.timer, at)
  }

  /** Ends a question, if one is open. */
  private settle(neighbor: Neighbor): void {
    if (neighbor.timer !== null) this.clock.disarm(neighbor.timer)
    this.questions.withdraw(neighbor)
    if (neighbor.state === 'INCOMPLETE' && neighbor.asked > 0 && !neighbor.isGateway) this.questions.refund()
    neighbor.asked = 0
  }

  // ---------- frames that wait ----------

  private sendWaiting(neighbor: Neighbor): void {
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

  dropOldest(waiting: FrameBatch): void {
    releaseFrame(waiting, 0)
    removeFirst(waiting, 1)
    this.counters.lose('neighbor.waiting')
  }

  /** @param why for those who sent; null: they are not told. */
  private discard(neighbor: Neighbor, why: 'gone' | 'silent' | null): void {
    const { waiting } = neighbor
    if (waiting === null) return
    neighbor.waiting = null
    for (let i = 0; i < waiting.count; i++) {
      this.counters.lose('neighbor.unreachable')
      const at = waiting.head[i]! + LINK_HEADROOM
      if (why !== null) this.undeliverable(at, waiting.headLength[i]! - LINK_HEADROOM, why === 'gone')
      releaseFrame(waiting, i)
    }
  }

  // ---------- the table ----------

  /** Forgets a neighbour; flows that used it look their way up again. */
  remove(neighbor: Neighbor): void {
    neighbor.valid = false
    this.unlink(neighbor)
    if (neighbor.timer !== null) this.clock.disarm(neighbor.timer)
    this.questions.withdraw(neighbor)
    this.discard(neighbor, null)
  }

  clear(): void {
    for (const neighbor of [...this.list()]) this.remove(neighbor)
  }

  /** An IPv4 address alone in its place; IPv6 addresses spread by a factor that nobody knows. */
  private keyOf(w0: number, w1: number, w2: number, w3: number): number {
    const { salt } = this
    return (Math.imul(Math.imul(Math.imul(w0, salt) ^ w1, salt) ^ w2, salt) + w3) | 0
  }

  private unlink(neighbor: Neighbor): void {
    const { key } = neighbor
    let before = this.entries.get(key) as Neighbor
    if (before === neighbor) {
      if (neighbor.next === null) this.entries.delete(key)
      else this.entries.set(key, neighbor.next)
    } else {
      while (before.next !== neighbor) before = before.next as Neighbor
      before.next = neighbor.next
    }
    neighbor.next = null
    this.count--
  }

  /** Forgets the entry that will be missed least: of the lowest rank, the one unused for longest. */
  private makeRoom(): void {
    let victim: Neighbor | null = null
    let least = 0
    for (const first of this.entries.values()) {
      for (let neighbor: Neighbor | null = first; neighbor !== null; neighbor = neighbor.next) {
        const rank = rankOf(neighbor)
        if (victim !== null && (rank > least || (rank === least && neighbor.lastUsed >= victim.lastUsed))) continue
        victim = neighbor
        least = rank
      }
      if (victim !== null && least === 0) break
    }
    if (victim === null) return
    this.counters.neighborsEvicted++
    this.remove(victim)
  }
}

/** How much an entry would be missed: failed, not yet answered, only heard of, known to have been there, a gateway. */
function rankOf({ state, isGateway, confirmedAt }: Neighbor): number {
  if (isGateway) return 4
  if (state === 'FAILED') return 0
  if (state === 'INCOMPLETE') return 1
  return confirmedAt !== Number.NEGATIVE_INFINITY ? 3 : 2
}

function isAt({ macHigh, macLow }: Neighbor, high: number, low: number): boolean {
  return macHigh === high && macLow === low
}
