/**
 * Default address selection (RFC 6724): which of our addresses to speak from (section 5), and in which order to try the addresses of a
 * name (section 6), with the default policy table (2.1). IPv4 addresses take part in their mapped form.
 *
 * @module
 */
import type { IpAddress } from './ip-address.ts'

/** An address of ours, as far as its selection needs it. */
export interface SourceCandidate {
  readonly address: IpAddress
  readonly prefixLength: number
  readonly interface: { readonly index: number }
  /** @default false */
  readonly deprecated?: boolean
  /** @default false */
  readonly temporary?: boolean
}

interface Policy {
  readonly w0: number
  readonly w1: number
  readonly w2: number
  readonly w3: number
  readonly length: number
  readonly precedence: number
  readonly label: number
}

/** RFC 6724 2.1, longest prefix first. */
const POLICIES: readonly Policy[] = [
  { w0: 0, w1: 0, w2: 0, w3: 1, length: 128, precedence: 50, label: 0 },
  { w0: 0, w1: 0, w2: 0xffff, w3: 0, length: 96, precedence: 35, label: 4 },
  { w0: 0, w1: 0, w2: 0, w3: 0, length: 96, precedence: 1, label: 3 },
  { w0: 0x20010000, w1: 0, w2: 0, w3: 0, length: 32, precedence: 5, label: 5 },
  { w0: 0x20020000, w1: 0, w2: 0, w3: 0, length: 16, precedence: 30, label: 2 },
  { w0: 0x3ffe0000, w1: 0, w2: 0, w3: 0, length: 16, precedence: 1, label: 12 },
  { w0: 0xfec00000, w1: 0, w2: 0, w3: 0, length: 10, precedence: 1, label: 11 },
  { w0: 0xfc000000, w1: 0, w2: 0, w3: 0, length: 7, precedence: 3, label: 13 },
  { w0: 0, w1: 0, w2: 0, w3: 0, length: 0, precedence: 40, label: 1 },
]

const LINK_LOCAL = 2
const SITE_LOCAL = 5
const GLOBAL = 14

/**
 * RFC 6724 5: the best of our addresses for a destination.
 * @param on index of the interface that the destination is reached by.
 * @returns null when there is no candidate of the destination's family.
 */
export function selectSource<Candidate extends SourceCandidate>(
  destination: IpAddress,
  candidates: readonly Candidate[],
  on: number,
): Candidate | null {
  const isStrict = scopeOf(destination) === LINK_LOCAL
  let best: Candidate | null = null
  for (const candidate of candidates) {
    if (candidate.address.family !== destination.family) continue
    // Section 4: within a link, only the addresses of the interface to it.
    if (isStrict && candidate.interface.index !== on) continue
    if (best === null || isBetterSource(destination, candidate, best, on)) best = candidate
  }
  return best
}

/** Whether `a` is a better source than `b` (section 5). A tie leaves the order as it was. */
function isBetterSource(destination: IpAddress, a: SourceCandidate, b: SourceCandidate, on: number): boolean {
  // Rule 1: the destination itself.
  if (a.address.equals(destination)) return true
  if (b.address.equals(destination)) return false
  // Rule 2: appropriate scope.
  const scopeA = scopeOf(a.address)
  const scopeB = scopeOf(b.address)
  const scope = scopeOf(destination)
  if (scopeA < scopeB) return scopeA >= scope
  if (scopeB < scopeA) return scopeB < scope
  // Rule 3: not deprecated.
  if ((a.deprecated === true) !== (b.deprecated === true)) return b.deprecated === true
  // Rule 4 speaks of home addresses (mobile IPv6), rule 5.5 of next hops that advertised a prefix.
  // Rule 5: the outgoing interface.
  if ((a.interface.index === on) !== (b.interface.index === on)) return a.interface.index === on
  // Rule 6: matching label.
  const label = policyOf(destination).label
  const matchesA = policyOf(a.address).label === label
  if (matchesA !== (policyOf(b.address).label === label)) return matchesA
  // Rule 7: temporary addresses.
  if ((a.temporary === true) !== (b.temporary === true)) return a.temporary === true
  // Rule 8: longest matching prefix, no longer than the prefix of the candidate.
  const lengthA = Math.min(commonPrefix(a.address, destination), prefixBits(a))
  return lengthA > Math.min(commonPrefix(b.address, destination), prefixBits(b))
}

