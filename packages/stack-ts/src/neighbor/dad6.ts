/**
 * Duplicate address detection for IPv6 (RFC 4862 5.4, RFC 7527): one question before use, and the news once the address is ours.
 *
 * @module
 */
import { type Clock, type IpAddress, type Random, Timer } from '@ioth/core'
import type { Mac } from '../wire/ethernet.ts'
import { NONCE_OCTETS } from '../wire/nd-option.ts'
import type { ProbeMode } from './dad.ts'

const FAST_WAIT = 60_000
/** RFC 4861 10, MAX_RTR_SOLICITATION_DELAY: so that a power cut does not end with all asking at once. */
const FIRST_DELAY = 1_000_000
/** RFC 4861 10, RETRANS_TIMER. */
const RFC_WAIT = 1_000_000
const ANNOUNCE_INTERVAL = 1_000_000
/** RFC 4861 10, MAX_NEIGHBOR_ADVERTISEMENT. */
const ANNOUNCE_NUM = 3
/** Another who says to have an address of ours is answered no more often. */
const DEFEND_INTERVAL = 1_000_000

/** Sends what the detection wants to be sent. */
export interface DadWire {
  /** Asks for the address from nowhere. */
  solicit(address: IpAddress, nonce: Uint8Array): void
  /** Tells all nodes that the address is ours. */
  announce(address: IpAddress): void
}

/** One address on its way from tentative to ours, and the defence of it from then on. */
export class AddressProbe6 extends Timer {
  readonly address: IpAddress
  tentative = true
  private readonly wire: DadWire
  private readonly clock: Clock
  private readonly random: Random
  private readonly mode: ProbeMode
  private readonly nonce = new Uint8Array(NONCE_OCTETS)
  private isAsked = false
  private announcementsLeft: number
  private outcome: ((holder: Mac | null) => void) | null
  private defendedAt = Number.NEGATIVE_INFINITY

  /** @param outcome called once: with null when the address is ours, else with who has it. */
  constructor(
    wire: DadWire,
    clock: Clock,
    random: Random,
    mode: ProbeMode,
    address: IpAddress,
    outcome: (holder: Mac | null) => void,
  ) {
    super()
    this.wire = wire
    this.clock = clock
    this.random = random
    this.mode = mode
    this.address = address
    this.outcome = outcome
    this.announcementsLeft = mode === 'rfc' ? ANNOUNCE_NUM : 1
  }

  start(): void {
    if (this.mode === 'rfc') this.clock.arm(this, this.clock.now + ((this.random.int32() >>> 0) % FIRST_DELAY))
    else this.fire()
  }

  /** Gives up; who waits for the outcome finds out that there is no use for it. */
  stop(): void {
    this.clock.disarm(this)
    this.settle(null)
  }

  /** Tells the network again where the address is, after the link came back. */
  announce(): void {
    if (!this.tentative) this.wire.announce(this.address)
  }

  /** Another asks for the address from nowhere. @returns whether that makes it a duplicate: what we said ourselves does not (RFC 7527). */
  isRival(nonce: Uint8Array | undefined): boolean {
    if (!this.isAsked || nonce === undefined) return true
    return nonce.length !== NONCE_OCTETS || nonce.some((octet, i) => octet !== this.nonce[i])
  }

  /** Somebody else has the address that we were to use. */
  duplicate(holder: Mac): void {
    this.clock.disarm(this)
    this.settle(holder)
  }

  /** Somebody else says that an address of ours is theirs. RFC 4862 5.4.4 leaves it to us: we go on, and say so. @returns whether we did. */
  defend(): boolean {
    const { now } = this.clock
    if (now - this.defendedAt < DEFEND_INTERVAL) return false
    this.defendedAt = now
    this.wire.announce(this.address)
    return true
  }

  override fire(): void {
    const { now } = this.clock
    if (this.tentative && this.mode !== 'none' && !this.isAsked) {
      this.isAsked = true
      this.random.fill(this.nonce)
      this.wire.solicit(this.address, this.nonce)
      this.clock.arm(this, now + (this.mode === 'rfc' ? RFC_WAIT : FAST_WAIT))
      return
    }
    if (this.tentative) {
      this.tentative = false
      this.settle(null)
    }
    if (this.announcementsLeft === 0) return
    this.announcementsLeft--
    this.wire.announce(this.address)
    if (this.announcementsLeft > 0) this.clock.arm(this, now + ANNOUNCE_INTERVAL)
  }

  private settle(holder: Mac | null): void {
    const { outcome } = this
    this.outcome = null
    outcome?.(holder)
  }
}
