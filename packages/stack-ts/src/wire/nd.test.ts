import { IpAddress } from '@ioth/core'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { checkNd, type NdMessage, parseNd, serializeNd } from './nd.ts'
import { type NdOptions, parseNdOptions, serializeNdOptions } from './nd-option.ts'

const word = fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 })
const short = fc.integer({ min: 0, max: 65535 })
const octet = fc.integer({ min: 0, max: 255 })
const unsigned = fc.integer({ min: 0, max: 2 ** 32 - 1 })
const address = fc.tuple(word, word, word, word).map(([w0, w1, w2, w3]) => new IpAddress(6, w0, w1, w2, w3))
const mac = fc.record({ high: short.map((high) => high & 0xfeff), low: word })
const preference = fc.constantFrom('low' as const, 'medium' as const, 'high' as const)
const prefixLength = fc.integer({ min: 0, max: 128 })
const name = fc
  .array(fc.stringMatching(/^[a-z0-9]{1,20}$/), { minLength: 1, maxLength: 5 })
  .map((labels) => labels.join('.'))
const list = <Value>(value: fc.Arbitrary<Value>): fc.Arbitrary<Value[]> =>
  fc.array(value, { minLength: 1, maxLength: 3 })
const resolution = <Value>(value: fc.Arbitrary<Value>): fc.Arbitrary<{ lifetime: number; entries: Value[] }> =>
  fc.record({ lifetime: unsigned, entries: list(value) })
const prefix = fc.record({
  prefix: address,
  prefixLength,
  onLink: fc.boolean(),
  autonomous: fc.boolean(),
  validLifetime: unsigned,
  preferredLifetime: unsigned,
})

const options = fc.record(
  {
    sourceLink: mac,
    targetLink: mac,
    mtu: unsigned,
    nonce: fc.uint8Array({ minLength: 6, maxLength: 6 }),
    prefixes: list(prefix),
    routes: list(fc.record({ prefix: address, prefixLength, preference, lifetime: unsigned })),
    nameServers: list(resolution(address)),
    searchLists: list(resolution(name)),
  },
  { requiredKeys: [] },
) as fc.Arbitrary<NdOptions>

const flag = fc.boolean()
const message = fc.oneof(
  fc.record({ type: fc.constant(133), options }),
  fc.record({
    type: fc.constant(134),
    hopLimit: octet,
    managed: flag,
    other: flag,
    preference,
    routerLifetime: short,
    reachableTime: unsigned,
    retransmitTime: unsigned,
    options,
  }),
  fc.record({ type: fc.constant(135), target: address, options }),
  fc.record({ type: fc.constant(136), isRouter: flag, solicited: flag, override: flag, target: address, options }),
  fc.record({ type: fc.constant(137), target: address, destination: address, options }),
) as fc.Arbitrary<NdMessage>

/** Addresses by their text: what they print as is kept in them. */
const plain = (value: unknown): unknown =>
  JSON.parse(JSON.stringify(value, (_key, part: unknown) => (part instanceof IpAddress ? part.toString() : part)))

test('P-17 neighbour discovery: parse ∘ serialize = id, with all options', () => {
  fc.assert(
    fc.property(message, (value) => {
      expect(plain(parseNd(serializeNd(value)))).toEqual(plain(value))
    }),
  )
})

test('P-14 R-ND-01 any octets as a message of discovery: nothing throws, and what is read is a value or a reason', () => {
  const octets = fc.uint8Array({ maxLength: 200 })
  fc.assert(
    fc.property(fc.integer({ min: 130, max: 143 }), octets, (type, rest) => {
      const bytes = Uint8Array.of(type, 0, 0, 0, ...rest)
      expect(['string', 'object']).toContain(typeof parseNd(bytes))
      expect(['string', 'object']).toContain(typeof parseNdOptions(rest))
    }),
    { numRuns: 2000 },
  )
})

test('R-ND-01 H-31 a message cut off anywhere is none, but where an option ends', () => {
  fc.assert(
    fc.property(message, (value) => {
      const whole = serializeNd(value)
      const ends = new Set([whole.length])
      const shortest = { 133: 8, 134: 16, 135: 24, 136: 24, 137: 40 }[value.type]
      for (let at = shortest; at < whole.length; at += whole[at + 1]! * 8) ends.add(at)
      for (let length = 0; length < whole.length; length++) {
        const parsed = parseNd(whole.subarray(0, length))
        expect(typeof parsed === 'string', `${length} of ${whole.length}`).toBe(!ends.has(length))
      }
    }),
    { numRuns: 30 },
  )
})

test('R-ND-01 H-31 options that cannot be read', () => {
  const rows: readonly (readonly [string, readonly number[]])[] = [
    ['option-length', [1, 0, 2, 0, 0, 0, 0, 1]],
    ['option-end', [1, 2, 2, 0, 0, 0, 0, 1]],
    ['option-end', [1, 1, 2, 0, 0, 0, 0]],
    ['option-end', [1]],
    ['option-link', [1, 1, 3, 0, 0, 0, 0, 1]],
    ['option-link', [1, 2, 2, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0]],
    ['option-prefix', [3, 1, 64, 0, 0, 0, 0, 0]],
    ['option-prefix', [3, 4, 129, ...new Array<number>(29).fill(0)]],
    ['option-mtu', [5, 2, ...new Array<number>(14).fill(0)]],
    ['option-route', [24, 1, 64, 0, 0, 0, 0, 9]],
    ['option-route', [24, 3, 129, ...new Array<number>(21).fill(0)]],
    ['option-route', [24, 4, 64, ...new Array<number>(29).fill(0)]],
  ]
  for (const [reason, octets] of rows) expect(parseNdOptions(Uint8Array.from(octets)), `${octets}`).toBe(reason)
})

