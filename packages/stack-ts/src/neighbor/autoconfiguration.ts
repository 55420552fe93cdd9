/**
 * Addresses formed from what routers advertise (RFC 4862 5.5): made, renewed, deprecated and given up as their lifetimes say.
 *
 * @module
 */
import { type Clock, type IpAddress, networkAddress } from '@ioth/core'
import type { Counters } from '../counters.ts'
import { FOREVER, type PrefixOption } from '../wire/nd-option.ts'
import type { IdentifierMaker } from './interface-identifier.ts'
import { endOf, Lifetimes, type Mortal } from './lifetimes.ts'

/** Autoconfigured addresses of an interface, at most: those being formed among them. */
const MOST = 16
/** An interface identifier on Ethernet (RFC 2464 4), so that only one length of prefix fits. */
const PREFIX_LENGTH = 64
/** RFC 4862 5.5.3 e: who is not authenticated cannot shorten a life below this. Seconds. */
const TWO_HOURS = 7200

/** An address that lasts for a while. */
class FormedAddress implements Mortal {
  readonly prefix: IpAddress
  /** Null while it is being formed. */
  address: IpAddress | null = null
  /** The end of its valid lifetime, and of its preferred one. */
  validUntil: number
  preferredUntil: number
  /** Whether the preferred lifetime is over. */
  isDeprecated = false

  constructor(prefix: IpAddress, validUntil: number, preferredUntil: number) {
    this.prefix = prefix
    this.validUntil = validUntil
    this.preferredUntil = preferredUntil
  }

  /** The next change. */
  get until(): number {
    return this.isDeprecated ? this.validUntil : Math.min(this.preferredUntil, this.validUntil)
  }
}

/** Who carries addresses. */
export interface AddressBearer {
  /** Checks an address and makes it usable. @returns whether nobody else has it. */
  acquire(address: IpAddress): Promise<boolean>
  setDeprecated(address: IpAddress, isDeprecated: boolean): void
  relinquish(address: IpAddress): void
}

export class Autoconfiguration {
  private readonly clock: Clock
  private readonly counters: Counters
  private readonly identifiers: IdentifierMaker
  private readonly bearer: AddressBearer
  private readonly formed: Lifetimes<FormedAddress>
  private isStopped = false

  constructor(clock: Clock, counters: Counters, identifiers: IdentifierMaker, bearer: AddressBearer) {
    this.clock = clock
    this.counters = counters
    this.identifiers = identifiers
    this.bearer = bearer
    this.formed = new Lifetimes(clock, MOST, (entry) => this.ended(entry))
  }

  /** A prefix was advertised. @returns settles when an address that is formed of it is usable, or known not to be; null: none is formed. */
  advertised(option: PrefixOption): Promise<void> | null {
    const { prefixLength, validLifetime, preferredLifetime } = option
    if (!option.autonomous || option.prefix.isLinkLocal || option.prefix.isMulticast) return null
    if (preferredLifetime > validLifetime || prefixLength !== PREFIX_LENGTH) {
      this.counters.lose('nd.prefix')
      return null
    }
    const prefix = networkAddress(option.prefix, prefixLength)
    const known = this.formed.find((entry) => entry.prefix.equals(prefix))
    if (known !== undefined) {
      this.renew(known, option)
      return null
    }
    if (validLifetime === 0) return null
    if (this.formed.isFull) {
      this.counters.lose('nd.addresses-full')
      return null
    }
    const { now } = this.clock
    const entry = new FormedAddress(prefix, endOf(now, validLifetime), endOf(now, preferredLifetime))
    this.formed.add(entry)
    return this.form(entry)
  }

  /** The address is gone for another reason than age, and is not formed again before its time is over. */
  removed(address: IpAddress): void {
    const entry = this.formed.find((each) => each.address?.equals(address) === true)
    if (entry !== undefined) entry.address = null
  }

  stop(): void {
    this.isStopped = true
    this.formed.clear()
  }

  /** Tries identifiers until nobody else has the address (RFC 7217 6). */
  private async form(entry: FormedAddress): Promise<void> {
    const { identifiers, bearer, formed } = this
    for (let attempt = 0; attempt < identifiers.attempts; attempt++) {
      const address = identifiers.make(entry.prefix, attempt)
      if (!(await bearer.acquire(address))) continue
      if (this.isStopped || !formed.entries.includes(entry)) {
        // Its time was over before it began.
        if (!this.isStopped) bearer.relinquish(address)
        return
      }
      entry.address = address
      if (entry.isDeprecated) bearer.setDeprecated(address, true)
      return
    }
    // The prefix stays in the list without an address: its next advertisement does not begin the same again.
  }

  /** RFC 4862 5.5.3 e. */
  private renew(entry: FormedAddress, { validLifetime, preferredLifetime }: PrefixOption): void {
    const { now } = this.clock
    const remaining = (entry.validUntil - now) / 1_000_000
    if (validLifetime === FOREVER || validLifetime > TWO_HOURS || validLifetime > remaining) {
      entry.validUntil = endOf(now, validLifetime)
    } else if (remaining > TWO_HOURS) {
      entry.validUntil = endOf(now, TWO_HOURS)
    }
    entry.preferredUntil = endOf(now, preferredLifetime)
    this.setDeprecated(entry, entry.preferredUntil <= now)
    this.formed.changed()
  }

  private ended(entry: FormedAddress): void {
    if (entry.validUntil <= this.clock.now) {
      if (entry.address !== null) this.bearer.relinquish(entry.address)
      return
    }
    this.setDeprecated(entry, true)
    this.formed.add(entry)
  }

  private setDeprecated(entry: FormedAddress, isDeprecated: boolean): void {
    if (entry.isDeprecated === isDeprecated) return
    entry.isDeprecated = isDeprecated
    if (entry.address !== null) this.bearer.setDeprecated(entry.address, isDeprecated)
  }
}
