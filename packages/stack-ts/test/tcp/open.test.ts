/** Opening connections: RFC 9293 3.5, 3.10.7.1 to 3.10.7.3. */
import { ERROR, FAILED, READABLE, TCP_ACK, TCP_FIN, TCP_RST, TCP_SYN, WOULD_BLOCK, WRITABLE } from '@ioth/core'
import { expect, test } from 'vitest'
import { ANY, Conversation, ip, MS, NOTHING_LEFT, PEER, Scenario, SECOND } from '../scenario.ts'

test('R-TCP-06 active open: SYN, SYN+ACK, ACK', async () => {
  const scenario = await Scenario.create()
  const socket = scenario.stack.openTcp(4)
  socket.connect(ip(PEER), 80)
  expect(socket.state).toBe('SYN-SENT')
  expect(socket.localAddress?.toString()).toBe('10.0.0.1')
  expect(socket.localPort).toBeGreaterThanOrEqual(32768)
  expect(socket.write(new Uint8Array(1), 0, 1)).toBe(WOULD_BLOCK)
  const syn = scenario.segment()
  expect(syn.names).toBe('SYN')
  expect(syn.acknowledgment).toBe(0)
  expect(syn.parsedOptions.mss).toBe(1460)
  expect(syn.parsedOptions.windowScale).toBeGreaterThan(0)
  expect(syn.parsedOptions.timestamps).toBeDefined()
  scenario.tcp({
    sourcePort: 80,
    destinationPort: syn.sourcePort,
    sequence: 500,
    acknowledgment: (syn.sequence + 1) | 0,
    flags: TCP_SYN | TCP_ACK,
  })
  const ack = scenario.segment()
  expect(ack.names).toBe('ACK')
  expect(ack.sequence).toBe((syn.sequence + 1) | 0)
  expect(ack.acknowledgment).toBe(501)
  expect(socket.state).toBe('ESTABLISHED')
  expect(socket.ready & WRITABLE).toBe(WRITABLE)
  socket.reset()
  expect(await scenario.finish()).toEqual(NOTHING_LEFT)
})

test('R-TCP-06 passive open: one child, accepted when established', async () => {
  const scenario = await Scenario.create()
  const listener = scenario.listen(80)
  expect(listener.localPort).toBe(80)
  scenario.tcp({ sourcePort: 5000, destinationPort: 80, sequence: -1, flags: TCP_SYN, options: { mss: 1000 } })
  const synAck = scenario.segment()
  expect(synAck.names).toBe('SYN,ACK')
  expect(synAck.acknowledgment).toBe(0)
  // Nothing the peer did not offer is agreed.
  expect(synAck.parsedOptions).toEqual({ mss: 1460 })
  expect(listener.accept()).toBeNull()
  scenario.tcp({
    sourcePort: 5000,
    destinationPort: 80,
    sequence: 0,
    acknowledgment: (synAck.sequence + 1) | 0,
    flags: TCP_ACK,
  })
  expect(listener.ready & READABLE).toBe(READABLE)
  const socket = listener.accept()
  expect(socket?.state).toBe('ESTABLISHED')
  expect(socket?.remotePort).toBe(5000)
  expect(socket?.remoteAddress?.toString()).toBe(PEER)
  expect(listener.ready & READABLE).toBe(0)
  expect(await scenario.finish()).toEqual(NOTHING_LEFT)
})

test('R-TCP-06 R-TCP-09 simultaneous open reaches ESTABLISHED once', async () => {
  const scenario = await Scenario.create()
  const socket = scenario.stack.openTcp(4)
  socket.bind(ANY, 4000)
  socket.connect(ip(PEER), 4001)
  const syn = scenario.segment()
  scenario.tcp({ sourcePort: 4001, destinationPort: 4000, sequence: 700, flags: TCP_SYN })
  expect(socket.state).toBe('SYN-RECEIVED')
  const synAck = scenario.segment()
  expect(synAck.names).toBe('SYN,ACK')
  expect(synAck.sequence).toBe(syn.sequence)
  expect(synAck.acknowledgment).toBe(701)
  scenario.tcp({
    sourcePort: 4001,
    destinationPort: 4000,
    sequence: 700,
    acknowledgment: (syn.sequence + 1) | 0,
    flags: TCP_SYN | TCP_ACK,
  })
  expect(socket.state).toBe('ESTABLISHED')
  expect(socket.ready & WRITABLE).toBe(WRITABLE)
  // Nothing more is to be said, above all no endless exchange.
  expect(scenario.segments().length).toBeLessThanOrEqual(1)
  socket.reset()
  expect(await scenario.finish()).toEqual(NOTHING_LEFT)
})

