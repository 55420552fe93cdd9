/** The setting `anyAddress`: packets for every destination are taken, and sockets see where they were sent to. */
import { FAILED, type IpAddress, PROTO_UDP, READABLE, TCP_ACK, TCP_SYN, type UdpSocket } from '@ioth/core'
import { expect, test } from 'vitest'
import { buildIcmp, buildTcp, buildUdp, type Station } from '../src/testing.ts'
import { ANY, ip, MS, NOTHING_LEFT, PEER, pattern, Scenario } from './scenario.ts'

const FAR = '192.0.2.7'

function receive(socket: UdpSocket): string | null {
  let got: string | null = null
  socket.receive(1, {
    datagram(_memory, _offset, length, from: IpAddress, port: number, to?: IpAddress) {
      got = `${from}:${port} to ${to}: ${length}`
      return true
    },
  })
  return got
}

const far = (scenario: Scenario): Station => ({ ...scenario.ours, ip: FAR })

test('a listener takes connections to every address, each with the address as its own', async () => {
  const scenario = await Scenario.create({ settings: { anyAddress: true } })
  const { peer } = scenario
  const listener = scenario.listen(80)
  const fields = { sourcePort: 7000, destinationPort: 80 }
  peer.send(buildTcp(peer.station, far(scenario), { ...fields, sequence: 1, flags: TCP_SYN }))
  scenario.advance(MS)
  const [synAck] = peer.take()
  expect(synAck?.ip?.source).toBe(ip(FAR).w3)
  const acknowledgment = (synAck!.tcp!.sequence + 1) | 0
  peer.send(buildTcp(peer.station, far(scenario), { ...fields, sequence: 2, acknowledgment, flags: TCP_ACK }))
  scenario.advance(MS)
  const socket = listener.accept()!
  expect(`${socket.localAddress}:${socket.localPort}`).toBe(`${FAR}:80`)
  expect(`${socket.remoteAddress}`).toBe(PEER)
  socket.write(pattern(10), 0, 10)
  scenario.advance(MS)
  expect(peer.take().map((frame) => [frame.ip?.source, frame.tcp?.payload.length])).toEqual([[ip(FAR).w3, 10]])
  socket.reset()
  listener.close()
  expect(await scenario.finish()).toEqual(NOTHING_LEFT)
})

test('datagrams say where they were sent to, and are answered from there', async () => {
  const scenario = await Scenario.create({ settings: { anyAddress: true } })
  const { peer, stack } = scenario
  const listening = stack.openUdp(4)
  listening.bind(ANY, 53, { reuse: true })
  peer.send(buildUdp(peer.station, far(scenario), 9, 53, pattern(5)))
  peer.send(buildUdp(peer.station, scenario.ours, 9, 53, pattern(6)))
  scenario.advance(MS)
  expect([receive(listening), receive(listening)]).toEqual([`${PEER}:9 to ${FAR}: 5`, `${PEER}:9 to 10.0.0.1: 6`])
  // A socket of the flow's own has what follows, and the address that was asked.
  const flow = stack.openUdp(4)
  flow.bind(ip(FAR), 53, { reuse: true })
  flow.connect(ip(PEER), 9)
  expect(flow.send(pattern(3), 0, 3, null, 0)).toBe(3)
  scenario.advance(MS)
  const [answer] = peer.take()
  expect([answer?.ip?.source, answer?.udp?.sourcePort]).toEqual([ip(FAR).w3, 53])
  peer.send(buildUdp(peer.station, far(scenario), 9, 53, pattern(7)))
  scenario.advance(MS)
  expect([receive(flow), receive(listening)]).toEqual([`${PEER}:9 to ${FAR}: 7`, null])
  // What the network says of it reaches it.
  peer.send(buildIcmp(peer.station, scenario.ours, 3, 3, 0, answer!.ethernet.payload))
  scenario.advance(MS)
  expect(flow.ready & READABLE).not.toBe(0)
  expect(flow.receive(1, { datagram: () => true })).toBe(FAILED)
  expect(flow.error?.code).toBe('ECONNREFUSED')
  listening.close()
  flow.close()
  expect(await scenario.finish()).toEqual(NOTHING_LEFT)
})

test('a gateway does not say that every host is alive, and takes nothing that names no host', async () => {
  const scenario = await Scenario.create({ settings: { anyAddress: true } })
  const { peer } = scenario
  for (const to of [FAR, '127.0.0.1', '0.1.2.3', '224.1.1.1', '240.0.0.1', '8.8.8.8']) {
    peer.send(buildIcmp(peer.station, { ...scenario.ours, ip: to }, 8, 0, 1, pattern(4)))
  }
  scenario.advance(MS)
  expect(peer.take()).toEqual([])
  expect(scenario.stack.counters()).toMatchObject({ 'drop.icmp4.destination': 2, 'drop.ip4.destination': 4 })
  peer.send(buildIcmp(peer.station, scenario.ours, 8, 0, 1, pattern(4)))
  scenario.advance(MS)
  expect(peer.take().length).toBe(1)
  expect(await scenario.finish()).toEqual(NOTHING_LEFT)
})

test('without the setting such packets are dropped, and such an address cannot be bound', async () => {
  const scenario = await Scenario.create()
  const { peer, stack } = scenario
  scenario.listen(80)
  const fields = { sourcePort: 7000, destinationPort: 80, sequence: 1, flags: TCP_SYN }
  peer.send(buildTcp(peer.station, far(scenario), fields))
  scenario.advance(MS)
  expect(peer.take()).toEqual([])
  const socket = stack.openUdp(4)
  expect(() => socket.bind(ip(FAR), PROTO_UDP)).toThrow('EADDRNOTAVAIL')
  socket.close()
  expect(await scenario.finish()).toEqual(NOTHING_LEFT)
})
