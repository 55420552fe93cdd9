/**
 * Duplicate address detection for IPv4 (RFC 5227 2.1): probe before use, announce, and defend afterwards (2.4 b).
 *
 * @module
 */
import { type Clock, type Random, Timer } from '@ioth/core'
import type { Mac } from '../wire/ethernet.ts'
import type { Arp } from './arp.ts'

/** `fast`: two probes within 60 ms. `rfc`: the timing of RFC 5227. `none`: the address is used at once. */
export type ProbeMode = 'fast' | 'rfc' | 'none'

const MILLISECOND = 1000
const SECOND = 1_000_000
const FAST_PROBES = 2
const FAST_INTERVAL = 30 * MILLISECOND
// RFC 5227 1.1
const PROBE_WAIT = SECOND
const PROBE_NUM = 3
const PROBE_MIN = SECOND
const PROBE_MAX = 2 * SECOND
const ANNOUNCE_WAIT = 2 * SECOND
const ANNOUNCE_NUM = 2
const ANNOUNCE_INTERVAL = 2 * SECOND
const DEFEND_INTERVAL = 10 * SECOND

export type ProbeOutcome = (holder: Mac | null) => void

/** One address on its way from tentative to ours, and the defence of it from then on. */
export class AddressProbe extends Timer {
  readonly address: number
  tentative = true
  private readonly arp: Arp
  private readonly clock: Clock
  private readonly random: Random
  private readonly mode: ProbeMode
  private probesLeft: number
  private announcementsLeft: number
  private outcome: ProbeOutcome | null
  private defendedAt = Number.NEGATIVE_INFINITY

  /** @param outcome called once: with null when the address is ours, else with who has it. */
  constructor(arp: Arp, clock: Clock, random: Random, mode: ProbeMode, address: number, outcome: ProbeOutcome) {
    super()
    this.arp = arp
    this.clock = clock
    this.random = random
    this.mode = mode
    this.address = address
    this.outcome = outcome
    this.probesLeft = mode === 'none' ? 0 : mode === 'rfc' ? PROBE_NUM : FAST_PROBES
    this.announcementsLeft = mode === 'rfc' ? ANNOUNCE_NUM : 1
  }

  start(): void {
    if (this.mode === 'rfc') this.clock.arm(this, this.clock.now + this.between(0, PROBE_WAIT))
    else this.fire()
  }

  /** Gives up; who waits for the outcome finds out that there is no use for it. */
  stop(): void {
    this.clock.disarm(this)
    this.settle(null)
  }

  /** Tells the network again where the address is, after the link came back. */
  announce(): void {
    if (!this.tentative) this.arp.announce(this.address)
  }

  /** Someone else uses the address. @returns whether it stays ours. */
  conflict(holder: Mac): boolean {
    if (this.tentative) {
      this.clock.disarm(this)
      this.settle(holder)
      return false
    }
    const now = this.clock.now
    if (now - this.defendedAt < DEFEND_INTERVAL) {
      this.stop()
      return false
    }
    this.defendedAt = now
    this.arp.announce(this.address)
    return true
  }

  override fire(): void {
    const now = this.clock.now
    if (this.tentative && this.probesLeft > 0) {
      this.probesLeft--
      this.arp.probe(this.address)
      const rest = this.probesLeft === 0 ? ANNOUNCE_WAIT : this.between(PROBE_MIN, PROBE_MAX)
      this.clock.arm(this, now + (this.mode === 'rfc' ? rest : FAST_INTERVAL))
      return
    }
    if (this.tentative) {
      this.tentative = false
      this.settle(null)
    }
    if (this.announcementsLeft === 0) return
    this.announcementsLeft--
    this.arp.announce(this.address)
    if (this.announcementsLeft > 0) this.clock.arm(this, now + ANNOUNCE_INTERVAL)
  }

  private settle(holder: Mac | null): void {
    const { outcome } = this
    this.outcome = null
    outcome?.(holder)
  }

  private between(least: number, most: number): number {
    return least + ((this.random.int32() >>> 0) % (most - least))
  }
}
