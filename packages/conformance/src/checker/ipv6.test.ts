import { describe, expect, it } from 'vitest'
import { craftEthernet, craftIpv6, craftTcp, craftUdp, type Ipv6Fields, sumOverIpv6 } from '../craft/craft.ts'
import { FrameChecker } from './frame-checker.ts'

const MAC_A = [2, 0, 0, 0, 0, 1]
const MAC_B = [2, 0, 0, 0, 0, 2]
const A = [0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]
const B = [0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2]
const ALL_NODES = [0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]
const ENDS = { source: A, destination: B }
const V4 = { source: [10, 0, 0, 1], destination: [10, 0, 0, 2] }
const PORTS = { sourcePort: 1000, destinationPort: 80 }

/** Transport messages as the IPv4 functions make them, without the IPv4 header and its checksum. */
const udp = sumOverIpv6(ENDS, 17, craftUdp(V4, PORTS, new Uint8Array(9).fill(3)).subarray(20))
const tcp = sumOverIpv6(ENDS, 6, craftTcp(V4, { ...PORTS, flags: 'A' }, new Uint8Array(5)).subarray(20))
const echo = sumOverIpv6(ENDS, 58, Uint8Array.of(128, 0, 0, 0, 0, 1, 0, 1, 9, 9))

const rulesOf = (fields: Partial<Ipv6Fields>, payload: Uint8Array, destination = MAC_B): string[] => {
  const packet = craftIpv6({ ...ENDS, ...fields }, payload)
  const frame = craftEthernet({ source: MAC_A, destination, type: 0x86dd }, packet)
  return new FrameChecker().check(frame).findings.map(({ rule }) => rule)
}
const joined = (...pieces: readonly ArrayLike<number>[]): Uint8Array =>
  Uint8Array.from(pieces.flatMap((piece) => Array.from(piece)))
const broken = (message: Uint8Array): Uint8Array => message.with(message.length - 1, 77)
/** A hop-by-hop or destination options header of eight octets. */
const options = (next: number, ...octets: number[]): number[] => [next, 0, ...octets]
const PAD_4 = [1, 4, 0, 0, 0, 0]

describe('sound packets have no findings', () => {
  it.each<[string, Partial<Ipv6Fields>, Uint8Array]>([
    ['UDP', { nextHeader: 17 }, udp],
    ['TCP', { nextHeader: 6 }, tcp],
    ['echo', { nextHeader: 58 }, echo],
    ['nothing', { nextHeader: 59 }, new Uint8Array(0)],
    ['options before UDP', { nextHeader: 0 }, joined(options(60, ...PAD_4), options(17, ...PAD_4), udp)],
    ['a first fragment', { nextHeader: 44 }, joined([17, 0, 0, 1, 0, 0, 0, 5], udp.subarray(0, 16))],
  ])('%s', (_name, fields, payload) => {
    expect(rulesOf(fields, payload)).toEqual([])
  })
})

describe('a planted defect is found', () => {
  it.each<[string, Partial<Ipv6Fields>, Uint8Array]>([
    ['ipv6.version', { version: 5 }, udp],
    ['ipv6.payload-length', { payloadLength: 500 }, udp],
    ['ipv6.hop-limit', { hopLimit: 0 }, new Uint8Array(0)],
    ['ipv6.source', { source: ALL_NODES }, new Uint8Array(0)],
    ['ipv6.chain', { nextHeader: 60 }, joined(options(0, ...PAD_4), options(59, ...PAD_4))],
    ['ipv6.chain', { nextHeader: 0 }, new Uint8Array(4)],
    ['ipv6.chain', { nextHeader: 43 }, Uint8Array.of(59, 9, 0, 0, 0, 0, 0, 0)],
    ['ipv6.option-length', { nextHeader: 0 }, joined(options(59, 1, 9, 0, 0, 0, 0))],
    ['ipv6.option-padding', { nextHeader: 0 }, joined(options(59, 1, 4, 0, 1, 0, 0))],
    ['ipv6.fragment', { nextHeader: 44 }, joined([17, 0, 0, 0, 0, 0, 0, 5], udp)],
    ['ipv6.fragment', { nextHeader: 44 }, joined([17, 0, 0, 1, 0, 0, 0, 5], udp)],
    ['udp.checksum', { nextHeader: 17 }, broken(udp)],
    ['tcp.checksum', { nextHeader: 6 }, broken(tcp)],
    ['icmpv6.checksum', { nextHeader: 58 }, broken(echo)],
    ['ethernet.destination', { destination: ALL_NODES }, new Uint8Array(0)],
  ])('%s', (rule, fields, payload) => {
    expect(rulesOf(fields, payload)).toContain(rule)
  })

  it('a packet cut off', () => {
    const frame = craftEthernet({ source: MAC_A, destination: MAC_B, type: 0x86dd }, new Uint8Array(39))
    expect(new FrameChecker().check(frame).findings.map(({ rule }) => rule)).toEqual(['ipv6.length'])
  })
})
