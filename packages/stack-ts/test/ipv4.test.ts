/** IPv4 (RFC 791, RFC 1122 3.2), fragments (RFC 815), ICMP (RFC 792), UDP (RFC 768). */
import { FAILED, PROTO_TCP, PROTO_UDP, TCP_SYN, type UdpSocket, WOULD_BLOCK } from '@ioth/core'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { buildIcmp, buildIpv4, buildTcp, buildUdp, ipWord } from '../src/testing.ts'
import { pseudoSum4 } from '../src/wire/checksum.ts'
import { serializeUdp } from '../src/wire/udp.ts'
import { ANY, Conversation, ip, MS, NOTHING_LEFT, OURS, PEER, pattern, Scenario, SECOND } from './scenario.ts'

const ECHO = 8

/** Reads one datagram, or null. */
function receive(socket: UdpSocket): { data: Uint8Array; from: string; port: number } | null {
  let got: { data: Uint8Array; from: string; port: number } | null = null
  socket.receive(1, {
    datagram(memory, offset, length, from, port) {
      got = { data: memory.slice(offset, offset + length), from: from.toString(), port }
      return true
    },
  })
  return got
}

test('R-IP4-01 H-02 bad versions, lengths and checksums are dropped and counted; padding is not read', async () => {
  const scenario = await Scenario.create()
  const { peer, ours } = scenario
  const good = buildIcmp(peer.station, ours, ECHO, 0, 7, pattern(10))
  const changed = (at: number, value: number, fix: boolean): Uint8Array => {
    const bad = good.slice()
    bad[at] = value
    if (fix) {
      bad[24] = 0
      bad[25] = 0
      let sum = 0
      for (let i = 14; i < 34; i += 2) sum += (bad[i]! << 8) | bad[i + 1]!
      sum = (sum & 0xffff) + (sum >>> 16)
      bad[24] = (~sum >>> 8) & 255
      bad[25] = ~sum & 255
    }
    return bad
  }
  peer.send(changed(14, 0x65, true))
  for (let words = 0; words < 5; words++) peer.send(changed(14, 0x40 | words, true))
  for (let length = 0; length < 20; length++) peer.send(changed(17, length, true))
  peer.send(changed(17, 200, true))
  peer.send(changed(25, 0x12, false))
  for (let length = 14; length < 34; length++) peer.send(good.slice(0, length))
  scenario.advance(MS)
  expect(peer.take()).toEqual([])
  const counters = scenario.stack.counters()
  expect(counters['drop.ip4.version']).toBe(1)
  expect(counters['drop.ip4.header-length']).toBe(5)
  expect(counters['drop.ip4.length']).toBe(21)
  expect(counters['drop.ip4.checksum']).toBe(1)
  expect(counters['drop.ip4.short']).toBe(20)
  const padded = new Uint8Array(good.length + 46)
  padded.set(good)
  peer.send(padded)
  scenario.advance(MS)
  expect(peer.take()[0]?.icmp?.body).toEqual(pattern(10))
  expect(await scenario.finish()).toEqual(NOTHING_LEFT)
})

test('R-IP4-02 impossible sources and destinations that are not ours are dropped', async () => {
  const scenario = await Scenario.create()
  const { peer, ours } = scenario
  for (const source of ['0.0.0.5', '127.0.0.1', '224.0.0.1', '255.255.255.255', '10.0.0.255', OURS]) {
    peer.send(buildIcmp({ ...peer.station, ip: source }, ours, ECHO, 0, 1, pattern(4)))
  }
  for (const destination of ['10.0.0.3', '127.0.0.1', '192.168.0.1']) {
    peer.send(buildIcmp(peer.station, { ...ours, ip: destination }, ECHO, 0, 1, pattern(4)))
  }
  scenario.advance(MS)
  expect(peer.take()).toEqual([])
  const counters = scenario.stack.counters()
  expect(counters['drop.ip4.source']).toBe(6)
  expect(counters['drop.ip4.destination']).toBe(3)
  expect(await scenario.finish()).toEqual(NOTHING_LEFT)
})

