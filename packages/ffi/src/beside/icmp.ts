/**
 * ICMP of both families beside a library: what it sends, mended; and what an error of the network tells a socket, where the library does not
 * tell it, or ends connections by it.
 *
 * @module
 */
import { type ErrorCode, ICMP_CODE, ICMP_HEADER, ICMP_TYPE } from '@ioth/core'
import { ROUTER_SOLICITATION, SOLICITATION } from './nd-frame.ts'
import type { PacketView } from './packet-view.ts'

interface Kinds {
  readonly echo: number
  readonly reply: number
  readonly unreachable: number
  /** Errors whose second word nobody uses, of those that libraries send. */
  readonly unused: readonly number[]
  readonly errors: readonly number[]
}

/** Types (RFC 792, RFC 4443, RFC 4861). */
const KINDS: Readonly<Record<4 | 6, Kinds>> = {
  4: { echo: 8, reply: 0, unreachable: 3, unused: [3, 11], errors: [3, 4, 5, 11, 12] },
  6: { echo: 128, reply: 129, unreachable: 1, unused: [1, 3], errors: [1, 2, 3, 4, 137] },
}
const UNUSED = 4
/** RFC 4443 3.1: a host, asked for itself, says that of a port only. */
const ADDRESS_UNREACHABLE = 3
const PORT_UNREACHABLE = 4
const HOPS = 64

/**
 * What a socket hears of a destination unreachable, by family and code (RFC 792, RFC 1122 3.2.2.1, RFC 1812 5.2.7.1; RFC 4443 3.1); a code that
 * is not here is not told.
 */
const UNREACHABLE: Readonly<Record<4 | 6, Readonly<Record<number, ErrorCode>>>> = {
  4: {
    0: 'ENETUNREACH',
    1: 'EHOSTUNREACH',
    2: 'ECONNREFUSED',
    3: 'ECONNREFUSED',
    9: 'ENETUNREACH',
    10: 'EHOSTUNREACH',
    13: 'EHOSTUNREACH',
  },
  6: {
    0: 'ENETUNREACH',
    1: 'EACCES',
    3: 'EHOSTUNREACH',
    4: 'ECONNREFUSED',
  },
}

/**
 * Mends a message of the library's. In errors the field that nobody uses (RFC 792, RFC 4443 3.1) holds what was in its memory, which is nobody's
 * business, and that nobody listens has the code of IPv4 over IPv6, too; an echo reply has the code of its request, whatever that was, and its
 * time to live, which may be over. Their sums do not always hold.
 */
export function mendIcmp(packet: PacketView): void {
  if (!packet.isIcmp || packet.isFragment) return
  const { bytes, payloadAt, family } = packet
  const { reply, unused, unreachable } = KINDS[family]
  const type = bytes[payloadAt + ICMP_TYPE] as number
  if (type === reply) {
    bytes[payloadAt + ICMP_CODE] = 0
    packet.hops = HOPS
  } else if (unused.includes(type)) {
    bytes.fill(0, payloadAt + UNUSED, payloadAt + ICMP_HEADER)
    if (family === 6 && type === unreachable && bytes[payloadAt + ICMP_CODE] === ADDRESS_UNREACHABLE) {
      bytes[payloadAt + ICMP_CODE] = PORT_UNREACHABLE
    }
  } else return
  packet.sum()
}

/** Whether it is an error of the network, or a redirect; also the first fragment of one. */
export function isIcmpError({ bytes, payloadAt, family, isIcmp }: PacketView): boolean {
  return isIcmp && KINDS[family].errors.includes(bytes[payloadAt + ICMP_TYPE] as number)
}

/**
 * What an error tells whoever sent the packet that it quotes.
 * @param quoted is set on that packet.
 * @returns null: it tells nothing, is not whole, or quotes nothing that has ports.
 */
export function reportOf(packet: PacketView, quoted: PacketView): ErrorCode | null {
  const { bytes, payloadAt, end, family } = packet
  if (!packet.isIcmp || bytes[payloadAt + ICMP_TYPE] !== KINDS[family].unreachable || !packet.isSummed) return null
  const code = UNREACHABLE[family][bytes[payloadAt + ICMP_CODE] as number] ?? null
  return quoted.readCut(bytes, payloadAt + ICMP_HEADER, end) ? code : null
}

/** Of a packet that does not fit a link on its way (RFC 1191 4, RFC 4443 3.2), and where the link's MTU stands. */
const TOO_BIG = {
  4: { type: 3, code: 4, mtuAt: 6 },
  6: { type: 2, code: 0, mtuAt: 6 },
} as const
/** No path is narrower (RFC 8200 5); over IPv4 one may be, but who says so is rather an attacker. */
const NARROWEST = { 4: 552, 6: 1280 } as const

/**
 * What a link on the way takes, as an error says that quotes a packet too long for it.
 * @param quoted is set on that packet.
 * @returns null: it says no such thing, or nothing that can be true.
 */
export function pathMtuOf(packet: PacketView, quoted: PacketView): number | null {
  const { bytes, payloadAt, end, family } = packet
  const { type, code, mtuAt } = TOO_BIG[family]
  if (!packet.isIcmp || bytes[payloadAt + ICMP_TYPE] !== type || !packet.isSummed) return null
  const mtu = packet.word16(payloadAt + mtuAt)
  const isTrue = family === 4 ? bytes[payloadAt + ICMP_CODE] === code && mtu > 0 : mtu >= NARROWEST[6]
  if (!isTrue || !quoted.readCut(bytes, payloadAt + ICMP_HEADER, end)) return null
  return Math.max(mtu, NARROWEST[family])
}

/**
 * What a library asks as nobody (from `::`): routers, and whether its address is somebody else's. Nothing here is configured by what routers
 * say, and conflicts are looked for beside the library, which says who it is in questions that must not (RFC 4861 4.1, 4.3).
 */
export function isOfNobody(packet: PacketView): boolean {
  if (packet.family === 4 || !packet.isIcmp) return false
  const type = packet.bytes[packet.payloadAt + ICMP_TYPE]
  if (type !== SOLICITATION) return type === ROUTER_SOLICITATION
  for (let word = 0; word < 4; word++) if (packet.source(word) !== 0) return false
  return true
}
