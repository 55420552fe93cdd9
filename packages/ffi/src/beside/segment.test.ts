/** Segments made beside a library: refusals that their senders believe, and SYNs that say what they mean. */
import { TCP_ACK, TCP_FIN, TCP_PSH, TCP_RST, TCP_SYN } from '@ioth/core'
import { expect, test } from 'vitest'
import { frameOf, isRight } from '../../test/support/frames.ts'
import { PacketView, SACK_PERMITTED } from './packet-view.ts'
import { cutSegment, mssOn, plainSyn, refusalOf, roomIn, withMss } from './segment.ts'

/** From port 1 to port 2, sequence number 100, acknowledgment number 77. */
function segment(
  family: 4 | 6,
  flags: number,
  options: readonly number[] = [],
  data: readonly number[] = [],
): PacketView {
  const header = [0, 1, 0, 2, 0, 0, 0, 100, 0, 0, 0, 77, 0, flags, 16, 0, 0, 0, 0, 0]
  const addresses = Array.from({ length: 32 }, (_, place) => place + 1)
  const { bytes, at, length } = frameOf({ family, protocol: 'tcp', linkHeader: 14, addresses, header, options, data })
  return viewOf(bytes.subarray(at, at + length))
}

function viewOf(frame: Uint8Array): PacketView {
  const view = new PacketView()
  expect(view.read(frame, 0, frame.length)).toBe(true)
  return view
}

test.each([4, 6] as const)('over IPv%i: who sends to nobody is refused by numbers that it believes', (family) => {
  const refusal = (flags: number, data: readonly number[] = []): unknown => {
    const frame = refusalOf(segment(family, flags, [], data))
    if (frame === null) return null
    const view = viewOf(frame)
    expect(isRight(view)).toBe(true)
    expect([view.sourcePort, view.destinationPort]).toEqual([2, 1])
    expect(view.destinationAddress.equals(segment(family, flags).sourceAddress)).toBe(true)
    return [view.flags, view.sequence, view.acknowledgment]
  }
  expect(refusal(TCP_SYN, [1, 2, 3])).toEqual([TCP_RST | TCP_ACK, 0, 104])
  expect(refusal(TCP_ACK)).toEqual([TCP_RST, 77, 0])
  expect(refusal(TCP_FIN | TCP_ACK)).toEqual([TCP_RST, 77, 0])
  expect(refusal(TCP_RST)).toBe(null)
  expect(refusal(TCP_RST | TCP_ACK)).toBe(null)
})

test.each([
  [4, 536],
  [6, 1220],
] as const)('over IPv%i: a SYN that announces no segment size means one of %i', (family, mss) => {
  const options = [3, 3, 7, 1]
  const frame = withMss(segment(family, TCP_SYN, options, [9, 8, 7]))
  const view = viewOf(frame as Uint8Array)
  expect(isRight(view)).toBe(true)
  expect([view.mss, view.windowScale, view.sequence, view.flags]).toEqual([mss, 7, 100, TCP_SYN])
  expect(Array.from(view.bytes.subarray(view.dataAt, view.end))).toEqual([9, 8, 7])
  expect(view.end).toBe(view.bytes.length)
})

test('a SYN that says so by itself, or has no room for it, is left as it is', () => {
  expect(withMss(segment(4, TCP_SYN, [2, 4, 5, 180]))).toBe(null)
  expect(withMss(segment(4, TCP_SYN, new Array<number>(40).fill(1)))).toBe(null)
})

test.each([
  ['no size', [], 536],
  ['a size of 0, which stands for none', [2, 4, 0, 0], 536],
  ['an absurd one', [2, 4, 0, 1], 88],
  ['a scale and timestamps', [2, 4, 5, 180, 3, 3, 7, 1, 1, 1, 8, 10, 1, 2, 3, 4, 5, 6, 7, 8], 1460],
] as const)('a SYN for picoTCP, of one with %s', (_, options, mss) => {
  const flags = TCP_SYN | TCP_ACK | TCP_PSH | TCP_FIN | 0xe0
  const view = viewOf(plainSyn(segment(4, flags, options, [1, 2, 3])))
  expect(isRight(view)).toBe(true)
  expect([view.flags, view.sequence, view.acknowledgment, view.dataLength]).toEqual([TCP_SYN | TCP_ACK, 100, 77, 0])
  expect([view.mss, view.hasOption(SACK_PERMITTED), view.windowScale]).toEqual([mss, true, options.length > 8 ? 7 : 0])
  const at = view.timestampsAt
  expect(at === -1 ? [] : [...view.bytes.subarray(at, at + 8)]).toEqual(
    options.length > 8 ? [1, 2, 3, 4, 5, 6, 7, 8] : [],
  )
})

test('a segment in pieces: the octets in order, its end behind the last', () => {
  const data = Array.from({ length: 250 }, (_, place) => place)
  const whole = segment(6, TCP_ACK | TCP_PSH | TCP_FIN, [1, 1, 1, 1], data)
  expect(roomIn(whole, 104)).toBe(100)
  const pieces = cutSegment(whole, 100).map(viewOf)
  expect(pieces.every(isRight)).toBe(true)
  expect(pieces.map(({ sequence, flags }) => [sequence, flags])).toEqual([
    [100, TCP_ACK],
    [200, TCP_ACK],
    [300, TCP_ACK | TCP_PSH | TCP_FIN],
  ])
  expect(pieces.flatMap((piece) => [...piece.bytes.subarray(piece.dataAt, piece.end)])).toEqual(data)
  expect(cutSegment(whole, 120).map((piece) => viewOf(piece).dataLength)).toEqual([84, 84, 82])
  expect([mssOn(1500, 4), mssOn(1500, 6)]).toEqual([1460, 1440])
})