test('R-IP4-02 R-ICMP4-02 a packet to one host in a frame to many is nobody’s, and an echo to many is not answered', async () => {
  const scenario = await Scenario.create()
  const { peer, ours, stack } = scenario
  const socket = stack.openUdp(4)
  socket.bind(ANY, 53)
  socket.join(ip('224.5.6.7'), null)
  const everybody = { high: 0xffff, low: -1 }
  peer.send(buildUdp(peer.station, { ...ours, mac: everybody }, 9, 53, pattern(4)))
  scenario.advance(MS)
  expect(receive(socket)).toBeNull()
  expect(stack.counters()['drop.ip4.link-group']).toBe(1)
  for (const [to, mac] of [
    ['10.0.0.255', everybody],
    ['255.255.255.255', everybody],
    ['224.0.0.1', { high: 0x0100, low: 0x5e000001 }],
    ['224.5.6.7', { high: 0x0100, low: 0x5e050607 }],
  ] as const) {
    peer.send(buildIcmp(peer.station, { ip: to, mac }, ECHO, 0, 1, pattern(4)))
    peer.send(buildUdp(peer.station, { ip: to, mac }, 9, 53, pattern(4)))
    scenario.advance(MS)
    expect(
      peer.take().filter(({ icmp }) => icmp !== undefined),
      to,
    ).toEqual([])
    // That they came is seen by the datagram beside each.
    expect(receive(socket)?.port, to).toBe(9)
  }
  expect(stack.counters()['drop.icmp4.group']).toBe(4)
  socket.close()
  expect(await scenario.finish()).toEqual(NOTHING_LEFT)
})

test('R-IP4-03 the time to live is 64, an option sets it, and packets with 0 and 1 are for us', async () => {
  const scenario = await Scenario.create()
  const { peer, ours } = scenario
  for (const ttl of [0, 1]) peer.send(buildIcmp(peer.station, ours, ECHO, 0, 1, pattern(4), { ttl }))
  scenario.advance(MS)
  expect(peer.take().map((frame) => frame.ip?.ttl)).toEqual([64, 64])
  const conversation = Conversation.connect(scenario)
  conversation.socket.setOption('ttl', 3)
  conversation.write(1)
  scenario.advance()
  expect(peer.take()[0]?.ip?.ttl).toBe(3)
  expect(() => conversation.socket.setOption('ttl', 0)).toThrow('EINVAL')
  conversation.socket.reset()
  expect(await scenario.finish()).toEqual(NOTHING_LEFT)
})

test('R-IP4-04 H-04 options are skipped by their lengths; source routes and broken lists are dropped', async () => {
  const scenario = await Scenario.create()
  const { peer, ours } = scenario
  const options = (...octets: number[]): { options: Uint8Array } => ({ options: Uint8Array.from(octets) })
  peer.send(buildIcmp(peer.station, ours, ECHO, 0, 1, pattern(4), options(7, 7, 4, 0, 0, 0, 0, 0)))
  peer.send(buildIcmp(peer.station, ours, ECHO, 0, 1, pattern(4), options(1, 1, 1, 0)))
  scenario.advance(MS)
  expect(peer.take().length).toBe(2)
  for (const bad of [
    [131, 7, 4, 0, 0, 0, 0, 0],
    [137, 3, 4, 0],
    [7, 0, 0, 0],
    [7, 1, 0, 0],
    [7, 9, 0, 0],
    [1, 1, 1, 7],
    // Record route and timestamp whose pointers lie before their data.
    [7, 4, 3, 0],
    [68, 4, 4, 0],
  ]) {
    peer.send(buildIcmp(peer.station, ours, ECHO, 0, 1, pattern(4), options(...bad)))
  }
  scenario.advance(MS)
  expect(peer.take()).toEqual([])
  expect(scenario.stack.counters()).toMatchObject({ 'drop.ip4.source-route': 2, 'drop.ip4.options': 6 })
  expect(await scenario.finish()).toEqual(NOTHING_LEFT)
})

test('R-ICMP4-01 R-ICMP4-03 an unknown protocol and an unknown port are reported, never to groups, and not without limit', async () => {
  const scenario = await Scenario.create()
  const { peer, ours } = scenario
  peer.send(buildIpv4(peer.station, ours, 200, pattern(600)))
  peer.send(buildUdp(peer.station, ours, 1, 2, pattern(4)))
  scenario.advance(MS)
  const [protocol, port] = peer.take()
  expect([protocol?.icmp?.type, protocol?.icmp?.code]).toEqual([3, 2])
  expect(protocol!.ethernet.payload.length).toBeLessThanOrEqual(576)
  expect([port?.icmp?.type, port?.icmp?.code]).toEqual([3, 3])
  const everybody = { mac: { high: 0xffff, low: -1 }, ip: '10.0.0.255' }
  peer.send(buildUdp(peer.station, everybody, 1, 2, pattern(4)))
  peer.send(buildIpv4(peer.station, everybody, 200, pattern(4)))
  // Sent to everybody's hardware address, though to our IP address.
  peer.send(buildUdp(peer.station, { ...ours, mac: everybody.mac }, 1, 2, pattern(4)))
  scenario.advance(MS)
  expect(peer.take()).toEqual([])
  for (let i = 0; i < 200; i++) peer.send(buildUdp(peer.station, ours, 1, 2, pattern(4)))
  scenario.advance(MS)
  // Fifty tokens, of which an error costs one on average.
  const errors = peer.take().length
  expect(errors).toBeGreaterThan(20)
  expect(errors).toBeLessThan(90)
  expect(await scenario.finish()).toEqual(NOTHING_LEFT)
})

