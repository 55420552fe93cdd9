/** The windows of NewReno and CUBIC, fed with acknowledgements. */
import type { IpAddress } from '@ioth/core'
import { NO_OFFLOAD } from '@ioth/core'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Network } from '../../ip/network.ts'
import type { Path } from '../../link/path.ts'
import { SYN_RESENT, Tcb } from '../tcb.ts'
import { type CongestionController, initialWindow, openWindow } from './controller.ts'
import { cubic } from './cubic.ts'
import { reno } from './reno.ts'

const MSS = 1000

function block(cwnd: number, ssthresh: number): Tcb {
  const nobody = null as unknown as IpAddress
  const path = { offload: NO_OFFLOAD } as Path
  const tcb = new Tcb(null as unknown as Network, path, nobody, 1, nobody, 2, 0, 1, 1)
  tcb.mss = MSS
  tcb.cwnd = cwnd
  tcb.ssthresh = ssthresh
  tcb.srtt = 100_000
  return tcb
}

/** One window's worth of acknowledgements, a segment each. */
function round(tcb: Tcb, controller: CongestionController, nowMs: number): void {
  for (let left = Math.floor(tcb.cwnd / MSS); left > 0; left--) controller.onAck(tcb, MSS, tcb.cwnd, nowMs)
}

test('R-TCP-35 the initial window (RFC 6928), and one segment after a SYN that was sent again', () => {
  expect([500, 1460, 4000, 9000].map(initialWindow)).toEqual([5000, 14600, 14600, 18000])
  const tcb = block(0, 0)
  tcb.flags |= SYN_RESENT
  openWindow(tcb)
  expect(tcb.cwnd).toBe(MSS)
})

test('R-TCP-35 NewReno: doubled in a round trip of slow start, one segment more in one of avoidance', () => {
  const tcb = block(10 * MSS, 40 * MSS)
  round(tcb, reno, 0)
  expect(tcb.cwnd).toBe(20 * MSS)
  round(tcb, reno, 0)
  expect(tcb.cwnd).toBe(40 * MSS)
  round(tcb, reno, 0)
  expect(tcb.cwnd).toBe(41 * MSS)
  reno.onLoss(tcb, tcb.cwnd, 0)
  expect(tcb.ssthresh).toBe(20_500)
})

test('R-TCP-36 a timeout leaves one segment and half of what was in flight; a second one for the same octets no less', () => {
  const tcb = block(40 * MSS, 100 * MSS)
  reno.onTimeout(tcb, 30 * MSS, true)
  expect([tcb.cwnd, tcb.ssthresh]).toEqual([MSS, 15 * MSS])
  reno.onTimeout(tcb, MSS, false)
  expect([tcb.cwnd, tcb.ssthresh]).toEqual([MSS, 15 * MSS])
  const other = block(40 * MSS, 100 * MSS)
  cubic.onTimeout(other, 30 * MSS, true)
  expect([other.cwnd, other.ssthresh]).toEqual([MSS, 21 * MSS])
})

test('R-TCP-35 CUBIC: concave up to the last maximum, a plateau, convex beyond (RFC 9438 4.2)', () => {
  const tcb = block(1000 * MSS, 0)
  cubic.onLoss(tcb, tcb.cwnd, 0)
  expect(tcb.ssthresh).toBe(700 * MSS)
  tcb.cwnd = tcb.ssthresh
  const windows: number[] = []
  // K = cbrt(300 / 0.4), about 9.1 s; round trips of 100 ms.
  for (let nowMs = 0; nowMs <= 20_000; nowMs += 100) {
    round(tcb, cubic, nowMs)
    windows.push(tcb.cwnd / MSS)
  }
  const at = (seconds: number): number => windows[Math.round(seconds * 10)] as number
  expect(at(9.1)).toBeGreaterThan(985)
  expect(at(9.1)).toBeLessThan(1005)
  expect(at(2) - at(0)).toBeGreaterThan(at(9) - at(7))
  expect(at(14) - at(12)).toBeGreaterThan(at(11) - at(9))
  for (const [index, window] of windows.entries()) {
    const before = windows[index - 1] ?? 0
    expect(window).toBeGreaterThanOrEqual(before)
    if (index > 0) expect(window).toBeLessThanOrEqual(1.5 * before)
  }
})

