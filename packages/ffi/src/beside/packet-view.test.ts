/** Packets in frames: what is read is what is there, and what is changed leaves their sums right. */
import { PROTO_ICMP, PROTO_ICMP6, PROTO_TCP, PROTO_UDP, parseIpAddress } from '@ioth/core'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { frameOf, isRight, type Recipe } from '../../test/support/frames.ts'
import { PacketView, TIMESTAMPS, WINDOW_SCALE } from './packet-view.ts'
import { endsOf, makeSegment, reversed } from './segment.ts'

const octet = fc.integer({ min: 0, max: 255 })
const octets = (least: number, most = least): fc.Arbitrary<number[]> =>
  fc.array(octet, { minLength: least, maxLength: most })
const port = fc.integer({ min: 0, max: 0xffff })
/** MSS, window scale, timestamps, others, in any order, padded. */
const options = fc
  .shuffledSubarray([[2, 4, 5, 180], [3, 3, 7], [8, 10, 0, 0, 0, 1, 0, 0, 0, 2], [1], [4, 2], [30, 6, 1, 2, 3, 4]])
  .map((list) => list.flat())
  .map((list) => [...list, ...new Array<number>((4 - (list.length % 4)) % 4).fill(0)])
const recipe: fc.Arbitrary<Required<Recipe>> = fc.record({
  family: fc.constantFrom(4 as const, 6 as const),
  protocol: fc.constantFrom('tcp' as const, 'udp' as const, 'icmp' as const),
  linkHeader: fc.constantFrom(14, 0),
  before: fc.integer({ min: 0, max: 9 }),
  padding: fc.integer({ min: 0, max: 20 }),
  addresses: octets(32),
  header: octets(20),
  options,
  data: octets(0, 40),
})

const PLAIN = { protocol: 'udp', linkHeader: 14, header: [1, 2, 3, 4, 0, 0, 0, 0], data: [5, 6] } as const

function viewOf(made: Recipe): PacketView {
  const packet = new PacketView()
  const { bytes, at, length } = frameOf(made)
  expect(packet.read(bytes, at, length, made.linkHeader)).toBe(true)
  return packet
}

test('what is read is what is there', () => {
  fc.assert(
    fc.property(recipe, (made) => {
      const packet = viewOf(made)
      const { family, protocol, header, data, addresses } = made
      const length = family === 4 ? 4 : 16
      expect(packet).toMatchObject({
        family,
        protocol: { tcp: PROTO_TCP, udp: PROTO_UDP, icmp: family === 4 ? PROTO_ICMP : PROTO_ICMP6 }[protocol],
        isFragment: false,
        isFirst: true,
        isTcp: protocol === 'tcp',
        isUdp: protocol === 'udp',
        isIcmp: protocol === 'icmp',
        isSummed: true,
        dataLength: data.length,
      })
      expect([...packet.bytes.subarray(packet.dataAt, packet.end)]).toEqual(data)
      const word = (from: number): number => new DataView(Uint8Array.from(addresses).buffer).getInt32(from)
      expect([packet.source(3), packet.destination(3)]).toEqual([word(length - 4), word(2 * length - 4)])
      expect([packet.sourceAddress.w3, packet.destinationAddress.w3]).toEqual([packet.source(3), packet.destination(3)])
      if (protocol === 'icmp') return
      const view = new DataView(Uint8Array.from(header).buffer)
      expect([packet.sourcePort, packet.destinationPort]).toEqual([view.getUint16(0), view.getUint16(2)])
      if (protocol === 'udp') return
      const text = made.options.join()
      expect(packet).toMatchObject({
        sequence: view.getInt32(4),
        acknowledgment: view.getInt32(8),
        reserved: (header[12] as number) & 15,
        flags: header[13],
        window: view.getUint16(14),
        mss: text.includes('2,4,5,180') ? 1460 : null,
        windowScale: text.includes('3,3,7') ? 7 : 0,
      })
      expect(packet.timestampsAt !== -1 && packet.word32(packet.timestampsAt + 4) === 2).toBe(text.includes('8,10,0'))
      const { flags } = packet
      expect(packet.sequenceLength).toBe(data.length + ((flags >>> 1) & 1) + (flags & 1))
    }),
  )
})