test('R-TCP-07 CLOSED: any segment but RST draws a RST', async () => {
  const scenario = await Scenario.create()
  scenario.tcp({ sourcePort: 5000, destinationPort: 81, sequence: 100, flags: TCP_SYN })
  const first = scenario.segment()
  expect([first.names, first.sequence, first.acknowledgment]).toEqual(['RST,ACK', 0, 101])
  scenario.tcp({
    sourcePort: 5000,
    destinationPort: 81,
    sequence: 100,
    flags: TCP_FIN,
    payload: new Uint8Array(10),
  })
  expect(scenario.segment().acknowledgment).toBe(111)
  scenario.tcp({ sourcePort: 5000, destinationPort: 81, sequence: 100, acknowledgment: 77, flags: TCP_ACK })
  const third = scenario.segment()
  expect([third.names, third.sequence]).toEqual(['RST', 77])
  scenario.tcp({ sourcePort: 5000, destinationPort: 81, sequence: 100, flags: TCP_RST })
  expect(scenario.segments()).toEqual([])
  expect(await scenario.finish()).toEqual(NOTHING_LEFT)
})

test('R-TCP-08 LISTEN: RST is ignored, ACK draws a RST', async () => {
  const scenario = await Scenario.create()
  const listener = scenario.listen(80)
  scenario.tcp({ sourcePort: 5000, destinationPort: 80, sequence: 1, flags: TCP_RST })
  expect(scenario.segments()).toEqual([])
  scenario.tcp({ sourcePort: 5000, destinationPort: 80, sequence: 1, acknowledgment: 9, flags: TCP_ACK })
  const reset = scenario.segment()
  expect([reset.names, reset.sequence]).toEqual(['RST', 9])
  scenario.tcp({ sourcePort: 5000, destinationPort: 80, sequence: 1, acknowledgment: 9, flags: TCP_SYN | TCP_ACK })
  expect(scenario.segment().names).toBe('RST')
  expect(listener.ready).toBe(0)
  expect(await scenario.finish()).toEqual(NOTHING_LEFT)
})

test('R-TCP-09 SYN-SENT: an unacceptable ACK draws a RST, a RST counts only with an acceptable ACK', async () => {
  const scenario = await Scenario.create()
  const socket = scenario.stack.openTcp(4)
  socket.connect(ip(PEER), 80)
  const syn = scenario.segment()
  const ports = { sourcePort: 80, destinationPort: syn.sourcePort }
  const wrong = (syn.sequence + 100) | 0
  scenario.tcp({ ...ports, sequence: 1, acknowledgment: wrong, flags: TCP_SYN | TCP_ACK })
  const reset = scenario.segment()
  expect([reset.names, reset.sequence]).toEqual(['RST', wrong])
  scenario.tcp({ ...ports, sequence: 1, acknowledgment: wrong, flags: TCP_RST | TCP_ACK })
  scenario.tcp({ ...ports, sequence: 1, flags: TCP_RST })
  scenario.tcp({ ...ports, sequence: 1, acknowledgment: (syn.sequence + 1) | 0, flags: TCP_ACK })
  expect(scenario.segments()).toEqual([])
  expect(socket.state).toBe('SYN-SENT')
  scenario.tcp({ ...ports, sequence: 1, acknowledgment: (syn.sequence + 1) | 0, flags: TCP_RST | TCP_ACK })
  expect(socket.state).toBe('CLOSED')
  expect(socket.ready & ERROR).toBe(ERROR)
  expect(socket.error?.code).toBe('ECONNREFUSED')
  expect(socket.error?.message).toBe('connect ECONNREFUSED 10.0.0.2:80')
  expect(socket.read(new Uint8Array(1), 0, 1)).toBe(FAILED)
  expect(socket.write(new Uint8Array(1), 0, 1)).toBe(FAILED)
  socket.close()
  expect(await scenario.finish()).toEqual(NOTHING_LEFT)
})

