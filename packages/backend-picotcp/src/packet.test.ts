import { PROTO_TCP } from '@ioth/core'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { makeSegment, PacketView } from './packet.ts'

const HEADER = new Uint8Array(14)
const ends = {
  family: 4,
  source: Uint8Array.of(10, 0, 0, 1),
  destination: Uint8Array.of(10, 0, 0, 2),
  sourcePort: 80,
  destinationPort: 1024,
  sequence: 1,
  acknowledgment: 2,
  timestamps: [3, 4],
} as const
HEADER.set([8, 0], 12)

it('what is changed in a segment, at even and at odd places, leaves its checksum right', () => {
  const place = fc.integer({ min: 0, max: 10 })
  fc.assert(
    fc.property(place, fc.integer(), (offset, value) => {
      const frame = makeSegment(HEADER, 0x10, ends)
      const packet = new PacketView()
      expect(packet.read(frame, 0, frame.length, HEADER.length)).toBe(true)
      expect([packet.protocol, packet.isSummed]).toEqual([PROTO_TCP, true])
      const at = packet.payloadAt + offset
      packet.write32(at, value)
      expect(packet.word32(at)).toBe(value)
      expect(packet.isSummed).toBe(true)
    }),
  )
})

it('octets that are taken off the front of a segment leave its lengths and checksums right', () => {
  const empty = makeSegment(HEADER, 0x10, ends)
  const frame = Uint8Array.of(...empty, 1, 2, 3, 4, 5)
  const view = new DataView(frame.buffer)
  view.setUint16(16, view.getUint16(16) + 5)
  const packet = new PacketView()
  expect(packet.read(frame, 0, frame.length, HEADER.length)).toBe(true)
  packet.dropFirst(3)
  expect(packet.sequence).toBe(4)
  const again = new PacketView()
  expect(again.read(frame, 0, packet.end, HEADER.length)).toBe(true)
  expect(again.isSummed).toBe(true)
  expect([...frame.subarray(again.dataAt, again.end)]).toEqual([4, 5])
})
