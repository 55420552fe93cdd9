import { PROTO_TCP } from '@ioth/core'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { ARP_REPLY, ARP_REQUEST, parseArp, serializeArp } from './arp.ts'
import { complement, fold, pseudoSum4, sumOctets } from './checksum.ts'
import { formatMac, macFromBytes, parseEthernet, serializeEthernet } from './ethernet.ts'
import { parseIcmpv4, serializeIcmpv4 } from './icmpv4.ts'
import { parseIpv4, serializeIpv4, writeIpv4 } from './ipv4.ts'
import { checkOptions, hasRouterAlert } from './ipv4-option.ts'
import { formatFlags, parseTcp, serializeTcp } from './tcp.ts'
import { parseOptions, serializeOptions } from './tcp-option.ts'
import { parseUdp, serializeUdp } from './udp.ts'

const word = fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 })
const short = fc.integer({ min: 0, max: 65535 })
const octet = fc.integer({ min: 0, max: 255 })
const payload = fc.uint8Array({ maxLength: 100 })
const mac = fc.record({ high: short, low: word })
/** 0 to 40 octets, a multiple of 4. */
const optionOctets = fc
  .integer({ min: 0, max: 10 })
  .chain((words) => fc.uint8Array({ minLength: words * 4, maxLength: words * 4 }))

test('P-17 Ethernet: parse ∘ serialize = id', () => {
  fc.assert(
    fc.property(fc.record({ destination: mac, source: mac, type: short, payload }), (frame) => {
      expect(parseEthernet(serializeEthernet(frame))).toEqual(frame)
    }),
  )
  expect(parseEthernet(new Uint8Array(13))).toBe('short')
  expect(formatMac(0x0200, 0x5e10)).toBe('02:00:00:00:5e:10')
  expect(macFromBytes([2, 0, 0, 0, 0x5e, 0x10])).toEqual({ high: 0x0200, low: 0x5e10 })
})

test('P-17 ARP: parse ∘ serialize = id', () => {
  const packet = fc.record({
    operation: fc.constantFrom(ARP_REQUEST, ARP_REPLY),
    senderMac: mac,
    senderIp: word,
    targetMac: mac,
    targetIp: word,
  })
  fc.assert(
    fc.property(packet, fc.integer({ min: 0, max: 18 }), (value, padding) => {
      const octets = serializeArp(value)
      expect(parseArp(Uint8Array.from([...octets, ...new Uint8Array(padding)]))).toEqual(value)
    }),
  )
})

const ipv4 = fc.record({
  trafficClass: octet,
  id: short,
  dontFragment: fc.boolean(),
  moreFragments: fc.boolean(),
  fragmentOffset: fc.integer({ min: 0, max: 8191 }).map((units) => units * 8),
  ttl: octet,
  protocol: octet,
  source: word,
  destination: word,
  options: optionOctets,
  payload,
})

test('P-17 IPv4: parse ∘ serialize = id, with padding behind', () => {
  fc.assert(
    fc.property(ipv4, payload, (value, padding) => {
      const octets = serializeIpv4(value)
      expect(parseIpv4(Uint8Array.from([...octets, ...padding]))).toEqual(value)
    }),
  )
})

test('P-17 IPv4: the header written by the hot path is the one of the value', () => {
  fc.assert(
    fc.property(ipv4, (value) => {
      const plain = { ...value, options: new Uint8Array(0) }
      const expected = serializeIpv4(plain).subarray(0, 20)
      const octets = new Uint8Array(20)
      const fragment =
        (value.dontFragment ? 0x4000 : 0) | (value.moreFragments ? 0x2000 : 0) | (value.fragmentOffset >> 3)
      const total = 20 + value.payload.length
      const { id, ttl, trafficClass, protocol, source, destination } = value
      writeIpv4(new DataView(octets.buffer), 0, total, id, fragment, ttl, trafficClass, protocol, source, destination)
      expect(octets).toEqual(expected)
    }),
  )
})

test('P-17 ICMP and UDP: parse ∘ serialize = id', () => {
  fc.assert(
    fc.property(fc.record({ type: octet, code: octet, rest: word, body: payload }), (message) => {
      expect(parseIcmpv4(serializeIcmpv4(message))).toEqual(message)
    }),
  )
  fc.assert(
    fc.property(fc.record({ sourcePort: short, destinationPort: short, payload }), short, (datagram, sum) => {
      const octets = serializeUdp(datagram, sum)
      // A checksum of 0 would mean "none" (RFC 768).
      expect((octets[6]! << 8) | octets[7]!).not.toBe(0)
      expect(parseUdp(octets, sum)).toEqual(datagram)
    }),
  )
})

