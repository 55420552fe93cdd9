/**
 * IPv4 headers (RFC 791, RFC 1122 3.2.1, RFC 6864), as a host may send them.
 *
 * @module
 */
import type { Findings } from './finding.ts'
import type { IpPacket } from './ip.ts'
import { hex, internetChecksum, ipv4Text, u8, u16 } from './octets.ts'

const SHORTEST_HEADER = 20
const LONGEST_PACKET = 65535

/** @param octets from the IP header on; padding may follow. @returns the packet and its length, or null when it cannot be read. */
export function checkIpv4(octets: Uint8Array, findings: Findings): { packet: IpPacket; length: number } | null {
  if (!findings.expect(octets.length >= SHORTEST_HEADER, 'ipv4.length', `${octets.length} octets are no header`))
    return null
  const version = u8(octets, 0) >> 4
  const headerLength = (u8(octets, 0) & 15) * 4
  const length = u16(octets, 2)
  if (!findings.expect(version === 4, 'ipv4.version', `version ${version}`)) return null
  if (!findings.expect(headerLength >= SHORTEST_HEADER, 'ipv4.header-length', `header of ${headerLength} octets`))
    return null
  if (!findings.expect(length >= headerLength, 'ipv4.total-length', `total length ${length} below the header's`))
    return null
  if (!findings.expect(length <= octets.length, 'ipv4.total-length', `total length ${length} of ${octets.length}`))
    return null

  const header = octets.subarray(0, headerLength)
  findings.expect(internetChecksum(header) === 0, 'ipv4.checksum', `header checksum ${hex(u16(octets, 10))} is wrong`)
  findings.expect(u8(octets, 8) > 0, 'ipv4.ttl', 'time to live 0')
  checkSource(octets, findings)
  const options = checkOptions(header, findings)

  const flags = u8(octets, 6) >> 5
  const offset = (u16(octets, 6) & 0x1fff) * 8
  const dontFragment = (flags & 2) !== 0
  const more = (flags & 1) !== 0
  const payload = octets.subarray(headerLength, length)
  findings.expect((flags & 4) === 0, 'ipv4.reserved', 'the reserved flag is set')
  const isFragment = more || offset > 0
  if (isFragment) checkFragment(dontFragment, more, offset, payload.length, headerLength, findings)
  const packet: IpPacket = {
    family: 4,
    source: ipv4Text(octets, 12),
    destination: ipv4Text(octets, 16),
    sourceOctets: octets.subarray(12, 16),
    destinationOctets: octets.subarray(16, 20),
    protocol: u8(octets, 9),
    payload,
    fragment: isFragment ? { id: u16(octets, 4), offset, more } : null,
    timeToLive: u8(octets, 8),
    dontFragment,
    id: u16(octets, 4),
    routerAlert: options.includes(148),
  }
  return { packet, length }
}

function checkSource(octets: Uint8Array, findings: Findings): void {
  const first = u8(octets, 12)
  const source = ipv4Text(octets, 12)
  findings.expect(first < 224, 'ipv4.source', `the source ${source} is a group or reserved address`)
  findings.expect(first !== 127 && u8(octets, 16) !== 127, 'ipv4.source', 'a loopback address on the wire')
  if (first === 0) {
    // RFC 3376 4.2.13: a report may come from an interface without an address.
    const isEarly = [2, 17].includes(u8(octets, 9)) && source === '0.0.0.0'
    findings.expect(isEarly, 'ipv4.source', `the source ${source} is only for DHCP and IGMP`)
  }
}

function checkFragment(
  dontFragment: boolean,
  more: boolean,
  offset: number,
  length: number,
  headerLength: number,
  findings: Findings,
): void {
  findings.expect(!dontFragment, 'ipv4.fragment', 'a fragment with "don’t fragment"')
  findings.expect(length > 0, 'ipv4.fragment', 'a fragment without data')
  if (more) findings.expect(length % 8 === 0, 'ipv4.fragment', `${length} octets, not a multiple of 8, and more follow`)
  const whole = headerLength + offset + length
  findings.expect(whole <= LONGEST_PACKET, 'ipv4.fragment', `ends at ${whole}, beyond the longest packet`)
}

/**
 * RFC 791 3.1: one-octet options 0 and 1, all others carry their length; zeros after the end of the list.
 * @returns the kinds that could be read.
 */
function checkOptions(header: Uint8Array, findings: Findings): number[] {
  const kinds: number[] = []
  for (let at = SHORTEST_HEADER; at < header.length; ) {
    const kind = u8(header, at)
    if (kind === 0) {
      const rest = header.subarray(at)
      findings.expect(
        rest.every((octet) => octet === 0),
        'ipv4.option-padding',
        'octets other than 0 after the end of options',
      )
      return kinds
    }
    if (kind === 1) {
      at++
      continue
    }
    const length = at + 1 < header.length ? u8(header, at + 1) : 0
    if (
      !findings.expect(
        length >= 2 && at + length <= header.length,
        'ipv4.option-length',
        `option ${kind} says ${length} octets, ${header.length - at} are there`,
      )
    )
      return kinds
    kinds.push(kind)
    at += length
  }
  return kinds
}
