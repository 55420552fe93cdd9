/** What is given to a library of what waits, by the window of its peer. */
import { createVirtualScheduler } from '@ioth/core'
import { beforeEach, expect, test } from 'vitest'
import { Acceptance } from './acceptance.ts'
import { PeerWindow } from './peer-window.ts'

const SECOND = 1_000_000

let time = createVirtualScheduler({ seed: 1 })
let window: PeerWindow
/** When it was asked for a window that is shut, and when it was to be asked for room again, in milliseconds. */
let probes: number[] = []
let turns: number[] = []
let flow = { peerWindow: 0, peerMss: 1000, acceptance: new Acceptance(time.clock), probe: (): void => {} }

beforeEach(() => {
  time = createVirtualScheduler({ seed: 1 })
  const began = time.clock.now
  const now = (): number => (time.clock.now - began) / 1000
  probes = []
  turns = []
  flow = {
    peerWindow: 8000,
    peerMss: 1000,
    acceptance: new Acceptance(time.clock),
    probe: () => void probes.push(now()),
  }
  flow.acceptance.widestWindow = 8000
  window = new PeerWindow(time.clock, flow, 1460, 0, () => void turns.push(now()))
})

test('as much as the window and the library take, less what is under way', () => {
  expect(window.room(20_000, 0, 5000)).toBe(5000)
  expect(window.room(20_000, 3000, 50_000)).toBe(5000)
  expect(window.room(20_000, 8000, 50_000)).toBe(0)
  expect(window.room(20_000, 9000, 50_000), 'the window has shrunk').toBe(0)
  expect(window.room(10, 3000, 50_000), 'all that waits').toBe(10)
  time.advance(10 * SECOND)
  expect(turns, 'an acknowledgement is due').toEqual([])
})

test('what is left of a window waits for more, for a while each time', () => {
  flow.peerWindow = 700
  for (const at of [200, 400, 600]) {
    expect(window.room(20_000, 0, 50_000)).toBe(0)
    time.advance(SECOND / 5)
    expect(turns.at(-1)).toBe(at)
    expect(window.room(20_000, 0, 50_000)).toBe(700)
  }
  expect(probes).toEqual([])
})

test('full segments of it, less the options on each; the rest of the window waits', () => {
  const cut = new PeerWindow(time.clock, flow, 1460, 4, () => {})
  expect(cut.segment).toBe(996)
  expect(cut.room(20_000, 0, 50_000)).toBe(8 * 996)
  expect(cut.room(7990, 0, 50_000), 'all that waits').toBe(7990)
  expect(cut.room(20_000, 7004, 50_000)).toBe(996)
  expect(cut.room(20_000, 7005, 50_000)).toBe(0)
})

test('a segment is no longer than the link takes, and has an octet at least, whatever the peer announces', () => {
  flow.peerMss = 65_535
  expect(window.segment).toBe(1460)
  expect(window.room(20_000, 0, 5000)).toBe(3 * 1460)
  flow.peerMss = 4
  const cut = new PeerWindow(time.clock, flow, 1460, 4, () => {})
  expect([cut.segment, cut.room(20_000, 0, 5000)]).toEqual([1, 5000])
})

test('half of a small window is worth it', () => {
  flow.acceptance.widestWindow = 600
  flow.peerWindow = 300
  expect(window.room(20_000, 0, 50_000)).toBe(300)
})

test('a window that is shut is asked for, ever more seldom, until it opens', () => {
  flow.peerWindow = 0
  const ask = (): number => window.room(20_000, 0, 50_000)
  expect(ask()).toBe(0)
  for (let i = 0; i < 200; i++) {
    const { length } = turns
    time.advance(SECOND / 10)
    if (turns.length > length) expect(ask()).toBe(0)
  }
  expect(probes).toEqual([200, 600, 1400, 3000, 6200, 11_200, 16_200])
  flow.peerWindow = 8000
  expect(ask()).toBe(8000)
  time.advance(60 * SECOND)
  expect(probes.length).toBe(7)
})

test('nothing is asked for when it is closed', () => {
  flow.peerWindow = 0
  expect(window.room(1, 0, 50_000)).toBe(0)
  window.close()
  time.advance(60 * SECOND)
  expect([probes, turns]).toEqual([[], []])
})
