/**
 * How many questions for absent neighbours a link has to bear (RFC 6583 7.1): a bucket of tokens that whoever answers gives back, so that
 * only silence is scarce. Who finds it empty waits in line.
 *
 * @module
 */
import { type Clock, Timer } from '@ioth/core'

/** Neighbours that may be asked for in one burst. A program may begin with hundreds of connections. */
const BURST = 256
/** Further ones, each second, while nobody answers. */
const PER_SECOND = 100
const INTERVAL = 1_000_000 / PER_SECOND

export class QuestionLimit<Asker> extends Timer {
  private readonly clock: Clock
  private readonly ask: (asker: Asker) => void
  /** Made when the first one has to wait. */
  private line: Set<Asker> | null = null
  private tokens = BURST
  /** When the bucket was filled up to {@link tokens}. */
  private filledAt: number

  /** @param ask called when the turn of one who waited has come. */
  constructor(clock: Clock, ask: (asker: Asker) => void) {
    super()
    this.clock = clock
    this.ask = ask
    this.filledAt = clock.now
  }

  /** Takes a token; without one the asker stands in line, and false is told. */
  admit(asker: Asker): boolean {
    this.fill()
    if (this.tokens > 0) {
      this.tokens--
      return true
    }
    this.line ??= new Set()
    this.line.add(asker)
    if (!this.armed) this.clock.arm(this, this.filledAt + INTERVAL)
    return false
  }

  /** A question was answered, and cost nothing after all. */
  refund(): void {
    this.tokens = Math.min(BURST, this.tokens + 1)
    this.serve()
  }

  isWaiting(asker: Asker): boolean {
    return this.line?.has(asker) === true
  }

  /** An asker has no question any more. */
  withdraw(asker: Asker): void {
    if (this.line?.delete(asker) === true && this.line.size === 0) this.clock.disarm(this)
  }

  override fire(): void {
    this.fill()
    this.serve()
  }

  private serve(): void {
    if (this.line === null) return
    for (const asker of this.line) {
      if (this.tokens === 0) break
      this.tokens--
      this.line.delete(asker)
      this.ask(asker)
    }
    if (this.line.size > 0) this.clock.arm(this, this.filledAt + INTERVAL)
    else if (this.armed) this.clock.disarm(this)
  }

  private fill(): void {
    const earned = Math.floor((this.clock.now - this.filledAt) / INTERVAL)
    if (earned === 0) return
    this.filledAt += earned * INTERVAL
    this.tokens = Math.min(BURST, this.tokens + earned)
  }
}
