/**
 * Messages of neighbour discovery (RFC 4861 4) and multicast listener discovery (RFC 3810 5) made by hand, with checksum 0: who sends
 * them fills it in with {@link sumOverIpv6}.
 *
 * @module
 */

/** Types of ICMPv6 messages. */
export const ND = {
  query: 130,
  report1: 131,
  done: 132,
  routerSolicitation: 133,
  routerAdvertisement: 134,
  neighborSolicitation: 135,
  neighborAdvertisement: 136,
  redirect: 137,
  report2: 143,
} as const

/** Flags of a neighbour advertisement. */
export const NA = { router: 0x80, solicited: 0x40, override: 0x20 } as const

export interface RouterAdvertisementFields {
  readonly hopLimit?: number
  /** Managed 0x80, other 0x40, preference 0x18. */
  readonly flags?: number
  /** Seconds. @default 1800 */
  readonly lifetime?: number
  /** Milliseconds. */
  readonly reachable?: number
  readonly retransmit?: number
  readonly options?: readonly number[]
}

export interface PrefixFields {
  /** Sixteen octets. */
  readonly prefix: readonly number[]
  /** @default 64 */
  readonly length?: number
  /** On link 0x80, autonomous 0x40. @default both */
  readonly flags?: number
  /** Seconds. @default 86400 */
  readonly valid?: number
  /** @default 14400 */
  readonly preferred?: number
}

export function craftRouterAdvertisement(fields: RouterAdvertisementFields = {}): Uint8Array {
  const { hopLimit = 0, flags = 0, lifetime = 1800, reachable = 0, retransmit = 0, options = [] } = fields
  const head = [ND.routerAdvertisement, 0, 0, 0, hopLimit, flags, ...word(lifetime)]
  return Uint8Array.from([...head, ...long(reachable), ...long(retransmit), ...options])
}

export function craftRouterSolicitation(options: readonly number[] = []): Uint8Array {
  return Uint8Array.from([ND.routerSolicitation, 0, 0, 0, 0, 0, 0, 0, ...options])
}

/** @param target sixteen octets. */
export function craftNeighborSolicitation(target: readonly number[], options: readonly number[] = []): Uint8Array {
  return Uint8Array.from([ND.neighborSolicitation, 0, 0, 0, 0, 0, 0, 0, ...target, ...options])
}

/** @param flags of {@link NA}. */
export function craftNeighborAdvertisement(
  target: readonly number[],
  flags: number,
  options: readonly number[] = [],
): Uint8Array {
  return Uint8Array.from([ND.neighborAdvertisement, 0, 0, 0, flags, 0, 0, 0, ...target, ...options])
}

export function craftRedirect(
  target: readonly number[],
  destination: readonly number[],
  options: readonly number[] = [],
): Uint8Array {
  return Uint8Array.from([ND.redirect, 0, 0, 0, 0, 0, 0, 0, ...target, ...destination, ...options])
}

/** @param version 1 (RFC 2710) or 2 (RFC 3810). @param maxResponse milliseconds, or the code as it stands on the wire. */
export function craftMldQuery(
  version: 1 | 2,
  group: readonly number[],
  maxResponse: number,
  sources: readonly (readonly number[])[] = [],
): Uint8Array {
  const head = [ND.query, 0, 0, 0, ...word(maxResponse), 0, 0, ...group]
  return Uint8Array.from(version === 1 ? head : [...head, 2, 125, ...word(sources.length), ...sources.flat()])
}

export const sourceLink = (mac: readonly number[]): number[] => [1, 1, ...mac]
export const targetLink = (mac: readonly number[]): number[] => [2, 1, ...mac]
export const mtuOption = (mtu: number): number[] => [5, 1, 0, 0, ...long(mtu)]
export const nonceOption = (nonce: readonly number[]): number[] => [14, 1, ...nonce]

export function prefixOption(fields: PrefixFields): number[] {
  const { prefix, length = 64, flags = 0xc0, valid = 86_400, preferred = 14_400 } = fields
  return [3, 4, length, flags, ...long(valid), ...long(preferred), 0, 0, 0, 0, ...prefix]
}

/** RFC 4191 2.3. @param preference 0 medium, 0x08 high, 0x18 low. */
export function routeOption(prefix: readonly number[], length: number, lifetime: number, preference = 0): number[] {
  return [24, 3, length, preference, ...long(lifetime), ...prefix]
}

/** RFC 8106 5.1. */
export function nameServerOption(lifetime: number, servers: readonly (readonly number[])[]): number[] {
  return [25, 1 + servers.length * 2, 0, 0, ...long(lifetime), ...servers.flat()]
}

/** RFC 8106 5.2. */
export function searchOption(lifetime: number, names: readonly string[]): number[] {
  const octets = names.flatMap((name) => [
    ...name.split('.').flatMap((label) => [label.length, ...Array.from(label, (letter) => letter.charCodeAt(0))]),
    0,
  ])
  const units = Math.ceil(octets.length / 8)
  return [31, 1 + units, 0, 0, ...long(lifetime), ...octets, ...new Array<number>(units * 8 - octets.length).fill(0)]
}

function word(value: number): number[] {
  return [(value >> 8) & 255, value & 255]
}

function long(value: number): number[] {
  return [value >>> 24, (value >>> 16) & 255, (value >>> 8) & 255, value & 255]
}