test('R-TCP-27 a SYN is sent 1 + 6 times, then ETIMEDOUT after 127 s', async () => {
  const scenario = await Scenario.create()
  const socket = scenario.stack.openTcp(4)
  socket.connect(ip(PEER), 80)
  const started = scenario.scheduler.clock.now
  const times: number[] = []
  for (let i = 0; i < 1300 && socket.error === null; i++) {
    for (const segment of scenario.segments()) {
      expect(segment.names).toBe('SYN')
      times.push((scenario.scheduler.clock.now - started) / SECOND)
    }
    scenario.advance(100 * MS)
  }
  expect(times).toEqual([0, 1, 3, 7, 15, 31, 63])
  expect(socket.error?.code).toBe('ETIMEDOUT')
  expect(socket.error?.syscall).toBe('connect')
  expect((scenario.scheduler.clock.now - started) / SECOND).toBeCloseTo(127, 0)
  socket.close()
  expect(await scenario.finish()).toEqual(NOTHING_LEFT)
})

test('R-TCP-11 a SYN+ACK is sent again for the SYN again, and a RST frees the backlog', async () => {
  const scenario = await Scenario.create()
  const listener = scenario.listen(80, 1)
  const syn = { sourcePort: 5000, destinationPort: 80, sequence: 10, flags: TCP_SYN }
  scenario.tcp(syn)
  const first = scenario.segment()
  scenario.tcp(syn)
  const second = scenario.segment()
  expect([second.names, second.sequence]).toEqual(['SYN,ACK', first.sequence])
  // The backlog of one is taken: a SYN from elsewhere finds no room.
  scenario.tcp({ ...syn, sourcePort: 5001 })
  expect(scenario.segments()).toEqual([])
  expect(scenario.stack.counters()['drop.tcp.backlog']).toBe(1)
  scenario.tcp({ ...syn, sequence: 11, flags: TCP_RST })
  scenario.tcp({ ...syn, sourcePort: 5001 })
  expect(scenario.segment().names).toBe('SYN,ACK')
  expect(listener.accept()).toBeNull()
  expect(await scenario.finish()).toEqual(NOTHING_LEFT)
})

test('R-TCP-11 SYN-RECEIVED: an unacceptable ACK draws a RST', async () => {
  const scenario = await Scenario.create()
  scenario.listen(80)
  scenario.tcp({ sourcePort: 5000, destinationPort: 80, sequence: 10, flags: TCP_SYN })
  const synAck = scenario.segment()
  const wrong = (synAck.sequence + 2) | 0
  scenario.tcp({ sourcePort: 5000, destinationPort: 80, sequence: 11, acknowledgment: wrong, flags: TCP_ACK })
  const reset = scenario.segment()
  expect([reset.names, reset.sequence]).toEqual(['RST', wrong])
  expect(await scenario.finish()).toEqual(NOTHING_LEFT)
})

test('R-TCP-51 a flood of SYNs leaves room for a client a second later', async () => {
  const scenario = await Scenario.create()
  const listener = scenario.listen(80, 8)
  for (let i = 0; i < 100; i++) {
    scenario.tcp({ sourcePort: 1000 + i, destinationPort: 80, sequence: i, flags: TCP_SYN })
  }
  scenario.segments()
  scenario.advance(1500 * MS)
  scenario.segments()
  scenario.tcp({ sourcePort: 9000, destinationPort: 80, sequence: 5, flags: TCP_SYN })
  const synAck = scenario.segments().find(({ destinationPort }) => destinationPort === 9000)
  expect(synAck?.names).toBe('SYN,ACK')
  scenario.tcp({
    sourcePort: 9000,
    destinationPort: 80,
    sequence: 6,
    acknowledgment: (synAck!.sequence + 1) | 0,
    flags: TCP_ACK,
  })
  expect(listener.accept()?.remotePort).toBe(9000)
  expect(await scenario.finish()).toEqual(NOTHING_LEFT)
})

