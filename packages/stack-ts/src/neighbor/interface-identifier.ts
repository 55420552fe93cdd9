/**
 * Interface identifiers: the lower 64 bits of an address that an interface makes for itself.
 *
 * Stable ones tell nothing of the hardware and differ from network to network, but are the same each time a stack with the same secret
 * joins the same network (RFC 7217). Or the hardware address is to be seen in them (RFC 4291 2.5.1).
 *
 * @module
 */
import { IpAddress, type Random, SipHash } from '@ioth/core'
import type { Mac } from '../wire/ethernet.ts'

/** How the identifiers are made. @see TsSettings.ipv6 */
export type IdentifierKind = 'stable' | 'eui64'

export interface IdentifierMaker {
  /** Attempts that give different addresses. */
  readonly attempts: number
  /** An address of the prefix (64 bits). @param attempt from 0 on. */
  make(prefix: IpAddress, attempt: number): IpAddress
}

/** RFC 7217 7: after so many conflicts it is not by chance. */
const IDGEN_RETRIES = 3

/** @param name of the interface, and number of its stack's: what tells it from others of the same secret (RFC 7217 5, Net_Iface). */
export function stableIdentifiers(secret: Uint8Array, name: string): IdentifierMaker {
  const hash = new SipHash(secret)
  return {
    attempts: 1 + IDGEN_RETRIES,
    make({ w0, w1 }, attempt) {
      const letters = Array.from(name, (letter) => letter.codePointAt(0) as number)
      for (let salt = 0; ; salt++) {
        const low = hash.hash(Int32Array.of(w0, w1, attempt, salt, ...letters))
        if (!isReserved(hash.high, low)) return new IpAddress(6, w0, w1, hash.high, low)
      }
    },
  }
}

export function eui64Identifiers({ high, low }: Mac): IdentifierMaker {
  const w2 = ((high ^ 0x0200) << 16) | ((low >>> 24) << 8) | 0xff
  const w3 = 0xfe000000 | (low & 0xffffff)
  return { attempts: 1, make: ({ w0, w1 }) => new IpAddress(6, w0, w1, w2, w3) }
}

/** A secret of one's own, for stacks that were given none. */
export function randomSecret(random: Random): Uint8Array {
  const secret = new Uint8Array(16)
  random.fill(secret)
  return secret
}

/** RFC 5453: the anycast address of the routers, IANA's block, and the anycast addresses of RFC 2526. */
function isReserved(high: number, low: number): boolean {
  if (high === 0 && low === 0) return true
  if (high === 0x02005eff && low >>> 24 === 0xfe) return true
  return high === (0xfdffffff | 0) && low >>> 7 === 0x1ffffff
}
