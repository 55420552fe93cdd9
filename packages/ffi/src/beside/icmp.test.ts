/** ICMP beside libraries: what is to be zero is, sums hold, and errors tell whom they concern what. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { frameOf, isRight } from '../../test/support/frames.ts'
import { isIcmpError, isOfNobody, mendIcmp, pathMtuOf, reportOf } from './icmp.ts'
import { PacketView } from './packet-view.ts'

function viewOf(family: 4 | 6, message: readonly number[], addresses?: readonly number[]): PacketView {
  const [header, data] = [message.slice(0, 8), message.slice(8)]
  const ends = addresses === undefined ? {} : { addresses }
  const { bytes, length } = frameOf({ family, protocol: 'icmp', linkHeader: 14, header, data, ...ends })
  const packet = new PacketView()
  expect(packet.read(bytes, 0, length)).toBe(true)
  return packet
}

const octets = fc.array(fc.integer({ min: 0, max: 255 }), { minLength: 8, maxLength: 60 })

test('errors have nothing in the unused field, echo replies no code and a time to live, others are left alone; sums hold', () => {
  const kinds = fc.constantFrom<[4 | 6, number, 'error' | 'reply' | 'other']>(
    [4, 3, 'error'],
    [4, 11, 'error'],
    [4, 0, 'reply'],
    [4, 8, 'other'],
    [6, 1, 'error'],
    [6, 3, 'error'],
    [6, 129, 'reply'],
    [6, 135, 'other'],
  )
  fc.assert(
    fc.property(kinds, octets, fc.boolean(), ([family, type, kind], [, ...rest], isSummed) => {
      const packet = viewOf(family, [type, ...rest, 0])
      packet.hops = 0
      if (!isSummed) packet.bytes[packet.payloadAt + 2] = (packet.bytes[packet.payloadAt + 2] as number) ^ 0xff
      const before = packet.bytes.slice()
      mendIcmp(packet)
      const icmp = packet.bytes.subarray(packet.payloadAt)
      if (kind === 'other') {
        expect(packet.bytes).toEqual(before)
        return
      }
      expect(isRight(packet)).toBe(true)
      if (kind === 'error') expect(Array.from(icmp.subarray(4, 8))).toEqual([0, 0, 0, 0])
      else expect([icmp[1], packet.hops]).toEqual([0, 64])
    }),
  )
})

test('over IPv6 that nobody listens has a code of its own', () => {
  const codes = [0, 3, 4].map((code) => {
    const packet = viewOf(6, [1, code, 0, 0, 0, 0, 0, 0, 9])
    mendIcmp(packet)
    return packet.bytes[packet.payloadAt + 1]
  })
  expect(codes).toEqual([0, 4, 4])
})

test('of a packet that was too big it is known what fits, where that can be true', () => {
  const quoted = new PacketView()
  const said = (family: 4 | 6, type: number, code: number, mtu: number): number | null => {
    const header = [type, code, 0, 0, 0, 0, mtu >> 8, mtu & 255]
    const addresses = Array.from({ length: 32 }, (_, place) => place + 1)
    const inner = frameOf({
      family,
      protocol: 'tcp',
      linkHeader: 0,
      addresses,
      header: new Array(20).fill(7),
      data: [],
    })
    const packet = viewOf(family, [...header, ...inner.bytes.subarray(inner.at, inner.at + inner.length)])
    packet.sum()
    return pathMtuOf(packet, quoted)
  }
  expect([said(4, 3, 4, 1300), said(4, 3, 4, 100), said(4, 3, 4, 0), said(4, 3, 1, 1300)]).toEqual([
    1300,
    552,
    null,
    null,
  ])
  expect([said(6, 2, 0, 1300), said(6, 2, 0, 1279), said(6, 1, 0, 1300)]).toEqual([1300, null, null])
  expect(quoted.sourcePort).toBe(0x0707)
})

test('what is no message, or not a whole one, is left alone', () => {
  const { bytes, length } = frameOf({
    family: 4,
    protocol: 'udp',
    linkHeader: 14,
    header: [3, 3, 0, 0, 1, 2, 3, 4],
    data: [],
  })
  const packet = new PacketView()
  expect(packet.read(bytes, 0, length)).toBe(true)
  const before = bytes.slice()
  mendIcmp(packet)
  expect(bytes).toEqual(before)
  const short = viewOf(4, [3, 3, 0, 0, 1, 2, 3, 4])
  short.endAt(short.payloadAt + 6)
  const cut = short.bytes.slice()
  mendIcmp(short)
  expect(short.bytes).toEqual(cut)
})

test('what is asked from nobody: routers by whomever, an address only from `::`', () => {
  const from = (octet: number): number[] => [...new Array<number>(16).fill(octet), ...new Array<number>(16).fill(2)]
  const asked = (type: number, octet: number): boolean =>
    isOfNobody(viewOf(6, [type, 0, 0, 0, 0, 0, 0, 0, ...new Array<number>(16).fill(0)], from(octet)))
  expect([asked(133, 1), asked(135, 0), asked(135, 1), asked(136, 0)]).toEqual([true, true, false, false])
})

describe('an error of the network', () => {
  const quote = frameOf({
    family: 4,
    protocol: 'udp',
    linkHeader: 0,
    header: [1, 2, 3, 4, 0, 0, 0, 0],
    data: [1],
  }).bytes
  const quote6 = frameOf({ family: 6, protocol: 'tcp', linkHeader: 0, header: new Array(20).fill(7), data: [] }).bytes
  const quoted = new PacketView()

  test.each([
    [4, 3, 3, 'ECONNREFUSED'],
    [4, 3, 1, 'EHOSTUNREACH'],
    [4, 3, 4, null],
    [4, 11, 0, null],
    [6, 1, 4, 'ECONNREFUSED'],
    [6, 1, 0, 'ENETUNREACH'],
    [6, 2, 0, null],
  ] as const)('of IPv%i, type %i, code %i tells %s', (family, type, code, told) => {
    const packet = viewOf(family, [type, code, 0, 0, 0, 0, 0, 0, ...(family === 4 ? quote : quote6)])
    expect(isIcmpError(packet)).toBe(true)
    expect(reportOf(packet, quoted)).toBe(told)
    if (told !== null) expect(quoted.sourcePort).toBe(family === 4 ? 0x0102 : 0x0707)
  })

  test('tells nothing when its sum is wrong, or when it quotes too little', () => {
    const packet = viewOf(4, [3, 3, 0, 0, 0, 0, 0, 0, ...quote])
    packet.bytes[packet.payloadAt + 20] = (packet.bytes[packet.payloadAt + 20] as number) ^ 1
    expect(reportOf(packet, quoted)).toBe(null)
    expect(reportOf(viewOf(4, [3, 3, 0, 0, 0, 0, 0, 0, ...quote.subarray(0, 27)]), quoted)).toBe(null)
    expect(isIcmpError(viewOf(4, [8, 0, 0, 0, 0, 0, 0, 0]))).toBe(false)
  })
})