/**
 * RFC 6724 6: destinations in the order in which they should be tried.
 * @param sourceOf the address we would speak from; null when a destination cannot be reached.
 */
export function sortDestinations(
  destinations: readonly IpAddress[],
  sourceOf: (destination: IpAddress) => SourceCandidate | IpAddress | null,
): IpAddress[] {
  const ranked = destinations.map((destination) => {
    const source = sourceOf(destination)
    return { destination, source: source !== null && 'address' in source ? source : bare(source) }
  })
  // Rule 10: otherwise the order stays, as Array.sort promises.
  ranked.sort((a, b) => compareDestinations(a.destination, a.source, b.destination, b.source))
  return ranked.map(({ destination }) => destination)
}

type Source = Pick<SourceCandidate, 'address' | 'prefixLength' | 'deprecated'>

function bare(address: IpAddress | null): Source | null {
  return address === null ? null : { address, prefixLength: address.family === 4 ? 32 : 128 }
}

/** Negative: `a` first. */
function compareDestinations(a: IpAddress, sourceA: Source | null, b: IpAddress, sourceB: Source | null): number {
  // Rule 1: avoid what cannot be reached.
  if (sourceA === null || sourceB === null) return (sourceA === null ? 1 : 0) - (sourceB === null ? 1 : 0)
  // Rule 2: matching scope.
  const scopeA = scopeOf(a)
  const scopeB = scopeOf(b)
  const scope = prefer(scopeA === scopeOf(sourceA.address), scopeB === scopeOf(sourceB.address))
  if (scope !== 0) return scope
  // Rule 3: avoid deprecated sources. Rule 4 speaks of home addresses.
  const deprecated = prefer(sourceA.deprecated !== true, sourceB.deprecated !== true)
  if (deprecated !== 0) return deprecated
  // Rule 5: matching label.
  const policyA = policyOf(a)
  const policyB = policyOf(b)
  const label = prefer(
    policyA.label === policyOf(sourceA.address).label,
    policyB.label === policyOf(sourceB.address).label,
  )
  if (label !== 0) return label
  // Rule 6: higher precedence. Rule 7 (native transport) does not arise: there are no tunnels.
  if (policyA.precedence !== policyB.precedence) return policyB.precedence - policyA.precedence
  // Rule 8: smaller scope.
  if (scopeA !== scopeB) return scopeA - scopeB
  // Rule 9: longest matching prefix, within a family.
  if (a.family !== b.family) return 0
  const lengthA = Math.min(commonPrefix(sourceA.address, a), prefixBits(sourceA))
  return Math.min(commonPrefix(sourceB.address, b), prefixBits(sourceB)) - lengthA
}

function prefer(a: boolean, b: boolean): number {
  return (b ? 1 : 0) - (a ? 1 : 0)
}

/** RFC 4007, RFC 6724 3.1 and 3.2: multicast by its scope field, unicast by its prefix; IPv4 by what it corresponds to. */
function scopeOf(address: IpAddress): number {
  if (address.family === 4) return address.isLinkLocal || address.isLoopback ? LINK_LOCAL : GLOBAL
  if (address.isV4Mapped) return scopeOf(address.unmapped())
  if (address.isMulticast) return (address.w0 >>> 16) & 15
  if (address.isLinkLocal || address.isLoopback) return LINK_LOCAL
  return address.w0 >>> 22 === 0x3fb ? SITE_LOCAL : GLOBAL
}

function policyOf(address: IpAddress): Policy {
  for (const policy of POLICIES) {
    if (commonPrefix(address, policy) >= policy.length) return policy
  }
  return POLICIES[POLICIES.length - 1] as Policy
}

interface Words {
  readonly w0: number
  readonly w1: number
  readonly w2: number
  readonly w3: number
}

/** Leading bits that two addresses have in common, of 128; IPv4 in its mapped form. */
function commonPrefix(a: Words, b: Words): number {
  if (a.w0 !== b.w0) return Math.clz32(a.w0 ^ b.w0)
  if (a.w1 !== b.w1) return 32 + Math.clz32(a.w1 ^ b.w1)
  if (a.w2 !== b.w2) return 64 + Math.clz32(a.w2 ^ b.w2)
  return 96 + Math.clz32(a.w3 ^ b.w3)
}

function prefixBits({ address, prefixLength }: Pick<SourceCandidate, 'address' | 'prefixLength'>): number {
  return address.family === 4 ? prefixLength + 96 : prefixLength
}
