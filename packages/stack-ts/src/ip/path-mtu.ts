/**
 * What routers told about the MTU of the way to a destination (RFC 1191, RFC 8201, with the cautions of RFC 5927 7): only ever lower than
 * the link's, never absurdly low, and forgotten after ten minutes.
 *
 * @module
 */
import type { Clock } from '@ioth/core'

/** Lower reports are lies, or networks nobody has any more. */
export const SMALLEST_PATH_MTU = 552
/** Every IPv6 network carries this much (RFC 8200 5). */
export const IP6_SMALLEST_MTU = 1280
const LIFETIME = 600_000_000
/** Destinations remembered at most. */
const MOST = 256
/** RFC 1191 7.1: what to try when a router names no MTU. */
const PLATEAUS = [32000, 17914, 8166, 4352, 2002, 1492, 1006]

interface Known {
  readonly mtu: number
  readonly until: number
}

export class PathMtu {
  private readonly clock: Clock
  private readonly family: 4 | 6
  private readonly known = new Map<number, Known>()

  constructor(clock: Clock, family: 4 | 6) {
    this.clock = clock
    this.family = family
  }

  /** The MTU towards a destination whose first link has the MTU given. */
  towards(key: number, linkMtu: number): number {
    if (this.known.size === 0) return linkMtu
    const known = this.known.get(key)
    if (known === undefined) return linkMtu
    if (this.clock.now >= known.until) {
      this.known.delete(key)
      return linkMtu
    }
    return Math.min(known.mtu, linkMtu)
  }

  /** A packet of `length` octets was too big for a link of `mtu` octets (0: not told). */
  lower(key: number, mtu: number, length: number): void {
    const usable = this.family === 4 ? usableOf(mtu, length) : mtu
    // RFC 8201 4: there is no such IPv6 network.
    if (this.family === 6 && usable < IP6_SMALLEST_MTU) return
    const known = this.known.get(key)
    if (known !== undefined && known.mtu <= usable && this.clock.now < known.until) return
    if (this.known.size >= MOST) this.known.delete(this.known.keys().next().value as number)
    this.known.set(key, { mtu: usable, until: this.clock.now + LIFETIME })
  }
}

function usableOf(mtu: number, length: number): number {
  const told = mtu > 0 ? mtu : (PLATEAUS.find((plateau) => plateau < length) ?? SMALLEST_PATH_MTU)
  return Math.max(told, SMALLEST_PATH_MTU)
}
