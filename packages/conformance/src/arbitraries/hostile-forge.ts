/**
 * Hostile frames of every class a host may meet (H-01 to H-36), by the million and from a seed: noise, lies in every length, count and
 * offset, and right headers around them, so that each layer is reached.
 *
 * @module
 */
import {
  craftArp,
  craftEthernet,
  craftIcmp,
  craftIpv4,
  craftIpv6,
  craftTcp,
  craftUdp,
  sumOverIpv6,
} from '../craft/craft.ts'
import type { Dice } from './hostile-dice.ts'
import { mutateOctets } from './hostile-mutation.ts'

/** One end, as the forge knows it. */
export interface Station {
  readonly mac: readonly number[]
  readonly ip4: readonly number[]
  /** Null: it has none. */
  readonly ip6: readonly number[] | null
}

export interface Battlefield {
  readonly victim: Station
  /** Whom frames claim to be from. */
  readonly attacker: Station
  /** Ports of the victim worth trying; others are tried, too. */
  readonly ports: readonly number[]
  /** An IPv4 address nobody has, for lies about neighbours that must hurt nobody. */
  readonly nobody: readonly number[]
}

type Recipe = (dice: Dice, field: Battlefield) => Uint8Array

const ALL_NODES = [0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]
const LINK_LOCAL = [0xfe, 0x80, 0, 0, 0, 0, 0, 0, 2, 0x66, 0x66, 0xff, 0xfe, 0x66, 0x66, 0x66]
const UNSPECIFIED = new Array<number>(16).fill(0)
const NO_ADDRESS = [0xfe, 0x80, ...new Array<number>(13).fill(0), 9]
const ETHERTYPES = [0x800, 0x806, 0x86dd, 0x8100, 0x88a8, 0x9100, 0x88cc, 0, 40, 1500, 0x600, 0xffff]

/** The next frame of a generator. */
export function hostileFrameFrom(dice: Dice, field: Battlefield): Uint8Array {
  const frame = dice.pick(RECIPES)(dice, field)
  const roll = dice.below(8)
  if (roll === 0) return harmless(frame.slice(0, dice.below(frame.length + 1)), field)
  if (roll <= 2) return harmless(mutateOctets(frame, dice), field)
  return frame
}

const RECIPES: readonly Recipe[] = [
  noise,
  taggedNoise,
  vlan,
  ipv4Header,
  ipv4Fragment,
  ipv4Fragment,
  arp,
  icmpv4,
  icmpv4Quote,
  udp,
  udp,
  tcp,
  tcp,
  tcp,
  ipv6Chain,
  ipv6Chain,
  ipv6Fragment,
  ipv6Fragment,
  icmpv6,
  neighborDiscovery,
  neighborDiscovery,
  multicastListener,
  transportOverIpv6,
  transportOverIpv6,
]

// ---------- Ethernet ----------

function noise(dice: Dice, { victim }: Battlefield): Uint8Array {
  const octets = dice.octets(dice.oneIn(200) ? dice.below(65_536) : dice.below(100))
  octets.set(victim.mac.slice(0, octets.length))
  return octets
}

function taggedNoise(dice: Dice, field: Battlefield): Uint8Array {
  return ethernet(field, dice.octets(dice.length()), dice.pick(ETHERTYPES))
}

/** H-36: tags in tags, with a good packet inside. */
function vlan(dice: Dice, field: Battlefield): Uint8Array {
  const packet = craftTcp(addresses(field), { sourcePort: 7, destinationPort: dice.pick(field.ports), flags: 'S' })
  const tags = dice.oneIn(50) ? 300 : dice.below(4)
  const octets: number[] = []
  for (let tag = 0; tag < tags; tag++) octets.push(dice.below(256), dice.below(256), 0x81, 0)
  return ethernet(field, Uint8Array.from([...octets, ...packet]), 0x8100)
}

function ethernet({ victim, attacker }: Battlefield, payload: Uint8Array, type = 0x800): Uint8Array {
  return craftEthernet({ destination: victim.mac, source: attacker.mac, type }, payload)
}

// ---------- IPv4 ----------

function addresses({ victim, attacker }: Battlefield): { source: readonly number[]; destination: readonly number[] } {
  return { source: attacker.ip4, destination: victim.ip4 }
}

