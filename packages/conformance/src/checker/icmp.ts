/**
 * ICMP for IPv4 (RFC 792, RFC 1122 3.2.2, RFC 1812 4.3) and the frame of ICMPv6 (RFC 4443), as a host may send them.
 *
 * @module
 */
import type { Findings } from './finding.ts'
import { type IpPacket, transportChecksum } from './ip.ts'
import { hex, internetChecksum, isZero, u8, u16 } from './octets.ts'

export interface IcmpMessage {
  readonly type: number
  readonly code: number
  /** What follows the first eight octets: data of an echo, the quoted packet of an error. */
  readonly body: Uint8Array
}

/** Highest code of each type a host sends. */
const ICMPV4_CODES = new Map([
  [0, 0],
  [3, 15],
  [8, 0],
  [11, 1],
  [12, 2],
])
const ICMPV4_ERRORS = [3, 11, 12]
/** RFC 1812 4.3.2.3: errors are no longer than this, IP header included. */
const LONGEST_ERROR = 576

export function checkIcmpv4(packet: IpPacket, message: Uint8Array, findings: Findings): IcmpMessage | null {
  const parsed = parse(message, findings)
  if (parsed === null) return null
  findings.expect(internetChecksum(message) === 0, 'icmp.checksum', `checksum ${hex(u16(message, 2))} is wrong`)
  const codes = ICMPV4_CODES.get(parsed.type)
  if (!findings.expect(codes !== undefined, 'icmp.type', `a host does not send type ${parsed.type}`)) return parsed
  findings.expect(parsed.code <= (codes as number), 'icmp.code', `type ${parsed.type} has no code ${parsed.code}`)
  if (ICMPV4_ERRORS.includes(parsed.type)) checkError(packet, message, parsed, findings)
  return parsed
}

export function checkIcmpv6(packet: IpPacket, message: Uint8Array, findings: Findings): IcmpMessage | null {
  const parsed = parse(message, findings)
  if (parsed === null) return null
  findings.expect(transportChecksum(packet, message) === 0, 'icmpv6.checksum', 'the checksum is wrong')
  return parsed
}

function parse(message: Uint8Array, findings: Findings): IcmpMessage | null {
  if (!findings.expect(message.length >= 8, 'icmp.length', `${message.length} octets are no message`)) return null
  return { type: u8(message, 0), code: u8(message, 1), body: message.subarray(8) }
}

function checkError(packet: IpPacket, message: Uint8Array, parsed: IcmpMessage, findings: Findings): void {
  const { body } = parsed
  findings.expect(20 + message.length <= LONGEST_ERROR, 'icmp.error-length', `${20 + message.length} octets`)
  const isTooBig = parsed.type === 3 && parsed.code === 4
  if (parsed.type !== 12 && !isTooBig)
    findings.expect(isZero(message, 4, 8), 'icmp.unused', 'the unused field is not 0')
  if (!findings.expect(body.length >= 20, 'icmp.quote', `${body.length} octets quoted, no whole header`)) return
  const headerLength = (u8(body, 0) & 15) * 4
  const quotedLength = u16(body, 2)
  findings.expect(u8(body, 0) >> 4 === 4 && headerLength >= 20, 'icmp.quote', 'the quote is no IPv4 header')
  findings.expect(
    body.length <= quotedLength && body.length >= Math.min(headerLength + 8, quotedLength),
    'icmp.quote',
    `${body.length} octets quoted of a packet of ${quotedLength}`,
  )
  // R-ICMP4-01: no error about an error, a group, or a later fragment.
  const quotesError = u8(body, 9) === 1 && body.length > headerLength && ICMPV4_ERRORS.includes(u8(body, headerLength))
  findings.expect(!quotesError, 'icmp.error-about-error', 'an error about an error')
  findings.expect((u16(body, 6) & 0x1fff) === 0, 'icmp.error-about-fragment', 'an error about a later fragment')
  findings.expect(u8(body, 16) < 224, 'icmp.error-about-group', 'an error about a packet to a group')
  findings.expect(
    body.subarray(12, 16).every((octet, i) => octet === packet.destinationOctets[i]),
    'icmp.error-destination',
    'an error sent to another than the source of the quoted packet',
  )
}
