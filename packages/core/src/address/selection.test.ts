/**
 * The examples of RFC 6724 section 10, and what must hold of any choice.
 */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  fromBytes,
  type IpAddress,
  parseIpAddress,
  type SourceCandidate,
  selectSource,
  sortDestinations,
} from './index.ts'

interface Fields {
  readonly prefixLength?: number
  readonly on?: number
  readonly deprecated?: boolean
  readonly temporary?: boolean
}

function candidate(text: string, { prefixLength = 64, on = 1, ...rest }: Fields = {}): SourceCandidate {
  return { address: parseIpAddress(text), prefixLength, interface: { index: on }, ...rest }
}

function chosen(destination: string, candidates: readonly SourceCandidate[], on = 1): string | undefined {
  const best = selectSource(parseIpAddress(destination), candidates, on)
  // The order in which the addresses were configured decides nothing but ties.
  const reversed = selectSource(parseIpAddress(destination), [...candidates].reverse(), on)
  expect(reversed?.address.toString()).toBe(best?.address.toString())
  return best?.address.toString()
}

describe('R-IP6-11 source addresses (RFC 6724 5)', () => {
  test.each([
    ['rule 1: the destination itself', '2001:db8:1::1', ['2001:db8:3::1', '2001:db8:1::1'], '2001:db8:1::1'],
    ['rule 2: appropriate scope', '2001:db8:1::1', ['2001:db8:3::1', 'fe80::1'], '2001:db8:3::1'],
    ['rule 2: appropriate scope', 'ff05::1', ['2001:db8:3::1', 'fe80::1'], '2001:db8:3::1'],
    ['rule 2: the smallest scope that suffices', 'fe80::9', ['2001:db8:3::1', 'fe80::1'], 'fe80::1'],
    ['rule 6: matching label', '2002:c633:6401::1', ['2002:c633:6401::d5e3', '2001:db8::2'], '2002:c633:6401::d5e3'],
    ['rule 6: matching label of local networks', 'fd11::1', ['2001:db8::2', 'fd22::2'], 'fd22::2'],
    ['rule 8: longest matching prefix', '2001:db8:1::1', ['2001:db8:1::2', '2001:db8:3::2'], '2001:db8:1::2'],
  ])('%s: to %s of %j', (_rule, destination, sources, expected) => {
    const candidates = sources.map((text) => candidate(text))
    expect(chosen(destination, candidates)).toBe(expected)
  })

  test('rule 3: a deprecated address is for want of another only', () => {
    const old = candidate('2001:db8:1::2', { deprecated: true })
    expect(chosen('2001:db8:1::1', [old, candidate('2001:db8:9::2')])).toBe('2001:db8:9::2')
    expect(chosen('2001:db8:1::1', [old])).toBe('2001:db8:1::2')
  })

  test('rule 5: the interface that leads there; of a link only its own addresses', () => {
    const both = [candidate('2001:db8:1::2', { on: 1 }), candidate('2001:db8:9::2', { on: 2 })]
    expect(chosen('2001:db8:1::1', both, 2)).toBe('2001:db8:9::2')
    const links = [candidate('fe80::1', { on: 1 }), candidate('fe80::2', { on: 2 })]
    expect(chosen('fe80::9', links, 2)).toBe('fe80::2')
    expect(chosen('ff02::1', links, 1)).toBe('fe80::1')
    expect(chosen('fe80::9', links, 3)).toBeUndefined()
  })

  test('rule 7: temporary addresses, where there are any', () => {
    const candidates = [candidate('2001:db8:1::2'), candidate('2001:db8:1::d5e3', { temporary: true })]
    expect(chosen('2001:db8:2::1', candidates)).toBe('2001:db8:1::d5e3')
  })

  test('rule 8 looks no further than the prefix of the candidate', () => {
    const first = candidate('2001:db8:1::f00')
    const second = candidate('2001:db8:1::1')
    // Beyond 64 bits the second one is closer, and yet it is a tie.
    expect(selectSource(parseIpAddress('2001:db8:1::3'), [first, second], 1)).toBe(first)
  })

  test('is one of the candidates of the family, whatever they are', () => {
    const address = fc.uint8Array({ minLength: 16, maxLength: 16 }).map((octets) => fromBytes(octets))
    const some = fc.array(
      fc.record({
        address,
        prefixLength: fc.integer({ min: 0, max: 128 }),
        interface: fc.record({ index: fc.integer({ min: 1, max: 2 }) }),
        deprecated: fc.boolean(),
        temporary: fc.boolean(),
      }),
    )
    fc.assert(
      fc.property(address, some, (destination, candidates) => {
        const best = selectSource(destination, candidates, 1)
        if (best === null) expect(candidates.every(({ interface: { index } }) => index !== 1)).toBe(true)
        else expect(candidates).toContain(best)
      }),
    )
  })
})