test('R-ICMP4-02 H-26 echo is answered with all its data, from the address asked; nothing else is answered', async () => {
  const scenario = await Scenario.create()
  const { peer, ours } = scenario
  for (const length of [0, 1, 56, 1472]) peer.send(buildIcmp(peer.station, ours, ECHO, 0, 0x12345678, pattern(length)))
  scenario.advance(MS)
  const answers = peer.take()
  expect(answers.map(({ icmp }) => icmp?.body.length)).toEqual([0, 1, 56, 1472])
  expect(answers.at(-1)?.icmp).toMatchObject({ type: 0, rest: 0x12345678, body: pattern(1472) })
  expect(answers[0]?.ip?.source).toBe(ipWord(OURS))
  for (let type = 0; type < 256; type++) {
    if (type !== ECHO) peer.send(buildIcmp(peer.station, ours, type, type & 7, type, pattern(type & 63)))
  }
  scenario.advance(MS)
  expect(peer.take()).toEqual([])
  expect(await scenario.finish()).toEqual(NOTHING_LEFT)
})

test('ping: round trip, time to live, timeout, cancellation, ourselves', async () => {
  const scenario = await Scenario.create()
  const { peer, ours, stack, scheduler } = scenario
  const reply = stack.ping(ip(PEER), { size: 100 })
  scenario.advance(20 * MS)
  const [request] = peer.take()
  expect([request?.icmp?.type, request?.icmp?.body.length]).toEqual([ECHO, 100])
  peer.send(buildIcmp(peer.station, ours, 0, 0, request!.icmp!.rest, request!.icmp!.body, { ttl: 9 }))
  await scheduler.settle(MS)
  expect(await reply).toMatchObject({ microseconds: 20 * MS, ttl: 9, size: 100 })
  const silence = stack.ping(ip(PEER), { timeoutMs: 500 }).catch((error: unknown) => String(error))
  await scheduler.settle(501 * MS)
  expect(await silence).toContain('ping ETIMEDOUT 10.0.0.2')
  const controller = new AbortController()
  const given = stack.ping(ip(PEER), { signal: controller.signal }).catch((error: unknown) => (error as Error).name)
  controller.abort()
  expect(await given).toBe('AbortError')
  const absent = stack.ping(ip('10.0.0.99')).catch((error: unknown) => String(error))
  await scheduler.settle(1001 * MS)
  expect(await absent).toContain('ping EHOSTUNREACH 10.0.0.99')
  const own = stack.ping(ip(OURS))
  const loop = stack.ping(ip('127.0.0.1'))
  await scheduler.settle(MS)
  expect((await own).size).toBe(56)
  expect((await loop).from.toString()).toBe('127.0.0.1')
  expect(await scenario.finish()).toEqual(NOTHING_LEFT)
})

test('R-UDP-01 R-UDP-03 H-35 lengths and checksums; what lies behind the length is not delivered', async () => {
  const scenario = await Scenario.create()
  const { peer, ours } = scenario
  const socket = scenario.stack.openUdp(4)
  socket.bind(ANY, 53)
  const sum = pseudoSum4(ipWord(PEER), ipWord(OURS), PROTO_UDP)
  const good = serializeUdp({ sourcePort: 9, destinationPort: 53, payload: pattern(5) }, sum)
  const send = (change: (octets: Uint8Array) => Uint8Array): void => {
    peer.send(buildIpv4(peer.station, ours, PROTO_UDP, change(good.slice())))
    scenario.advance()
  }
  const set = (at: number, value: number) => (octets: Uint8Array) => {
    octets[at] = value
    return octets
  }
  send((octets) => octets)
  expect(receive(socket)).toEqual({ data: pattern(5), from: PEER, port: 9 })
  // Without a checksum.
  send((octets) => set(6, 0)(set(7, 0)(octets)))
  expect(receive(socket)?.data).toEqual(pattern(5))
  // Longer than it says.
  send((octets) => Uint8Array.from([...octets, 1, 2, 3]))
  expect(receive(socket)?.data).toEqual(pattern(5))
  for (let length = 0; length < 8; length++) send(set(5, length))
  send(set(5, 14))
  send(set(8, 0xff))
  send(set(0, 0x80))
  for (let length = 0; length < 8; length++) send((octets) => octets.subarray(0, length))
  expect(receive(socket)).toBeNull()
  const counters = scenario.stack.counters()
  expect(counters['drop.udp.length']).toBe(9)
  expect(counters['drop.udp.checksum']).toBe(2)
  expect(counters['drop.udp.short']).toBe(8)
  socket.close()
  expect(await scenario.finish()).toEqual(NOTHING_LEFT)
})

