/**
 * The errors of ICMP that a host sends are limited (RFC 4443 2.4 f, RFC 1812 4.3.2.8). One costs one token on average, and nobody can tell how much
 * exactly: otherwise who counts the errors he gets learns how many others got (CVE-2020-25705).
 *
 * @module
 */
import type { Clock, Random } from '../contract/clock.ts'

const PER_SECOND = 100
const BURST = 50

export class ErrorLimit {
  private readonly clock: Clock
  private readonly random: Random
  private tokens = BURST
  private filledAt: number

  constructor({ clock, random }: { readonly clock: Clock; readonly random: Random }) {
    this.clock = clock
    this.random = random
    this.filledAt = clock.now
  }

  /** Whether one more may leave. */
  take(): boolean {
    const { now } = this.clock
    this.tokens = Math.min(BURST, this.tokens + ((now - this.filledAt) * PER_SECOND) / 1_000_000)
    this.filledAt = now
    if (this.tokens < 1) return false
    // 0, 1 or 2.
    this.tokens -= (this.random.int32() >>> 0) % 3
    return true
  }
}
