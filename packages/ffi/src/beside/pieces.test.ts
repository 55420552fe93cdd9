/** Fragments put together: marks of congestion (RFC 3168 5.3), in both families. */
import { expect, test } from 'vitest'
import { frameOf, isRight } from '../../test/support/frames.ts'
import { packetFrames } from './packet-frames.ts'
import { PacketView } from './packet-view.ts'
import { Pieces } from './pieces.ts'

const LINK = 14
const BEHIND_LINK = { 4: 20, 6: 40 }

/** Three fragments with these marks, put together. */
function joined(family: 4 | 6, marks: readonly number[]): Uint8Array | null {
  const data = Array.from({ length: 3000 }, (_, at) => at & 255)
  const { bytes, at, length } = frameOf({
    family,
    protocol: 'udp',
    linkHeader: LINK,
    header: [0, 7, 0, 9, 0, 0, 0, 0],
    data,
  })
  const headers = bytes.slice(at, at + LINK + BEHIND_LINK[family])
  const payload = bytes.slice(at + headers.length, at + length)
  const pieces = new Pieces()
  const packet = new PacketView()
  let whole: Uint8Array | null = null
  let place = 0
  for (const frame of packetFrames(headers, LINK, payload, 1280, 77)) {
    const mark = marks[place++] as number
    frame[LINK + 1] = (frame[LINK + 1] as number) | (family === 4 ? mark : mark << 4)
    expect(packet.read(frame, 0, frame.length)).toBe(true)
    const taken = pieces.add(packet)
    expect(taken).not.toBe('whole')
    whole = taken as Uint8Array | null
  }
  expect(place).toBe(3)
  return whole
}

const markOf = (family: 4 | 6, frame: Uint8Array): number =>
  ((frame[LINK + 1] as number) >>> (family === 4 ? 0 : 4)) & 3

test.each([4, 6] as const)('IPv%i: the whole is marked when one of its fragments is', (family) => {
  for (const [marks, expected] of [
    [[0, 0, 0], 0],
    [[2, 2, 2], 2],
    [[2, 2, 3], 3],
    [[3, 2, 1], 3],
  ] as const) {
    const whole = joined(family, marks) as Uint8Array
    expect(markOf(family, whole), `${marks}`).toBe(expected)
    const packet = new PacketView()
    expect(packet.read(whole, 0, whole.length)).toBe(true)
    expect(packet.dataLength).toBe(3000)
    expect(isRight(packet), `${marks}`).toBe(true)
  }
})

test.each([4, 6] as const)('IPv%i: what cannot be marked and is, is no packet', (family) => {
  for (const marks of [
    [0, 0, 3],
    [3, 2, 0],
    [2, 3, 0],
    [2, 0, 3],
  ]) {
    expect(joined(family, marks), `${marks}`).toBeNull()
  }
})