test('R-UDP-04 R-UDP-05 an ICMP error reaches the connected socket it quotes, no other', async () => {
  const scenario = await Scenario.create()
  const { peer, ours, stack } = scenario
  const [connected, other] = [stack.openUdp(4), stack.openUdp(4)]
  connected.connect(ip(PEER), 99)
  other.connect(ip(PEER), 98)
  connected.send(pattern(10), 0, 10, null, 0)
  scenario.advance(MS)
  const [frame] = peer.take()
  peer.send(buildIcmp(peer.station, ours, 3, 3, 0, frame!.ethernet.payload))
  scenario.advance(MS)
  expect(connected.receive(1, { datagram: () => true })).toBe(FAILED)
  expect(connected.error?.code).toBe('ECONNREFUSED')
  expect(connected.receive(1, { datagram: () => true })).toBe(WOULD_BLOCK)
  expect(other.receive(1, { datagram: () => true })).toBe(WOULD_BLOCK)
  connected.close()
  other.close()
  expect(await scenario.finish()).toEqual(NOTHING_LEFT)
})

test('R-UDP-07 boundaries, empty datagrams, and a queue that overflows by the newest', async () => {
  const scenario = await Scenario.create({ limits: { receiveBuffer: 4096 } })
  const { peer, ours, stack } = scenario
  const socket = stack.openUdp(4)
  socket.bind(ANY, 53)
  for (const length of [3, 0, 1000]) peer.send(buildUdp(peer.station, ours, 9, 53, pattern(length)))
  scenario.advance()
  expect([receive(socket), receive(socket), receive(socket)].map((got) => got?.data.length)).toEqual([3, 0, 1000])
  for (let i = 0; i < 10; i++) peer.send(buildUdp(peer.station, ours, 9, 53, pattern(1000, i)))
  scenario.advance()
  const got: Uint8Array[] = []
  for (let next = receive(socket); next !== null; next = receive(socket)) got.push(next.data)
  expect(got).toEqual([0, 1, 2].map((i) => pattern(1000, i)))
  expect(stack.counters()['drop.udp.full']).toBe(7)
  socket.close()
  expect(await scenario.finish()).toEqual(NOTHING_LEFT)
})

test('UDP errors of the caller have their codes', async () => {
  const scenario = await Scenario.create()
  const socket = scenario.stack.openUdp(4)
  const data = pattern(70_000)
  const codeOf = (result: number): string | undefined => {
    expect(result).toBe(FAILED)
    return socket.error?.code
  }
  expect(codeOf(socket.send(data, 0, 10, null, 0))).toBe('EDESTADDRREQ')
  expect(codeOf(socket.send(data, 0, 65_508, ip(PEER), 9))).toBe('EMSGSIZE')
  expect(codeOf(socket.send(data, 0, 10, ip('192.168.3.3'), 9))).toBe('ENETUNREACH')
  expect(codeOf(socket.send(data, 0, 10, ip('10.0.0.255'), 9))).toBe('EACCES')
  socket.setOption('broadcast', 1)
  expect(socket.send(data, 0, 10, ip('10.0.0.255'), 9)).toBe(10)
  expect(socket.send(data, 0, 10, ip('255.255.255.255'), 9)).toBe(10)
  scenario.advance(MS)
  const frames = scenario.peer.take()
  expect(frames.map(({ ethernet }) => ethernet.destination.high)).toEqual([0xffff, 0xffff])
  socket.close()
  expect(await scenario.finish()).toEqual(NOTHING_LEFT)
})

test('R-IP4-07 R-IP4-08 fragments: multiples of eight, right offsets, one id a datagram', async () => {
  const scenario = await Scenario.create({ mtu: 576 })
  const socket = scenario.stack.openUdp(4)
  const data = pattern(3000)
  for (let i = 0; i < 2; i++) socket.send(data, 0, data.length, ip(PEER), 9)
  scenario.advance(MS)
  const frames = scenario.peer.take()
  const ids = [...new Set(frames.map((frame) => frame.ip!.id))]
  expect(ids.length).toBe(2)
  const first = frames.filter((frame) => frame.ip!.id === ids[0])
  let offset = 0
  for (const { ip: fragment } of first) {
    expect(fragment!.fragmentOffset).toBe(offset)
    expect(fragment!.payload.length + 20).toBeLessThanOrEqual(576)
    offset += fragment!.payload.length
    expect(fragment!.moreFragments).toBe(offset < 3008)
  }
  expect(offset).toBe(3008)
  socket.close()
  expect(await scenario.finish()).toEqual(NOTHING_LEFT)
})

/** The fragments of a UDP datagram to port 53, with payloads of `size` octets. */
function fragments(scenario: Scenario, data: Uint8Array, size: number, id: number): Uint8Array[] {
  const { peer, ours } = scenario
  const sum = pseudoSum4(ipWord(PEER), ipWord(OURS), PROTO_UDP)
  const whole = serializeUdp({ sourcePort: 9, destinationPort: 53, payload: data }, sum)
  const frames: Uint8Array[] = []
  for (let offset = 0; offset < whole.length; offset += size) {
    const payload = whole.subarray(offset, offset + size)
    const moreFragments = offset + size < whole.length
    frames.push(buildIpv4(peer.station, ours, PROTO_UDP, payload, { id, fragmentOffset: offset, moreFragments }))
  }
  return frames
}

