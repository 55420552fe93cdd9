/** TCP segments in frames: their checksums. */
import { ETHERNET_HEADER, IP4_HEADER, IP6_HEADER, TCP_CHECKSUM, TCP_WINDOW } from '@ioth/core'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { fold, sumOf } from './checksum.ts'
import { TcpFrame } from './tcp-frame.ts'

/** A frame with random addresses, ports, numbers and payload, and no right sum. */
function frameOf(family: 4 | 6, random: readonly number[], payload: readonly number[]): Uint8Array {
  const ip = family === 4 ? IP4_HEADER : IP6_HEADER
  const tcp = ETHERNET_HEADER + ip
  const frame = new Uint8Array(tcp + 20 + payload.length)
  frame.set(random.slice(0, frame.length))
  const view = new DataView(frame.buffer)
  if (family === 4) {
    frame.set([8, 0, 0x45], 12)
    view.setUint16(16, frame.length - ETHERNET_HEADER)
    view.setUint16(20, 0)
    frame[23] = 6
  } else {
    frame.set([0x86, 0xdd, 0x60], 12)
    view.setUint16(18, 20 + payload.length)
    frame[20] = 6
  }
  frame[tcp + 12] = 0x50
  frame.set(payload, tcp + 20)
  return frame
}

const octet = fc.integer({ min: 0, max: 255 })

test('a sum that is right stays so when numbers are changed', () => {
  const octets = fc.array(octet, { minLength: 80, maxLength: 80 })
  fc.assert(
    fc.property(
      fc.constantFrom(4 as const, 6 as const),
      octets,
      fc.array(octet, { maxLength: 9 }),
      fc.integer(),
      (family, random, payload, number) => {
        const bytes = frameOf(family, random, payload)
        const frame = new TcpFrame()
        frame.use(bytes)
        expect(frame.parse(bytes.length)).toBe(true)
        const view = new DataView(bytes.buffer)
        const length = 20 + payload.length
        const [source, addresses] = family === 4 ? [26, 8] : [22, 32]
        const total = (): number =>
          fold(6 + length + sumOf(view, source, addresses) + sumOf(view, bytes.length - length, length))
        view.setUint16(frame.at + TCP_CHECKSUM, 0)
        view.setUint16(frame.at + TCP_CHECKSUM, ~total())
        expect(total()).toBe(0xffff)
        frame.setSeq(number)
        frame.setAck(~number)
        frame.set16(TCP_WINDOW, number)
        expect(frame.window).toBe(number & 0xffff)
        expect(total()).toBe(0xffff)
      },
    ),
  )
})
