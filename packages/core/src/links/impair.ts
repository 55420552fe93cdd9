/**
 * A wrapper that makes a link as bad as a real one: loss, delay, jitter, duplication, reordering, corruption, truncation, a rate limit with a
 * bounded queue. Every choice comes from a seeded source, so that a run replays.
 *
 * It takes complete frames only (no offload): what a wire does, it does to frames of wire size, and a checksum has to be there to show
 * that a frame was corrupted.
 *
 * @module
 */
import { type Clock, type Random, Timer } from '../contract/clock.ts'
import { type FrameBatch, type FramePool, NO_OFFLOAD, type Offload } from '../contract/frame.ts'
import type { Link, LinkState } from '../contract/link.ts'
import type { Scheduler } from '../contract/scheduler.ts'
import { NetError } from '../errors/net-error.ts'
import {
  createBatch,
  discardFrames,
  frameLength,
  readFrame,
  releaseAll,
  releaseFrame,
  retainFrame,
} from '../frame/batch.ts'
import { createSeededRandom, uniform, uniformInteger } from '../time/random.ts'
import { DelayLine } from './delay-line.ts'
import { LinkWrapper } from './link-wrapper.ts'

/** What is done to the frames of one direction. Probabilities are between 0 and 1. */
export interface Impairment {
  /** Probability that a frame is lost. @default 0 */
  readonly loss?: number
  /** Mean length of a run of lost frames, for losses that come together (Gilbert's model); up to 1: each frame for itself. @default 0 */
  readonly lossBurst?: number
  /** @default 0 */
  readonly delayMs?: number
  /** The delay varies by up to this much either way; frames keep their order. @default 0 */
  readonly jitterMs?: number
  /** Probability that a frame comes twice. @default 0 */
  readonly duplicate?: number
  /** Probability that a frame is held back, so that later ones overtake it. @default 0 */
  readonly reorder?: number
  /** How long a frame is held back, at most. @default 5 */
  readonly reorderMs?: number
  /** Probability that one bit of a frame is flipped. @default 0 */
  readonly corrupt?: number
  /** Probability that a frame is cut off at a place of chance. @default 0 */
  readonly truncate?: number
  /** Octets of frames only, no preamble or gap. 0: no limit. @default 0 */
  readonly rateBitsPerSecond?: number
  /** Frames that wait for the rate limit; beyond it they are dropped. @default 1000 */
  readonly queueFrames?: number
  /** Frames with longer IP packets are dropped. 0: none is. @default 0 */
  readonly mtu?: number
}

/** Both directions alike, unless `in` or `out` says otherwise for its direction (as the attached stack sees it). */
export interface Impairments extends Impairment {
  readonly in?: Impairment
  readonly out?: Impairment
}

export interface ImpairOptions extends Impairments {
  readonly scheduler: Scheduler
  readonly pool: FramePool
  /** Source of chance; the two directions do not influence each other. @default the scheduler's `random` */
  readonly seed?: number
  /** Source of chance, in place of a seed. */
  readonly random?: Random
}

/** What has been done to the frames of one direction. */
export interface ImpairCounters {
  frames: number
  lost: number
  /** Dropped for they were longer than the MTU. */
  tooLong: number
  duplicated: number
  reordered: number
  corrupted: number
  truncated: number
  /** Dropped because the queue of the rate limit was full, or memory. */
  overflowed: number
}

export interface ImpairedLink extends Link {
  readonly counters: { readonly in: Readonly<ImpairCounters>; readonly out: Readonly<ImpairCounters> }
  /** Changes what is named, from the next frame on. @throws NetError EINVAL */
  set(impairments: Impairments): void
}

/** @throws NetError EINVAL when a value is out of range or a name unknown. */
export function impair(link: Link, options: ImpairOptions): ImpairedLink {
  return new Impaired(link, options)
}

const DEFAULTS: Required<Impairment> = Object.freeze({
  loss: 0,
  lossBurst: 0,
  delayMs: 0,
  jitterMs: 0,
  duplicate: 0,
  reorder: 0,
  reorderMs: 5,
  corrupt: 0,
  truncate: 0,
  rateBitsPerSecond: 0,
  queueFrames: 1000,
  mtu: 0,
})
const PROBABILITIES: ReadonlySet<string> = new Set(['loss', 'duplicate', 'reorder', 'corrupt', 'truncate'])
const BATCH = 64
/** Of Ethernet, and of a VLAN. */
const HEADER_AND_TAG = 18

class Impaired extends LinkWrapper implements ImpairedLink {
  readonly counters: { readonly in: ImpairCounters; readonly out: ImpairCounters }
  private readonly inward: Course
  private readonly outward: Course
  private isClosed = false