test('R-IP4-05 P-19 fragments in any order, with duplicates, make the datagram once; one missing makes nothing', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 9, max: 8000 }),
      fc.integer({ min: 6, max: 180 }),
      fc.array(fc.nat(), { minLength: 0, maxLength: 40 }),
      fc.option(fc.nat()),
      async (length, units, swaps, missing) => {
        const scenario = await Scenario.create()
        const socket = scenario.stack.openUdp(4)
        socket.bind(ANY, 53)
        const data = pattern(length)
        const frames = fragments(scenario, data, units * 8, 7)
        const left = missing === null ? -1 : missing % frames.length
        const order = frames.map((_, index) => index).filter((index) => index !== left)
        for (const [i, swap] of swaps.entries()) {
          if (order.length === 0) break
          const [a, b] = [i % order.length, swap % order.length]
          ;[order[a], order[b]] = [order[b]!, order[a]!]
        }
        // Duplicates, but none behind the one that completes it: that would begin a new datagram.
        for (const index of order.slice(0, -1)) {
          scenario.peer.send(frames[index]!)
          scenario.peer.send(frames[index]!)
          scenario.advance()
        }
        for (const index of order.slice(-1)) scenario.peer.send(frames[index]!)
        scenario.advance()
        expect(receive(socket)?.data).toEqual(left < 0 ? data : undefined)
        expect(receive(socket)).toBeNull()
        scenario.advance(61 * SECOND)
        scenario.peer.take()
        socket.close()
        expect(await scenario.finish()).toEqual(NOTHING_LEFT)
      },
    ),
  )
})

test('R-IP4-05 a datagram that is not complete is reported after 60 s, if its first fragment came', async () => {
  const scenario = await Scenario.create()
  const frames = fragments(scenario, pattern(3000), 1000, 7)
  scenario.peer.send(frames[1]!)
  scenario.advance(61 * SECOND)
  expect(scenario.peer.take()).toEqual([])
  scenario.peer.send(frames[0]!)
  scenario.advance(59 * SECOND)
  expect(scenario.peer.take()).toEqual([])
  scenario.advance(2 * SECOND)
  const [error] = scenario.peer.take()
  expect([error?.icmp?.type, error?.icmp?.code]).toEqual([11, 1])
  expect(await scenario.finish()).toEqual(NOTHING_LEFT)
})

test('R-IP4-06 H-07 H-08 overlaps spoil the datagram, tiny, empty, late and oversized fragments are dropped', async () => {
  const scenario = await Scenario.create()
  const { peer, ours } = scenario
  const socket = scenario.stack.openUdp(4)
  socket.bind(ANY, 53)
  const frames = fragments(scenario, pattern(2000), 1000, 7)
  const piece = (fragmentOffset: number, length: number, moreFragments: boolean, id: number): Uint8Array =>
    buildIpv4(peer.station, ours, PROTO_UDP, pattern(length, 5), { id, fragmentOffset, moreFragments })
  peer.send(frames[0]!)
  peer.send(piece(992, 16, true, 7))
  peer.send(frames[1]!)
  peer.send(frames[2]!)
  scenario.advance()
  expect(receive(socket)).toBeNull()
  peer.send(piece(0, 0, true, 8))
  peer.send(piece(0, 7, true, 8))
  peer.send(piece(65528, 100, false, 8))
  peer.send(buildIpv4(peer.station, ours, PROTO_TCP, pattern(8), { id: 9, fragmentOffset: 0, moreFragments: true }))
  peer.send(buildIpv4(peer.station, ours, PROTO_TCP, pattern(8), { id: 9, fragmentOffset: 8, moreFragments: true }))
  // Two ends.
  peer.send(piece(16, 8, false, 10))
  peer.send(piece(32, 8, false, 10))
  scenario.advance()
  const counters = scenario.stack.counters()
  expect(counters['drop.reassembly.overlap']).toBe(4)
  expect(counters['drop.reassembly.empty']).toBe(1)
  expect(counters['drop.reassembly.length']).toBe(1)
  expect(counters['drop.reassembly.oversize']).toBe(1)
  expect(counters['drop.reassembly.tiny']).toBe(2)
  scenario.advance(61 * SECOND)
  peer.take()
  socket.close()
  expect(await scenario.finish()).toEqual(NOTHING_LEFT)
})

