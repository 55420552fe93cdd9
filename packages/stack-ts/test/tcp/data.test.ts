/** Data transfer: RFC 9293 3.7, 3.8, RFC 5681, RFC 6298, RFC 7323. */
import { TCP_ACK, TCP_FIN, TCP_PSH, WOULD_BLOCK, WRITABLE } from '@ioth/core'
import { expect, test } from 'vitest'
import { Conversation, describe, MS, NOTHING_LEFT, pattern, readAll, Scenario, SECOND } from '../scenario.ts'

const WIDE = { options: { mss: 1460, windowScale: 7 } } as const

test('a call emits nothing before it returns, and the writes of a turn leave together', async () => {
  const scenario = await Scenario.create()
  const peer = Conversation.connect(scenario)
  for (let i = 0; i < 10; i++) peer.write(pattern(10, i * 10))
  expect(peer.socket.bytesQueued).toBe(100)
  const [segment, ...more] = peer.hear()
  expect(more).toEqual([])
  expect(segment?.payload).toEqual(
    Uint8Array.from(Array.from({ length: 10 }, (_, i) => [...pattern(10, i * 10)]).flat()),
  )
  expect(segment?.names).toBe('PSH,ACK')
  peer.send()
  expect(peer.socket.bytesQueued).toBe(0)
  peer.socket.reset()
  expect(await scenario.finish()).toEqual(NOTHING_LEFT)
})

test('an idle connection holds no memory of the frame pool', async () => {
  const scenario = await Scenario.create()
  const peer = Conversation.connect(scenario)
  const before = scenario.pool.used
  peer.write(100_000)
  peer.send({ payload: pattern(100) })
  expect(scenario.pool.used).toBeGreaterThan(before)
  for (let i = 0; i < 20 && peer.socket.bytesQueued > 0; i++) {
    peer.hear()
    peer.send()
  }
  readAll(peer.socket)
  scenario.advance(SECOND)
  peer.hear()
  expect(scenario.pool.used).toBe(before)
  peer.socket.reset()
  expect(await scenario.finish()).toEqual(NOTHING_LEFT)
})

test('R-TCP-21 segments: no option means 536, a tiny one is raised, a large one is cut to the MTU', async () => {
  for (const [options, length] of [
    [new Uint8Array(0), 536],
    [{ mss: 1 }, 88],
    [{ mss: 0 }, 536],
    [{ mss: 87 }, 88],
    [{ mss: 1, timestamps: { value: 1, echo: 0 } }, 76],
    [{ mss: 1000 }, 1000],
    [{ mss: 65535 }, 1460],
    [{ mss: 1460, timestamps: { value: 1, echo: 0 } }, 1448],
  ] as const) {
    const scenario = await Scenario.create()
    const peer = Conversation.connect(scenario, { options })
    peer.write(20_000)
    expect(peer.hear()[0]?.payload.length).toBe(length)
    peer.socket.reset()
    expect(await scenario.finish()).toEqual(NOTHING_LEFT)
  }
})

test('R-TCP-32 every second full segment is acknowledged at once, what is left within 40 ms', async () => {
  const scenario = await Scenario.create()
  const peer = Conversation.connect(scenario)
  peer.send({ payload: pattern(1460) })
  expect(peer.hear()).toEqual([])
  peer.send({ payload: pattern(1460) })
  expect(peer.hear().map(({ acknowledgment }) => acknowledgment)).toEqual([peer.seq])
  peer.send({ payload: pattern(10) })
  scenario.advance(39 * MS)
  expect(peer.hear()).toEqual([])
  scenario.advance(2 * MS)
  expect(peer.hear().map(({ acknowledgment }) => acknowledgment)).toEqual([peer.seq])
  peer.socket.reset()
  expect(await scenario.finish()).toEqual(NOTHING_LEFT)
})

test('R-TCP-32 data carries the acknowledgement', async () => {
  const scenario = await Scenario.create()
  const peer = Conversation.connect(scenario)
  peer.send({ payload: pattern(64) })
  peer.write(64)
  const segments = peer.hear()
  expect(describe(segments)).toBe('PSH,ACK(64)')
  expect(segments[0]?.acknowledgment).toBe(peer.seq)
  scenario.advance(100 * MS)
  peer.send()
  expect(peer.hear()).toEqual([])
  peer.socket.reset()
  expect(await scenario.finish()).toEqual(NOTHING_LEFT)
})