function ipv4Options(dice: Dice): number[] {
  const options: number[] = []
  while (options.length < 40 && !dice.oneIn(4)) {
    const kind = dice.pick([0, 1, 7, 68, 130, 131, 134, 136, 137, 148, 222])
    const length = dice.pick([0, 1, 2, 3, 4, 7, 11, 39, 255])
    options.push(kind, length, ...dice.octets(Math.min(length, 8)))
  }
  return pad(options.slice(0, 40))
}

function ipv4Header(dice: Dice, field: Battlefield): Uint8Array {
  const options = dice.oneIn(2) ? ipv4Options(dice) : []
  const payload = dice.octets(dice.length())
  const lies = {
    ...(dice.oneIn(4) ? { version: dice.below(16) } : {}),
    ...(dice.oneIn(4) ? { headerLength: 4 * dice.below(16) } : {}),
    ...(dice.oneIn(3) ? { totalLength: dice.pick([0, 19, 20, 21, dice.below(80), 65_535]) } : {}),
    ...(dice.oneIn(8) ? { checksum: dice.below(65_536) } : {}),
  }
  const protocol = dice.oneIn(2) ? dice.below(256) : dice.pick([1, 2, 4, 6, 17, 41, 50, 51])
  const common = { protocol, options, id: dice.below(65_536), flags: dice.below(8), timeToLive: dice.below(256) }
  const source = dice.oneIn(4) ? dice.pick(impossibleSources(field)) : field.attacker.ip4
  return ethernet(field, craftIpv4({ ...addresses(field), source, ...common, ...lies }, payload))
}

function impossibleSources({ victim }: Battlefield): readonly (readonly number[])[] {
  return [[0, 0, 0, 0], [127, 0, 0, 1], [224, 0, 0, 1], [255, 255, 255, 255], [240, 1, 2, 3], victim.ip4]
}

function ipv4Fragment(dice: Dice, field: Battlefield): Uint8Array {
  const length = dice.oneIn(4) ? dice.below(10) : 8 * dice.below(20)
  const offset = dice.oneIn(8) ? dice.pick([8191, 8190, 8189]) : dice.below(12)
  const protocol = dice.pick([1, 6, 17, 99])
  const id = dice.oneIn(4) ? dice.below(65_536) : dice.below(6)
  const fields = { ...addresses(field), id, flags: dice.pick([0, 1, 1, 5]), fragmentOffset: offset * 8, protocol }
  return ethernet(field, craftIpv4(fields, dice.octets(length)))
}

/** About nobody: lies about those who talk are another test. */
function arp(dice: Dice, field: Battlefield): Uint8Array {
  const { victim, attacker, nobody } = field
  const lie = (right: number): number => (dice.oneIn(4) ? dice.below(9) : right)
  return ethernet(
    field,
    craftArp({
      operation: dice.below(5),
      hardwareType: lie(1),
      protocolType: dice.oneIn(8) ? dice.below(65_536) : 0x800,
      hardwareLength: lie(6),
      protocolLength: lie(4),
      senderMac: dice.oneIn(4)
        ? dice.pick([victim.mac, [255, 255, 255, 255, 255, 255], [0, 0, 0, 0, 0, 0]])
        : attacker.mac,
      senderAddress: dice.oneIn(4)
        ? dice.pick([
            [0, 0, 0, 0],
            [224, 0, 0, 1],
            [255, 255, 255, 255],
          ])
        : nobody,
      targetAddress: dice.oneIn(4) ? Array.from(dice.octets(4)) : victim.ip4,
    }),
    0x806,
  )
}

function icmpv4(dice: Dice, field: Battlefield): Uint8Array {
  const type = dice.oneIn(2) ? dice.below(256) : dice.pick([0, 3, 4, 5, 8, 8, 9, 10, 11, 12, 13, 15, 17])
  const rest = Array.from(dice.octets(4))
  return ethernet(field, craftIcmp(addresses(field), { type, code: dice.below(20), rest }, dice.octets(dice.length())))
}

