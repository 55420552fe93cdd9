import fc from 'fast-check'
import { expect, test } from 'vitest'
import { IpAddress } from '../address/ip-address.ts'
import { shortSum } from '../armour/octets.ts'
import {
  IGMP_LEAVE,
  IGMP_QUERY,
  IGMP_REPORT_V1,
  IGMP_REPORT_V2,
  IGMP_REPORT_V3,
  type IgmpMessage,
  parseIgmp,
  serializeIgmp,
} from './igmp-message.ts'
import { parseMld, serializeMld } from './mld-message.ts'

const word = fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 })
const octet = fc.integer({ min: 0, max: 255 })
const address = fc.tuple(word, word, word, word).map(([w0, w1, w2, w3]) => new IpAddress(6, w0, w1, w2, w3))

/** Addresses by their text: what they print as is kept in them. */
const plain = (value: unknown): unknown =>
  JSON.parse(JSON.stringify(value, (_key, part: unknown) => (part instanceof IpAddress ? part.toString() : part)))

test('P-17 IGMP: parse ∘ serialize = id', () => {
  const sources = fc.array(word, { maxLength: 5 })
  const message: fc.Arbitrary<IgmpMessage> = fc.oneof(
    fc.record({ type: fc.constantFrom(IGMP_REPORT_V1, IGMP_REPORT_V2, IGMP_LEAVE), group: word }),
    fc.record({
      type: fc.constant(IGMP_QUERY),
      version: fc.constant(3 as const),
      group: word,
      sources,
      maxResponse: fc.nat(127),
    }),
    fc.integer({ min: 1, max: 255 }).chain((maxResponse) =>
      fc.record({
        type: fc.constant(IGMP_QUERY),
        version: fc.constant(2 as const),
        group: word,
        sources: fc.constant([]),
        maxResponse: fc.constant(maxResponse),
      }),
    ),
    fc.record({
      type: fc.constant(IGMP_REPORT_V3),
      records: fc.array(fc.record({ type: octet, group: word, sources }), { maxLength: 4 }),
    }),
  )
  fc.assert(
    fc.property(message, (value) => {
      expect(parseIgmp(serializeIgmp(value))).toEqual(value)
    }),
  )
  const query = (code: number): number => {
    const octets = serializeIgmp({ type: IGMP_QUERY, version: 3, group: 0, sources: [], maxResponse: code })
    const parsed = parseIgmp(octets)
    return typeof parsed !== 'string' && parsed.type === IGMP_QUERY ? parsed.maxResponse : -1
  }
  // RFC 3376 4.1.1
  expect([127, 128, 129, 144, 255].map(query)).toEqual([127, 128, 136, 256, 31744])
})

test('P-14 messages of both protocols: nothing throws, nothing is read past the end', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 60 }), fc.boolean(), (octets, repair) => {
      if (repair && octets.length >= 8) {
        octets[2] = 0
        octets[3] = 0
        const even = octets.length & ~1
        const last = even < octets.length ? (octets[even] as number) << 8 : 0
        new DataView(octets.buffer, octets.byteOffset).setUint16(2, ~shortSum(octets, 0, even, last))
      }
      expect(['string', 'object']).toContain(typeof parseIgmp(octets))
      expect(['string', 'object']).toContain(typeof parseMld(octets))
    }),
    { numRuns: 2000 },
  )
  fc.assert(
    fc.property(fc.integer({ min: 130, max: 143 }), fc.uint8Array({ maxLength: 200 }), (type, rest) => {
      expect(['string', 'object']).toContain(typeof parseMld(Uint8Array.of(type, 0, 0, 0, ...rest)))
    }),
  )
})

const group = fc.record({ type: fc.constantFrom(131, 132), group: address })
const query = fc
  .record({
    type: fc.constant(130),
    version: fc.constantFrom(1, 2),
    group: address,
    sources: fc.array(address, { maxLength: 4 }),
    maxResponse: fc.integer({ min: 0, max: 32767 }),
  })
  .map((value) => (value.version === 1 ? { ...value, sources: [] } : value))
const report = fc.record({
  type: fc.constant(143),
  records: fc.array(fc.record({ type: octet, group: address, sources: fc.array(address, { maxLength: 4 }) }), {
    maxLength: 4,
  }),
})

test('P-17 multicast listener discovery: parse ∘ serialize = id', () => {
  fc.assert(
    fc.property(fc.oneof(group, query, report) as fc.Arbitrary<Parameters<typeof serializeMld>[0]>, (value) => {
      expect(plain(parseMld(serializeMld(value)))).toEqual(plain(value))
    }),
  )
})

test('H-34 lists of multicast listener discovery that go on past the end', () => {
  const bytes = serializeMld({ type: 143, records: [{ type: 4, group: new IpAddress(6, -1, 0, 0, 1), sources: [] }] })
  for (const [at, value] of [
    [7, 2],
    [11, 1],
    [9, 1],
  ] as const) {
    const bad = bytes.slice()
    bad[at] = value
    expect(parseMld(bad), `${at}`).toBe('length')
  }
  const query = serializeMld({
    type: 130,
    version: 2,
    group: new IpAddress(6, 0, 0, 0, 0),
    sources: [],
    maxResponse: 9,
  })
  query[27] = 1
  expect(parseMld(query)).toBe('length')
  expect(parseMld(query.subarray(0, 26))).toBe('length')
  expect(parseMld(query.subarray(0, 23))).toBe('short')
})

test('R-ND-10 a response time from 32.768 s on is a mantissa and an exponent', () => {
  const group = new IpAddress(6, 0, 0, 0, 0)
  const query = serializeMld({ type: 130, version: 2, group, sources: [], maxResponse: 0 })
  query[4] = 0x80
  expect(parseMld(query)).toMatchObject({ maxResponse: 0x1000 << 3 })
  query[4] = 0xff
  query[5] = 0xff
  expect(parseMld(query)).toMatchObject({ maxResponse: 0x1fff << 10 })
})
