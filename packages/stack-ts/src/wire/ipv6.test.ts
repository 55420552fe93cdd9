import { fromBytes, PROTO_ICMP6 } from '@ioth/core'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { pseudoSum6, sumOctets } from './checksum.ts'
import { parseIcmpv6, serializeIcmpv6 } from './icmpv6.ts'
import { parseIpv6, serializeIpv6, writeIpv6 } from './ipv6.ts'

const octet = fc.integer({ min: 0, max: 255 })
const word = fc.integer({ min: -0x80000000, max: 0x7fffffff })
const address = fc.uint8Array({ minLength: 16, maxLength: 16 }).map((octets) => fromBytes(octets))
const payload = fc.uint8Array({ maxLength: 100 })
const packet = fc.record({
  trafficClass: octet,
  flowLabel: fc.integer({ min: 0, max: 0xfffff }),
  nextHeader: octet,
  hopLimit: octet,
  source: address,
  destination: address,
  payload,
})

test('P-17 IPv6: parse ∘ serialize = id, with padding behind', () => {
  fc.assert(
    fc.property(packet, payload, (value, padding) => {
      const octets = serializeIpv6(value)
      expect(parseIpv6(Uint8Array.from([...octets, ...padding]))).toEqual(value)
    }),
  )
})

test('P-17 IPv6: the header written by the hot path is the one of the value', () => {
  fc.assert(
    fc.property(packet, (value) => {
      const expected = serializeIpv6({ ...value, flowLabel: 0 }).subarray(0, 40)
      const octets = new Uint8Array(40)
      const { nextHeader, hopLimit, trafficClass, source, destination } = value
      const view = new DataView(octets.buffer)
      writeIpv6(view, 0, value.payload.length, nextHeader, hopLimit, trafficClass, source, destination)
      expect(octets).toEqual(expected)
    }),
  )
})

test('P-17 ICMPv6: parse ∘ serialize = id', () => {
  const message = fc.record({ type: octet, code: octet, rest: word, body: payload })
  fc.assert(
    fc.property(message, address, address, (value, source, destination) => {
      const sum = pseudoSum6(source, destination, PROTO_ICMP6)
      expect(parseIcmpv6(serializeIcmpv6(value, sum), sum)).toEqual(value)
    }),
  )
})

test('P-18 the sum of the pseudo-header is that of its octets', () => {
  fc.assert(
    fc.property(address, address, octet, (source, destination, protocol) => {
      const ends = serializeIpv6({
        trafficClass: 0,
        flowLabel: 0,
        nextHeader: 0,
        hopLimit: 0,
        source,
        destination,
        payload: new Uint8Array(0),
      }).subarray(8)
      expect(pseudoSum6(source, destination, protocol)).toBe(sumOctets(ends, protocol))
    }),
  )
})

test('P-14 H-01 any octets: nothing throws, and what is read is a value or a reason', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 120 }), (octets) => {
      for (const parsed of [parseIpv6(octets), parseIcmpv6(octets, 0)]) {
        expect(['string', 'object']).toContain(typeof parsed)
      }
    }),
    { numRuns: 1000 },
  )
})