/** H-25: errors that quote a part of something we never sent, or nothing. */
function icmpv4Quote(dice: Dice, field: Battlefield): Uint8Array {
  const { victim, attacker } = field
  const quoted = craftTcp(
    {
      source: dice.oneIn(8) ? attacker.ip4 : victim.ip4,
      destination: attacker.ip4,
      options: dice.oneIn(4) ? ipv4Options(dice) : [],
    },
    { sourcePort: dice.pick(field.ports), destinationPort: dice.below(65_536), flags: 'A', sequence: dice.number() },
  )
  const rest = [0, 0, ...word(dice.pick([0, 68, 552, 1279, 1500, 65_535]))]
  const kind = { type: dice.pick([3, 4, 5, 11, 12]), code: dice.below(16), rest }
  return ethernet(field, craftIcmp(addresses(field), kind, quoted.subarray(0, dice.below(quoted.length + 1))))
}

function udp(dice: Dice, field: Battlefield): Uint8Array {
  return ethernet(field, craftUdp(addresses(field), udpFields(dice, field), dice.octets(dice.length())))
}

function udpFields(dice: Dice, { ports }: Battlefield): { sourcePort: number; destinationPort: number } {
  const lies = {
    ...(dice.oneIn(3) ? { length: dice.half() } : {}),
    ...(dice.oneIn(6) ? { checksum: dice.half() } : {}),
  }
  return { sourcePort: dice.half(), destinationPort: dice.oneIn(3) ? dice.half() : dice.pick(ports), ...lies }
}

// ---------- TCP ----------

/** H-13: known kinds with wrong lengths, unknown ones, lists without an end. */
export function tcpOptions(dice: Dice): number[] {
  const options: number[] = []
  while (options.length < 40 && !dice.oneIn(4)) {
    const kind = dice.oneIn(4) ? dice.below(256) : dice.pick([0, 1, 2, 3, 4, 5, 8, 28, 34, 254])
    options.push(kind)
    if (kind < 2) continue
    const right = { 2: 4, 3: 3, 4: 2, 5: 2 + 8 * dice.between(1, 4), 8: 10 }[kind] ?? dice.below(12)
    const length = dice.oneIn(3) ? dice.pick([0, 1, 2, 5, 41, 255]) : right
    options.push(length, ...dice.octets(Math.max(0, Math.min(length, 34) - 2)))
  }
  return pad(options.slice(0, 40))
}

function tcpFields(dice: Dice, { ports }: Battlefield): Parameters<typeof craftTcp>[1] {
  const flags = Array.from('FSRPAU', (letter) => (dice.oneIn(2) ? letter : '')).join('')
  return {
    sourcePort: dice.oneIn(4) ? dice.half() : 7000 + dice.below(4),
    destinationPort: dice.oneIn(4) ? dice.half() : dice.pick(ports),
    flags: dice.oneIn(3) ? dice.pick(['S', 'A', 'R', 'FA', 'SA', 'RA']) : flags,
    sequence: dice.number(),
    acknowledgment: dice.number(),
    window: dice.half(),
    urgentPointer: dice.half(),
    reserved: dice.below(16),
    options: dice.oneIn(2) ? tcpOptions(dice) : [],
    ...(dice.oneIn(5) ? { dataOffset: dice.below(16) } : {}),
    ...(dice.oneIn(12) ? { checksum: dice.below(65_536) } : {}),
  }
}

function tcp(dice: Dice, field: Battlefield): Uint8Array {
  const ip = { ...addresses(field), ...(dice.oneIn(8) ? { options: ipv4Options(dice) } : {}) }
  // H-21: land.
  const source = dice.oneIn(20) ? field.victim.ip4 : ip.source
  return ethernet(field, craftTcp({ ...ip, source }, tcpFields(dice, field), dice.octets(dice.length())))
}

// ---------- IPv6 ----------

function ends({ victim }: Battlefield, dice: Dice): { source: readonly number[]; destination: readonly number[] } {
  const own = victim.ip6 ?? NO_ADDRESS
  return {
    source: dice.oneIn(8) ? dice.pick([UNSPECIFIED, ALL_NODES, own, [...UNSPECIFIED.slice(1), 1]]) : LINK_LOCAL,
    destination: dice.oneIn(6) ? ALL_NODES : own,
  }
}

function ipv6(dice: Dice, field: Battlefield, nextHeader: number, payload: Uint8Array, hopLimit = 64): Uint8Array {
  const lies = {
    ...(dice.oneIn(8)
      ? { payloadLength: dice.pick([0, payload.length - 1, payload.length + 1, 65_535]) & 65_535 }
      : {}),
    ...(dice.oneIn(20) ? { version: dice.below(16) } : {}),
  }
  return ethernet(field, craftIpv6({ ...ends(field, dice), nextHeader, hopLimit, ...lies }, payload), 0x86dd)
}

