/** ICMP of the library, mended: what is to be zero is, and the sum still holds. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { mendIcmp } from './mend-icmp.ts'

const ICMP4 = 34
const ICMP6 = 54

/** A frame with an ICMP message of eight octets and more, its sum right over them alone. */
function frameOf(family: 4 | 6, message: readonly number[]): Uint8Array {
  const at = family === 4 ? ICMP4 : ICMP6
  const frame = new Uint8Array(at + message.length)
  frame.set(family === 4 ? [8, 0, 0x45] : [0x86, 0xdd, 0x60], 12)
  frame[family === 4 ? 23 : 20] = family === 4 ? 1 : 58
  frame.set(message, at)
  frame.set([0, 0], at + 2)
  const sum = ~sumOf(frame.subarray(at)) & 0xffff
  frame.set([sum >> 8, sum & 0xff], at + 2)
  return frame
}

function sumOf(octets: Uint8Array): number {
  let sum = 0
  octets.forEach((octet, index) => {
    sum += index % 2 === 0 ? octet << 8 : octet
  })
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16)
  return sum
}

const octets = fc.array(fc.integer({ min: 0, max: 255 }), { minLength: 8, maxLength: 60 })

test('errors have nothing in the unused field, echo replies no code, others are left alone; sums hold', () => {
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
    fc.property(kinds, octets, ([family, type, kind], [, ...rest]) => {
      const frame = frameOf(family, [type, ...rest, 0])
      const before = frame.slice()
      mendIcmp(frame, frame.length)
      const icmp = frame.subarray(family === 4 ? ICMP4 : ICMP6)
      expect(sumOf(icmp)).toBe(0xffff)
      if (kind === 'error') expect(Array.from(icmp.subarray(4, 8))).toEqual([0, 0, 0, 0])
      else if (kind === 'reply') expect(icmp[1]).toBe(0)
      else expect(frame).toEqual(before)
    }),
  )
})

test('what ends before the message does is left alone', () => {
  const frame = frameOf(4, [3, 3, 0, 0, 1, 2, 3, 4]).subarray(0, ICMP4 + 6)
  const before = frame.slice()
  mendIcmp(frame, frame.length)
  expect(frame).toEqual(before)
})