test('R-TCP-32 each segment behind a gap is told at once, and the filling of the gap too', async () => {
  const scenario = await Scenario.create()
  const peer = Conversation.connect(scenario)
  const start = peer.seq
  const at = (offset: number): number => (start + offset) | 0
  const send = (from: number, length: number): void => peer.send({ sequence: at(from), payload: pattern(length, from) })
  send(100, 100)
  send(300, 100)
  send(150, 200)
  expect(peer.hear().map(({ acknowledgment }) => acknowledgment)).toEqual([start, start, start])
  send(0, 120)
  expect(peer.hear().map(({ acknowledgment }) => acknowledgment)).toEqual([at(400)])
  expect(readAll(peer.socket)).toEqual(pattern(400))
  peer.socket.reset()
  expect(await scenario.finish()).toEqual(NOTHING_LEFT)
})

test('a FIN behind a gap waits for the gap to be filled', async () => {
  const scenario = await Scenario.create()
  const peer = Conversation.connect(scenario)
  const start = peer.seq
  peer.send({ sequence: (start + 10) | 0, payload: pattern(10, 10), flags: TCP_ACK | TCP_FIN })
  expect(peer.socket.state).toBe('ESTABLISHED')
  peer.send({ sequence: start, payload: pattern(10) })
  expect(peer.socket.state).toBe('CLOSE-WAIT')
  expect(peer.hear().at(-1)?.acknowledgment).toBe((start + 21) | 0)
  expect(readAll(peer.socket)).toEqual(pattern(20))
  peer.socket.reset()
  expect(await scenario.finish()).toEqual(NOTHING_LEFT)
})

test('R-TCP-22 Nagle: a small segment waits for the acknowledgement, not with noDelay', async () => {
  const scenario = await Scenario.create()
  const peer = Conversation.connect(scenario)
  peer.write(10)
  expect(describe(peer.hear())).toBe('PSH,ACK(10)')
  peer.write(10)
  expect(peer.hear()).toEqual([])
  peer.write(2000)
  expect(describe(peer.hear())).toBe('ACK(1460)')
  peer.send()
  expect(describe(peer.hear())).toBe('PSH,ACK(550)')
  peer.write(10)
  expect(peer.hear()).toEqual([])
  peer.socket.setOption('noDelay', 1)
  expect(peer.socket.getOption('noDelay')).toBe(1)
  expect(describe(peer.hear())).toBe('PSH,ACK(10)')
  peer.write(10)
  expect(describe(peer.hear())).toBe('PSH,ACK(10)')
  peer.socket.reset()
  expect(await scenario.finish()).toEqual(NOTHING_LEFT)
})

test('R-TCP-28 nothing is sent beyond the window, and old segments do not change it', async () => {
  const scenario = await Scenario.create()
  const peer = Conversation.connect(scenario, { window: 3000 })
  peer.write(10_000)
  expect(describe(peer.hear())).toBe('ACK(1460) ACK(1460)')
  const old = { sequence: peer.seq, acknowledgment: (peer.iss + 1) | 0 }
  peer.send({ payload: pattern(1), window: 1000 })
  scenario.advance(50 * MS)
  peer.hear()
  // Older by SEG.SEQ: its window says nothing.
  peer.send({ ...old, window: 60_000 })
  expect(peer.hear().filter(({ payload }) => payload.length > 0)).toEqual([])
  peer.send({ window: 4000 })
  expect(describe(peer.hear())).toBe('ACK(1460) ACK(1460)')
  peer.socket.reset()
  expect(await scenario.finish()).toEqual(NOTHING_LEFT)
})

test('R-TCP-29 a window that shrinks is survived', async () => {
  const scenario = await Scenario.create()
  const peer = Conversation.connect(scenario, { window: 8000 })
  peer.write(8000)
  peer.hear()
  const { iss } = peer
  peer.send({ acknowledgment: (iss + 1 + 1460) | 0, window: 100 })
  scenario.advance(10 * SECOND)
  peer.hear()
  peer.send({ acknowledgment: (iss + 1 + 1460) | 0, window: 65_000 })
  for (let i = 0; i < 20; i++) {
    scenario.advance(SECOND)
    peer.hear()
    peer.send()
  }
  expect(peer.ack).toBe((iss + 8001) | 0)
  expect(peer.socket.bytesQueued).toBe(0)
  peer.socket.reset()
  expect(await scenario.finish()).toEqual(NOTHING_LEFT)
})