function ipv6Options(dice: Dice, octets: number): number[] {
  const options: number[] = []
  while (options.length < octets) {
    const kind = dice.pick([0, 0, 1, 5, 0x04, 0x44, 0x84, 0xc4, 0xc2, 0x26, 0xc9])
    options.push(kind)
    if (kind === 0) continue
    const length = dice.oneIn(3) ? dice.pick([0, 1, 2, 4, 255]) : dice.below(6)
    options.push(length, ...dice.octets(Math.min(length, 8)))
  }
  return options.slice(0, octets)
}

/** H-05, H-06, H-10: chains of extension headers, in any order, with any lengths. */
function ipv6Chain(dice: Dice, field: Battlefield): Uint8Array {
  const kinds = [0, 43, 44, 51, 59, 60, 135, 139, 140, 4, 41, 253]
  const last = dice.pick([6, 17, 58, 59, 99])
  const count = dice.oneIn(20) ? dice.below(150) : dice.below(5)
  const chain = Array.from({ length: count }, () => (dice.oneIn(3) ? dice.pick(kinds) : dice.pick([0, 60, 60])))
  const octets: number[] = []
  for (const [index, kind] of chain.entries()) {
    const next = chain[index + 1] ?? last
    const length = dice.oneIn(6) ? dice.below(256) : dice.oneIn(4) ? 1 : 0
    const body = 8 * Math.min(length + 1, 4) - 2
    if (kind === 44) octets.push(next, 0, ...word(dice.oneIn(2) ? 0 : dice.half()), ...dice.octets(4))
    else if (kind === 43)
      octets.push(next, length, dice.pick([0, 2, 3, 4, 253]), dice.below(4), ...dice.octets(body - 2))
    else octets.push(next, length, ...ipv6Options(dice, body))
  }
  const tail = dice.octets(dice.below(60))
  return ipv6(dice, field, chain[0] ?? last, Uint8Array.from([...octets, ...tail]), dice.below(256))
}

function ipv6Fragment(dice: Dice, field: Battlefield): Uint8Array {
  const offset = dice.oneIn(8) ? dice.pick([8191, 8190]) : dice.below(12)
  const length = dice.oneIn(4) ? dice.below(10) : 8 * dice.below(20)
  const id = dice.oneIn(4) ? dice.word() : dice.below(6)
  const next = dice.pick([6, 17, 58, 58, 44, 60, 0, 59])
  const header = [next, 0, ...word((offset << 3) | dice.below(8)), ...long(id)]
  return ipv6(dice, field, 44, Uint8Array.from([...header, ...dice.octets(length)]))
}

function summed(
  dice: Dice,
  field: Battlefield,
  protocol: 6 | 17 | 58,
  message: Uint8Array,
  hopLimit: number,
): Uint8Array {
  const fields = { ...ends(field, dice), nextHeader: protocol, hopLimit }
  const octets = dice.oneIn(20) ? message : sumOverIpv6(fields, protocol, message)
  return ethernet(field, craftIpv6(fields, octets), 0x86dd)
}

function icmpv6(dice: Dice, field: Battlefield): Uint8Array {
  const type = dice.oneIn(3) ? dice.below(256) : dice.pick([1, 2, 3, 4, 100, 128, 128, 129, 139, 144, 155, 200])
  const own = field.victim.ip6 ?? NO_ADDRESS
  const quoted = craftIpv6({ source: own, destination: LINK_LOCAL, nextHeader: 6 }, dice.octets(dice.below(40)))
  const body = dice.oneIn(2) ? dice.octets(dice.length()) : quoted.subarray(0, dice.below(quoted.length + 1))
  const mtu = long(dice.pick([0, 68, 1279, 1280, 1500, 0xffff_ffff]))
  return summed(dice, field, 58, Uint8Array.from([type, dice.below(8), 0, 0, ...mtu, ...body]), 64)
}

