/**
 * Frames for tests, made and summed apart from what is tested.
 *
 * @module
 */
import type { PacketView } from '../../src/beside/packet-view.ts'

export interface Recipe {
  readonly family: 4 | 6
  readonly protocol: 'tcp' | 'udp' | 'icmp'
  /** 14 octets, or none. */
  readonly linkHeader: number
  /** Octets before the frame, and behind the packet. */
  readonly before?: number
  readonly padding?: number
  /** Both addresses, one after the other; of IPv4 the first eight octets. */
  readonly addresses?: readonly number[]
  /** Of the transport: 20 octets for TCP, of which UDP and ICMP have the first eight. Lengths and sums are put into it. */
  readonly header: readonly number[]
  /** Of TCP; a multiple of four octets. */
  readonly options?: readonly number[]
  readonly data: readonly number[]
}

const PROTOCOL = { tcp: 6, udp: 17, icmp: 1 } as const
const SUM_AT = { tcp: 16, udp: 6, icmp: 2 } as const

/** A frame in some memory, all its sums right. */
export function frameOf(recipe: Recipe): { readonly bytes: Uint8Array; readonly at: number; readonly length: number } {
  const { family, protocol, linkHeader, before = 0, padding = 0, addresses = new Array<number>(32).fill(9) } = recipe
  const number = protocol === 'icmp' && family === 6 ? 58 : PROTOCOL[protocol]
  const options = protocol === 'tcp' ? (recipe.options ?? []) : []
  const transport = Uint8Array.from([
    ...recipe.header.slice(0, protocol === 'tcp' ? 20 : 8),
    ...options,
    ...recipe.data,
  ])
  if (protocol === 'tcp') transport[12] = ((5 + options.length / 4) << 4) | ((transport[12] as number) & 15)
  if (protocol === 'udp') transport.set([transport.length >> 8, transport.length & 0xff], 4)
  const ends = addresses.slice(0, family === 4 ? 8 : 32)
  transport.set([0, 0], SUM_AT[protocol])
  const sum = total(family, number, ends, transport) ^ 0xffff
  transport.set(sum === 0 && protocol === 'udp' ? [0xff, 0xff] : [sum >> 8, sum & 0xff], SUM_AT[protocol])
  const length = transport.length
  const ip =
    family === 4
      ? [0x45, 0, (length + 20) >> 8, (length + 20) & 0xff, 1, 2, 0, 0, 64, number, 0, 0, ...ends]
      : [0x60, 0, 0, 0, length >> 8, length & 0xff, number, 255, ...ends]
  if (family === 4) {
    const header = add(ip) ^ 0xffff
    ip.splice(10, 2, header >> 8, header & 0xff)
  }
  const link = linkHeader === 0 ? [] : [2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, ...(family === 4 ? [8, 0] : [0x86, 0xdd])]
  const frame = [...link, ...ip, ...transport, ...new Array<number>(padding).fill(0xee)]
  const bytes = Uint8Array.from([...new Array<number>(before).fill(0xdd), ...frame])
  return { bytes, at: before, length: frame.length }
}

/** Whether the sums of a packet are right: that of its header, and that of what it carries. */
export function isRight({ bytes, family, protocol, ipAt, payloadAt, end }: PacketView): boolean {
  const ends = [...bytes.subarray(ipAt + (family === 4 ? 12 : 8), ipAt + (family === 4 ? 20 : 40))]
  const isHeaderRight = family === 6 || add(bytes.subarray(ipAt, payloadAt)) === 0xffff
  return isHeaderRight && total(family, protocol, ends, bytes.subarray(payloadAt, end)) === 0xffff
}

function total(family: 4 | 6, protocol: number, ends: readonly number[], transport: Uint8Array): number {
  const { length } = transport
  const isIcmp4 = family === 4 && protocol === PROTOCOL.icmp
  return add([...(isIcmp4 ? [] : [...ends, 0, protocol, length >> 8, length & 0xff]), ...transport])
}

function add(octets: ArrayLike<number>): number {
  let sum = 0
  for (let at = 0; at < octets.length; at++) sum += at % 2 === 0 ? (octets[at] as number) * 256 : (octets[at] as number)
  while (sum > 0xffff) sum = (sum % 0x10000) + Math.floor(sum / 0x10000)
  return sum
}
