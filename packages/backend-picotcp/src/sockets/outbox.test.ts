/** What the library is given of what waits: nothing that is too small, and not for ever. */
import { createVirtualScheduler } from '@ioth/core'
import { expect, it } from 'vitest'
import { Flow } from '../flows.ts'
import { Outbox } from './outbox.ts'

interface Stage {
  readonly flow: Flow
  readonly outbox: Outbox
  /** Octets that the library is given for so many that are written. */
  push(count: number, isPatient?: boolean): number
}

/** A connection whose peer takes so much. */
function withWindow(window: number): Stage {
  const flow = new Flow(createVirtualScheduler().clock, 4, 80, 1024, new Int32Array(8))
  Object.assign(flow, { isSent: true, iss: 0, sndUna: 1, sndNxt: 1, peerWindow: window })
  flow.acceptance.widestWindow = window
  const outbox = new Outbox()
  const push = (count: number, isPatient = false): number => {
    const before = flow.written
    if (count > 0) outbox.push(new Uint8Array(count), 0, count)
    outbox.feed(flow, isPatient, (octets) => octets.length)
    return flow.written - before
  }
  return { flow, outbox, push }
}

it('small octets wait while others are under way, unless the socket says otherwise', () => {
  const { flow, push } = withWindow(10_000)
  expect(push(10, true)).toBe(10)
  expect(push(10, true)).toBe(0)
  expect(push(10, true)).toBe(0)
  flow.sndUna = 11
  expect(push(0, true)).toBe(20)
  expect(push(2000, true)).toBe(2000)
  expect(push(10, false)).toBe(10)
})

it.each([
  ['a peer', { offer: { mss: 536 }, pathMss: 1460 }],
  ['the path', { offer: { mss: 1460 }, pathMss: 536 }],
])('segments of the size that %s takes wait for nothing', (_, sizes) => {
  const { flow, push } = withWindow(10_000)
  Object.assign(flow, sizes, { device: { mtu: 1500 } })
  expect(push(10, true)).toBe(10)
  expect(push(535, true)).toBe(0)
  expect(push(1, true)).toBe(536)
  flow.hasTimestamps = true
  expect(push(523, true)).toBe(0)
  expect(push(1, true)).toBe(524)
})

it('what a window leaves of more waits for a segment, or half of what the window was, or some time', () => {
  const { flow, outbox, push } = withWindow(3000)
  expect(push(8000)).toBe(3000)
  flow.sndUna = 3001
  flow.peerWindow = 100
  expect(push(0)).toBe(0)
  expect(flow.isStalled).toBe(true)
  flow.isOverdue = true
  expect(push(0)).toBe(100)
  expect(flow.isOverdue).toBe(false)
  flow.sndUna = 3101
  flow.peerWindow = 1500
  expect(push(0)).toBe(1500)
  flow.sndUna = 4601
  flow.peerWindow = outbox.length
  expect(push(0)).toBe(3400)
  expect(flow.isStalled).toBe(false)
})

it('it is told when the library is full', () => {
  const { flow, outbox } = withWindow(10_000)
  outbox.push(new Uint8Array(100), 0, 100)
  expect(outbox.feed(flow, false, () => 40)).toBe(true)
  expect(outbox.feed(flow, false, () => -1)).toBe(true)
  expect(outbox.length).toBe(60)
  expect(outbox.feed(flow, false, (octets) => octets.length)).toBe(false)
})