test('R-TCP-30 zero window: probes back off, go on as long as they are answered, and the stream goes on', async () => {
  const scenario = await Scenario.create()
  const peer = Conversation.connect(scenario)
  peer.write(1000)
  peer.hear()
  peer.send({ window: 0 })
  const data = pattern(500)
  peer.write(data)
  const closedAt = peer.ack
  const probes: number[] = []
  let last = scenario.scheduler.clock.now
  for (let i = 0; i < 4000; i++) {
    scenario.advance(100 * MS)
    for (const segment of scenario.segments()) {
      expect([segment.sequence, segment.payload.length]).toEqual([closedAt, 1])
      expect(segment.payload[0]).toBe(data[0])
      probes.push(scenario.scheduler.clock.now - last)
      last = scenario.scheduler.clock.now
      peer.send({ acknowledgment: closedAt, window: 0 })
    }
  }
  expect(probes.length).toBeGreaterThan(8)
  for (let i = 1; i < probes.length; i++) expect(probes[i]).toBeGreaterThanOrEqual(probes[i - 1]!)
  expect(Math.max(...probes)).toBeLessThanOrEqual(121 * SECOND)
  expect(peer.socket.state).toBe('ESTABLISHED')
  peer.send({ acknowledgment: closedAt, window: 65_000 })
  const [segment] = peer.hear()
  expect(segment?.payload).toEqual(data)
  peer.socket.reset()
  expect(await scenario.finish()).toEqual(NOTHING_LEFT)
})

test('R-TCP-30 a peer that takes the probed octet', async () => {
  const scenario = await Scenario.create()
  const peer = Conversation.connect(scenario, { window: 0 })
  const data = pattern(300)
  peer.write(data)
  scenario.advance(250 * MS)
  expect(describe(peer.hear())).toBe('ACK(1)')
  peer.send({ window: 0 })
  scenario.advance(3 * SECOND)
  expect(describe(peer.hear().slice(0, 1))).toBe('ACK(1)')
  peer.send({ window: 1000 })
  expect(peer.hear()[0]?.payload).toEqual(data.subarray(2))
  peer.socket.reset()
  expect(await scenario.finish()).toEqual(NOTHING_LEFT)
})

test('R-TCP-30 a silent peer with a closed window is given up in the end', async () => {
  const scenario = await Scenario.create()
  const peer = Conversation.connect(scenario, { window: 0 })
  peer.write(300)
  scenario.advance(3600 * SECOND)
  expect(peer.socket.error?.code).toBe('ETIMEDOUT')
  peer.socket.close()
  expect(await scenario.finish()).toEqual(NOTHING_LEFT)
})

test('P-04 R-TCP-29 the advertised edge never moves left, and backpressure bounds memory', async () => {
  const scenario = await Scenario.create({ limits: { receiveBuffer: 20_000 } })
  const peer = Conversation.connect(scenario, WIDE)
  let edge = 0
  let first = true
  const note = (): number => {
    for (const segment of peer.hear()) {
      const right = (segment.acknowledgment + segment.window) | 0
      if (!first) expect((right - edge) | 0).toBeGreaterThanOrEqual(0)
      first = false
      edge = right
    }
    return (edge - peer.seq) | 0
  }
  peer.send({ payload: pattern(1) })
  scenario.advance(50 * MS)
  let room = note()
  while (room > 0) {
    peer.send({ payload: pattern(Math.min(room, 777)) })
    scenario.advance(50 * MS)
    room = note()
  }
  expect(room).toBe(0)
  const got = readAll(peer.socket).length
  expect(got).toBeLessThanOrEqual(20_000 + 1460)
  // Reading opens the window, and the peer hears of it.
  expect(note()).toBeGreaterThan(10_000)
  peer.socket.reset()
  expect(await scenario.finish()).toEqual(NOTHING_LEFT)
})