test('R-TCP-04 R-TCP-52 sequence numbers and ports of two connections cannot be told from each other', async () => {
  const numbers = new Set<number>()
  const ports = new Set<number>()
  for (let seed = 1; seed <= 20; seed++) {
    const scenario = await Scenario.create({ seed })
    const socket = scenario.stack.openTcp(4)
    socket.connect(ip(PEER), 80)
    const syn = scenario.segment()
    numbers.add(syn.sequence)
    ports.add(syn.sourcePort)
    socket.close()
    expect(await scenario.finish()).toEqual(NOTHING_LEFT)
  }
  expect(numbers.size).toBe(20)
  expect(ports.size).toBeGreaterThan(15)
})

test('R-TCP-08 a SYN to a broadcast address is dropped without a word', async () => {
  const scenario = await Scenario.create()
  scenario.listen(80)
  const { buildTcp } = await import('../../src/testing.ts')
  const everybody = { mac: { high: 0xffff, low: -1 }, ip: '10.0.0.255' }
  scenario.peer.send(
    buildTcp(scenario.peer.station, everybody, { sourcePort: 1, destinationPort: 80, sequence: 1, flags: TCP_SYN }),
  )
  expect(scenario.segments()).toEqual([])
  expect(scenario.stack.counters()['drop.tcp.group']).toBe(1)
  expect(await scenario.finish()).toEqual(NOTHING_LEFT)
})

test('closing a socket that connects leaves nothing behind', async () => {
  const scenario = await Scenario.create()
  const socket = scenario.stack.openTcp(4)
  socket.connect(ip(PEER), 80)
  scenario.segment()
  socket.close()
  expect(socket.state).toBe('CLOSED')
  expect(scenario.segments()).toEqual([])
  expect(scenario.scheduler.holds).toBe(0)
  expect(await scenario.finish()).toEqual(NOTHING_LEFT)
})

test('a connection that is reset before it was accepted is not announced any more', async () => {
  const scenario = await Scenario.create()
  const listener = scenario.listen(80)
  const peer = { sourcePort: 5000, destinationPort: 80 }
  scenario.tcp({ ...peer, sequence: 0, flags: TCP_SYN })
  const acknowledgment = (scenario.segment().sequence + 1) | 0
  scenario.tcp({ ...peer, sequence: 1, acknowledgment, flags: TCP_ACK })
  expect(listener.ready & READABLE).toBe(READABLE)
  scenario.tcp({ ...peer, sequence: 1, flags: TCP_RST })
  expect(listener.ready & READABLE).toBe(0)
  expect(listener.accept()).toBeNull()
  listener.close()
  expect(await scenario.finish()).toEqual(NOTHING_LEFT)
})

test('closing a listener resets what nobody accepted', async () => {
  const scenario = await Scenario.create()
  const listener = scenario.listen(80)
  scenario.tcp({ sourcePort: 5000, destinationPort: 80, sequence: 10, flags: TCP_SYN })
  const synAck = scenario.segment()
  const ack = (synAck.sequence + 1) | 0
  scenario.tcp({ sourcePort: 5000, destinationPort: 80, sequence: 11, acknowledgment: ack, flags: TCP_ACK })
  listener.close()
  expect(scenario.segment().names).toBe('RST,ACK')
  scenario.tcp({ sourcePort: 5001, destinationPort: 80, sequence: 10, flags: TCP_SYN })
  expect(scenario.segment().names).toBe('RST,ACK')
  expect(await scenario.finish()).toEqual(NOTHING_LEFT)
})

test('a conversation can be opened from either side', async () => {
  const scenario = await Scenario.create()
  const a = Conversation.connect(scenario)
  const b = Conversation.accept(scenario, 8080)
  expect([a.socket.state, b.socket.state]).toEqual(['ESTABLISHED', 'ESTABLISHED'])
  expect([...scenario.stack.sockets()].map(({ state }) => state)).toEqual(['ESTABLISHED', 'ESTABLISHED'])
  a.socket.reset()
  b.socket.reset()
  expect(await scenario.finish()).toEqual(NOTHING_LEFT)
})
