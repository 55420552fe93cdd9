/** What attacks on this stack found, each as the smallest case that shows it. */
import { Service, withLan } from '@ioth/conformance'
import { type Pollable, PROTO_ICMP, type TcpSocket, WRITABLE } from '@ioth/core'
import { expect, test } from 'vitest'
import { backend } from '../src/index.ts'
import { buildIpv4 } from '../src/testing.ts'
import { ANY, NOTHING_LEFT, pattern, Scenario, SECOND } from './scenario.ts'

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

test('H-22 P-10 peers that ask for much and take nothing leave memory for others', async () => {
  const hosts = [
    { backend },
    { backend },
    { backend, limits: { receiveBuffer: 2048 }, settings: { tcp: { receiveMemory: 2 ** 30 } } },
  ]
  await withLan({ hosts, name: 'takers of nothing' }, async (lan) => {
    const [server, client, attacker] = [lan.host(0), lan.host(1), lan.host(2)]
    const socket = server.stack.openTcp(4)
    socket.bind(ANY, 81)
    const listener = socket.listen(1024)
    const asking: TcpSocket[] = []
    const serving: TcpSocket[] = []
    const page = new Uint8Array(600_000)
    const write = (source: Pollable): void => void (source as TcpSocket).write(page, 0, page.length)
    for (let i = 0; i < 600; i++) {
      const one = attacker.stack.openTcp(4)
      one.connect(server.address, 81)
      asking.push(one)
      await lan.until(() => listener.ready !== 0, 20_000)
      const accepted = listener.accept() as TcpSocket
      accepted.onReady = write
      accepted.interest = WRITABLE
      serving.push(accepted)
    }
    await lan.wait(60_000)
    const service = new Service(server, 80)
    const talk = service.converse(client, { send: 100_000 }, { send: 1_000_000 })
    await lan.until(
      () => talk.isDone,
      10_000,
      () => `${talk}`,
    )
    for (const each of [...asking, ...serving]) each.reset()
    service.close()
    listener.close()
    await lan.wait(200_000)
    expect(lan.pool.used).toBe(0)
  })
})
