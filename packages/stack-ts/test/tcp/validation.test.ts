/** What a segment may change before it is known to be the peer's: nothing. RFC 5961, RFC 7323 5, RFC 9293 3.10.7.4. */
import { READABLE, TCP_ACK, TCP_FIN, TCP_RST, TCP_SYN } from '@ioth/core'
import { expect, test } from 'vitest'
import { Conversation, describe, MS, NOTHING_LEFT, pattern, readAll, Scenario, SECOND } from '../scenario.ts'

const DAY = 24 * 3600 * SECOND
const STAMPS = { options: { mss: 1460, timestamps: { value: 5000, echo: 0 } } } as const

test('R-TCP-44 PAWS ends after 24 days without a segment, however long it was', async () => {
  for (const days of [24.5, 30, 49, 60, 80]) {
    const scenario = await Scenario.create()
    const peer = Conversation.connect(scenario, STAMPS)
    const old = { timestamps: { value: 4000, echo: peer.echo } }
    peer.send({ payload: pattern(10), sequence: peer.seq, options: old })
    expect(readAll(peer.socket).length).toBe(0)
    scenario.advance(days * DAY)
    peer.hear()
    peer.send({ payload: pattern(10), options: old })
    expect(readAll(peer.socket).length, `after ${days} days`).toBe(10)
    peer.socket.reset()
    expect(await scenario.finish()).toEqual(NOTHING_LEFT)
  }
})

test('R-TCP-43 R-TCP-44 a guess that acknowledges nothing sensible does not set the clock of PAWS', async () => {
  const scenario = await Scenario.create()
  const peer = Conversation.connect(scenario, STAMPS)
  const options = { timestamps: { value: 5000 + 0x4000_0000, echo: peer.echo } }
  // In the window, but with an impossible ACK, with a SYN, without an ACK.
  const sequence = peer.seq
  peer.send({ sequence, acknowledgment: (peer.ack + 5_000_000) | 0, options, payload: pattern(10) })
  peer.send({ sequence, flags: TCP_SYN, options })
  peer.send({ sequence, flags: 0, options, payload: pattern(10) })
  peer.hear()
  peer.send({ payload: pattern(100) })
  expect(readAll(peer.socket)).toEqual(pattern(100))
  peer.socket.reset()
  expect(await scenario.finish()).toEqual(NOTHING_LEFT)
})

test('R-TCP-43 a RST carries timestamps too', async () => {
  const scenario = await Scenario.create()
  const peer = Conversation.connect(scenario, STAMPS)
  peer.socket.reset()
  expect(scenario.segment().parsedOptions.timestamps?.echo).toBe(5000)
  expect(await scenario.finish()).toEqual(NOTHING_LEFT)
})

test('R-TCP-15 R-TCP-10 H-24 guesses anywhere are answered a few times a second, octets that came again each time', async () => {
  const scenario = await Scenario.create()
  const peer = Conversation.connect(scenario)
  peer.send({ payload: pattern(1000) })
  scenario.advance(SECOND)
  peer.hear()
  const sequence = (peer.seq - 1000) | 0
  for (let i = 0; i < 50; i++) peer.send({ sequence, payload: pattern(1000) })
  expect(peer.hear().length).toBe(50)
  for (let i = 1; i <= 500; i++) peer.send({ sequence: (peer.seq + i * 4_000_000) | 0, payload: pattern(10) })
  for (let i = 1; i <= 500; i++) peer.send({ sequence: (peer.seq + i * 4_000_000) | 0, flags: TCP_SYN })
  for (let i = 1; i <= 500; i++) peer.send({ sequence: (peer.seq + i * 4_000_000) | 0, flags: TCP_FIN | TCP_ACK })
  expect(peer.hear().length).toBeLessThanOrEqual(12)
  expect(scenario.stack.counters().tcpChallengesHeld).toBeGreaterThan(1000)
  expect(peer.socket.state).toBe('ESTABLISHED')
  peer.socket.reset()
  expect(await scenario.finish()).toEqual(NOTHING_LEFT)
})

test('H-27 what one connection sends of challenges leaves the others theirs, and is no number to count on', async () => {
  const scenario = await Scenario.create()
  const counts = new Set<number>()
  const attacker = Conversation.connect(scenario)
  const victim = Conversation.connect(scenario, {}, 500_000)
  const challenges = (of: Conversation): number => {
    for (let i = 0; i < 20; i++) of.send({ flags: TCP_RST, sequence: (of.seq + 100) | 0 })
    return of.hear().length
  }
  for (let second = 0; second < 30; second++) {
    counts.add(challenges(attacker))
    const others = challenges(victim)
    expect(others >= 5 && others <= 12).toBe(true)
    scenario.advance(2 * SECOND)
  }
  expect(counts.size).toBeGreaterThan(3)
  attacker.socket.reset()
  victim.socket.reset()
  expect(await scenario.finish()).toEqual(NOTHING_LEFT)
})

test('R-TCP-33 segments that prove nothing do not keep a dead peer alive', async () => {
  const scenario = await Scenario.create()
  const peer = Conversation.connect(scenario)
  peer.socket.setOption('keepAlive', 1)
  peer.socket.setOption('keepAliveDelay', 60)
  for (let i = 0; i < 40 && peer.socket.state === 'ESTABLISHED'; i++) {
    scenario.advance(30 * SECOND)
    peer.send({ sequence: (peer.seq + 0x3000_0000) | 0, payload: pattern(1) })
    peer.send({ sequence: peer.seq, acknowledgment: (peer.ack + 5_000_000) | 0 })
    peer.hear()
  }
  expect(peer.socket.error?.code).toBe('ETIMEDOUT')
  peer.socket.close()
  expect(await scenario.finish()).toEqual(NOTHING_LEFT)
})

