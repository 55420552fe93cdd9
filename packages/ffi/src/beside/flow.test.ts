/** A flow: what the library's acknowledgements say, and octets for a connection that is closed. */
import { createVirtualScheduler, TCP_ACK, TCP_FIN, TCP_RST, TCP_SYN } from '@ioth/core'
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
  return viewOf(bytes.slice(at, at + length))
}

function viewOf(frame: Uint8Array): PacketView {
  const view = new PacketView()
  expect(view.read(frame, 0, frame.length)).toBe(true)
  return view
}

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

test('RFC 1122 4.2.2.13: octets for a connection that its program has closed draw a RST', () => {
  const { clock } = createVirtualScheduler()
  const sent: PacketView[] = []
  const inside: PacketView[] = []
  const flow = new Flow({
    clock,
    toPeer: (frame) => sent.push(viewOf(frame)),
    toLibrary: (frame) => inside.push(viewOf(frame)),
  })
  flow.leaving(segment(TCP_SYN, 100, 0))
  flow.arriving(segment(TCP_SYN | TCP_ACK, 700, 101))
  flow.leaving(segment(TCP_FIN | TCP_ACK, 101, 701))
  flow.arriving(segment(TCP_ACK, 701, 102))
  expect(flow.finAcknowledged).toBe(true)
  flow.isClosed = true
  sent.length = 0
  expect(flow.arriving(segment(TCP_ACK, 700, 102, [9])), 'of old').toBe(true)
  expect(flow.arriving(segment(TCP_ACK, 701, 102, [9]))).toBe(false)
  expect(sent).toMatchObject([{ flags: TCP_RST | TCP_ACK, sequence: 102, acknowledgment: 701 }])
  expect(inside).toMatchObject([{ flags: TCP_RST | TCP_ACK, sequence: 701 }])
})

test('P-04 what a window leaves is counted from the segment that announced it', () => {
  const { clock } = createVirtualScheduler()
  const flow = new Flow({ clock, toPeer: () => {}, toLibrary: () => {} })
  let opened = 0
  flow.observer = { acknowledged: () => void opened++ }
  flow.leaving(segment(TCP_SYN, 100, 0))
  // Each of its segments has a window of 4096.
  flow.arriving(segment(TCP_SYN | TCP_ACK, 700, 101))
  expect(flow.peerWindow).toBe(4096)
  flow.leaving(segment(TCP_ACK, 101, 701, Array(30).fill(1)))
  flow.arriving(segment(TCP_ACK, 710, 101, [1]))
  expect(flow.peerWindow).toBe(4096)
  flow.arriving(segment(TCP_ACK, 701, 121, [1]))
  expect(flow.peerWindow, 'an older one acknowledges, and says nothing of the window').toBe(4076)
  const before = opened
  flow.arriving(segment(TCP_ACK, 711, 121))
  expect([flow.peerWindow, opened - before], 'it opens').toEqual([4096, 1])
})

test('what comes late for a connection that is closed is answered beside the library, which may have forgotten it', () => {
  const { clock } = createVirtualScheduler()
  const sent: PacketView[] = []
  const flow = new Flow({ clock, toPeer: (frame) => sent.push(viewOf(frame)), toLibrary: () => {} })
  flow.leaving(segment(TCP_SYN, 100, 0))
  flow.arriving(segment(TCP_SYN | TCP_ACK, 700, 101))
  flow.leaving(segment(TCP_FIN | TCP_ACK, 101, 701))
  expect(flow.arriving(segment(TCP_FIN | TCP_ACK, 701, 102))).toBe(true)
  flow.isClosed = true
  sent.length = 0
  expect(flow.arriving(segment(TCP_ACK, 702, 102)), 'its end is not acknowledged yet').toBe(true)
  flow.leaving(segment(TCP_ACK, 102, 702))
  expect(flow.arriving(segment(TCP_ACK, 702, 102)), 'of old').toBe(false)
  expect(sent).toEqual([])
  expect(flow.arriving(segment(TCP_FIN | TCP_ACK, 701, 102)), 'again').toBe(false)
  expect(sent).toMatchObject([{ flags: TCP_ACK, sequence: 102, acknowledgment: 702 }])
})

test('what a library acknowledged before all was read, and sends after it, offers the room that there is now', () => {
  const { clock } = createVirtualScheduler()
  const sent: PacketView[] = []
  const flow = new Flow({ clock, toPeer: (frame) => sent.push(viewOf(frame)), toLibrary: () => {} })
  flow.leaving(segment(TCP_SYN, 100, 0))
  flow.arriving(segment(TCP_SYN | TCP_ACK, 700, 101))
  flow.leaving(segment(TCP_ACK, 101, 701))
  sent.length = 0
  const offered = (acknowledgment: number, window: number): number => {
    const frame = segment(TCP_ACK, 101, acknowledgment)
    frame.window = window
    expect(flow.leaving(frame)).toBe(true)
    expect(isRight(frame)).toBe(true)
    return frame.window
  }
  // 4000 octets are read while their acknowledgements are on the way.
  flow.announceRoom(4000, 4096)
  expect(sent, 'there was no need to say so').toEqual([])
  expect(offered(2701, 2096)).toBe(4096)
  expect(offered(4701, 96)).toBe(4096)
  expect(offered(8000, 797), 'more has come').toBe(797)
  flow.announceRoom(7299, 4096)
  expect(sent).toMatchObject([{ flags: TCP_ACK, acknowledgment: 8000, window: 4096 }])
})
