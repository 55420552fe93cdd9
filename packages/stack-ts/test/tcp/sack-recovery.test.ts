/** Recovery with SACK as only the inside shows it: windows at each sending, reductions that are taken back, what a connection costs. */
import type { Stack } from '@ioth/core'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Connection } from '../../src/tcp/connection.ts'
import type { Emitter } from '../../src/tcp/emitter.ts'
import { PROBE_TAIL, PROBE_WINDOW, pipe, RESEND_FIRST, type Tcb } from '../../src/tcp/tcb.ts'
import type { Tcp } from '../../src/tcp/tcp.ts'
import { measure } from '../network/bottleneck.ts'
import { Conversation, MS, NOTHING_LEFT, Scenario, SECOND } from '../scenario.ts'

const MSS = 1460
const WIDE = { options: { mss: MSS, sackPermitted: true } } as const
const STAMPED = { options: { mss: MSS, sackPermitted: true, timestamps: { value: 5000, echo: 0 } } } as const

function inside(stack: Stack): Tcp {
  return (stack as unknown as { tcp: Tcp }).tcp
}

function tcbOf(scenario: Scenario): Tcb {
  return (inside(scenario.stack).list()[0] as Connection).tcb
}

/** A conversation whose congestion window has room. */
function warm(scenario: Scenario, fields: typeof WIDE | typeof STAMPED = WIDE): Conversation {
  const peer = Conversation.connect(scenario, fields)
  peer.write(20 * MSS)
  for (let i = 0; i < 40 && peer.socket.bytesQueued > 0; i++) {
    scenario.advance(5 * MS)
    peer.hear()
    peer.send()
  }
  expect(peer.socket.bytesQueued).toBe(0)
  return peer
}

test('R-TCP-36 R-TCP-40 P-05 what is in flight never exceeds the window when something is sent', async () => {
  let sendings = 0
  const lines = fc.record({
    loss: fc.constantFrom(0, 0.01, 0.05, 0.2),
    rttMs: fc.constantFrom(2, 20, 150),
    reorder: fc.constantFrom(0, 0.05),
    sack: fc.boolean(),
    congestion: fc.constantFrom('cubic' as const, 'newreno' as const),
    seed: fc.nat(1000),
  })
  await fc.assert(
    fc.asyncProperty(lines, async ({ sack, congestion, ...line }) => {
      const watch = (sender: Stack): void => {
        const { emitter } = inside(sender)
        const send = emitter.send.bind(emitter)
        emitter.send = (...[tcb, sequence, flags, length]: Parameters<Emitter['send']>): boolean => {
          const isForced = (tcb.flags & (PROBE_TAIL | PROBE_WINDOW | RESEND_FIRST)) !== 0
          if (length > 0 && !isForced) {
            // Limited transmit lets two segments more out (RFC 3042).
            expect(pipe(tcb) + length).toBeLessThanOrEqual(tcb.cwnd + (sack ? 0 : 2 * tcb.mss))
            sendings++
          }
          return send(tcb, sequence, flags, length)
        }
      }
      const settings = { tcp: { sack, congestion } }
      await measure({ ...line, settings, rateBitsPerSecond: 20_000_000, durationMs: 1500, onSender: watch })
    }),
    { numRuns: 12 },
  )
  expect(sendings).toBeGreaterThan(1000)
})

test('R-TCP-36 a timeout that was premature is taken back by the echo of an earlier timestamp', async () => {
  const scenario = await Scenario.create()
  const peer = warm(scenario, STAMPED)
  const start = peer.ack
  peer.write(10 * MSS)
  const [first] = peer.hear()
  const before = tcbOf(scenario).cwnd
  const echo = first?.parsedOptions.timestamps?.value as number
  scenario.advance(SECOND)
  scenario.segments()
  expect(scenario.stack.counters().tcpTimeouts).toBeGreaterThan(0)
  expect(tcbOf(scenario).cwnd).toBeLessThan(before)
  const value = Math.floor(scenario.scheduler.clock.now / 1000) + 5000
  peer.send({ acknowledgment: (start + 2 * 1448) | 0, options: { timestamps: { value, echo } } })
  expect(scenario.stack.counters().tcpSpuriousRecoveries).toBe(1)
  expect(tcbOf(scenario).cwnd).toBeGreaterThanOrEqual(before)
  expect(tcbOf(scenario).board?.lost).toBe(0)
  peer.socket.reset()
  expect(await scenario.finish()).toEqual(NOTHING_LEFT)
})

