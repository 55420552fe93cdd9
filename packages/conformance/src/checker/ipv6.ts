/**
 * IPv6 headers and their chain (RFC 8200), as a host may send them.
 *
 * @module
 */
import type { Findings } from './finding.ts'
import type { IpPacket } from './ip.ts'
import { ipv6Text, isZero, u8, u16, u32 } from './octets.ts'

const HEADER = 40
const HOP_BY_HOP = 0
const ROUTING = 43
const FRAGMENT = 44
const DESTINATION_OPTIONS = 60
/** An option of hop-by-hop headers (RFC 2711). */
const ROUTER_ALERT = 5

/** @param octets from the IP header on; padding may follow. @returns the packet and its length, or null when it cannot be read. */
export function checkIpv6(octets: Uint8Array, findings: Findings): { packet: IpPacket; length: number } | null {
  if (!findings.expect(octets.length >= HEADER, 'ipv6.length', `${octets.length} octets are no header`)) return null
  const version = u8(octets, 0) >> 4
  if (!findings.expect(version === 6, 'ipv6.version', `version ${version}`)) return null
  const length = HEADER + u16(octets, 4)
  if (!findings.expect(length <= octets.length, 'ipv6.payload-length', `${length} octets of ${octets.length}`))
    return null
  findings.expect(u8(octets, 7) > 0, 'ipv6.hop-limit', 'hop limit 0')
  findings.expect(u8(octets, 8) !== 0xff, 'ipv6.source', 'a group address as source')
  const chain = walkChain(octets.subarray(0, length), findings)
  if (chain === null) return null
  const packet: IpPacket = {
    family: 6,
    source: ipv6Text(octets, 8),
    destination: ipv6Text(octets, 24),
    sourceOctets: octets.subarray(8, 24),
    destinationOctets: octets.subarray(24, 40),
    protocol: chain.protocol,
    payload: octets.subarray(chain.at, length),
    fragment: chain.fragment,
    timeToLive: u8(octets, 7),
    dontFragment: true,
    routerAlert: chain.routerAlert,
  }
  return { packet, length }
}

interface Chain {
  readonly protocol: number
  readonly at: number
  readonly fragment: IpPacket['fragment']
  readonly routerAlert: boolean
}

function walkChain(octets: Uint8Array, findings: Findings): Chain | null {
  let next = u8(octets, 6)
  let at = HEADER
  let fragment: IpPacket['fragment'] = null
  let routerAlert = false
  while (next === HOP_BY_HOP || next === ROUTING || next === FRAGMENT || next === DESTINATION_OPTIONS) {
    if (!findings.expect(at + 8 <= octets.length, 'ipv6.chain', `header ${next} at ${at} is cut off`)) return null
    if (next === HOP_BY_HOP)
      findings.expect(at === HEADER, 'ipv6.chain', 'hop-by-hop options anywhere but first (RFC 8200 4.1)')
    if (next === FRAGMENT) {
      findings.expect(fragment === null, 'ipv6.chain', 'two fragment headers')
      fragment = { id: u32(octets, at + 4), offset: u16(octets, at + 2) & 0xfff8, more: (u8(octets, at + 3) & 1) !== 0 }
      checkFragment(fragment, octets.length - at - 8, findings)
      next = u8(octets, at)
      at += 8
      if (fragment.offset > 0) break
      continue
    }
    const length = (u8(octets, at + 1) + 1) * 8
    if (!findings.expect(at + length <= octets.length, 'ipv6.chain', `header ${next} of ${length} octets is cut off`))
      return null
    if (next !== ROUTING) {
      const options = checkOptions(octets.subarray(at + 2, at + length), findings)
      if (next === HOP_BY_HOP) routerAlert = options.has(ROUTER_ALERT)
    }
    next = u8(octets, at)
    at += length
  }
  return { protocol: next, at, fragment, routerAlert }
}

function checkFragment(fragment: NonNullable<IpPacket['fragment']>, length: number, findings: Findings): void {
  findings.expect(fragment.more || fragment.offset > 0, 'ipv6.fragment', 'an atomic fragment (RFC 8021)')
  if (fragment.more) findings.expect(length % 8 === 0, 'ipv6.fragment', `${length} octets, not a multiple of 8`)
  findings.expect(fragment.offset + length <= 65535, 'ipv6.fragment', 'ends beyond the longest packet')
}

/** RFC 8200 4.2: Pad1 alone has no length; PadN holds zeros. @returns the kinds of the others. */
function checkOptions(options: Uint8Array, findings: Findings): ReadonlySet<number> {
  const kinds = new Set<number>()
  for (let at = 0; at < options.length; ) {
    const kind = u8(options, at)
    if (kind === 0) {
      at++
      continue
    }
    const end = at + 1 < options.length ? at + 2 + u8(options, at + 1) : options.length + 1
    if (!findings.expect(end <= options.length, 'ipv6.option-length', `option ${kind} is cut off`)) return kinds
    kinds.add(kind)
    if (kind === 1) findings.expect(isZero(options, at + 2, end), 'ipv6.option-padding', 'PadN is not zero')
    at = end
  }
  return kinds
}