describe('sums stay right', () => {
  const number = fc.integer()

  test('when fields are written', () => {
    fc.assert(
      fc.property(recipe, port, number, octet, (made, half, word, small) => {
        const packet = viewOf(made)
        if (made.protocol === 'icmp') return
        packet.sourcePort = half
        packet.destinationPort = half ^ 0xffff
        expect([packet.sourcePort, packet.destinationPort]).toEqual([half, half ^ 0xffff])
        expect(isRight(packet)).toBe(true)
        if (made.protocol === 'udp') return
        Object.assign(packet, {
          sequence: word,
          acknowledgment: ~word,
          window: half,
          reserved: small & 15,
          flags: small,
        })
        expect(packet).toMatchObject({
          sequence: word,
          acknowledgment: ~word,
          window: half,
          reserved: small & 15,
          flags: small,
        })
        expect(isRight(packet)).toBe(true)
      }),
    )
  })

  test('when octets are written, at even and at odd places', () => {
    fc.assert(
      fc.property(recipe, fc.nat({ max: 30 }), number, octet, (made, place, word, small) => {
        const packet = viewOf({ ...made, data: [...made.data, 0, 0, 0, 0, 0] })
        const at = packet.dataAt + (place % (packet.dataLength - 4))
        packet.write32(at, word)
        expect(packet.word32(at)).toBe(word)
        expect(isRight(packet)).toBe(true)
        packet.write8(at, small)
        expect(packet.word32(at)).toBe((small << 24) | (word & 0xffffff))
        expect(isRight(packet)).toBe(true)
      }),
    )
  })

  test('when another host speaks', () => {
    fc.assert(
      fc.property(recipe, (made) => {
        const packet = viewOf(made)
        const { destinationAddress } = packet
        const address = parseIpAddress(made.family === 4 ? '192.0.2.1' : '2001:db8::1')
        packet.sourceAddress = address
        expect([packet.sourceAddress.equals(address), packet.destinationAddress.equals(destinationAddress)]).toEqual([
          true,
          true,
        ])
        expect(isRight(packet)).toBe(true)
      }),
    )
  })

  test('when it ends earlier', () => {
    fc.assert(
      fc.property(recipe, fc.nat({ max: 40 }), (made, count) => {
        const packet = viewOf(made)
        const { data } = made
        const left = data.slice(0, count % (data.length + 1))
        packet.endAt(packet.dataAt + left.length)
        const again = new PacketView()
        expect(again.read(packet.bytes, packet.at, packet.length, made.linkHeader)).toBe(true)
        expect([...again.bytes.subarray(again.dataAt, again.end)]).toEqual(left)
        expect(isRight(again)).toBe(true)
      }),
    )
  })

  test('when a segment loses octets at its ends', () => {
    fc.assert(
      fc.property(recipe, fc.nat({ max: 40 }), fc.nat({ max: 40 }), (made, count, more) => {
        const packet = viewOf({ ...made, protocol: 'tcp' })
        const { data } = made
        const { sequence } = packet
        const from = count % (data.length + 1)
        const to = from + (more % (data.length - from + 1))
        packet.keepOctets(from, to)
        expect(packet.sequence).toBe((sequence + from) | 0)
        expect([...packet.bytes.subarray(packet.dataAt, packet.end)]).toEqual(data.slice(from, to))
        expect(isRight(packet)).toBe(true)
      }),
    )
  })

  test('when an option goes, and the others stay', () => {
    fc.assert(
      fc.property(recipe, (made) => {
        const packet = viewOf({ ...made, protocol: 'tcp' })
        const { mss, windowScale } = packet
        packet.withoutOption(TIMESTAMPS)
        expect([packet.timestampsAt, packet.windowScale, packet.mss]).toEqual([-1, windowScale, mss])
        packet.withoutOption(WINDOW_SCALE)
        expect([packet.windowScale, packet.mss]).toEqual([0, mss])
        expect(isRight(packet)).toBe(true)
      }),
    )
  })
})

test('a datagram without a sum stays so, until it is summed', () => {
  fc.assert(
    fc.property(recipe, port, (made, number) => {
      const packet = viewOf({ ...made, protocol: 'udp' })
      packet.bytes.fill(0, packet.payloadAt + 6, packet.payloadAt + 8)
      packet.destinationPort = number
      expect([packet.destinationPort, packet.word16(packet.payloadAt + 6)]).toEqual([number, 0])
      packet.sum()
      expect(isRight(packet)).toBe(true)
    }),
  )
})

