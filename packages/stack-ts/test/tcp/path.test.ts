/** What TCP learns of the way to its peer: ICMP, path MTU, and a next hop that may have gone. RFC 1191, RFC 5927, RFC 9293 3.8.3, 3.9.2. */
import { TCP_ACK } from '@ioth/core'
import { expect, test } from 'vitest'
import { buildIcmp, buildTcp } from '../../src/testing.ts'
import { Conversation, ip, NOTHING_LEFT, PEER, pattern, Scenario, SECOND } from '../scenario.ts'

const UNREACHABLE = 3
const TIME_EXCEEDED = 11
const PARAMETER_PROBLEM = 12
const TOO_BIG = 4

/** An error about a segment of ours, from the peer's address. @param rest the second word of the message. */
function report(
  scenario: Scenario,
  { sourcePort, destinationPort, sequence }: { sourcePort: number; destinationPort: number; sequence: number },
  type: number,
  code: number,
  rest = 0,
): void {
  const { peer, ours } = scenario
  const quoted = buildTcp(ours, peer.station, {
    sourcePort,
    destinationPort,
    sequence,
    flags: TCP_ACK,
    payload: pattern(1460),
  })
  peer.send(buildIcmp(peer.station, ours, type, code, rest, quoted.subarray(14, 14 + 28)))
  scenario.advance()
}

test('R-TCP-48 H-25 time exceeded and parameter problem are soft: an attempt goes on', async () => {
  for (const [type, code] of [
    [TIME_EXCEEDED, 0],
    [TIME_EXCEEDED, 1],
    [PARAMETER_PROBLEM, 0],
    [UNREACHABLE, 0],
    [UNREACHABLE, 1],
    [UNREACHABLE, 5],
  ] as const) {
    const scenario = await Scenario.create()
    const socket = scenario.stack.openTcp(4)
    socket.connect(ip(PEER), 80)
    report(scenario, scenario.segment(), type, code)
    expect(socket.state, `type ${type} code ${code}`).toBe('SYN-SENT')
    socket.close()
    scenario.segments()
    expect(await scenario.finish()).toEqual(NOTHING_LEFT)
  }
})

test('R-TCP-48 hard errors end an attempt, and only one that they quote', async () => {
  for (const code of [2, 3]) {
    const scenario = await Scenario.create()
    const socket = scenario.stack.openTcp(4)
    socket.connect(ip(PEER), 80)
    const syn = scenario.segment()
    report(scenario, { ...syn, sequence: (syn.sequence + 1) | 0 }, UNREACHABLE, code)
    report(scenario, { ...syn, sourcePort: syn.sourcePort ^ 1 }, UNREACHABLE, code)
    expect(socket.state).toBe('SYN-SENT')
    report(scenario, syn, UNREACHABLE, code)
    expect(socket.error?.code).toBe('ECONNREFUSED')
    socket.close()
    expect(await scenario.finish()).toEqual(NOTHING_LEFT)
  }
})

test('R-TCP-49 a smaller path MTU is forgotten after ten minutes, by connections that began meanwhile, too', async () => {
  const scenario = await Scenario.create()
  const sizeOf = (peer: Conversation): number => {
    peer.write(5000)
    const sizes: number[] = []
    for (let i = 0; i < 5 && peer.socket.bytesQueued > 0; i++) {
      sizes.push(...peer.hear().map(({ payload }) => payload.length))
      peer.send()
    }
    return Math.max(...sizes)
  }
  const first = Conversation.connect(scenario)
  first.write(1460)
  report(scenario, scenario.segment(), UNREACHABLE, TOO_BIG, 1000)
  // It goes again at once, smaller.
  expect(first.hear().map(({ payload }) => payload.length)).toEqual([960, 500])
  first.send()
  const second = Conversation.connect(scenario, {}, 500_000)
  expect([sizeOf(first), sizeOf(second)]).toEqual([960, 960])
  scenario.advance(601 * SECOND)
  expect([sizeOf(first), sizeOf(second)]).toEqual([1460, 1460])
  expect(scenario.stack.counters().tcpMtuLowered).toBe(1)
  first.socket.reset()
  second.socket.reset()
  expect(await scenario.finish()).toEqual(NOTHING_LEFT)
})

test('R-TCP-21 segments fit the smallest link there is', async () => {
  const scenario = await Scenario.create({ mtu: 68, settings: { mtu: 68 } })
  const peer = Conversation.connect(scenario, { options: { mss: 1460 } })
  peer.write(200)
  expect(Math.max(...peer.hear().map(({ payload }) => payload.length))).toBe(28)
  peer.socket.reset()
  expect(await scenario.finish()).toEqual(NOTHING_LEFT)
})

test('R-TCP-27 R1: after three retransmissions the neighbour is asked whether it is there', async () => {
  const scenario = await Scenario.create()
  const peer = Conversation.connect(scenario)
  const state = (): string | undefined => [...scenario.stack.neighbors.list()][0]?.state
  peer.send({ payload: pattern(1) })
  expect(state()).toBe('REACHABLE')
  peer.write(1000)
  const asked = scenario.stack.counters().arpOut ?? 0
  scenario.advance(900_000)
  expect(state()).toBe('REACHABLE')
  scenario.advance(15 * SECOND)
  expect(scenario.stack.counters().arpOut).toBeGreaterThan(asked)
  peer.socket.reset()
  scenario.segments()
  expect(await scenario.finish()).toEqual(NOTHING_LEFT)
})
