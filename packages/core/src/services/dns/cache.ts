/**
 * Answers that are kept for their time to live, also negative ones (RFC 1035 3.2.1, RFC 2308). Bounded: the oldest makes room.
 *
 * @module
 */
import type { Clock } from '../../contract/clock.ts'

const SECOND = 1_000_000
/** RFC 8767 4 advises a bound of days for what somebody says; a day is enough. */
const LONGEST_TTL = 86_400
/** RFC 2308 5 advises one to three hours. */
const LONGEST_NEGATIVE_TTL = 3600

interface Entry<Answer> {
  readonly answer: Answer
  readonly until: number
}

export class AnswerCache<Answer> {
  private readonly clock: Clock
  private readonly limit: number
  private readonly entries = new Map<string, Entry<Answer>>()

  /** @param limit entries, at most. */
  constructor(clock: Clock, limit: number) {
    this.clock = clock
    this.limit = limit
  }

  get size(): number {
    return this.entries.size
  }

  find(key: string): Answer | null {
    const entry = this.entries.get(key)
    if (entry === undefined) return null
    if (entry.until > this.clock.now) return entry.answer
    this.entries.delete(key)
    return null
  }

  /** @param ttl seconds; 0: not kept. */
  keep(key: string, answer: Answer, ttl: number, isNegative: boolean): void {
    const seconds = Math.min(ttl, isNegative ? LONGEST_NEGATIVE_TTL : LONGEST_TTL)
    if (seconds <= 0 || this.limit === 0) return
    this.entries.delete(key)
    if (this.entries.size >= this.limit) this.entries.delete(this.entries.keys().next().value as string)
    this.entries.set(key, { answer, until: this.clock.now + seconds * SECOND })
  }

  clear(): void {
    this.entries.clear()
  }
}