  constructor(link: Link, options: ImpairOptions) {
    super(link)
    const { scheduler, pool, seed, random = scheduler.random, ...impairments } = options
    // Two generators far apart: the golden ratio of 2^32 between their seeds.
    const [forOut, forIn] =
      seed === undefined ? [random, random] : [createSeededRandom(seed), createSeededRandom(seed + 0x9e3779b9)]
    const overhead = link.type === 'ethernet' ? HEADER_AND_TAG : 0
    this.outward = new Course(pool, scheduler.clock, forOut, overhead, (batch) => this.passOut(batch))
    this.inward = new Course(pool, scheduler.clock, forIn, overhead, (batch) => this.passIn(batch))
    this.counters = { in: this.inward.counters, out: this.outward.counters }
    this.set(impairments)
  }

  override get offload(): Offload {
    return NO_OFFLOAD
  }

  override get state(): LinkState {
    return this.isClosed ? 'closed' : super.state
  }

  override get accepts(): Offload {
    return NO_OFFLOAD
  }

  set(impairments: Impairments): void {
    const { in: inward, out: outward, ...both } = impairments
    for (const part of [both, inward, outward]) check(part ?? {})
    this.inward.set({ ...both, ...inward })
    this.outward.set({ ...both, ...outward })
  }

  protected sendFrames(batch: FrameBatch): void {
    if (this.isClosed) discardFrames(batch)
    else this.outward.enter(batch)
  }

  frames(batch: FrameBatch): void {
    if (this.isClosed) return
    for (let index = 0; index < batch.count; index++) retainFrame(batch, index)
    this.inward.enter(batch)
  }

  override writable(): void {
    super.writable()
    if (this.outbox.isEmpty) this.outward.fire()
  }

  /** Frames on their way out still arrive in their time; the wrapped link closes behind them. */
  override close(): Promise<void> {
    if (this.isClosed) return Promise.resolve()
    this.isClosed = true
    this.inward.clear()
    return this.outward.isEmpty ? super.close() : Promise.resolve()
  }

  override changed(state: LinkState, reason?: NetError): void {
    if (state === 'closed') this.outward.clear()
    super.changed(state, reason)
  }

  private passOut(batch: FrameBatch): boolean {
    this.outbox.send(batch)
    batch.count = 0
    if (this.isClosed && this.outward.isEmpty) void super.close()
    return this.outbox.isEmpty
  }

  private passIn(batch: FrameBatch): boolean {
    try {
      this.sink?.frames(batch)
    } finally {
      releaseAll(batch)
    }
    return true
  }
}

/** One direction: chance, the rate limit, and the frames under way. Fires when the next one is due. */
class Course extends Timer {
  readonly counters: ImpairCounters = {
    frames: 0,
    lost: 0,
    tooLong: 0,
    duplicated: 0,
    reordered: 0,
    corrupted: 0,
    truncated: 0,
    overflowed: 0,
  }
  private readonly pool: FramePool
  private readonly clock: Clock
  private readonly random: Random
  /** Hands over frames that are due, with their references; false when no more can be taken now. */
  private readonly pass: (batch: FrameBatch) => boolean
  private readonly line: DelayLine
  private readonly dueNow: FrameBatch
  private options = DEFAULTS
  /** Octets of a frame that are not its packet. */
  private readonly overhead: number
  private isBad = false
  /** When the frames before the rate limit will have left, oldest first. */
  private readonly departures: number[] = []
  private lastDeparture = 0
  /** When the last frame that keeps its order is due. */
  private lastDue = 0

  constructor(pool: FramePool, clock: Clock, random: Random, overhead: number, pass: (batch: FrameBatch) => boolean) {
    super()
    this.pool = pool
    this.clock = clock
    this.random = random
    this.overhead = overhead
    this.pass = pass
    this.line = new DelayLine(pool)
    this.dueNow = createBatch(pool, BATCH)
  }

  get isEmpty(): boolean {
    return this.line.length === 0
  }

  set(impairment: Impairment): void {
    this.options = { ...this.options, ...impairment }
  }

  /** Takes the frames of a batch with their references. */
  enter(batch: FrameBatch): void {
    for (let index = 0; index < batch.count; index++) this.take(batch, index)
    this.fire()
  }

  fire(): void {
    const { line, dueNow, clock } = this
    while (line.earliest <= clock.now) {
      while (dueNow.count < BATCH && line.earliest <= clock.now) line.pop(dueNow)
      // Frames that cannot be passed wait for `writable`, which fires this again.
      if (!this.pass(dueNow)) {
        clock.disarm(this)
        return
      }
    }
    if (line.length > 0) clock.arm(this, line.earliest)
  }

  clear(): void {
    this.clock.disarm(this)
    this.line.clear()
  }

