/** A flow: what is no answer to a SYN does not reach the library, and its acknowledgements say what comes next. */
import { createVirtualScheduler, TCP_ACK, TCP_RST, TCP_SYN } from '@ioth/core'
import { expect, test } from 'vitest'
import { frameOf, isRight } from '../../test/support/frames.ts'
import { Flow } from './flow.ts'
import { PacketView } from './packet-view.ts'

const PORTS = [0, 1, 0, 2]
const octets = (value: number): number[] => [value >>> 24, (value >>> 16) & 255, (value >>> 8) & 255, value & 255]

function segment(flags: number, sequence: number, acknowledgment: number, data: readonly number[] = []): PacketView {
  const header = [...PORTS, ...octets(sequence), ...octets(acknowledgment), 0, flags, 16, 0, 0, 0, 0, 0]
  const addresses = Array.from({ length: 32 }, (_, place) => place + 1)
  const { bytes, at, length } = frameOf({
    family: 4,
    protocol: 'tcp',
    linkHeader: 14,
    addresses,
    header,
    options: [],
    data,
  })
  const view = new PacketView()
  expect(view.read(bytes.slice(at, at + length), 0, length)).toBe(true)
  return view
}

test('RFC 9293 3.10.7.3: of what acknowledges a SYN only a SYN and a RST reach the library', () => {
  const { clock } = createVirtualScheduler()
  const flow = new Flow({ clock, toPeer: () => {}, toLibrary: () => {} })
  expect(flow.leaving(segment(TCP_SYN, 100, 0))).toBe(true)
  expect(flow.arriving(segment(TCP_ACK, 5, 101))).toBe(false)
  expect(flow.isEstablished).toBe(false)
  // A wrong one the library answers by a RST, as it should.
  expect(flow.arriving(segment(TCP_ACK, 5, 102))).toBe(true)
  expect(flow.arriving(segment(TCP_SYN | TCP_ACK, 700, 101))).toBe(true)
  expect(flow.isEstablished).toBe(true)
  expect(flow.arriving(segment(TCP_ACK, 701, 101))).toBe(true)
  expect(flow.arriving(segment(TCP_RST, 701, 0))).toBe(true)
  expect(flow.wasReset).toBe(true)
})

test('an acknowledgement has the number of what comes next, also when the library has repeated something', () => {
  const { clock } = createVirtualScheduler()
  const flow = new Flow({ clock, toPeer: () => {}, toLibrary: () => {} })
  flow.leaving(segment(TCP_SYN, 100, 0))
  flow.arriving(segment(TCP_SYN | TCP_ACK, 700, 101))
  flow.leaving(segment(TCP_ACK, 101, 701, [1, 2, 3]))
  flow.leaving(segment(TCP_ACK, 104, 701, [4, 5, 6]))
  const said = (frame: PacketView): number => {
    expect(flow.leaving(frame)).toBe(true)
    expect(isRight(frame)).toBe(true)
    return frame.sequence
  }
  expect(said(segment(TCP_ACK, 101, 701, [1, 2, 3])), 'repeated').toBe(101)
  expect(said(segment(TCP_ACK, 104, 710))).toBe(107)
  expect(said(segment(TCP_ACK, 106, 710)), 'a probe').toBe(106)
  expect(said(segment(TCP_RST, 104, 0))).toBe(104)
  flow.end(6)
  expect(said(segment(TCP_ACK, 107, 710))).toBe(107)
})
