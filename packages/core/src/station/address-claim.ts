/**
 * One address of a station, from the question whether anybody has it to the defence against whoever takes it later: RFC 5227 for IPv4,
 * RFC 4862 5.4 and RFC 7527 for IPv6.
 *
 * @module
 */
import type { IpAddress } from '../address/ip-address.ts'
import { type Clock, type Random, Timer } from '../contract/clock.ts'
import { NONCE_OCTETS } from './frames.ts'

/** `fast`: two ARP probes, or one neighbour solicitation, within 60 ms. `rfc`: the timing of RFC 5227 and RFC 4862. `none`: used at once. */
export type StationProbe = 'fast' | 'rfc' | 'none'

/** How often, and how far apart; microseconds. */
interface Timing {
  readonly probes: number
  /** Before the first probe, at most. */
  readonly delay: number
  readonly least: number
  readonly most: number
  /** Between the last probe and the address being ours. */
  readonly wait: number
  readonly announcements: number
  readonly interval: number
}

const SECOND = 1_000_000
const FAST_4: Timing = { probes: 2, delay: 0, least: 30_000, most: 30_000, wait: 30_000, announcements: 1, interval: 0 }
const FAST_6: Timing = { probes: 1, delay: 0, least: 0, most: 0, wait: 60_000, announcements: 1, interval: 0 }
/** RFC 5227 1.1. */
const RFC_4: Timing = {
  probes: 3,
  delay: SECOND,
  least: SECOND,
  most: 2 * SECOND,
  wait: 2 * SECOND,
  announcements: 2,
  interval: 2 * SECOND,
}
/** RFC 4861 10: MAX_RTR_SOLICITATION_DELAY, RETRANS_TIMER, MAX_NEIGHBOR_ADVERTISEMENT. */
const RFC_6: Timing = { probes: 1, delay: SECOND, least: 0, most: 0, wait: SECOND, announcements: 3, interval: SECOND }
/** RFC 5227 2.4 b; IPv6 has no text, and goes on all the same, as often as once a second. */
const DEFENCE_4 = 10 * SECOND
const DEFENCE_6 = SECOND

/** Sends what a claim wants to be sent. */
export interface ClaimWire {
  probe(address: IpAddress, nonce: Uint8Array): void
  announce(address: IpAddress): void
}

export class AddressClaim extends Timer {
  readonly address: IpAddress
  tentative = true
  /** Ours in the questions of IPv6. */
  readonly nonce: Uint8Array = new Uint8Array(NONCE_OCTETS)
  private readonly wire: ClaimWire
  private readonly clock: Clock
  private readonly random: Random
  private readonly timing: Timing
  private probesLeft: number
  private announcementsLeft: number
  private outcome: ((holder: string | null) => void) | null
  private defendedAt = Number.NEGATIVE_INFINITY

  /** @param outcome told once: null when the address is ours, else the MAC of who has it. */
  constructor(
    wire: ClaimWire,
    clock: Clock,
    random: Random,
    mode: StationProbe,
    address: IpAddress,
    outcome: (holder: string | null) => void,
  ) {
    super()
    this.wire = wire
    this.clock = clock
    this.random = random
    this.address = address
    this.outcome = outcome
    this.timing = address.family === 4 ? (mode === 'rfc' ? RFC_4 : FAST_4) : mode === 'rfc' ? RFC_6 : FAST_6
    this.probesLeft = mode === 'none' ? 0 : this.timing.probes
    this.announcementsLeft = this.timing.announcements
  }

  start(): void {
    const { delay } = this.timing
    if (delay > 0 && this.probesLeft > 0) this.clock.arm(this, this.clock.now + this.between(0, delay))
    else this.fire()
  }

  /** Ends it; who waits for the outcome finds out that there is no use for it. */
  stop(): void {
    this.clock.disarm(this)
    this.settle(null)
  }

  /** Tells everybody again, after the link came back. */
  announce(): void {
    if (!this.tentative) this.wire.announce(this.address)
  }

  /** Somebody else uses the address, or asks for it to use it. @returns whether it stays ours. */
  conflict(mac: string): boolean {
    if (this.tentative) {
      this.clock.disarm(this)
      this.settle(mac)
      return false
    }
    const { now } = this.clock
    const isSoon = now - this.defendedAt < (this.address.family === 4 ? DEFENCE_4 : DEFENCE_6)
    if (isSoon) return this.address.family === 6
    this.defendedAt = now
    this.wire.announce(this.address)
    return true
  }

  override fire(): void {
    const { timing, clock } = this
    if (this.tentative && this.probesLeft > 0) {
      this.probesLeft--
      this.random.fill(this.nonce)
      this.wire.probe(this.address, this.nonce)
      const rest = this.probesLeft === 0 ? timing.wait : this.between(timing.least, timing.most)
      clock.arm(this, clock.now + rest)
      return
    }
    if (this.tentative) {
      this.tentative = false
      this.settle(null)
    }
    if (this.announcementsLeft === 0) return
    this.announcementsLeft--
    this.wire.announce(this.address)
    if (this.announcementsLeft > 0) clock.arm(this, clock.now + timing.interval)
  }

  private settle(holder: string | null): void {
    const { outcome } = this
    this.outcome = null
    outcome?.(holder)
  }

  private between(least: number, most: number): number {
    return most <= least ? least : least + ((this.random.int32() >>> 0) % (most - least))
  }
}