test('fragments of either family: their first one has the ports', () => {
  const packet = new PacketView()
  const { bytes, length } = frameOf({ ...PLAIN, family: 4 })
  bytes[20] = 0x20
  expect(packet.read(bytes, 0, length)).toBe(true)
  expect(packet).toMatchObject({ isFragment: true, isFirst: true, isUdp: false, sourcePort: 0x0102 })
  bytes[21] = 1
  expect(packet.read(bytes, 0, length)).toBe(true)
  expect(packet).toMatchObject({ isFragment: true, isFirst: false })

  const whole = frameOf({ ...PLAIN, family: 6 })
  const cut = Uint8Array.from([
    ...whole.bytes.subarray(0, 54),
    ...[PROTO_UDP, 0, 0, 1, 0, 0, 0, 9],
    ...whole.bytes.subarray(54),
  ])
  cut[19] = (cut[19] as number) + 8
  cut[20] = 44
  expect(packet.read(cut, 0, cut.length)).toBe(true)
  expect(packet).toMatchObject({ isFragment: true, isFirst: true, protocol: PROTO_UDP, sourcePort: 0x0102 })
  cut[57] = 9
  expect(packet.read(cut, 0, cut.length)).toBe(true)
  expect(packet).toMatchObject({ isFragment: true, isFirst: false })
})

test('of a packet that is quoted, the ports are enough', () => {
  fc.assert(
    fc.property(recipe, (made) => {
      const { bytes, at, length } = frameOf({ ...made, linkHeader: 0 })
      const packet = new PacketView()
      const header = made.family === 4 ? 20 : 40
      expect(packet.readCut(bytes, at, at + header + 7)).toBe(false)
      expect(packet.readCut(bytes, at, Math.min(at + header + 8, at + length))).toBe(true)
      expect([packet.family, packet.sourcePort]).toEqual([made.family, packet.word16(at + header)])
    }),
  )
})

test('octets of any kind: nothing throws, and what is taken for a packet lies within them', () => {
  const beginning = fc.constantFrom<number[]>([], [...new Array<number>(12).fill(0), 8, 0, 0x45], [0x60], [0x4f])
  fc.assert(
    fc.property(beginning, octets(0, 120), fc.constantFrom(14, 0), (begin, rest, linkHeader) => {
      const bytes = Uint8Array.from([...begin, ...rest])
      const packet = new PacketView()
      for (const isWhole of [true, false]) {
        const isRead = isWhole
          ? packet.read(bytes, 0, bytes.length, linkHeader)
          : packet.readCut(bytes, 0, bytes.length)
        if (!isRead) continue
        expect(packet.payloadAt).toBeLessThanOrEqual(packet.end)
        expect(packet.end).toBeLessThanOrEqual(bytes.length)
        if (packet.isTcp) expect(packet.dataLength).toBeGreaterThanOrEqual(0)
        if (packet.isTcp) expect([packet.mss, packet.windowScale, packet.timestampsAt]).not.toContain(Number.NaN)
      }
    }),
    { numRuns: 1000 },
  )
})

test('a segment that is made is read as it was meant, and its way back is that of the answer', () => {
  const numbers = fc.record({
    flags: fc.constantFrom(0x02, 0x04, 0x10, 0x11, 0x14),
    sequence: fc.integer(),
    acknowledgment: fc.integer(),
    window: port,
    timestamps: fc.option(fc.tuple(fc.integer(), fc.integer())),
  })
  fc.assert(
    fc.property(recipe, numbers, (made, said) => {
      const seen = viewOf({ ...made, protocol: 'tcp' })
      const frame = makeSegment(reversed(endsOf(seen)), said)
      const packet = new PacketView()
      expect(packet.read(frame, 0, frame.length, made.linkHeader)).toBe(true)
      expect(isRight(packet)).toBe(true)
      const { flags, sequence, window, timestamps } = said
      const acknowledgment = (flags & 0x10) === 0 ? 0 : said.acknowledgment
      expect(packet).toMatchObject({ isTcp: true, dataLength: 0, flags, sequence, acknowledgment, window })
      expect([packet.sourcePort, packet.destinationPort]).toEqual([seen.destinationPort, seen.sourcePort])
      expect(packet.sourceAddress.equals(seen.destinationAddress)).toBe(true)
      expect(packet.destinationAddress.equals(seen.sourceAddress)).toBe(true)
      const { timestampsAt } = packet
      const read = timestampsAt === -1 ? null : [packet.word32(timestampsAt), packet.word32(timestampsAt + 4)]
      expect(read).toEqual(timestamps)
      if (made.linkHeader === 0) return
      const mac = (view: PacketView, at: number): number[] => [...view.bytes.subarray(view.at + at, view.at + at + 6)]
      expect([mac(packet, 0), mac(packet, 6)]).toEqual([mac(seen, 6), mac(seen, 0)])
    }),
  )
})