test('P-20 H-09 a flood of fragments is bounded, and others still come together', async () => {
  const scenario = await Scenario.create({ settings: { reassembly: { octets: 0x20000 } } })
  const { peer, ours, pool } = scenario
  const before = pool.used
  const flood = (source: string, id: number, fields: object): void =>
    peer.send(buildIpv4({ ...peer.station, ip: source }, ours, PROTO_UDP, pattern(1000), { id, ...fields }))
  const socket = scenario.stack.openUdp(4)
  socket.bind(ANY, 53)
  const parts = fragments(scenario, pattern(3000), 1000, 60_000)
  peer.send(parts[0]!)
  // One source cannot take more than half, so what others have begun stays.
  for (let id = 0; id < 2000; id++) {
    flood('10.0.0.77', id, { fragmentOffset: 0, moreFragments: true })
    if (id % 50 === 0) scenario.advance()
    // 128 KiB in slots of 2 KiB.
    expect(pool.used - before).toBeLessThanOrEqual(64 + 50)
  }
  scenario.advance()
  expect(pool.used - before).toBeLessThanOrEqual(64)
  for (const part of parts.slice(1)) peer.send(part)
  scenario.advance()
  expect(receive(socket)?.data).toEqual(pattern(3000))
  // Many sources take it all; a datagram whose fragments follow each other still comes together.
  for (let id = 0; id < 2000; id++) {
    flood(`10.0.0.${100 + (id % 100)}`, id, { fragmentOffset: 1000, moreFragments: id % 2 === 0 })
    if (id % 50 === 0) scenario.advance()
  }
  for (const part of fragments(scenario, pattern(3000), 1000, 60_001)) peer.send(part)
  scenario.advance()
  expect(receive(socket)?.data).toEqual(pattern(3000))
  expect(pool.used - before).toBeLessThanOrEqual(64)
  expect(scenario.stack.counters()['lost.reassembly.evicted']).toBeGreaterThan(3000)
  scenario.advance(61 * SECOND)
  peer.take()
  socket.close()
  expect(await scenario.finish()).toEqual(NOTHING_LEFT)
})

test('H-09 P-19 the largest datagram in the smallest fragments, backwards and in a comb', async () => {
  const scenario = await Scenario.create()
  const { peer, pool } = scenario
  const socket = scenario.stack.openUdp(4)
  socket.bind(ANY, 53)
  const data = pattern(65_507)
  const before = pool.used
  const backwards = fragments(scenario, data, 48, 1).reverse()
  const comb = fragments(scenario, data, 48, 2)
  const orders = [backwards, [...comb.filter((_, i) => i % 2 === 1), ...comb.filter((_, i) => i % 2 === 0)]]
  for (const order of orders) {
    for (const [index, frame] of order.entries()) {
      peer.send(frame)
      if (index % 50 === 0) scenario.advance()
    }
    scenario.advance()
    expect(receive(socket)?.data).toEqual(data)
    expect(pool.used).toBe(before)
  }
  socket.close()
  expect(await scenario.finish()).toEqual(NOTHING_LEFT)
})

test('R-IP4-05 the time a datagram has is an option, and runs from its first fragment', async () => {
  const scenario = await Scenario.create({ settings: { reassembly: { timeoutMs: 15_000 } } })
  const [first, second, third] = fragments(scenario, pattern(2900), 1000, 7)
  scenario.peer.send(first!)
  scenario.advance(14 * SECOND)
  scenario.peer.send(second!)
  scenario.advance(SECOND - MS)
  expect(scenario.peer.take()).toEqual([])
  scenario.advance(MS)
  const [error] = scenario.peer.take()
  expect([error?.icmp?.type, error?.icmp?.code]).toEqual([11, 1])
  scenario.peer.send(third!)
  scenario.advance(MS)
  scenario.peer.take()
  expect(await scenario.finish()).toEqual(NOTHING_LEFT)
  await expect(Scenario.create({ settings: { reassembly: { timeoutMs: 14_999 } } })).rejects.toThrow('15000 to 120000')
})

test('H-07 R-IP4-06 fragments that contradict each other, or go nowhere, leave nothing', async () => {
  const scenario = await Scenario.create()
  const { peer, ours, pool } = scenario
  const socket = scenario.stack.openUdp(4)
  socket.bind(ANY, 53)
  const before = pool.used
  const piece = (id: number, fragmentOffset: number, length: number, moreFragments: boolean): void =>
    peer.send(buildIpv4(peer.station, ours, PROTO_UDP, pattern(length), { id, fragmentOffset, moreFragments }))
  for (let length = 0; length < 8; length++) piece(1, 64, length, true)
  piece(2, 65_528, 8, false)
  piece(3, 8, 8, false)
  piece(4, 0, 16, true)
  // More behind the last, the last before more, two lasts.
  piece(5, 16, 8, false)
  piece(5, 24, 8, true)
  piece(6, 24, 8, true)
  piece(6, 16, 8, false)
  piece(7, 16, 8, false)
  piece(7, 32, 8, false)
  // The same octets once as the last and once not.
  piece(8, 16, 8, false)
  piece(8, 16, 8, true)
  scenario.advance()
  expect(receive(socket)).toBeNull()
  const counters = scenario.stack.counters()
  expect(counters).toMatchObject({
    'drop.reassembly.empty': 1,
    'drop.reassembly.length': 7,
    'drop.reassembly.oversize': 1,
    'drop.reassembly.overlap': 4,
  })
  scenario.advance(61 * SECOND)
  peer.take()
  expect(pool.used).toBe(before)
  socket.close()
  expect(await scenario.finish()).toEqual(NOTHING_LEFT)
})

