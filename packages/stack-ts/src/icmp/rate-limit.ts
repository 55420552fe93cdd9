/**
 * A token bucket for the errors we send (RFC 1812 4.3.2.8).
 *
 * @module
 */
import type { Clock } from '@ioth/core'

const PER_SECOND = 100
const BURST = 50

export class TokenBucket {
  private readonly clock: Clock
  private tokens = BURST
  private filledAt: number

  constructor(clock: Clock) {
    this.clock = clock
    this.filledAt = clock.now
  }

  take(): boolean {
    const now = this.clock.now
    this.tokens = Math.min(BURST, this.tokens + ((now - this.filledAt) * PER_SECOND) / 1_000_000)
    this.filledAt = now
    if (this.tokens < 1) return false
    this.tokens--
    return true
  }
}
