/**
 * The leases of a DHCP server (RFC 2131 4.3.1): who has which address of the range, until when. Bounded by the range.
 *
 * @module
 */
import { IpAddress } from '../../address/ip-address.ts'
import type { Clock } from '../../contract/clock.ts'

export interface AddressRange {
  readonly first: IpAddress
  readonly last: IpAddress
}

/** What the server knows of one address. */
export interface Binding {
  readonly address: IpAddress
  /** Client identifier or hardware address; null: declined, nobody gets it until `until`. */
  readonly client: string | null
  /** Microseconds of the clock. */
  until: number
  /** Whether it was granted, or only offered. */
  isGranted: boolean
  /** What the client calls itself, or nothing. */
  readonly name: string
}

const SECOND = 1_000_000
/** How long an offer is kept for the client that it was made to. */
const OFFER_SECONDS = 60
/** How long an address rests that a client declined or that answered a probe. */
const REST_SECONDS = 3600

export class LeaseTable {
  private readonly clock: Clock
  private readonly range: AddressRange
  /** Addresses by their 32 bits. What is over stays until somebody else needs the address, so that a client that comes back gets it again. */
  private readonly bindings = new Map<number, Binding>()

  constructor(clock: Clock, range: AddressRange) {
    this.clock = clock
    this.range = range
  }

  /** Addresses granted now. */
  get granted(): number {
    let count = 0
    for (const binding of this.bindings.values()) if (binding.isGranted && this.isAlive(binding)) count++
    return count
  }

  /** Everything granted now. */
  *list(): Iterable<Readonly<Binding>> {
    for (const binding of this.bindings.values()) if (binding.isGranted && this.isAlive(binding)) yield binding
  }

  isInRange(address: IpAddress): boolean {
    const word = address.w3 >>> 0
    return address.family === 4 && word >= this.range.first.w3 >>> 0 && word <= this.range.last.w3 >>> 0
  }

  /** What this client has, or was offered, or had before. */
  of(client: string): Binding | null {
    for (const binding of this.bindings.values()) if (binding.client === client) return binding
    return null
  }

  /**
   * Chooses an address (RFC 2131 4.3.1): the client's own, else the one it asks for, else one that nobody ever had, else the one that has
   * been over for longest. @returns null when all are taken.
   */
  choose(client: string, wanted: IpAddress | null, excluded: (address: IpAddress) => boolean): IpAddress | null {
    const own = this.of(client)
    if (own !== null) return own.address
    if (wanted !== null && this.isInRange(wanted) && !excluded(wanted) && this.isFree(wanted)) return wanted
    const last = this.range.last.w3 >>> 0
    let oldest: Binding | null = null
    for (let word = this.range.first.w3 >>> 0; word <= last; word++) {
      const binding = this.bindings.get(word)
      const address = binding?.address ?? IpAddress.v4(word)
      if (excluded(address)) continue
      if (binding === undefined) return address
      if (!this.isAlive(binding) && (oldest === null || binding.until < oldest.until)) oldest = binding
    }
    return oldest?.address ?? null
  }

  /** Whether nobody has the address, and it was not declined lately. */
  isFree(address: IpAddress): boolean {
    const binding = this.bindings.get(address.w3 >>> 0)
    return binding === undefined || !this.isAlive(binding)
  }

  /** Whether an address was ever given to anybody: one that was needs no probe. */
  isKnown(address: IpAddress): boolean {
    return this.bindings.has(address.w3 >>> 0)
  }

  offer(client: string, address: IpAddress): void {
    const before = this.bindings.get(address.w3 >>> 0)
    // A client that has the address, and asks for offers nevertheless, does not lose it.
    if (before?.client === client && before.isGranted && this.isAlive(before)) return
    this.put(address, client, OFFER_SECONDS, false)
  }

  grant(client: string, address: IpAddress, seconds: number, name = ''): void {
    for (const [word, binding] of this.bindings) if (binding.client === client) this.bindings.delete(word)
    this.put(address, client, seconds, true, name)
  }

  /** The client gives its address back. */
  release(client: string, address: IpAddress): void {
    const binding = this.bindings.get(address.w3 >>> 0)
    if (binding?.client !== client) return
    binding.until = this.clock.now
    binding.isGranted = false
  }

  /** Somebody outside of our knowledge has the address. */
  rest(address: IpAddress): void {
    this.put(address, null, REST_SECONDS, false)
  }

  private put(address: IpAddress, client: string | null, seconds: number, isGranted: boolean, name = ''): void {
    const until = this.clock.now + seconds * SECOND
    this.bindings.set(address.w3 >>> 0, { address, client, until, isGranted, name })
  }

  private isAlive(binding: Binding): boolean {
    return binding.until > this.clock.now
  }
}