  private happens(probability: number): boolean {
    return probability > 0 && uniform(this.random) < probability
  }

  private take(batch: FrameBatch, index: number): void {
    const { options, counters } = this
    counters.frames++
    if (options.mtu !== 0 && frameLength(batch, index) > options.mtu + this.overhead) {
      counters.tooLong++
      releaseFrame(batch, index)
      return
    }
    if (this.isLost()) {
      counters.lost++
      releaseFrame(batch, index)
      return
    }
    const departure = this.depart(frameLength(batch, index))
    if (departure === -1) {
      counters.overflowed++
      releaseFrame(batch, index)
      return
    }
    if (this.happens(options.duplicate)) {
      counters.duplicated++
      retainFrame(batch, index)
      this.place(batch, index, departure)
    }
    this.place(batch, index, departure)
  }

  private isLost(): boolean {
    const { loss, lossBurst } = this.options
    if (lossBurst <= 1 || loss === 0 || loss === 1) return this.happens(loss)
    // Two states: in the bad one all is lost. It is left after `lossBurst` frames on average, and entered so often that `loss` comes out.
    const change = this.isBad ? 1 / lossBurst : Math.min(1, loss / (lossBurst * (1 - loss)))
    if (this.happens(change)) this.isBad = !this.isBad
    return this.isBad
  }

  /** When a frame has passed the rate limit; -1 when there is no room to wait. */
  private depart(length: number): number {
    const { now } = this.clock
    const { rateBitsPerSecond, queueFrames } = this.options
    const { departures } = this
    if (rateBitsPerSecond === 0) return now
    while (departures.length > 0 && (departures[0] as number) <= now) departures.shift()
    if (departures.length >= queueFrames) return -1
    this.lastDeparture = Math.max(now, this.lastDeparture) + (length * 8e6) / rateBitsPerSecond
    departures.push(this.lastDeparture)
    return this.lastDeparture
  }

  /** Puts one copy of a frame under way. */
  private place(batch: FrameBatch, index: number, departure: number): void {
    const { options, random, line, counters } = this
    const jitter = options.jitterMs === 0 ? 0 : (uniform(random) * 2 - 1) * options.jitterMs
    let due = Math.ceil(departure + Math.max(0, options.delayMs + jitter) * 1000)
    if (this.happens(options.reorder)) {
      counters.reordered++
      due = Math.max(due, this.lastDue) + Math.ceil(uniform(random) * options.reorderMs * 1000)
    } else {
      due = Math.max(due, this.lastDue)
      this.lastDue = due
    }
    // Asked for in this order, and only when they may happen: a seed gives the same faults as before.
    const corrupt = this.happens(options.corrupt)
    const truncate = this.happens(options.truncate)
    if (corrupt || truncate) {
      this.placeDamaged(batch, index, due, corrupt, truncate)
      return
    }
    line.push(
      due,
      batch.head[index] as number,
      batch.headLength[index] as number,
      batch.body[index] as number,
      batch.bodyLength[index] as number,
      batch.flags[index] as number,
      batch.segmentSize[index] as number,
      batch.transportAt[index] as number,
    )
  }

  /** A copy with one bit flipped, or cut short: the frame itself may have other holders. */
  private placeDamaged(batch: FrameBatch, index: number, due: number, corrupt: boolean, truncate: boolean): void {
    const { pool, random, counters } = this
    const length = frameLength(batch, index)
    const copy = pool.take(length)
    if (copy === -1) {
      counters.overflowed++
    } else {
      readFrame(batch, index, pool.bytes, copy)
      if (corrupt) {
        const bit = uniformInteger(random, length * 8)
        const at = copy + (bit >> 3)
        pool.bytes[at] = (pool.bytes[at] as number) ^ (1 << (bit & 7))
        counters.corrupted++
      }
      const left = truncate ? 1 + uniformInteger(random, Math.max(1, length - 1)) : length
      if (truncate) counters.truncated++
      this.line.push(due, copy, left, 0, 0, 0, 0, 0)
    }
    releaseFrame(batch, index)
  }
}

function check(impairment: Impairment): void {
  for (const [name, value] of Object.entries(impairment) as [string, unknown][]) {
    if (!(name in DEFAULTS)) {
      throw invalid(`"${name}" is not an impairment; there are ${Object.keys(DEFAULTS).join(', ')}`)
    }
    const most = PROBABILITIES.has(name) ? 1 : Number.MAX_SAFE_INTEGER
    if (!(typeof value === 'number' && value >= 0 && value <= most)) {
      throw invalid(`${name} is ${PROBABILITIES.has(name) ? 'between 0 and 1' : 'a number from 0 up'}, not ${value}`)
    }
  }
}

function invalid(message: string): NetError {
  return new NetError('EINVAL', 'impair', { message })
}
