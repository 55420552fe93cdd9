/**
 * IPv6 addresses as objects and as demultiplexing keys. A key is a keyed hash of 32 bits, so that nobody outside can make two addresses
 * share one; who demultiplexes by it compares the whole address at the end. What was seen last is remembered in a table of a fixed size:
 * no address, however many are forged, costs the stack memory.
 *
 * @module
 */
import { IpAddress, type Random, SipHash } from '@ioth/core'

/** A power of two. */
const PLACES = 512
const NOTHING = new Int32Array(0)

/** What is hashed: one for all, as none is kept. */
const words = new Int32Array(5)

export class KnownAddresses {
  private readonly hash: SipHash
  /** Made with the first address: most stacks of many never see one. */
  private addresses: (IpAddress | null)[] | null = null
  private keys: Int32Array = NOTHING

  constructor(random: Random) {
    this.hash = SipHash.random(random)
  }

  /** @param scope interface of a link-local address, else 0. */
  key(w0: number, w1: number, w2: number, w3: number, scope: number): number {
    const place = this.place(w0, w1, w2, w3, scope)
    return this.keys[place]!
  }

  address(w0: number, w1: number, w2: number, w3: number, scope: number): IpAddress {
    const place = this.place(w0, w1, w2, w3, scope)
    return this.addresses![place] as IpAddress
  }

  private place(w0: number, w1: number, w2: number, w3: number, scope: number): number {
    const mixed = Math.imul(w3 ^ Math.imul(w2 ^ w1 ^ scope, 0x9e3779b1) ^ w0, 0x85ebca6b)
    const place = (mixed ^ (mixed >>> 15)) & (PLACES - 1)
    const addresses = this.addresses ?? this.begin()
    const known = addresses[place]!
    if (
      known === null ||
      known.w3 !== w3 ||
      known.w2 !== w2 ||
      known.w1 !== w1 ||
      known.w0 !== w0 ||
      known.scope !== scope
    ) {
      words[0] = w0
      words[1] = w1
      words[2] = w2
      words[3] = w3
      words[4] = scope
      this.keys[place] = this.hash.hash(words)
      addresses[place] = new IpAddress(6, w0, w1, w2, w3, scope)
    }
    return place
  }

  private begin(): (IpAddress | null)[] {
    this.keys = new Int32Array(PLACES)
    this.addresses = new Array<IpAddress | null>(PLACES).fill(null)
    return this.addresses
  }
}
