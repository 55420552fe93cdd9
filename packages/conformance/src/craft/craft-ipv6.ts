/**
 * Extension headers of IPv6 and messages of ICMPv6, made by hand.
 *
 * @module
 */
import { craftIpv6, craftSegment, type Ipv6Fields, sumOverIpv6, type TcpFields } from './craft.ts'

export const HOP_BY_HOP = 0
export const ROUTING = 43
export const FRAGMENT = 44
export const NO_NEXT_HEADER = 59
export const DESTINATION_OPTIONS = 60

/** An extension header: its kind, and all its octets but the first, which says what follows. */
export interface ExtensionHeader {
  readonly kind: number
  readonly octets: readonly number[]
}

/** Options in a header of `kind`, filled up with PadN to a multiple of eight. */
export function optionsHeader(kind: number, options: readonly number[] = []): ExtensionHeader {
  const padding = (8 - ((options.length + 2) % 8)) % 8
  const pad = padding === 0 ? [] : padding === 1 ? [0] : [1, padding - 2, ...new Array<number>(padding - 2).fill(0)]
  const length = options.length + padding + 2
  return { kind, octets: [length / 8 - 1, ...options, ...pad] }
}

/** @param rest what follows the segments left, a multiple of eight octets less four. */
export function routingHeader(
  type: number,
  segmentsLeft: number,
  rest: readonly number[] = [0, 0, 0, 0],
): ExtensionHeader {
  return { kind: ROUTING, octets: [(rest.length + 4) / 8 - 1, type, segmentsLeft, ...rest] }
}

/** @param offset octets, a multiple of eight. */
export function fragmentHeader(id: number, offset: number, more: boolean): ExtensionHeader {
  const field = offset | (more ? 1 : 0)
  return {
    kind: FRAGMENT,
    octets: [0, field >> 8, field & 255, id >>> 24, (id >>> 16) & 255, (id >>> 8) & 255, id & 255],
  }
}

/** A packet with a chain of headers that leads to `protocol`. */
export function craftChain(
  fields: Ipv6Fields,
  headers: readonly ExtensionHeader[],
  protocol: number,
  payload: Uint8Array,
): Uint8Array {
  const chain = headers.flatMap(({ octets }, i) => [headers[i + 1]?.kind ?? protocol, ...octets])
  return craftIpv6({ nextHeader: headers[0]?.kind ?? protocol, ...fields }, Uint8Array.from([...chain, ...payload]))
}

export interface Icmpv6Fields {
  readonly type: number
  readonly code?: number
  /** The four octets after the checksum. */
  readonly rest?: readonly number[]
}

export function craftIcmpv6(
  ends: Pick<Ipv6Fields, 'source' | 'destination'>,
  fields: Icmpv6Fields,
  body: Uint8Array = new Uint8Array(0),
): Uint8Array {
  const message = Uint8Array.from([fields.type, fields.code ?? 0, 0, 0, ...(fields.rest ?? [0, 0, 0, 0]), ...body])
  return sumOverIpv6(ends, 58, message)
}

/** @param checksum filled in correctly unless it is given. */
export function craftUdp6(
  ends: Pick<Ipv6Fields, 'source' | 'destination'>,
  sourcePort: number,
  destinationPort: number,
  data: Uint8Array,
  checksum?: number,
): Uint8Array {
  const length = 8 + data.length
  const header = [sourcePort, destinationPort, length, checksum ?? 0].flatMap((value) => [value >> 8, value & 255])
  const datagram = Uint8Array.from([...header, ...data])
  return checksum === undefined ? sumOverIpv6(ends, 17, datagram) : datagram
}

export function craftTcp6(
  ends: Pick<Ipv6Fields, 'source' | 'destination'>,
  fields: TcpFields,
  data: Uint8Array = new Uint8Array(0),
): Uint8Array {
  return sumOverIpv6(ends, 6, craftSegment(fields, data))
}