test('R-TCP-31 the receiver opens its window by a full segment or half the buffer at least', async () => {
  const scenario = await Scenario.create({ limits: { receiveBuffer: 8192 } })
  const peer = Conversation.connect(scenario)
  let window = 8192
  while (window > 0) {
    const length = Math.min(window, 1460)
    peer.send({ payload: pattern(length) })
    window -= length
  }
  scenario.advance(50 * MS)
  expect(peer.hear().at(-1)?.window).toBe(0)
  const buffer = new Uint8Array(1000)
  peer.socket.read(buffer, 0, 1000)
  expect(peer.hear()).toEqual([])
  // A window probe hears nothing of it either.
  peer.send({ payload: pattern(1) })
  expect(peer.hear().at(-1)?.window).toBe(0)
  peer.seq = (peer.seq - 1) | 0
  peer.socket.read(buffer, 0, 1000)
  peer.socket.read(buffer, 0, 1000)
  expect(peer.hear().at(-1)?.window).toBe(3000)
  peer.socket.reset()
  expect(await scenario.finish()).toEqual(NOTHING_LEFT)
})

test('R-TCP-31 the sender waits for a full segment, half the largest window, or the override timer', async () => {
  const scenario = await Scenario.create()
  const peer = Conversation.connect(scenario, { window: 10_000 })
  peer.write(1460)
  peer.hear()
  peer.send({ window: 500 })
  peer.write(5000)
  expect(peer.hear()).toEqual([])
  scenario.advance(1500 * MS)
  expect(peer.hear()[0]?.payload.length).toBe(500)
  peer.socket.reset()
  expect(await scenario.finish()).toEqual(NOTHING_LEFT)
})

test('R-TCP-42 window scaling: only when both offer it, never on the SYN, shift 15 means 14', async () => {
  const scenario = await Scenario.create()
  const scaled = Conversation.connect(scenario, { options: { mss: 1460, windowScale: 15 }, window: 2 })
  scaled.write(100_000)
  // The window of the SYN is not scaled: two octets.
  expect(scaled.hear()[0]?.payload.length).toBe(2)
  scaled.send({ window: 1 })
  // One unit of 2^14 octets.
  const octets = scaled.hear().reduce((sum, { payload }) => sum + payload.length, 0)
  expect(octets).toBeGreaterThanOrEqual(10 * 1460)
  expect(octets).toBeLessThanOrEqual(1 << 14)
  scaled.socket.reset()
  scenario.segments()
  const plain = Conversation.connect(scenario, { options: { mss: 1460 } })
  plain.send({ payload: pattern(10) })
  scenario.advance(50 * MS)
  expect(plain.hear()[0]?.window).toBe(65535)
  plain.socket.reset()
  expect(await scenario.finish()).toEqual(NOTHING_LEFT)
})

test('R-TCP-43 timestamps are on every segment once agreed, and echo the latest in order', async () => {
  const scenario = await Scenario.create()
  const peer = Conversation.connect(scenario, { options: { mss: 1460, timestamps: { value: 777, echo: 0 } } })
  peer.write(10)
  expect(peer.hear()[0]?.parsedOptions.timestamps?.echo).toBe(777)
  const options = (value: number): { options: { timestamps: { value: number; echo: number } } } => ({
    options: { timestamps: { value, echo: peer.echo } },
  })
  peer.send({ ...options(800), payload: pattern(5) })
  scenario.advance(50 * MS)
  expect(peer.hear().at(-1)?.parsedOptions.timestamps?.echo).toBe(800)
  // Behind a gap: not taken over.
  peer.send({ ...options(900), sequence: (peer.seq + 100) | 0, payload: pattern(5) })
  expect(peer.hear().at(-1)?.parsedOptions.timestamps?.echo).toBe(800)
  peer.socket.reset()
  expect(await scenario.finish()).toEqual(NOTHING_LEFT)
})

