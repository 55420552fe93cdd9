/** Loss: RFC 6298, RFC 5681, RFC 6582, RFC 3042. */
import { expect, test } from 'vitest'
import { Conversation, describe, MS, NOTHING_LEFT, pattern, Scenario, SECOND } from '../scenario.ts'

const WIDE = { options: { mss: 1460 } } as const

/** A conversation whose congestion window has room: `segments` full segments were acknowledged one by one. */
function warm(scenario: Scenario, segments = 20): Conversation {
  const peer = Conversation.connect(scenario, WIDE)
  peer.write(segments * 1460)
  for (let i = 0; i < segments * 2 && peer.socket.bytesQueued > 0; i++) {
    scenario.advance(10 * MS)
    peer.hear()
    peer.send()
  }
  expect(peer.socket.bytesQueued).toBe(0)
  return peer
}

/** When segments come, in milliseconds from now, over a time. */
function timesOf(scenario: Scenario, microseconds: number): number[] {
  const times: number[] = []
  const start = scenario.scheduler.clock.now
  while (scenario.scheduler.clock.now - start < microseconds) {
    scenario.advance(MS)
    for (const _ of scenario.segments()) times.push((scenario.scheduler.clock.now - start) / MS)
  }
  return times
}

test('R-TCP-23 R-TCP-25 P-05 RTO: 200 ms at least, doubled each time, 120 s at most; ETIMEDOUT after 15', async () => {
  const scenario = await Scenario.create()
  const peer = Conversation.connect(scenario)
  peer.write(100)
  peer.hear()
  expect(timesOf(scenario, 13 * SECOND)).toEqual([200, 600, 1400, 3000, 6200, 12600])
  expect(peer.socket.error).toBeNull()
  scenario.advance(110 * SECOND)
  // R-TCP-27: no earlier than 100 s.
  expect(peer.socket.error).toBeNull()
  scenario.advance(1000 * SECOND)
  expect(peer.socket.error?.code).toBe('ETIMEDOUT')
  expect(peer.socket.error?.syscall).toBe('read')
  peer.socket.close()
  expect(await scenario.finish()).toEqual(NOTHING_LEFT)
})

test('R-TCP-23 the first RTO is 1 s, and the floor is an option', async () => {
  const scenario = await Scenario.create({ settings: { tcp: { minRtoMs: 1000 } } })
  const peer = Conversation.connect(scenario)
  peer.write(100)
  peer.hear()
  expect(timesOf(scenario, 8 * SECOND)).toEqual([1000, 3000, 7000])
  peer.socket.reset()
  expect(await scenario.finish()).toEqual(NOTHING_LEFT)
})

test('R-TCP-23 the estimate follows the round trip: 2 s', async () => {
  const scenario = await Scenario.create({ settings: { tcp: { timestamps: false } } })
  const peer = Conversation.connect(scenario)
  for (let i = 0; i < 20; i++) {
    peer.write(100)
    peer.hear()
    scenario.advance(150 * MS)
    peer.hear()
    peer.send()
  }
  peer.write(100)
  peer.hear()
  const [first] = timesOf(scenario, SECOND)
  expect(first).toBeGreaterThanOrEqual(200)
  expect(first).toBeLessThan(400)
  peer.socket.reset()
  expect(await scenario.finish()).toEqual(NOTHING_LEFT)
})

test('R-TCP-24 Karn: an acknowledgement of what was sent twice is no sample', async () => {
  const scenario = await Scenario.create({ settings: { tcp: { timestamps: false } } })
  const peer = Conversation.connect(scenario)
  peer.write(100)
  peer.hear()
  // Sent again at 200, 600, 1400 ms; acknowledged at 1500 ms. A sample of 100 ms or 1500 ms would change the RTO of 1600 ms.
  scenario.advance(1500 * MS)
  peer.hear()
  peer.send()
  peer.write(100)
  peer.hear()
  expect(timesOf(scenario, 2 * SECOND)).toEqual([1600])
  peer.socket.reset()
  expect(await scenario.finish()).toEqual(NOTHING_LEFT)
})

test('R-TCP-26 after a SYN that was sent again: RTO 3 s and one segment', async () => {
  const scenario = await Scenario.create()
  const { ip, PEER } = await import('../scenario.ts')
  const { TCP_ACK, TCP_SYN } = await import('@ioth/core')
  const socket = scenario.stack.openTcp(4)
  socket.connect(ip(PEER), 80)
  const syn = scenario.segment()
  scenario.advance(1001 * MS)
  scenario.segment()
  const ports = { sourcePort: 80, destinationPort: syn.sourcePort }
  const acknowledgment = (syn.sequence + 1) | 0
  scenario.tcp({ ...ports, sequence: 0, acknowledgment, flags: TCP_SYN | TCP_ACK, options: { mss: 1460 } })
  scenario.segments()
  socket.write(pattern(10_000), 0, 10_000)
  expect(describe(scenario.segments())).toBe('ACK(1460)')
  expect(timesOf(scenario, 3500 * MS)).toEqual([3000])
  socket.reset()
  expect(await scenario.finish()).toEqual(NOTHING_LEFT)
})