test('H-08 no mixture of two datagrams is ever delivered: inside, left, right, over, the same place with other octets', async () => {
  const range = fc.record({ from: fc.nat(20), units: fc.integer({ min: 1, max: 12 }), seed: fc.nat(1) })
  await fc.assert(
    fc.asyncProperty(fc.array(range, { minLength: 1, maxLength: 12 }), fc.nat(), async (forged, place) => {
      const scenario = await Scenario.create()
      const { peer, ours } = scenario
      const socket = scenario.stack.openUdp(4)
      socket.bind(ANY, 53)
      const data = pattern(192)
      const genuine = fragments(scenario, data, 40, 7)
      const lies = forged.map(({ from, units, seed }) =>
        buildIpv4(peer.station, ours, PROTO_UDP, pattern(units * 8, 99 + seed), {
          id: 7,
          fragmentOffset: from * 8,
          moreFragments: true,
        }),
      )
      const at = place % genuine.length
      for (const frame of [...genuine.slice(0, at), ...lies, ...genuine.slice(at)]) peer.send(frame)
      scenario.advance()
      expect(receive(socket)).toBeNull()
      socket.close()
      scenario.advance(121 * SECOND)
      peer.take()
      expect(await scenario.finish()).toEqual(NOTHING_LEFT)
    }),
    { numRuns: 100 },
  )
})

test('H-11 pieces of other protocols are other datagrams; ECN: a mark is kept, a contradiction drops', async () => {
  const scenario = await Scenario.create()
  const { peer, ours } = scenario
  const socket = scenario.stack.openUdp(4)
  socket.bind(ANY, 53)
  const data = pattern(1000)
  const sum = pseudoSum4(ipWord(PEER), ipWord(OURS), PROTO_UDP)
  const whole = serializeUdp({ sourcePort: 9, destinationPort: 53, payload: data }, sum)
  const send = (id: number, classes: readonly [number, number], protocols = [PROTO_UDP, PROTO_UDP]): void => {
    for (const [index, trafficClass] of classes.entries()) {
      const payload = index === 0 ? whole.subarray(0, 504) : whole.subarray(504)
      const fields = { id, trafficClass, ttl: 60 + index, fragmentOffset: index * 504, moreFragments: index === 0 }
      peer.send(buildIpv4(peer.station, ours, protocols[index]!, payload, fields))
    }
    scenario.advance()
  }
  send(1, [0, 0], [PROTO_UDP, 99])
  expect(receive(socket)).toBeNull()
  for (const [id, classes] of [
    [2, [2, 2]],
    [3, [2, 3]],
    [4, [3, 1]],
    [5, [0, 0]],
  ] as const) {
    send(id, classes)
    expect(receive(socket)?.data, `ECN ${classes}`).toEqual(data)
  }
  for (const [id, classes] of [
    [6, [0, 3]],
    [7, [1, 0]],
  ] as const) {
    send(id, classes)
    expect(receive(socket), `ECN ${classes}`).toBeNull()
  }
  expect(scenario.stack.counters()['drop.reassembly.ecn']).toBe(2)
  // A quote of a whole datagram says that it is one.
  socket.close()
  send(8, [0, 0])
  const [error] = peer.take()
  expect(error?.icmp?.type).toBe(3)
  const quote = new DataView(error!.icmp!.body.slice().buffer)
  expect([quote.getUint16(2), quote.getUint16(6), quote.getUint8(8)]).toEqual([1028, 0, 60])
  scenario.advance(61 * SECOND)
  peer.take()
  expect(await scenario.finish()).toEqual(NOTHING_LEFT)
})

