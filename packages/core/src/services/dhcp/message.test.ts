import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { IpAddress } from '../../address/ip-address.ts'
import { readLease } from './lease.ts'
import { type DhcpMessage, parseDhcp, serializeDhcp } from './message.ts'
import { nameList, readNames, readRoutes } from './options.ts'
import { buildDhcpPacket, readDhcpPacket } from './packet.ts'

const address = fc.integer().map((word) => IpAddress.v4(word))
const octets = (most: number): fc.Arbitrary<Uint8Array> => fc.uint8Array({ maxLength: most })
const mac = fc
  .array(fc.nat(255), { minLength: 6, maxLength: 6 })
  .map((six) => six.map((octet) => octet.toString(16).padStart(2, '0')).join(':'))

const message: fc.Arbitrary<DhcpMessage> = fc.record({
  op: fc.constantFrom(1 as const, 2 as const),
  type: fc.integer({ min: 1, max: 8 }),
  xid: fc.nat(0xffff_ffff),
  secs: fc.nat(0xffff),
  broadcast: fc.boolean(),
  ciaddr: address,
  yiaddr: address,
  siaddr: address,
  giaddr: address,
  mac,
  options: fc
    .array(
      fc.tuple(
        fc.integer({ min: 1, max: 254 }).filter((code) => code !== 52 && code !== 53),
        octets(600),
      ),
      { maxLength: 8 },
    )
    .map((entries) => new Map(entries)),
})

describe('DHCP messages', () => {
  it('P-17 parse is the inverse of serialize, options of any length split and joined (RFC 3396)', () => {
    fc.assert(
      fc.property(message, (given) => {
        const parsed = parseDhcp(serializeDhcp(given))
        expect(parsed).toEqual({ ...given, options: new Map(given.options) })
      }),
    )
  })

  it('H-37 arbitrary octets are a message or a reason, and a lease or a reason', () => {
    fc.assert(
      fc.property(octets(700), fc.boolean(), (random, hasHead) => {
        const head = serializeDhcp({ op: 2, type: 2, xid: 1, mac: '02:00:00:00:00:01' }).subarray(0, 240)
        const parsed = parseDhcp(hasHead ? Uint8Array.of(...head, ...random) : random)
        if (typeof parsed !== 'string') expect(['string', 'object']).toContain(typeof readLease(parsed))
      }),
    )
  })

  it('H-37 a message cut anywhere before its END is refused', () => {
    const options = new Map([
      [1, Uint8Array.of(255, 255, 255, 0)],
      [12, new Uint8Array(80).fill(97)],
    ])
    const whole = serializeDhcp({ op: 2, type: 2, xid: 7, mac: '02:00:00:00:00:01', options })
    const end = whole.lastIndexOf(255)
    for (let length = 0; length <= end; length++) expect(typeof parseDhcp(whole.subarray(0, length))).toBe('string')
    expect(typeof parseDhcp(whole.subarray(0, end + 1))).toBe('object')
  })

  it('H-37 search lists: compressed names are read, pointers that do not lead back are not', () => {
    const lists = (...value: number[]): string[] => readNames(new Map([[119, Uint8Array.from(value)]]), 119, 8)
    expect(lists(1, 97, 1, 98, 0, 1, 99, 0xc0, 2)).toEqual(['a.b', 'c.b'])
    expect(lists(...nameList(['lan.test', 'test.']))).toEqual(['lan.test', 'test'])
    expect(lists(1, 97, 0xc0, 0)).toEqual([])
    expect(lists(0xc0, 0)).toEqual([])
    expect(lists(1, 97, 0xc0, 9)).toEqual([])
    expect(lists(1, 97, 0xc0)).toEqual([])
    expect(lists(64, 97)).toEqual([])
    expect(lists(3, 97, 46, 98, 0), 'a dot inside of a label').toEqual([])
  })

  it('H-37 classless routes whose octets do not add up are none', () => {
    const routes = (...value: number[]): number => readRoutes(new Map([[121, Uint8Array.from(value)]]), 121, 8).length
    expect(routes(24, 10, 0, 0, 10, 0, 0, 1)).toBe(1)
    expect(routes(24, 10, 0, 0, 10, 0, 0)).toBe(0)
    expect(routes(33, 10, 0, 0, 0, 0, 10, 0, 0, 1)).toBe(0)
    expect(routes(0, 10, 0, 0, 1, 7)).toBe(0)
  })

  it('H-37 packets: arbitrary ones are refused without a throw, damaged ones by their checksums', () => {
    const packet = buildDhcpPacket(IpAddress.v4(0x0a000001), IpAddress.v4(-1), new Uint8Array(250))
    // The same packet, the other way: from port 67 to 68 the sum stays.
    packet.set([0, 67, 0, 68], 20)
    expect(typeof readDhcpPacket(packet, false)).toBe('object')
    for (let at = 0; at < packet.length; at++) {
      const damaged = packet.slice()
      damaged[at] = (damaged[at] as number) ^ 0x10
      expect(typeof readDhcpPacket(damaged, false), `octet ${at}`).toBe('string')
    }
    fc.assert(
      fc.property(octets(400), fc.boolean(), (random, trusted) => {
        expect(['string', 'object']).toContain(typeof readDhcpPacket(random, trusted))
      }),
    )
  })
})