test('R-TCP-35 initial window of ten segments, slow start by one segment an ACK', async () => {
  const scenario = await Scenario.create()
  const peer = Conversation.connect(scenario, WIDE)
  peer.write(200_000)
  expect(peer.hear().length).toBe(10)
  const base = (peer.iss + 1) | 0
  // One ACK for two segments: two leave the network, one is gained.
  peer.send({ acknowledgment: (base + 2 * 1460) | 0 })
  expect(peer.hear().length).toBe(3)
  peer.send({ acknowledgment: (base + 3 * 1460) | 0 })
  expect(peer.hear().length).toBe(2)
  peer.socket.reset()
  expect(await scenario.finish()).toEqual(NOTHING_LEFT)
})

test('R-TCP-36 after a timeout one segment leaves, then slow start to half of what was in flight', async () => {
  const scenario = await Scenario.create()
  const peer = warm(scenario)
  const start = peer.ack
  peer.write(16 * 1460)
  const flight = peer.hear().length
  expect(flight).toBeGreaterThan(9)
  peer.ack = start
  scenario.advance(300 * MS)
  const again = scenario.segments()
  expect(again.map(({ sequence }) => sequence)).toEqual([start])
  // Slow start over what was lost.
  peer.send({ acknowledgment: (start + 1460) | 0 })
  expect(scenario.segments().length).toBe(2)
  peer.send({ acknowledgment: (start + 2 * 1460) | 0 })
  expect(scenario.segments().length).toBe(2)
  peer.send({ acknowledgment: (start + flight * 1460) | 0 })
  expect(peer.socket.bytesQueued).toBe((16 - flight) * 1460)
  peer.socket.reset()
  expect(await scenario.finish()).toEqual(NOTHING_LEFT)
})

test('R-TCP-37 R-TCP-38 limited transmit, fast retransmit at the third duplicate, partial ACK, full ACK', async () => {
  const scenario = await Scenario.create()
  const peer = warm(scenario)
  const start = peer.ack
  const at = (segments: number): number => (start + segments * 1460) | 0
  peer.write(60 * 1460)
  const flight = peer.hear().length
  peer.ack = start
  expect(flight).toBeGreaterThan(10)
  const duplicate = (): void => peer.send({ acknowledgment: start })
  duplicate()
  expect(describe(scenario.segments())).toBe('ACK(1460)')
  duplicate()
  expect(describe(scenario.segments())).toBe('ACK(1460)')
  duplicate()
  const [first] = scenario.segments()
  expect(first?.sequence).toBe(start)
  // The window is inflated by each further one; half of the flight has to leave before new data does.
  let released = 0
  for (let i = 0; i < flight; i++) {
    duplicate()
    released += scenario.segments().filter(({ sequence }) => ((sequence - at(flight)) | 0) >= 0).length
  }
  expect(released).toBeGreaterThan(flight / 2 - 6)
  // A partial ACK: the next hole is sent at once.
  peer.send({ acknowledgment: at(5) })
  expect(scenario.segments().map(({ sequence }) => sequence)).toContain(at(5))
  const end = at(flight + 2)
  peer.send({ acknowledgment: end })
  expect(scenario.segments().every(({ sequence }) => ((sequence - end) | 0) >= 0)).toBe(true)
  expect(scenario.stack.counters().tcpTimeouts).toBe(0)
  peer.socket.reset()
  expect(await scenario.finish()).toEqual(NOTHING_LEFT)
})

test('R-TCP-37 what is no duplicate ACK: window updates, segments with data', async () => {
  const scenario = await Scenario.create()
  const peer = warm(scenario)
  const start = peer.ack
  peer.write(10 * 1460)
  scenario.segments()
  for (let i = 1; i <= 5; i++) peer.send({ acknowledgment: start, window: 65535 - i })
  for (let i = 1; i <= 5; i++) peer.send({ acknowledgment: start, window: 65000, payload: pattern(1) })
  expect(scenario.segments().filter(({ sequence, payload }) => sequence === start && payload.length > 0)).toEqual([])
  peer.socket.reset()
  expect(await scenario.finish()).toEqual(NOTHING_LEFT)
})

test('R-TCP-25 the timer is off when nothing is in flight', async () => {
  const scenario = await Scenario.create()
  const peer = warm(scenario)
  scenario.advance(2 * SECOND)
  expect(peer.hear()).toEqual([])
  // P-13, P-19: what is armed belongs to the neighbour at most.
  expect(scenario.scheduler.timers).toBe(0)
  peer.socket.reset()
  expect(await scenario.finish()).toEqual(NOTHING_LEFT)
})

test('P-24 the same seed gives the same frames', async () => {
  const run = async (): Promise<string> => {
    const scenario = await Scenario.create({ seed: 7 })
    const peer = warm(scenario)
    peer.write(5000)
    const text = JSON.stringify(
      peer.hear().map(({ sequence, acknowledgment, payload }) => [sequence, acknowledgment, payload.length]),
    )
    peer.socket.reset()
    await scenario.finish()
    return text
  }
  expect(await run()).toBe(await run())
})