test('R-ND-01 what RFC 8106 says to skip is skipped: names and servers that cannot be read, unknown options', () => {
  const zeros = (count: number): number[] => new Array<number>(count).fill(0)
  for (const octets of [
    [25, 2, ...zeros(14)],
    [25, 4, ...zeros(30)],
    [31, 1, ...zeros(6)],
    [31, 2, ...zeros(6), 64, 97, 0, ...zeros(5)],
    [31, 2, ...zeros(6), 7, 97, 97, 97, 97, 97, 97, 97],
    [31, 2, ...zeros(6), 1, 46, 0, ...zeros(5)],
    [31, 2, ...zeros(6), 1, 97, 0, 0, 1, 98, 0, 0],
    [31, 2, ...zeros(6), 0xc0, 8, ...zeros(6)],
    [200, 1, ...zeros(6)],
  ]) {
    const mtu = serializeNdOptions({ mtu: 1400 })
    expect(parseNdOptions(Uint8Array.from([...octets, ...mtu])), `${octets}`).toEqual({ mtu: 1400 })
  }
})

test('R-ND-01 a prefix of RFC 4191 may be cut to the octets it needs', () => {
  const octets = [24, 2, 48, 0x18, 0, 0, 0, 60, 0x20, 1, 0xd, 0xb8, 0, 5, 0, 0]
  const parsed = parseNdOptions(Uint8Array.from(octets)) as NdOptions
  expect(plain(parsed.routes)).toEqual([{ prefix: '2001:db8:5::', prefixLength: 48, preference: 'low', lifetime: 60 }])
  expect(parseNdOptions(Uint8Array.of(24, 1, 0, 0, 0, 0, 0, 60))).toHaveProperty('routes')
  // RFC 4191 2.3: an option with the reserved preference is ignored.
  expect(parseNdOptions(Uint8Array.of(24, 1, 0, 0x10, 0, 0, 0, 60))).toEqual({})
})

const LINK_LOCAL = new IpAddress(6, 0xfe800000, 0, 0, 1)
const GLOBAL = new IpAddress(6, 0x20010db8, 0, 0, 1)
const NOBODY = new IpAddress(6, 0, 0, 0, 0)
const GROUP = new IpAddress(6, 0xff020000, 0, 0, 1)
const SOLICITED = new IpAddress(6, 0xff020000, 0, 1, 0xff000001)
const MAC = { high: 0x200, low: 1 }

test('R-ND-01 H-31 each rule of RFC 4861 6.1, 7.1 and 8.1, broken once', () => {
  const advertisement = {
    type: 134,
    hopLimit: 0,
    managed: false,
    other: false,
    preference: 'medium',
    routerLifetime: 0,
    reachableTime: 0,
    retransmitTime: 0,
    options: {},
  } as const
  const na = { type: 136, isRouter: false, solicited: false, override: false, target: GLOBAL, options: {} } as const
  const redirect = { type: 137, target: LINK_LOCAL, destination: GLOBAL, options: {} } as const
  const ns = { type: 135, target: GLOBAL, options: {} } as const
  const header = { source: LINK_LOCAL, destination: GROUP, hopLimit: 255 }
  const rows: readonly (readonly [string | null, NdMessage, Partial<typeof header>])[] = [
    [null, ns, {}],
    ['hop-limit', ns, { hopLimit: 254 }],
    ['target', { ...ns, target: GROUP }, {}],
    [null, ns, { source: NOBODY, destination: SOLICITED }],
    ['destination', ns, { source: NOBODY, destination: GLOBAL }],
    ['destination', ns, { source: NOBODY, destination: GROUP }],
    ['source-link', { ...ns, options: { sourceLink: MAC } }, { source: NOBODY, destination: SOLICITED }],
    [null, na, {}],
    ['hop-limit', na, { hopLimit: 1 }],
    ['target', { ...na, target: GROUP }, {}],
    ['solicited', { ...na, solicited: true }, {}],
    [null, { ...na, solicited: true }, { destination: GLOBAL }],
    [null, advertisement, {}],
    ['hop-limit', advertisement, { hopLimit: 64 }],
    ['source', advertisement, { source: GLOBAL }],
    ['source', advertisement, { source: NOBODY }],
    [null, { type: 133, options: {} }, { source: NOBODY }],
    ['source-link', { type: 133, options: { sourceLink: MAC } }, { source: NOBODY }],
    [null, redirect, {}],
    ['hop-limit', redirect, { hopLimit: 254 }],
    ['source', redirect, { source: GLOBAL }],
    ['destination', { ...redirect, destination: GROUP }, {}],
    ['target', { ...redirect, target: new IpAddress(6, 0x20010db8, 0, 0, 2) }, {}],
    [null, { ...redirect, target: GLOBAL }, {}],
  ]
  for (const [index, [reason, value, fields]] of rows.entries()) {
    expect(checkNd(value, { ...header, ...fields }), `row ${index}`).toBe(reason)
  }
  expect(parseNd(Uint8Array.of(135, 1, ...serializeNd(ns).subarray(2)))).toBe('code')
})
