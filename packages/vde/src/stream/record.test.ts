import { CHECKSUM_MISSING, CHECKSUM_VERIFIED, SEGMENT_ME } from '@ioth/core'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  flagsOf,
  KIND_CONTROL,
  KIND_FRAME,
  kindOf,
  lengthOf,
  MAX_CONTROL,
  MAX_FRAME,
  MIN_FRAME,
  MIN_SEGMENT_SIZE,
  RECORD_HEADER,
  recordFault,
  segmentSizeOf,
  transportAtOf,
  writeControlHeader,
  writeFrameHeader,
} from './record.ts'

const view = new DataView(new ArrayBuffer(RECORD_HEADER))
const words = (): [number, number] => [view.getInt32(0), view.getInt32(4)]

describe('record headers', () => {
  test('what is written of a legal frame is read back, and is no fault', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 54, max: MAX_FRAME }),
        fc.constantFrom(0, CHECKSUM_VERIFIED, CHECKSUM_MISSING, SEGMENT_ME, CHECKSUM_MISSING | SEGMENT_ME),
        fc.integer({ min: MIN_SEGMENT_SIZE, max: 65_535 }),
        (length, flags, size) => {
          const segmentSize = (flags & SEGMENT_ME) === 0 ? 0 : size
          const transportAt = (flags & ~CHECKSUM_VERIFIED) === 0 ? 0 : 34
          writeFrameHeader(view, 0, length, flags, segmentSize, transportAt)
          const [first, second] = words()
          expect(recordFault(first, second)).toBeNull()
          expect([kindOf(first), flagsOf(first), segmentSizeOf(first)]).toEqual([KIND_FRAME, flags, segmentSize])
          expect([transportAtOf(second), lengthOf(second)]).toEqual([transportAt, length])
        },
      ),
    )
  })

  test('so is a control message', () => {
    writeControlHeader(view, 0, MAX_CONTROL)
    const [first, second] = words()
    expect(recordFault(first, second)).toBeNull()
    expect([kindOf(first), lengthOf(second)]).toEqual([KIND_CONTROL, MAX_CONTROL])
  })

  test('no header that passes lets anything out of bounds', () => {
    const lengths = [0, 1, 2, 13, 14, 40, 42, 53, 54, 60, 8192, 8193, 65_536, 65_537, 0xffffff]
    let passed = 0
    for (const kind of [0, 1, 2, 255]) {
      for (let flags = 0; flags < 16; flags++) {
        for (const segmentSize of [0, 1, 63, 64, 1448, 65_535]) {
          for (const transportAt of [0, 33, 34, 54, 255]) {
            for (const length of lengths) {
              const fault = recordFault((kind << 24) | (flags << 16) | segmentSize, (transportAt << 24) | length)
              if (fault !== null) continue
              passed++
              expect(kind).toBeLessThanOrEqual(KIND_CONTROL)
              expect(length).toBeLessThanOrEqual(kind === KIND_CONTROL ? MAX_CONTROL : MAX_FRAME)
              if (kind === KIND_CONTROL) continue
              expect(length).toBeGreaterThanOrEqual(MIN_FRAME)
              if ((flags & (CHECKSUM_MISSING | SEGMENT_ME)) !== 0) expect(transportAt + 8).toBeLessThanOrEqual(length)
              if ((flags & SEGMENT_ME) !== 0) expect(segmentSize).toBeGreaterThanOrEqual(MIN_SEGMENT_SIZE)
            }
          }
        }
      }
    }
    expect(passed).toBeGreaterThan(100)
  })
})