describe('R-IP6-11 destinations (RFC 6724 6)', () => {
  const sorted = (pairs: readonly (readonly [string, string | SourceCandidate | null])[]): string[] => {
    const sources = new Map(
      pairs.map(([destination, source]) => [destination, typeof source === 'string' ? parseIpAddress(source) : source]),
    )
    const destinations = pairs.map(([text]) => parseIpAddress(text))
    const sourceOf = (destination: IpAddress): SourceCandidate | IpAddress | null =>
      sources.get(destination.toString()) ?? null
    const order = sortDestinations(destinations, sourceOf).map(String)
    expect(sortDestinations([...destinations].reverse(), sourceOf).map(String)).toEqual(order)
    return order
  }

  test.each([
    [
      'rule 1: what can be reached',
      [
        ['2001:db8:1::1', null],
        ['198.51.100.121', '198.51.100.117'],
      ],
      '198.51.100.121',
    ],
    [
      'rule 2: matching scope',
      [
        ['2001:db8:1::1', 'fe80::1'],
        ['198.51.100.121', '198.51.100.117'],
      ],
      '198.51.100.121',
    ],
    [
      'rule 2: matching scope',
      [
        ['2001:db8:1::1', '2001:db8:1::2'],
        ['198.51.100.121', '169.254.13.78'],
      ],
      '2001:db8:1::1',
    ],
    [
      'rule 5: matching label',
      [
        ['2002:c633:6401::1', '2002:c633:6401::2'],
        ['2001:db8:1::1', '2002:c633:6401::2'],
      ],
      '2002:c633:6401::1',
    ],
    [
      'rule 6: higher precedence',
      [
        ['2001:db8:1::1', '2001:db8:1::2'],
        ['10.1.2.3', '10.1.2.4'],
      ],
      '2001:db8:1::1',
    ],
    [
      'rule 6: IPv4 before local networks of IPv6',
      [
        ['fd11::1', 'fd11::2'],
        ['10.1.2.3', '10.1.2.4'],
      ],
      '10.1.2.3',
    ],
    [
      'rule 8: smaller scope',
      [
        ['2001:db8:1::1', '2001:db8:1::2'],
        ['fe80::1', 'fe80::2'],
      ],
      'fe80::1',
    ],
    [
      'rule 9: longest matching prefix',
      [
        ['2001:db8:1::1', '2001:db8:1::2'],
        ['2001:db8:3ffe::1', '2001:db8:3f44::2'],
      ],
      '2001:db8:1::1',
    ],
  ] as const)('%s of %j', (_rule, pairs, first) => {
    expect(sorted(pairs)[0]).toBe(first)
  })

  test('rule 3: not from a deprecated address', () => {
    const old = candidate('2001:db8:1::2', { deprecated: true })
    const fresh = candidate('2001:db8:9::2')
    expect(
      sorted([
        ['2001:db8:1::1', old],
        ['2001:db8:9::1', fresh],
      ])[0],
    ).toBe('2001:db8:9::1')
  })

  test('rule 10: otherwise the order stays', () => {
    const all = ['2001:db8:1::1', '2001:db8:1::2', '2001:db8:1::3'].map(parseIpAddress)
    const source = parseIpAddress('2001:db8:1::9')
    expect(sortDestinations(all, () => source).map(String)).not.toEqual([])
    const same = [all[1] as IpAddress, all[1] as IpAddress, all[1] as IpAddress].map((address) => address.withScope(0))
    expect(sortDestinations(same, () => source)).toEqual(same)
  })
})
