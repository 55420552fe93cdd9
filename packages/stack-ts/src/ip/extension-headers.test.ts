import fc from 'fast-check'
import { expect, test } from 'vitest'
import { HeaderChain } from './extension-headers.ts'

const IPV6_HEADER = 40
const HOP_BY_HOP = 0
const ROUTING = 43
const DESTINATION_OPTIONS = 60

/** Options that are to be skipped: Pad1, PadN, the router alert, and unknown ones whose high bits are 00. */
const option = fc.oneof(
  fc.constant([0]),
  fc.integer({ min: 0, max: 40 }).map((length) => [1, length, ...new Array<number>(length).fill(0)]),
  fc.constant([5, 2, 0, 0]),
  fc
    .tuple(fc.integer({ min: 6, max: 63 }), fc.uint8Array({ maxLength: 40 }))
    .map(([kind, data]) => [kind, data.length, ...data]),
)

/** Octets of an options header behind its first, filled up with Pad1. */
const optionsBody = fc.array(option, { maxLength: 8 }).map((options) => {
  const octets = options.flat()
  while ((octets.length + 2) % 8 !== 0) octets.push(0)
  return [(octets.length + 2) / 8 - 1, ...octets]
})
const routingBody = fc
  .tuple(fc.integer({ min: 0, max: 255 }), fc.integer({ min: 0, max: 3 }))
  .map(([type, units]) => [units, type, 0, ...new Array<number>(units * 8 + 4).fill(7)])

interface Header {
  readonly kind: number
  readonly body: readonly number[]
}

const header: fc.Arbitrary<Header> = fc.oneof(
  optionsBody.map((body) => ({ kind: DESTINATION_OPTIONS, body })),
  routingBody.map((body) => ({ kind: ROUTING, body })),
)
const chains = fc
  .tuple(fc.option(optionsBody), fc.array(header, { maxLength: 6 }))
  .map(([first, rest]): Header[] => (first === null ? rest : [{ kind: HOP_BY_HOP, body: first }, ...rest]))

test('P-17 a chain of headers is read to its end, whatever is in it', () => {
  const chain = new HeaderChain()
  fc.assert(
    fc.property(chains, fc.constantFrom(6, 17, 58, 253), (headers, protocol) => {
      const octets = [
        ...new Array<number>(IPV6_HEADER).fill(0),
        ...headers.flatMap(({ body }, i) => [headers[i + 1]?.kind ?? protocol, ...body]),
      ]
      const view = new DataView(Uint8Array.from([...octets, 1, 2, 3, 4]).buffer)
      chain.begin(headers[0]?.kind ?? protocol, IPV6_HEADER, 6)
      expect(chain.read(view, 0, octets.length + 4)).toBe('end')
      const last = headers.at(-1)
      const named = last === undefined ? 6 : octets.length - last.body.length - 1
      expect([chain.next, chain.at, chain.nextHeaderAt]).toEqual([protocol, octets.length, named])
    }),
  )
})

test('P-14 H-05 H-06 any octets: nothing is read past the end, and the place is within the packet', () => {
  const chain = new HeaderChain()
  fc.assert(
    fc.property(
      fc.uint8Array({ minLength: IPV6_HEADER, maxLength: 300 }),
      fc.constantFrom(HOP_BY_HOP, ROUTING, 44, DESTINATION_OPTIONS, 59, 6),
      (octets, first) => {
        // A view of exactly the octets: reading past them would throw.
        const view = new DataView(octets.slice().buffer)
        chain.begin(first, IPV6_HEADER, 6)
        const verdict = chain.read(view, 0, octets.length)
        expect(chain.at).toBeLessThanOrEqual(octets.length)
        if (verdict === 'problem') expect(chain.pointer).toBeLessThan(octets.length)
        if (verdict === 'drop') expect(chain.reason).not.toBe('')
      },
    ),
    { numRuns: 2000 },
  )
})

test('H-05 a chain that is too long is given up', () => {
  const chain = new HeaderChain()
  const octets = new Uint8Array(IPV6_HEADER + 200 * 8)
  for (let at = IPV6_HEADER; at < octets.length; at += 8) octets[at] = DESTINATION_OPTIONS
  chain.begin(DESTINATION_OPTIONS, IPV6_HEADER, 6)
  expect(chain.read(new DataView(octets.buffer), 0, octets.length)).toBe('drop')
  expect(chain.reason).toBe('headers')
})
