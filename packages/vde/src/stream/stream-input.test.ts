import fc from 'fast-check'
import { expect, test } from 'vitest'
import { lengthOf, RECORD_HEADER, writeFrameHeader } from './record.ts'
import { inputBytes, inputEnd, inputView, readInto, StreamInput } from './stream-input.ts'

test('records come out whole and in order, however the stream is cut into reads', () => {
  const record = fc.uint8Array({ minLength: 14, maxLength: 3000 })
  fc.assert(
    fc.property(fc.array(record, { maxLength: 12 }), fc.array(fc.integer({ min: 1, max: 4000 })), (records, cuts) => {
      const stream = Buffer.concat(
        records.map((octets) => {
          const header = new Uint8Array(RECORD_HEADER)
          writeFrameHeader(new DataView(header.buffer), 0, octets.length, 0, 0, 0)
          return Buffer.concat([header, octets])
        }),
      )
      const input = new StreamInput()
      const read: Buffer[] = []
      for (let at = 0, turn = 0; at < stream.length; turn++) {
        const octets = stream.copy(readInto, 0, at, at + (cuts[turn % (cuts.length || 1)] ?? 1000))
        at += octets
        let from = input.begin()
        const end = inputEnd(octets)
        while (end - from >= RECORD_HEADER) {
          const next = from + RECORD_HEADER + lengthOf(inputView.getInt32(from + 4))
          if (next > end) break
          read.push(Buffer.from(inputBytes.subarray(from + RECORD_HEADER, next)))
          from = next
        }
        input.keep(from, end)
      }
      expect(input.length).toBe(0)
      expect(read).toEqual(records.map((octets) => Buffer.from(octets)))
    }),
  )
})

test('streams that read in turn do not see each other', () => {
  const one = new StreamInput()
  const two = new StreamInput()
  const read = (input: StreamInput, text: string): string => {
    const octets = readInto.write(text)
    const from = input.begin()
    const all = Buffer.from(inputBytes.subarray(from, inputEnd(octets))).toString()
    input.keep(from, inputEnd(octets))
    return all
  }
  expect([read(one, 'a'), read(two, 'x'), read(one, 'b'), read(two, 'y'), read(one, 'c')]).toEqual([
    'a',
    'x',
    'ab',
    'xy',
    'abc',
  ])
})