test('P-17 TCP: parse ∘ serialize = id', () => {
  const segment = fc.record({
    sourcePort: short,
    destinationPort: short,
    sequence: word,
    acknowledgment: word,
    flags: octet,
    window: short,
    urgent: short,
    options: optionOctets,
    payload,
  })
  fc.assert(
    fc.property(segment, word, word, (value, source, destination) => {
      const sum = pseudoSum4(source, destination, PROTO_TCP)
      expect(parseTcp(serializeTcp(value, sum), sum)).toEqual(value)
    }),
  )
  expect(formatFlags(0x12)).toBe('SYN,ACK')
})

test('P-17 TCP options: parse ∘ serialize = id', () => {
  const options = fc.record(
    {
      mss: fc.integer({ min: 1, max: 65535 }),
      windowScale: octet,
      sackPermitted: fc.constant(true),
      timestamps: fc.record({ value: word, echo: word }),
      sack: fc.array(fc.tuple(word, word), { minLength: 1, maxLength: 2 }),
    },
    { requiredKeys: [] },
  )
  fc.assert(
    fc.property(options, (value) => {
      const octets = serializeOptions(value)
      expect(octets.length % 4).toBe(0)
      expect(parseOptions(octets)).toEqual(value)
    }),
  )
})

test('R-TCP-02 H-13 broken options end the list or are skipped, and are never read past the end', () => {
  for (const [octets, expected] of [
    [[2, 4, 5, 180, 3, 3, 7, 0], { mss: 1460, windowScale: 7 }],
    [[1, 1, 1, 2, 4, 5, 180, 0], { mss: 1460 }],
    [[0, 2, 4, 5, 180], {}],
    [[2, 0, 5, 180, 3, 3, 7], {}],
    [[2, 1, 5, 180], {}],
    [[2, 3, 5, 3, 3, 7], { windowScale: 7 }],
    [[3, 2, 2, 4, 5, 180], { mss: 1460 }],
    [[255, 3, 9, 4, 2], { sackPermitted: true }],
    [[2, 255, 5, 180], {}],
    [[8, 9, 0, 0, 0, 1, 0, 0, 0, 2, 4], {}],
    [[5, 9, 0, 0, 0, 1, 0, 0, 0, 4, 2], { sackPermitted: true }],
    [[2], {}],
    [[8, 10, 0, 0, 0, 1, 0, 0, 0], {}],
  ] as const) {
    expect(parseOptions(Uint8Array.from(octets))).toEqual(expected)
  }
})

test('P-14 any octets: nothing throws, and what is read is a value or a reason', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 80 }), (octets) => {
      for (const parsed of [
        parseEthernet(octets),
        parseArp(octets),
        parseIpv4(octets),
        parseIcmpv4(octets),
        parseUdp(octets, 0),
        parseTcp(octets, 0),
      ]) {
        expect(['string', 'object']).toContain(typeof parsed)
      }
      parseOptions(octets)
    }),
    { numRuns: 1000 },
  )
})

test('P-18 the checksum in pieces at even places is that of the whole', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), fc.nat(), (octets, at) => {
      const cut = octets.length === 0 ? 0 : (at % octets.length) & ~1
      const whole = sumOctets(octets)
      expect(sumOctets(octets.subarray(cut), sumOctets(octets.subarray(0, cut)))).toBe(whole)
      expect(fold(whole + complement(whole))).toBe(0xffff)
    }),
  )
})

test('P-14 IPv4 options: nothing throws, nothing is read past the end', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 60 }), (octets) => {
      const view = new DataView(octets.slice().buffer)
      const end = Math.min(40, octets.length)
      if (checkOptions(view, 0, end) === null) hasRouterAlert(view, 0, end)
    }),
    { numRuns: 2000 },
  )
  const alert = new DataView(Uint8Array.of(1, 148, 4, 0, 0, 0, 0, 0).buffer)
  expect(checkOptions(alert, 0, 8)).toBe(null)
  expect(hasRouterAlert(alert, 0, 8)).toBe(true)
  expect(hasRouterAlert(alert, 0, 1)).toBe(false)
})