test('R-TCP-41 a fast retransmit for nothing is taken back when the peer reports the duplicate', async () => {
  const scenario = await Scenario.create()
  const peer = warm(scenario)
  const start = peer.ack
  const at = (place: number): number => (start + place * MSS) | 0
  peer.write(10 * MSS)
  peer.hear()
  const before = tcbOf(scenario).cwnd
  scenario.advance(5 * MS)
  for (let end = 2; end <= 5; end++) peer.send({ acknowledgment: start, options: { sack: [[at(1), at(end)]] } })
  expect(scenario.segments().map(({ sequence }) => sequence)).toContain(start)
  expect(tcbOf(scenario).ssthresh).toBeLessThan(before)
  // The original was only late; then the second one comes.
  peer.send({ acknowledgment: at(10) })
  peer.send({ acknowledgment: at(10), options: { sack: [[start, at(1)]] } })
  expect(scenario.stack.counters().tcpSpuriousRecoveries).toBe(1)
  expect(tcbOf(scenario).cwnd).toBeGreaterThanOrEqual(before)
  peer.socket.reset()
  expect(await scenario.finish()).toEqual(NOTHING_LEFT)
})

test('R-TCP-40 H-15 a peer that asks for what it reported gets it at once', async () => {
  const scenario = await Scenario.create()
  const peer = warm(scenario)
  const start = peer.ack
  const at = (place: number): number => (start + place * MSS) | 0
  peer.write(8 * MSS)
  peer.hear()
  scenario.advance(5 * MS)
  for (let end = 2; end <= 8; end++) peer.send({ acknowledgment: start, options: { sack: [[at(1), at(end)]] } })
  scenario.segments()
  peer.send({ acknowledgment: at(1) })
  expect(scenario.segments().map(({ sequence }) => sequence)).toContain(at(1))
  expect(scenario.stack.counters().tcpTimeouts).toBe(0)
  peer.socket.reset()
  expect(await scenario.finish()).toEqual(NOTHING_LEFT)
})

test('R-TCP-46 a probe that repaired a loss costs a reduction, one that was needless does not', async () => {
  for (const isLost of [true, false]) {
    const scenario = await Scenario.create()
    const peer = warm(scenario)
    const start = peer.ack
    peer.write(4 * MSS)
    peer.hear()
    const { cwnd, ssthresh } = tcbOf(scenario)
    scenario.advance(100 * MS)
    const [probe, ...others] = scenario.segments()
    expect(probe?.sequence).toBe((start + 3 * MSS) | 0)
    expect(others).toEqual([])
    expect(scenario.stack.counters().tcpLossProbes).toBe(1)
    const end = (start + 4 * MSS) | 0
    peer.ack = end
    peer.send()
    // The duplicate is reported, or there was none; then the conversation goes on.
    if (!isLost) peer.send({ options: { sack: [[(end - MSS) | 0, end]] } })
    peer.write(MSS)
    peer.hear()
    peer.send()
    const after = tcbOf(scenario)
    if (isLost) expect(after.ssthresh).toBeLessThan(cwnd)
    else expect([after.ssthresh, after.cwnd >= cwnd]).toEqual([ssthresh, true])
    expect(scenario.stack.counters().tcpTimeouts).toBe(0)
    peer.socket.reset()
    expect(await scenario.finish()).toEqual(NOTHING_LEFT)
  }
})

test('R-TCP-29 R-TCP-40 with SACK, too, a window that shrinks is survived', async () => {
  const scenario = await Scenario.create()
  const peer = warm(scenario)
  const start = peer.ack
  peer.write(8 * MSS)
  peer.hear()
  peer.send({ acknowledgment: start, window: 0 })
  scenario.advance(5 * SECOND)
  scenario.segments()
  for (let i = 0; i < 60 && peer.socket.bytesQueued > 0; i++) {
    peer.ack = i === 0 ? start : peer.ack
    peer.send({ window: 3000 })
    peer.hear()
    scenario.advance(100 * MS)
    peer.hear()
  }
  expect(peer.socket.bytesQueued).toBe(0)
  peer.socket.reset()
  expect(await scenario.finish()).toEqual(NOTHING_LEFT)
})

test('P-11 a connection that lost nothing has no scoreboard, an idle one no records', async () => {
  const scenario = await Scenario.create()
  const peer = warm(scenario)
  const tcb = tcbOf(scenario)
  expect([tcb.board, tcb.extras.sackReport, tcb.extras.cubic, tcb.sentCount]).toEqual([null, null, null, 0])
  expect(inside(scenario.stack).records.used).toBe(0)
  peer.write(5 * MSS)
  peer.hear()
  // All of one turn is one record.
  expect(inside(scenario.stack).records.used).toBe(1)
  peer.socket.reset()
  expect(inside(scenario.stack).records.used).toBe(0)
  expect(await scenario.finish()).toEqual(NOTHING_LEFT)
})
