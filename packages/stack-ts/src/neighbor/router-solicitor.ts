/**
 * Asks for routers until one answers (RFC 4861 6.3.7), ever more seldom (RFC 7559): the one thing that an otherwise idle interface without
 * a router goes on sending, hourly in the end.
 *
 * @module
 */
import { type Clock, type Random, Timer } from '@ioth/core'

const SECOND = 1_000_000
/** RFC 4861 10, MAX_RTR_SOLICITATION_DELAY. */
const FIRST_DELAY = SECOND
/** RFC 7559 2. */
const INTERVAL = 4 * SECOND
const LONGEST_INTERVAL = 3600 * SECOND
/** On networks where an address is probed for a moment only, a router is asked for as impatiently. */
const FAST_INTERVAL = SECOND

export class RouterSolicitor extends Timer {
  private readonly clock: Clock
  private readonly random: Random
  private readonly isPatient: boolean
  private readonly solicit: () => void
  private interval = 0

  /** @param isPatient whether the times are those of the RFCs. */
  constructor(clock: Clock, random: Random, isPatient: boolean, solicit: () => void) {
    super()
    this.clock = clock
    this.random = random
    this.isPatient = isPatient
    this.solicit = solicit
  }

  /** Begins, or begins anew. */
  start(): void {
    this.interval = 0
    if (this.isPatient) this.clock.arm(this, this.clock.now + Math.round(((1 + this.spread()) / 2) * FIRST_DELAY))
    else this.fire()
  }

  stop(): void {
    this.clock.disarm(this)
  }

  override fire(): void {
    this.solicit()
    // RFC 7559 2, by way of RFC 8415 15: doubled, and a tenth more or less by chance.
    const chance = this.spread() / 10
    const doubled = this.interval === 0 ? this.first * (1 + chance) : this.interval * (2 + chance)
    this.interval = Math.round(doubled > LONGEST_INTERVAL ? LONGEST_INTERVAL * (1 + chance) : doubled)
    this.clock.arm(this, this.clock.now + this.interval)
  }

  private get first(): number {
    return this.isPatient ? INTERVAL : FAST_INTERVAL
  }

  /** Between -1 and 1. */
  private spread(): number {
    return this.random.int32() / 2 ** 31
  }
}