test('R-TCP-35 CUBIC on a short path is no slower than Reno would be (RFC 9438 4.3)', () => {
  const tcb = block(20 * MSS, 0)
  cubic.onLoss(tcb, tcb.cwnd, 0)
  tcb.cwnd = tcb.ssthresh
  tcb.srtt = 1000
  for (let nowMs = 0; nowMs < 100; nowMs++) round(tcb, cubic, nowMs)
  // 0.53 segments in a round trip up to where the loss was, then one.
  expect(tcb.cwnd / MSS).toBeGreaterThan(20 + (100 - 6 / 0.53) * 0.9)
  expect(tcb.cwnd / MSS).toBeLessThan(20 + 100)
})

test('R-TCP-35 CUBIC: fast convergence, and a reduction that is taken back', () => {
  const tcb = block(100 * MSS, 0)
  cubic.onLoss(tcb, tcb.cwnd, 0)
  expect(tcb.extras.cubic?.wMax).toBe(100 * MSS)
  tcb.cwnd = 80 * MSS
  cubic.onLoss(tcb, tcb.cwnd, 0)
  expect(tcb.extras.cubic?.wMax).toBe(68 * MSS)
  cubic.onUndo(tcb)
  expect(tcb.extras.cubic?.wMax).toBe(100 * MSS)
})

test('R-TCP-35 a window that is not used does not grow, and idle time brings no leap', () => {
  for (const controller of [reno, cubic]) {
    const tcb = block(100 * MSS, 0)
    controller.onLoss(tcb, tcb.cwnd, 0)
    tcb.cwnd = tcb.ssthresh
    round(tcb, controller, 1000)
    const before = tcb.cwnd
    for (let nowMs = 1000; nowMs < 100_000; nowMs += 100) controller.onAck(tcb, MSS, MSS, nowMs)
    expect(tcb.cwnd).toBe(before)
    round(tcb, controller, 100_000)
    expect(tcb.cwnd - before).toBeLessThan(10 * MSS)
    controller.onIdle(tcb, 60_000)
    expect(tcb.cwnd).toBe(initialWindow(MSS))
  }
})

test('P-05 no sequence of events makes a window that is no window', () => {
  const event = fc.record({
    kind: fc.constantFrom('ack', 'loss', 'timeout', 'idle', 'undo'),
    amount: fc.integer({ min: 1, max: 1 << 20 }),
    waitMs: fc.nat(100_000),
  })
  fc.assert(
    fc.property(fc.constantFrom(reno, cubic), fc.array(event, { maxLength: 60 }), (controller, events) => {
      const tcb = block(10 * MSS, 0x7fffffff)
      let nowMs = 0x7fff0000
      for (const { kind, amount, waitMs } of events) {
        nowMs = (nowMs + waitMs) | 0
        if (kind === 'ack') controller.onAck(tcb, amount, tcb.cwnd, nowMs)
        else if (kind === 'loss') {
          controller.onLoss(tcb, Math.min(amount, tcb.cwnd), nowMs)
          tcb.cwnd = tcb.ssthresh
        } else if (kind === 'timeout') controller.onTimeout(tcb, amount, true)
        else if (kind === 'idle') controller.onIdle(tcb, waitMs)
        else controller.onUndo(tcb)
        expect(Number.isInteger(tcb.cwnd)).toBe(true)
        expect(tcb.cwnd).toBeGreaterThanOrEqual(MSS)
        expect(tcb.cwnd).toBeLessThanOrEqual(1 << 30)
        expect(tcb.ssthresh).toBeGreaterThanOrEqual(2 * MSS)
      }
    }),
  )
})
