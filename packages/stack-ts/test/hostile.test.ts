/** What attacks on this stack found, each as the smallest case that shows it. */
import { PROTO_ICMP } from '@ioth/core'
import { expect, test } from 'vitest'
import { buildIpv4 } from '../src/testing.ts'
import { NOTHING_LEFT, pattern, Scenario, SECOND } from './scenario.ts'

test('R-ICMP4-01 H-07 no error about fragments that would have become an error', async () => {
  for (const [type, answers] of [
    [3, 0],
    [8, 1],
  ]) {
    const scenario = await Scenario.create()
    const { peer, ours } = scenario
    const message = pattern(64)
    message[0] = type!
    peer.send(buildIpv4(peer.station, ours, PROTO_ICMP, message, { id: 1, fragmentOffset: 0, moreFragments: true }))
    scenario.advance(61 * SECOND)
    expect(peer.take().length).toBe(answers)
    expect(await scenario.finish()).toEqual(NOTHING_LEFT)
  }
})

test('H-35 segments from or to port 0 are dropped without an answer', async () => {
  const scenario = await Scenario.create()
  const before = scenario.stack.counters()['drop.tcp.port'] ?? 0
  scenario.tcp({ sourcePort: 0, destinationPort: 80, sequence: 1, flags: 2 })
  scenario.tcp({ sourcePort: 80, destinationPort: 0, sequence: 1, flags: 2 })
  expect(scenario.segments()).toEqual([])
  expect(scenario.stack.counters()['drop.tcp.port']).toBe(before + 2)
  expect(await scenario.finish()).toEqual(NOTHING_LEFT)
})