test('R-TCP-06 R-TCP-42 simultaneous open: the window of the SYN+ACK is not scaled', async () => {
  const scenario = await Scenario.create()
  const socket = scenario.stack.openTcp(4)
  const { ip, PEER } = await import('../scenario.ts')
  socket.connect(ip(PEER), 80)
  const syn = scenario.segment()
  const theirs = { sourcePort: 80, destinationPort: syn.sourcePort, sequence: 1000, window: 3000 }
  const options = { mss: 1000, windowScale: 7 }
  scenario.tcp({ ...theirs, flags: TCP_SYN, options })
  expect(scenario.segment().names).toBe('SYN,ACK')
  scenario.tcp({ ...theirs, flags: TCP_SYN | TCP_ACK, acknowledgment: (syn.sequence + 1) | 0, options })
  expect(socket.state).toBe('ESTABLISHED')
  scenario.segments()
  socket.write(pattern(20_000), 0, 20_000)
  expect(describe(scenario.segments())).toBe('ACK(1000) ACK(1000) ACK(1000)')
  socket.reset()
  expect(await scenario.finish()).toEqual(NOTHING_LEFT)
})

test('R-TCP-11 R-TCP-51 a half-open connection is not kept young by what comes for it', async () => {
  const scenario = await Scenario.create()
  const listener = scenario.listen(80, 1)
  const syn = { sourcePort: 4000, destinationPort: 80, sequence: 100, flags: TCP_SYN }
  scenario.tcp(syn)
  const { sequence } = scenario.segment()
  for (let i = 0; i < 5; i++) {
    scenario.advance(300 * MS)
    scenario.tcp(syn)
    scenario.tcp({ ...syn, sequence: 101, flags: TCP_ACK, acknowledgment: (sequence + 9) | 0 })
  }
  scenario.segments()
  const peer = { sourcePort: 4001, destinationPort: 80 }
  scenario.tcp({ ...peer, sequence: 7, flags: TCP_SYN })
  const answer = scenario.segment()
  expect(answer.names).toBe('SYN,ACK')
  scenario.tcp({ ...peer, sequence: 8, flags: TCP_ACK, acknowledgment: (answer.sequence + 1) | 0 })
  expect(listener.ready & READABLE).toBe(READABLE)
  listener.close()
  expect(await scenario.finish()).toEqual(NOTHING_LEFT)
})

test('R-TCP-30 H-22 one lost probe after many that were answered ends nothing; a peer that falls silent is given up', async () => {
  const scenario = await Scenario.create({ settings: { tcp: { retries: 6 } } })
  const peer = Conversation.connect(scenario)
  peer.write(1000)
  peer.hear()
  peer.send({ window: 0 })
  peer.write(1000)
  let probes = 0
  for (let i = 0; i < 100_000 && probes < 40; i++) {
    scenario.advance(100 * MS)
    for (const _ of scenario.segments()) {
      probes++
      // Every fifth is lost.
      if (probes % 5 !== 0) peer.send({ window: 0 })
    }
  }
  expect([probes, peer.socket.state]).toEqual([40, 'ESTABLISHED'])
  scenario.advance(1000 * SECOND)
  expect(peer.socket.error?.code).toBe('ETIMEDOUT')
  expect(peer.hear().at(-1)?.names).toContain('RST')
  peer.socket.close()
  expect(await scenario.finish()).toEqual(NOTHING_LEFT)
})

test('R-TCP-53 a window that opens and closes without progress does not put off the user timeout', async () => {
  const scenario = await Scenario.create()
  const peer = Conversation.connect(scenario)
  peer.socket.setOption('userTimeout', 5000)
  peer.write(1000)
  peer.hear()
  const acknowledgment = (peer.iss + 1) | 0
  for (let i = 0; i < 12; i++) {
    peer.send({ acknowledgment, window: i % 2 === 0 ? 0 : 10_000 })
    scenario.advance(500 * MS)
    scenario.segments()
  }
  expect(peer.socket.error?.code).toBe('ETIMEDOUT')
  expect(scenario.stack.counters().tcpUserTimeouts).toBe(1)
  peer.socket.close()
  expect(await scenario.finish()).toEqual(NOTHING_LEFT)
})

test('R-TCP-01 R-TCP-03 H-12 every segment that goes nowhere is counted with its reason', async () => {
  const scenario = await Scenario.create()
  const peer = Conversation.connect(scenario)
  const reasons: readonly (readonly [string, Parameters<Conversation['send']>[0]])[] = [
    ['tcp.window', { sequence: (peer.seq - 5) | 0, payload: pattern(5) }],
    ['tcp.syn', { sequence: peer.seq, flags: TCP_SYN }],
    ['tcp.reset', { sequence: (peer.seq + 5) | 0, flags: TCP_RST }],
    ['tcp.no-ack', { sequence: peer.seq, flags: 0, payload: pattern(5) }],
    ['tcp.ack', { sequence: peer.seq, acknowledgment: (peer.ack + 5) | 0 }],
  ]
  for (const [reason, fields] of reasons) {
    const before = scenario.stack.counters()
    peer.send(fields)
    const after = scenario.stack.counters()
    expect((after[`drop.${reason}`] ?? 0) - (before[`drop.${reason}`] ?? 0), reason).toBe(1)
    expect(after.framesDelivered).toBe(before.framesDelivered)
  }
  peer.socket.reset()
  expect(await scenario.finish()).toEqual(NOTHING_LEFT)
})