test('R-TCP-48 ICMP about a connection: soft is ignored, hard counts before ESTABLISHED only, and only in flight', async () => {
  const scenario = await Scenario.create()
  const { peer, ours, stack } = scenario
  const socket = stack.openTcp(4)
  socket.connect(ip(PEER), 80)
  scenario.advance(MS)
  const [syn] = peer.take()
  const quote = syn!.ethernet.payload
  const report = (type: number, code: number, quoted: Uint8Array): void => {
    peer.send(buildIcmp(peer.station, ours, type, code, 0, quoted))
    scenario.advance()
  }
  for (const code of [0, 1, 5]) report(3, code, quote)
  report(11, 0, quote)
  report(4, 0, quote)
  expect(socket.state).toBe('SYN-SENT')
  const forged = quote.slice()
  forged[24] = (forged[24]! + 1) & 255
  report(3, 3, forged)
  for (let length = 0; length < 28; length++) report(3, 3, quote.subarray(0, length))
  expect(socket.state).toBe('SYN-SENT')
  report(3, 3, quote)
  expect(socket.state).toBe('CLOSED')
  expect(socket.error?.code).toBe('ECONNREFUSED')
  socket.close()
  const conversation = Conversation.connect(scenario)
  conversation.write(10)
  scenario.advance()
  const [data] = peer.take()
  for (const code of [0, 1, 2, 3, 5]) report(3, code, data!.ethernet.payload)
  expect(conversation.socket.state).toBe('ESTABLISHED')
  conversation.socket.reset()
  expect(await scenario.finish()).toEqual(NOTHING_LEFT)
})

test('R-TCP-49 H-25 "too big" lowers the path MTU to 552 at least, sends again at once, and is forgotten after 10 min', async () => {
  const scenario = await Scenario.create()
  const { peer, ours } = scenario
  const conversation = Conversation.connect(scenario)
  conversation.write(5000)
  scenario.advance()
  const [big] = peer.take()
  expect(big?.ip?.dontFragment).toBe(true)
  const report = (mtu: number): void => {
    peer.send(buildIcmp(peer.station, ours, 3, 4, mtu, big!.ethernet.payload))
    scenario.advance()
  }
  report(1000)
  const again = scenario.segments()
  expect(again[0]?.sequence).toBe(big?.tcp?.sequence)
  expect(again[0]?.payload.length).toBe(960)
  // Larger than before, or absurdly small.
  report(1400)
  expect(scenario.segments()).toEqual([])
  report(68)
  expect(scenario.segments()[0]?.payload.length).toBe(512)
  const next = Conversation.connect(scenario)
  next.write(5000)
  expect(next.hear()[0]?.payload.length).toBe(512)
  next.socket.reset()
  scenario.segments()
  conversation.ack = (conversation.iss + 5001) | 0
  conversation.send()
  scenario.advance(601 * SECOND)
  conversation.write(5000)
  expect(scenario.segments()[0]?.payload.length).toBe(1460)
  conversation.socket.reset()
  expect(await scenario.finish()).toEqual(NOTHING_LEFT)
})

test('H-21 a segment from ourselves by the wire is dropped', async () => {
  const scenario = await Scenario.create()
  scenario.listen(80)
  const land = { ...scenario.peer.station, ip: OURS }
  scenario.peer.send(
    buildTcp(land, scenario.ours, { sourcePort: 80, destinationPort: 80, sequence: 1, flags: TCP_SYN }),
  )
  expect(scenario.segments()).toEqual([])
  expect(scenario.stack.counters()['drop.ip4.source']).toBe(1)
  expect(await scenario.finish()).toEqual(NOTHING_LEFT)
})

test('P-14 H-01 H-43 any octets as a frame: nothing throws, at most one small answer, nothing is kept', async () => {
  const scenario = await Scenario.create()
  scenario.listen(80)
  const { peer, ours, pool, scheduler } = scenario
  const before = pool.used
  const valid = fc.constantFrom(
    buildTcp(peer.station, ours, {
      sourcePort: 5,
      destinationPort: 80,
      sequence: 1,
      flags: TCP_SYN,
      options: { mss: 9 },
    }),
    buildUdp(peer.station, ours, 5, 6, pattern(30)),
    buildIcmp(peer.station, ours, ECHO, 0, 1, pattern(30)),
    buildIpv4(peer.station, ours, PROTO_UDP, pattern(40), { options: Uint8Array.from([7, 7, 4, 0, 0, 0, 0, 0]) }),
  )
  const mutated = fc
    .tuple(valid, fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 8 }), fc.nat())
    .map(([frame, changes, cut]) => {
      const octets = frame.slice()
      for (const [at, value] of changes) octets[at % octets.length] = value
      return octets.slice(0, cut % 3 === 0 ? cut % octets.length : octets.length)
    })
  fc.assert(
    fc.property(fc.oneof(mutated, fc.uint8Array({ maxLength: 1600 })), (octets) => {
      if (octets.length === 0) return
      peer.send(octets)
      scheduler.advance()
      const answers = peer.take()
      expect(answers.length).toBeLessThanOrEqual(1)
      for (const { ethernet } of answers) expect(ethernet.payload.length).toBeLessThanOrEqual(octets.length * 1.5 + 64)
    }),
    { numRuns: 3000 },
  )
  scenario.advance(200 * SECOND)
  peer.take()
  expect(pool.used).toBe(before)
  expect(await scenario.finish()).toEqual(NOTHING_LEFT)
})
