/**
 * Mutations of frames that somebody really sent (H-43, P-15): a few fields or octets changed, cut, swapped; and checksums put right again,
 * so that the change is not thrown away at the door.
 *
 * @module
 */
import { transportChecksum } from '../checker/ip.ts'
import { internetChecksum, u8, u16 } from '../checker/octets.ts'
import type { Dice } from './hostile-dice.ts'

const ETHERNET = 14
/** Offsets and widths of the fields of an IPv4 header, from the start of the frame; addresses excepted. */
const IPV4_FIELDS: readonly (readonly [number, number])[] = [
  [14, 1],
  [15, 1],
  [16, 2],
  [18, 2],
  [20, 2],
  [22, 1],
  [23, 1],
]
const IPV6_FIELDS: readonly (readonly [number, number])[] = [
  [14, 4],
  [18, 2],
  [20, 1],
  [21, 1],
]
/** From the start of the TCP header: ports, numbers, offset and flags, window, urgent pointer, options. */
const TCP_FIELDS: readonly (readonly [number, number])[] = [
  [0, 2],
  [2, 2],
  [4, 4],
  [8, 4],
  [12, 1],
  [13, 1],
  [14, 2],
  [18, 2],
  [20, 1],
  [21, 1],
  [22, 2],
  [24, 4],
  [28, 4],
]

/** One to eight fields of an IP packet, and of the TCP segment in it, get other values; checksums are put right half of the time. */
export function mutateFields(frame: Uint8Array, dice: Dice): Uint8Array {
  const copy = frame.slice()
  const isV6 = u16(copy, 12) === 0x86dd
  const transport = isV6 ? 54 : 34
  for (let left = dice.between(1, 8); left > 0; left--) {
    const isIp = dice.oneIn(3)
    const [offset, width] = dice.pick(isIp ? (isV6 ? IPV6_FIELDS : IPV4_FIELDS) : TCP_FIELDS)
    change(copy, isIp ? offset : transport + offset, width, dice)
  }
  if (dice.oneIn(2)) repairChecksums(copy)
  return copy
}

/** A field becomes any number, one at an edge, or one near what it was. */
function change(octets: Uint8Array, at: number, width: number, dice: Dice): void {
  if (at + width > octets.length) return
  let value = 0
  for (let i = 0; i < width; i++) value = value * 256 + u8(octets, at + i)
  const roll = dice.below(3)
  if (roll === 0) value += dice.between(-3, 3)
  else value = roll === 1 ? dice.number() : value ^ (1 << dice.below(8 * width))
  for (let i = width - 1; i >= 0; i--) {
    octets[at + i] = value & 255
    value = Math.floor(value / 256)
  }
}

/** Octets behind the Ethernet header are flipped, deleted, inserted, swapped or repeated; checksums are put right half of the time. */
export function mutateOctets(frame: Uint8Array, dice: Dice): Uint8Array {
  let octets = Array.from(frame)
  for (let left = dice.between(1, 4); left > 0; left--) {
    const at = ETHERNET + dice.below(Math.max(1, octets.length - ETHERNET))
    const count = dice.between(1, 8)
    const kind = dice.below(6)
    if (kind === 0) octets[at] = (octets[at] ?? 0) ^ (1 << dice.below(8))
    else if (kind === 1) octets.splice(at, count)
    else if (kind === 2) octets.splice(at, 0, ...dice.octets(count))
    else if (kind === 3) octets.splice(at, 0, ...octets.slice(at, at + count))
    else if (kind === 4) octets = octets.slice(0, at)
    else {
      const other = ETHERNET + dice.below(Math.max(1, octets.length - ETHERNET))
      const [one, two] = [octets[at] ?? 0, octets[other] ?? 0]
      octets[at] = two
      octets[other] = one
    }
  }
  const mutated = Uint8Array.from(octets)
  if (dice.oneIn(2)) repairChecksums(mutated)
  return mutated
}

/** Fills in the checksums of an IP packet as far as its headers can be read; lengths stay as they are. */
export function repairChecksums(frame: Uint8Array): void {
  if (frame.length < ETHERNET + 20) return
  const type = u16(frame, 12)
  if (type === 0x800) repairIpv4(frame.subarray(ETHERNET))
  else if (type === 0x86dd && frame.length >= ETHERNET + 40) repairIpv6(frame.subarray(ETHERNET))
}

function repairIpv4(packet: Uint8Array): void {
  const header = Math.min((u8(packet, 0) & 15) * 4, packet.length)
  if (header < 20) return
  put(packet, 10, 0)
  put(packet, 10, internetChecksum(packet.subarray(0, header)))
  const end = Math.min(Math.max(u16(packet, 2), header), packet.length)
  // The sum of a fragmented datagram is not in one of its pieces.
  if ((u16(packet, 6) & 0x3fff) !== 0) return
  repairTransport(packet, 4, u8(packet, 9), header, end)
}

function repairIpv6(packet: Uint8Array): void {
  let next = u8(packet, 6)
  let at = 40
  const end = Math.min(40 + u16(packet, 4), packet.length)
  // Hop-by-hop, routing and destination options tell their lengths alike.
  while ((next === 0 || next === 43 || next === 60) && at + 8 <= end) {
    next = u8(packet, at)
    at += (u8(packet, at + 1) + 1) * 8
  }
  if (at <= end) repairTransport(packet, 6, next, at, end)
}

function repairTransport(packet: Uint8Array, family: 4 | 6, protocol: number, at: number, end: number): void {
  const place = protocol === 6 ? 16 : protocol === 17 ? 6 : protocol === 58 || protocol === 1 ? 2 : -1
  if (place < 0 || at + place + 2 > end) return
  const segment = packet.subarray(at, end)
  put(segment, place, 0)
  if (protocol === 1) {
    put(segment, place, internetChecksum(segment))
    return
  }
  const [source, destination] = family === 4 ? [12, 16] : [8, 24]
  const width = family === 4 ? 4 : 16
  const sourceOctets = packet.subarray(source, source + width)
  const destinationOctets = packet.subarray(destination, destination + width)
  const sum = transportChecksum({ family, sourceOctets, destinationOctets, protocol }, segment)
  put(segment, place, sum === 0 && protocol === 17 ? 0xffff : sum)
}

function put(octets: Uint8Array, at: number, value: number): void {
  octets[at] = value >> 8
  octets[at + 1] = value & 255
}