/** H-31, H-32, H-33: every message of Neighbour Discovery, with one thing wrong or none. */
function neighborDiscovery(dice: Dice, field: Battlefield): Uint8Array {
  const type = dice.between(133, 137)
  const own = field.victim.ip6 ?? NO_ADDRESS
  const target = dice.oneIn(3) ? own : dice.pick([LINK_LOCAL, ALL_NODES, UNSPECIFIED, Array.from(dice.octets(16))])
  const body: number[] =
    type === 133
      ? [0, 0, 0, 0]
      : type === 134
        ? [dice.below(256), dice.below(256), ...word(dice.half()), ...long(dice.number()), ...long(dice.number())]
        : [dice.below(256), 0, 0, 0, ...target, ...(type === 137 ? dice.octets(16) : [])]
  const options: number[] = []
  while (!dice.oneIn(3) && options.length < 200) options.push(...discoveryOption(dice))
  const code = dice.oneIn(8) ? dice.below(256) : 0
  const message = Uint8Array.from([type, code, 0, 0, ...body, ...options])
  return summed(dice, field, 58, message, dice.oneIn(6) ? dice.below(255) : 255)
}

function discoveryOption(dice: Dice): number[] {
  const kind = dice.oneIn(6) ? dice.below(256) : dice.pick([1, 2, 3, 5, 24, 25, 31])
  const length = dice.oneIn(6) ? dice.pick([0, 2, 31, 255]) : ({ 3: 4, 24: 3, 25: 3, 31: 2 }[kind] ?? 1)
  const octets = Array.from(dice.octets(Math.min(length, 8) * 8))
  octets[0] = kind
  octets[1] = length
  if (kind === 3 && octets.length >= 16) {
    octets[2] = dice.oneIn(4) ? dice.below(256) : 64
    octets.splice(
      4,
      8,
      ...long(dice.pick([0, 1, 7200, 7201, 0xffff_ffff])),
      ...long(dice.pick([0, 1, 600, 0xffff_ffff])),
    )
  }
  if (kind === 5 && octets.length >= 8) octets.splice(4, 4, ...long(dice.pick([0, 1279, 1280, 1500, 0xffff_ffff])))
  return octets
}

/** H-34 */
function multicastListener(dice: Dice, field: Battlefield): Uint8Array {
  if (dice.oneIn(2)) {
    const kind = { type: dice.pick([0x11, 0x11, 0x12, 0x16, 0x17, 0x22]), code: dice.below(256) }
    const igmp = craftIcmp(addresses(field), { ...kind, rest: [224, 0, 0, dice.below(3)] }, dice.octets(dice.below(12)))
    // Its message is summed as ICMP's is.
    const packet = craftIpv4(
      { ...addresses(field), protocol: 2, timeToLive: dice.oneIn(2) ? 1 : 64 },
      igmp.subarray(20),
    )
    return ethernet(field, packet)
  }
  const group = dice.pick([UNSPECIFIED, ALL_NODES, Array.from(dice.octets(16))])
  const message = [
    dice.pick([130, 130, 131, 132, 143]),
    0,
    0,
    0,
    ...word(dice.half()),
    0,
    0,
    ...group,
    ...dice.octets(dice.below(8)),
  ]
  return summed(dice, field, 58, Uint8Array.from(message), dice.oneIn(2) ? 1 : 255)
}

function transportOverIpv6(dice: Dice, field: Battlefield): Uint8Array {
  const data = dice.octets(dice.length())
  const packet = dice.oneIn(2)
    ? craftUdp(addresses(field), udpFields(dice, field), data)
    : craftTcp(addresses(field), tcpFields(dice, field), data)
  return summed(dice, field, packet[9] as 6 | 17, packet.subarray(20), 64)
}

// ---------- small things ----------

/** After a mutation: no lie about those who talk (ARP has no checksum that would give it away). */
function harmless(frame: Uint8Array, { nobody }: Battlefield): Uint8Array {
  const isArp = frame[12] === 8 && frame[13] === 6
  if (isArp && frame.length >= 32) frame.set(nobody, 28)
  return frame
}

function pad(options: number[]): number[] {
  while (options.length % 4 !== 0) options.push(0)
  return options
}

function word(value: number): number[] {
  return [(value >> 8) & 255, value & 255]
}

function long(value: number): number[] {
  return [value >>> 24, (value >>> 16) & 255, (value >>> 8) & 255, value & 255]
}
