/** Segments made beside a library: refusals that their senders believe, and SYNs that say what they mean. */
import { TCP_ACK, TCP_FIN, TCP_RST, TCP_SYN } from '@ioth/core'
import { expect, test } from 'vitest'
import { frameOf, isRight } from '../../test/support/frames.ts'
import { PacketView } from './packet-view.ts'
import { refusalOf, withMss } from './segment.ts'

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
