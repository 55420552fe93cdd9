/**
 * Limits of rate: a bucket of tokens, and who was seen lately. Fixed memory, whatever comes.
 *
 * @module
 */
import type { Random } from '../contract/clock.ts'

/** What may come in a burst, and how fast it may go on. */
export interface RateLimit {
  readonly burst: number
  readonly perSecond: number
}

export class TokenBucket {
  private readonly limit: RateLimit
  private tokens: number
  private filled = 0

  constructor(limit: RateLimit) {
    this.limit = limit
    this.tokens = limit.burst
  }

  /** Whether one more may pass. @param now microseconds. */
  take(now: number): boolean {
    const { burst, perSecond } = this.limit
    this.tokens = Math.min(burst, this.tokens + ((now - this.filled) * perSecond) / 1_000_000)
    this.filled = now
    if (this.tokens < 1) return false
    this.tokens--
    return true
  }
}

const SEATS = 1024

/** Remembers keys in a table of fixed size; the seat of a key is not predictable from outside. */
export class RecentKeys {
  private readonly seats = new Int32Array(SEATS)
  private readonly secret: number

  constructor(random: Random) {
    this.secret = random.int32() | 1
  }

  /** Whether the key was noted, and not displaced since. */
  has(key: number): boolean {
    return this.seats[this.seat(key)] === (key | 0)
  }

  note(key: number): void {
    this.seats[this.seat(key)] = key
  }

  /** A key for several words. */
  mix(key: number, word: number): number {
    const mixed = Math.imul(key ^ word ^ this.secret, 0x9e37_79b1)
    return mixed ^ (mixed >>> 15)
  }

  private seat(key: number): number {
    return Math.imul(key ^ this.secret, 0x85eb_ca6b) >>> 22
  }
}