test('R-TCP-44 PAWS: an older timestamp is acknowledged and dropped, but not after 24 days', async () => {
  const scenario = await Scenario.create()
  const peer = Conversation.connect(scenario, { options: { mss: 1460, timestamps: { value: 777, echo: 0 } } })
  const old = { options: { timestamps: { value: 776, echo: peer.echo } }, sequence: peer.seq, payload: pattern(5) }
  peer.send(old)
  expect(peer.hear().map(({ acknowledgment }) => acknowledgment)).toEqual([peer.seq])
  expect(peer.socket.read(new Uint8Array(10), 0, 10)).toBe(WOULD_BLOCK)
  scenario.advance(24 * 24 * 3600 * SECOND + SECOND)
  peer.send(old)
  expect(readAll(peer.socket)).toEqual(pattern(5))
  peer.socket.reset()
  expect(await scenario.finish()).toEqual(NOTHING_LEFT)
})

test('R-TCP-45 timestamps of two connections begin at different places', async () => {
  const scenario = await Scenario.create()
  const a = Conversation.connect(scenario)
  const b = Conversation.connect(scenario)
  expect(a.echo).not.toBe(0)
  expect(a.echo).not.toBe(b.echo)
  a.socket.reset()
  b.socket.reset()
  expect(await scenario.finish()).toEqual(NOTHING_LEFT)
})

test('R-TCP-33 keep-alive: off by default; probes when idle; one lost is none, nine are the end', async () => {
  const scenario = await Scenario.create()
  const peer = Conversation.connect(scenario)
  scenario.advance(3 * 3600 * SECOND)
  expect(peer.hear()).toEqual([])
  peer.socket.setOption('keepAlive', 1)
  expect(peer.socket.getOption('keepAliveDelay')).toBe(7200)
  scenario.advance(7199 * SECOND)
  expect(peer.hear()).toEqual([])
  scenario.advance(2 * SECOND)
  const [probe] = peer.hear()
  expect([probe?.sequence, probe?.payload.length]).toEqual([(peer.ack - 1) | 0, 0])
  scenario.advance(76 * SECOND)
  expect(peer.hear().length).toBe(1)
  peer.send()
  scenario.advance(7000 * SECOND)
  expect(peer.hear()).toEqual([])
  scenario.advance(1000 * SECOND)
  expect(peer.hear().filter(({ names }) => names === 'ACK').length).toBe(9)
  expect(peer.socket.error?.code).toBe('ETIMEDOUT')
  peer.socket.close()
  expect(await scenario.finish()).toEqual(NOTHING_LEFT)
})

test('R-TCP-53 the user timeout ends a connection whose data is not acknowledged', async () => {
  const scenario = await Scenario.create()
  const peer = Conversation.connect(scenario)
  peer.socket.setOption('userTimeout', 5000)
  peer.write(10)
  scenario.advance(4999 * MS)
  expect(peer.socket.error).toBeNull()
  scenario.advance(2 * MS)
  expect(peer.socket.error?.code).toBe('ETIMEDOUT')
  peer.socket.close()
  expect(await scenario.finish()).toEqual(NOTHING_LEFT)
})

test('P-10 a writer is told WOULD_BLOCK at the limit, and WRITABLE when a third is free', async () => {
  const scenario = await Scenario.create({ limits: { sendBuffer: 30_000 } })
  const peer = Conversation.connect(scenario)
  expect(peer.write(50_000)).toBe(30_000)
  expect(peer.write(1)).toBe(WOULD_BLOCK)
  expect(peer.socket.ready & WRITABLE).toBe(0)
  const drains: number[] = []
  peer.socket.onReady = () => {
    drains.push(peer.socket.bytesQueued)
    peer.socket.interest = 0
  }
  peer.socket.interest = WRITABLE
  for (let i = 0; i < 10; i++) {
    peer.hear()
    peer.send()
  }
  expect(drains.length).toBe(1)
  expect(drains[0]).toBeLessThanOrEqual(20_000)
  peer.socket.reset()
  expect(await scenario.finish()).toEqual(NOTHING_LEFT)
})

test('R-TCP-05 a stream across the wrap of the sequence space, both directions', async () => {
  const scenario = await Scenario.create()
  const peer = Conversation.connect(scenario, {}, -5000 | 0)
  for (let i = 0; i < 10; i++) peer.send({ payload: pattern(1000, i * 1000), flags: TCP_ACK | TCP_PSH })
  expect(peer.seq).toBe(5001)
  expect(readAll(peer.socket)).toEqual(pattern(10_000))
  peer.socket.reset()
  expect(await scenario.finish()).toEqual(NOTHING_LEFT)
})
