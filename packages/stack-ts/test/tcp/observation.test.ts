/** What can be seen of connections: the listing, the numbers, the trace. */
import { TCP_ACK, TCP_FIN } from '@ioth/core'
import { expect, test } from 'vitest'
import { formatTrace, type TraceEvent, traceSocket } from '../../src/index.ts'
import { Conversation, ip, MS, NOTHING_LEFT, PEER, pattern, readAll, Scenario, SECOND } from '../scenario.ts'

const states = (scenario: Scenario): string[] => [...scenario.stack.sockets()].map(({ state }) => state)

test('a listing shows connections that no socket holds: half-open, not accepted, closed, TIME-WAIT', async () => {
  const scenario = await Scenario.create()
  const peer = Conversation.connect(scenario)
  peer.socket.close()
  expect(states(scenario)).toEqual(['FIN-WAIT-1'])
  peer.hear()
  peer.send()
  expect(states(scenario)).toEqual(['FIN-WAIT-2'])
  peer.send({ flags: TCP_FIN | TCP_ACK })
  const [info] = [...scenario.stack.sockets()]
  expect([info?.state, `${info?.endpoint.remoteAddress}`, info?.endpoint.remotePort]).toEqual(['TIME-WAIT', PEER, 80])
  expect(() => info?.endpoint.setOption('ttl', 1)).toThrow('EBADF')
  scenario.advance(61 * SECOND)
  expect(states(scenario)).toEqual([])
  const listener = scenario.listen(80)
  scenario.tcp({ sourcePort: 7, destinationPort: 80, sequence: 1, flags: 2 })
  expect(states(scenario).sort()).toEqual(['LISTEN', 'SYN-RECEIVED'])
  listener.close()
  expect(await scenario.finish()).toEqual(NOTHING_LEFT)
})

test('a connection in numbers', async () => {
  const scenario = await Scenario.create({ limits: { receiveBuffer: 100_000 } })
  const peer = Conversation.connect(scenario, { window: 20_000 })
  const info = (): Record<string, number> => ({ ...[...scenario.stack.sockets()][0]?.tcp })
  peer.write(4380)
  expect(info()).toMatchObject({ inFlight: 0, octetsSent: 0, octetsReceived: 0, maximumSegment: 1460 })
  peer.hear()
  expect(info()).toMatchObject({ inFlight: 4380, octetsSent: 4380, sendWindow: 20_000, segmentsRetransmitted: 0 })
  scenario.advance(20 * MS)
  peer.send({ acknowledgment: (peer.iss + 1 + 1460) | 0, payload: pattern(300) })
  expect(info()).toMatchObject({ inFlight: 2920, octetsSent: 4380, octetsReceived: 300 })
  const { smoothedRtt, rttVariation, retransmissionTimeout, congestionWindow } = info() as Record<string, number>
  expect(smoothedRtt).toBeGreaterThan(0)
  expect(rttVariation).toBeGreaterThan(0)
  expect(retransmissionTimeout).toBeGreaterThanOrEqual(200_000)
  expect(congestionWindow).toBeGreaterThanOrEqual(14_600)
  scenario.advance(SECOND)
  peer.hear()
  expect(info().segmentsRetransmitted).toBeGreaterThan(0)
  expect(info().retransmissionTimeout).toBeGreaterThan(2 * 200_000 - 1)
  readAll(peer.socket)
  peer.socket.reset()
  expect(await scenario.finish()).toEqual(NOTHING_LEFT)
})

test('a trace tells segments, states and timers of one socket, in order, and ends when asked', async () => {
  const scenario = await Scenario.create()
  const lines: string[] = []
  const short = (event: TraceEvent): string => {
    if (event.kind === 'state') return event.to
    if (event.kind === 'timer') return `timer ${event.timer}`
    return `${event.kind} ${event.flags}${event.length > 0 ? `+${event.length}` : ''}`
  }
  const socket = scenario.stack.openTcp(4)
  const stop = traceSocket(socket, (event) => {
    lines.push(short(event))
    expect(formatTrace(event)).toContain('10.0.0.1:')
  })
  socket.connect(ip(PEER), 80)
  const syn = scenario.segment()
  scenario.advance(1100 * MS)
  expect(lines).toEqual(['SYN-SENT', 'out SYN', 'timer retransmit', 'out SYN'])
  lines.length = 0
  const theirs = { sourcePort: 80, destinationPort: syn.sourcePort, acknowledgment: (syn.sequence + 1) | 0 }
  scenario.tcp({ ...theirs, sequence: 1000, flags: 0x12, options: { mss: 1460 } })
  socket.write(pattern(10), 0, 10)
  scenario.advance()
  scenario.tcp({ ...theirs, sequence: 1001, flags: TCP_ACK, payload: pattern(5) })
  expect(lines).toEqual(['in SYN,ACK', 'out ACK', 'ESTABLISHED', 'out PSH,ACK+10', 'in ACK+5'])
  scenario.segments()
  // Others are not in it.
  const other = Conversation.connect(scenario, {}, 5)
  other.write(10)
  scenario.advance()
  expect(lines.length).toBe(5)
  stop()
  socket.reset()
  other.socket.reset()
  scenario.advance()
  expect(lines.length).toBe(5)
  expect(await scenario.finish()).toEqual(NOTHING_LEFT)
})

test('a trace of a listener tells of all its connections; other kinds of sockets have none', async () => {
  const scenario = await Scenario.create()
  const listener = scenario.listen(80)
  const seen: TraceEvent[] = []
  traceSocket(listener, (event) => void seen.push(event))
  for (const sourcePort of [7000, 7001]) scenario.tcp({ sourcePort, destinationPort: 80, sequence: 1, flags: 2 })
  expect(seen.filter(({ kind }) => kind === 'out').map(({ remote }) => remote)).toEqual([
    '10.0.0.2:7000',
    '10.0.0.2:7001',
  ])
  expect(() => traceSocket(scenario.stack.openUdp(4), () => {})).toThrow('does not implement')
  listener.close()
  expect(await scenario.finish()).toEqual(NOTHING_LEFT)
})

test('a closed socket with nothing but its FIN in flight holds the process for half a second at most', async () => {
  const scenario = await Scenario.create()
  const peer = Conversation.connect(scenario)
  peer.write(100)
  peer.hear()
  peer.send()
  peer.socket.close()
  expect(scenario.scheduler.holds).toBe(1)
  scenario.advance(600 * MS)
  expect(scenario.scheduler.holds).toBe(0)
  // It goes on without holding anything: the FIN was sent again meanwhile.
  expect(peer.hear().filter(({ names }) => names.includes('FIN')).length).toBeGreaterThan(1)
  expect(scenario.stack.lingering).toBe(1)
  const second = Conversation.connect(scenario, {}, 90_000)
  second.write(100)
  second.socket.close()
  scenario.advance(5 * SECOND)
  expect(scenario.scheduler.holds).toBe(1)
  // The octets arrive, the FIN does not.
  second.send({ acknowledgment: (second.iss + 101) | 0 })
  scenario.advance(600 * MS)
  expect(scenario.scheduler.holds).toBe(0)
  scenario.segments()
  expect(await scenario.finish()).toEqual(NOTHING_LEFT)
})
