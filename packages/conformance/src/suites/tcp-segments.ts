/**
 * Rules of RFC 9293 3.10.7 and RFC 5961, segment by segment, against a peer that says exactly what the test wants.
 *
 * @module
 */
import { ERROR, READABLE } from '@ioth/core'
import fc from 'fast-check'
import { expect } from 'vitest'
import { craftIcmp, craftTcp } from '../craft/craft.ts'
import type { Host } from '../lan/host.ts'
import { ScriptedPeer } from '../lan/scripted-peer.ts'
import { Service } from '../lan/service.ts'
import type { Suite } from '../suite.ts'
import { expectError } from './expect-code.ts'
import { ACCEPT_MS, connecting, established, listen, octets, read, short, takes } from './tcp-peer.ts'

export function tcpSegments(suite: Suite): void {
  suite.test('R-TCP-07 a closed port answers with RST, as the text says, and never a RST', async ({ lan, a }) => {
    const peer = new ScriptedPeer(lan, a)
    const [toSyn] = await peer.exchange({ flags: 'S', sequence: 100 }, octets(5))
    expect(toSyn).toMatchObject({ rst: true, ack: true, sequence: 0, acknowledgment: 106 })
    const [toAck] = await peer.exchange({ flags: 'A', sequence: 100, acknowledgment: 777 })
    expect(toAck).toMatchObject({ rst: true, ack: false, sequence: 777 })
    const [toFin] = await peer.exchange({ flags: 'F', sequence: 100 })
    expect(toFin).toMatchObject({ rst: true, ack: true, sequence: 0, acknowledgment: 101 })
    for (const flags of ['R', 'RA', 'SR', 'FR'])
      expect(await peer.exchange({ flags, sequence: 100 }), flags).toEqual([])
  })

  suite.test('R-TCP-08 LISTEN: RST is ignored, ACK draws RST, SYN makes a connection', async ({ lan, a }) => {
    const listener = listen(a)
    const peer = new ScriptedPeer(lan, a)
    expect(await peer.exchange({ flags: 'R' })).toEqual([])
    const [reset] = await peer.exchange({ flags: 'A', acknowledgment: 4711 })
    expect(reset).toMatchObject({ rst: true, sequence: 4711 })
    await peer.connect()
    expect(listener.ready & READABLE).toBe(READABLE)
  })

  for (const source of [
    [255, 255, 255, 255],
    [224, 0, 0, 1],
    [10, 0, 0, 255],
    [10, 0, 0, 1],
    [127, 0, 0, 1],
    [0, 0, 0, 0],
  ]) {
    suite.test(`R-TCP-50 a SYN from ${source.join('.')} is ignored`, async ({ lan, a }) => {
      const listener = listen(a)
      const peer = new ScriptedPeer(lan, a)
      const before = a.frames.filter(({ direction }) => direction === 'out').length
      peer.send({ flags: 'S', ip: { source } })
      await lan.wait(5000)
      expect(a.frames.filter(({ direction }) => direction === 'out').length - before, 'answers').toBe(0)
      expect(listener.ready & READABLE).toBe(0)
    })
  }

  suite.test('R-TCP-09 SYN-SENT: wrong ACK draws RST, RST counts only with a right one', async ({ lan, a }) => {
    const peer = new ScriptedPeer(lan, a, 0)
    const { socket, answer } = await connecting(lan, a, peer)
    const [reset] = await answer({ flags: 'SA', acknowledgment: peer.ack + 5 })
    expect(reset).toMatchObject({ rst: true, sequence: (peer.ack + 5) >>> 0 })
    expect(await answer({ flags: 'RA', acknowledgment: peer.ack + 5 })).toEqual([])
    expect(await answer({ flags: 'R' })).toEqual([])
    expect(socket.state).toBe('SYN-SENT')
    await answer({ flags: 'RA' })
    expectError(socket.error, 'ECONNREFUSED', { syscall: 'connect', address: '10.0.0.66', port: 6666 })
  })

  suite.test('R-TCP-11 SYN-RECEIVED: a RST frees the place in the backlog without a word', async ({ lan, a }) => {
    const listener = listen(a, 1)
    for (let i = 0; i < 5; i++) {
      const peer = new ScriptedPeer(lan, a, 80, '10.0.0.66', 7000 + i)
      const [synAck] = await peer.exchange({ flags: 'S' })
      expect(synAck && short(synAck)).toBe('SA')
      expect(await peer.exchange({ flags: 'R' })).toEqual([])
    }
    expect(listener.ready).toBe(0)
    const last = new ScriptedPeer(lan, a, 80, '10.0.0.66', 7100)
    await last.connect()
    expect(listener.ready & READABLE).toBe(READABLE)
  })

  suite.test('R-TCP-01 R-TCP-03 damaged headers are dropped without an answer', async (scene) => {
    const { peer, socket } = await established(scene)
    expect(await peer.exchange({ checksum: 0x1234, sequence: peer.next }, octets(10))).toEqual([])
    expect(await peer.exchange({ dataOffset: 4, sequence: peer.next }, octets(10))).toEqual([])
    expect(await peer.exchange({ dataOffset: 15, sequence: peer.next }, octets(10))).toEqual([])
    expect(socket.ready & READABLE).toBe(0)
    await takes(scene, peer, socket, octets(10))
  })

  suite.test('R-TCP-02 H-13 odd options hurt nobody', async (scene) => {
    const { peer, socket } = await established(scene)
    const kinds: readonly number[][] = [
      [1, 1, 1, 1],
      [0, 255, 255, 255],
      [254, 6, 1, 2, 3, 4],
      [2, 4, 5, 180],
      [3, 3, 14, 0],
      [253, 0, 0, 0],
      [5, 1, 0, 0],
      [8, 40, 0, 0],
      Array(40).fill(1),
    ]
    for (const [index, options] of kinds.entries()) {
      peer.send({ options }, octets(10, index))
      await scene.lan.wait(2)
      // A segment with a broken option may be taken or dropped as a whole; the octets come again without.
      peer.send({ sequence: (peer.next - 10) >>> 0 }, octets(10, index))
      expect(read(socket), `after ${options}`).toEqual(octets(10, index))
    }
  })

  suite.test('R-TCP-10 what lies outside the window draws one ACK, and is dropped', async (scene) => {
    const { peer, socket } = await established(scene)
    const own = peer.next
    for (const sequence of [own - 100, own + 10_000_000, own - 2_000_000_000]) {
      const replies = await peer.exchange({ sequence: sequence >>> 0 }, octets(10))
      expect(replies.map(short), `at ${sequence - own}`).toEqual(['A'])
      expect(replies[0]?.acknowledgment).toBe(own)
    }
    expect(socket.ready & READABLE).toBe(0)
    await takes(scene, peer, socket, octets(10))
  })

  suite.test('H-20 a segment is trimmed to what is new', async (scene) => {
    const { peer, socket } = await established(scene)
    await takes(scene, peer, socket, octets(10))
    await peer.exchange({ sequence: (peer.next - 10) >>> 0 }, octets(25))
    expect(read(socket)).toEqual(octets(15, 10))
    peer.next = (peer.next + 15) >>> 0
    // Out of order, overlapping, then the hole.
    const data = octets(100, 25)
    const start = peer.next
    for (const [from, to] of [
      [50, 80],
      [40, 60],
      [70, 100],
      [10, 45],
      [0, 12],
    ] as const)
      await peer.exchange({ sequence: (start + from) >>> 0 }, data.subarray(from, to))
    expect(read(socket)).toEqual(data)
  })

  suite.test(
    'R-TCP-12 RST: at the next number it resets; elsewhere in the window a challenge; outside nothing',
    async (scene) => {
      const { peer, socket } = await established(scene)
      const own = peer.next
      expect(await peer.exchange({ flags: 'R', sequence: (own - 1) >>> 0 })).toEqual([])
      expect(await peer.exchange({ flags: 'R', sequence: (own + 5_000_000) >>> 0 })).toEqual([])
      const challenge = await peer.exchange({ flags: 'R', sequence: own + 1 })
      expect(challenge.map(short)).toEqual(['A'])
      expect(challenge[0]?.acknowledgment).toBe(own)
      expect(socket.state).toBe('ESTABLISHED')
      expect(await peer.exchange({ flags: 'R', sequence: own })).toEqual([])
      expectError(socket.error, 'ECONNRESET')
    },
  )

  suite.test('R-TCP-13 a SYN on a connection that stands: challenge, whatever its number', async (scene) => {
    const { peer, socket, lan } = { ...scene, ...(await established(scene)) }
    for (const sequence of [peer.next, peer.next + 100, peer.next - 100, 5]) {
      // Challenges may be limited in their rate.
      await lan.wait(2000)
      expect((await peer.exchange({ flags: 'S', sequence: sequence >>> 0 })).map(short)).toEqual(['A'])
    }
    expect(socket.state).toBe('ESTABLISHED')
    await takes(scene, peer, socket, octets(10))
  })

  suite.test('R-TCP-14 an ACK of what was never sent: answered, and its octets discarded', async (scene) => {
    const { peer, socket } = await established(scene)
    for (const beyond of [1, 100_000, 0x7000_0000]) {
      await scene.lan.wait(2000)
      const acknowledgment = (peer.ack + beyond) >>> 0
      const replies = await peer.exchange({ sequence: peer.next, acknowledgment }, octets(10))
      expect(replies.map(short), `${beyond} beyond`).toEqual(['A'])
      expect(socket.ready & READABLE).toBe(0)
    }
    await takes(scene, peer, socket, octets(10))
  })

  suite.test('R-TCP-15 challenges are limited in number', async (scene) => {
    const { peer } = await established(scene)
    for (let i = 0; i < 2000; i++) peer.send({ flags: 'S', sequence: peer.next + 100 })
    const replies = await peer.replies(500)
    expect(replies.length).toBeLessThan(1000)
  })

  suite.test('R-TCP-16 the FIN is repeated until it is acknowledged, at its place', async (scene) => {
    const { peer, socket } = await established(scene)
    socket.close()
    const sent = await peer.replies(3000)
    expect(new Set(sent.map(short))).toEqual(new Set(['FA']))
    expect(sent.length).toBeGreaterThan(2)
    expect(new Set(sent.map(({ sequence }) => sequence)).size).toBe(1)
    peer.ack = (peer.ack + 1) >>> 0
    await peer.exchange({ flags: 'FA' })
    expect(await peer.replies(5000)).toEqual([])
  })

  suite.test(
    'P-07 R-TCP-16 nothing lies beyond a FIN, it keeps its place, and after TIME-WAIT there are RSTs only',
    async (scene) => {
      const { lan } = scene
      const { peer, socket } = await established(scene)
      const start = peer.ack
      socket.write(octets(3000), 0, 3000)
      socket.close()
      // Nothing is acknowledged for a while, then a part, then all.
      await lan.wait(3000)
      peer.ack = (start + 1460) >>> 0
      await peer.exchange()
      await lan.wait(3000)
      const fins = peer.received.filter(({ fin }) => fin)
      expect(fins.length).toBeGreaterThan(1)
      for (const { sequence, data } of fins) expect((sequence + data.length - start) >>> 0).toBe(3000)
      for (const { sequence, data } of peer.received)
        expect((sequence + data.length - start) | 0).toBeLessThanOrEqual(3001)
      peer.ack = (start + 3001) >>> 0
      await peer.exchange()
      const [last] = await peer.exchange({ flags: 'FA' })
      expect(last?.acknowledgment).toBe(peer.next)
      await lan.wait(600_000)
      const from = peer.received.length
      await peer.exchange({}, octets(10))
      await peer.exchange({ flags: 'FA' })
      await lan.wait(600_000)
      const after = peer.received.slice(from)
      expect(after.map(({ rst }) => rst)).toEqual([true, true])
    },
  )

  suite.test('R-TCP-18 octets that come after close draw a RST', async (scene) => {
    const { peer, socket } = await established(scene)
    socket.close()
    await scene.lan.moment(() => peer.received.some(({ fin }) => fin), 0, 5000)
    peer.ack = (peer.ack + 1) >>> 0
    await peer.exchange()
    const replies = await peer.exchange({}, octets(10))
    expect(replies.map(({ rst }) => rst)).toEqual([true])
  })

  suite.test('R-TCP-21 no MSS option means 536; an absurd one does not make dust', async (scene) => {
    for (const [options, most, least] of [
      [[], 536, 400],
      [[2, 4, 0, 1], 536, 48],
      [[2, 4, 2, 188], 700, 600],
    ] as const) {
      const { peer, socket } = await established(scene, options, 7000 + most + options.length)
      socket.write(octets(5000), 0, 5000)
      const sizes = (await peer.replies(10)).map(({ data }) => data.length)
      expect(sizes.length).toBeGreaterThan(0)
      expect(Math.max(...sizes)).toBeLessThanOrEqual(most)
      expect(Math.max(...sizes)).toBeGreaterThanOrEqual(least)
      socket.reset()
    }
  })

  suite.test('P-04 an acknowledgement on a retransmitted segment does not widen the window', async (scene) => {
    const { peer, socket } = await established(scene, [2, 4, 5, 180], 7000, 3000)
    const start = peer.ack
    socket.write(octets(8000), 0, 8000)
    await peer.replies(2)
    // Later octets first; then the earlier ones, with an acknowledgement and what is left of the same window.
    await peer.exchange({ sequence: (peer.next + 10) >>> 0, window: 3000 }, octets(10))
    peer.ack = (start + 1460) >>> 0
    await peer.exchange({ window: 1540 }, octets(10))
    await scene.lan.wait(500)
    const reached = peer.received.map(({ sequence, data }) => (sequence + data.length - start) | 0)
    expect(Math.max(...reached), 'two segments').toBeGreaterThan(2800)
    expect(Math.max(...reached)).toBeLessThanOrEqual(3001)
  })

  suite.test('R-TCP-29 a window that shrinks is survived', async (scene) => {
    const { peer, socket } = await established(scene, [2, 4, 5, 180], 7000, 20_000)
    const start = peer.ack
    const stream = octets(10_000)
    socket.write(stream, 0, 5000)
    await peer.replies(2)
    // Nothing is acknowledged, and the right edge moves to the left of what was sent.
    await peer.exchange({ window: 0 })
    socket.write(stream, 5000, 5000)
    await scene.lan.wait(3000)
    const got = new Uint8Array(10_000)
    let end = 0
    for (let round = 0; round < 20; round++) {
      for (const { sequence, data } of peer.received) {
        const at = (sequence - start) >>> 0
        if (at > end || at + data.length <= end) continue
        got.set(data, at)
        end = at + data.length
      }
      peer.ack = (start + end) >>> 0
      await peer.exchange({ window: 20_000 })
    }
    expect(end).toBe(10_000)
    expect(got).toEqual(stream)
  })

  suite.test('R-TCP-34 H-17 urgent octets stay in line', async (scene) => {
    const { peer, socket } = await established(scene)
    let at = 0
    for (const urgentPointer of [0, 1, 10, 11, 65535]) {
      await peer.exchange({ flags: 'AU', urgentPointer }, octets(10, at))
      await scene.lan.moment(() => (socket.ready & READABLE) !== 0, 0, ACCEPT_MS)
      expect(read(socket), `urgent pointer ${urgentPointer}`).toEqual(octets(10, at))
      at += 10
    }
    await peer.exchange({ flags: 'AU', urgentPointer: 5 })
    await takes(scene, peer, socket, octets(10))
  })

  suite.test(
    'R-TCP-37 the third duplicate resends at once; a full acknowledgement behind it ends that',
    async (scene) => {
      const { peer, socket } = await established(scene)
      const size = 5 * 1460 + 1
      socket.write(octets(size), 0, size)
      socket.shutdown()
      const first = await peer.replies(2)
      const end = Math.max(
        ...first.map(({ sequence, data, fin }) => ((sequence + data.length + (fin ? 1 : 0)) >>> 0) - peer.ack),
      )
      expect(end).toBe(size + 1)
      for (let i = 0; i < 3; i++) peer.send()
      const resent = await peer.replies(2)
      expect(resent.filter(({ data }) => data.length > 0).map(({ sequence }) => sequence)).toEqual([peer.ack])
      const before = peer.ack
      // The duplicates and the acknowledgement of everything arrive in one turn.
      peer.send({ acknowledgment: (before + 1460) >>> 0 })
      for (let i = 0; i < 3; i++) peer.send({ acknowledgment: (before + 1460) >>> 0 })
      peer.ack = (before + size + 1) >>> 0
      const replies = await peer.exchange()
      expect(replies.map(short)).toEqual([])
    },
  )

  suite.test(
    'R-TCP-48 ICMP about a connection that stands does not end it; about one in SYN-SENT it may',
    async (scene) => {
      const { lan, a } = scene
      const { peer, socket } = await established(scene)
      for (const code of [0, 1, 2, 3, 4, 5, 13]) {
        peer.sendPacket({ protocol: 1 }, unreachable(a, 80, peer, peer.ack, code))
        await lan.wait(2)
        expect(socket.state, `code ${code}`).toBe('ESTABLISHED')
      }
      const other = new ScriptedPeer(lan, a, 0, '10.0.0.67')
      const { socket: opening } = await connecting(lan, a, other)
      other.sendPacket({ protocol: 1 }, unreachable(a, opening.localPort, other, (other.ack - 1) >>> 0, 3))
      await lan.until(
        () => (opening.ready & ERROR) !== 0,
        400_000,
        () => opening.state,
      )
      expect(['ECONNREFUSED', 'EHOSTUNREACH', 'ETIMEDOUT']).toContain(opening.error?.code)
    },
  )

  const number = fc.integer({ min: 0, max: 0xffff_ffff })
  suite.property(
    'P-16 a blind attacker changes nothing',
    fc.array(
      fc.record({
        flags: fc.subarray([...'FSRPAU'], { minLength: 1 }),
        sequence: number,
        acknowledgment: number,
        size: fc.nat(50),
      }),
      {
        minLength: 1,
        maxLength: 100,
      },
    ),
    (attack, seed) =>
      suite.withScene('P-16', { seed }, async ({ lan, a, b }) => {
        for (const host of [a, b]) host.impair({ delayMs: 1 })
        const service = new Service(b, 80)
        const size = 60_000
        const talk = service.converse(a, { send: size, writeSizes: [700] }, { send: size, writeSizes: [700] })
        await lan.until(() => talk.client.connected, 10_000)
        // From nowhere, in the name of b.
        const liar = new ScriptedPeer(lan, a, talk.client.socket.localPort, '10.0.0.2', 80)
        for (const { flags, sequence, acknowledgment, size: length } of attack) {
          liar.send({ flags: flags.join(''), sequence, acknowledgment }, octets(length))
          await lan.wait(1)
        }
        await lan.until(
          () => talk.isDone,
          100_000,
          () => `${talk}`,
        )
      }),
  )
}

/** "Destination unreachable" that quotes a segment of the host. */
function unreachable(host: Host, localPort: number, peer: ScriptedPeer, sequence: number, code: number): Uint8Array {
  const bytes = (text: string): number[] => text.split('.').map(Number)
  const quoted = craftTcp(
    { source: bytes(`${host.address}`), destination: bytes(`${peer.address}`) },
    { sourcePort: localPort, destinationPort: peer.port, sequence, flags: 'A' },
  )
  const packet = craftIcmp(
    { source: bytes(`${peer.address}`), destination: bytes(`${host.address}`) },
    { type: 3, code, rest: code === 4 ? [0, 0, 5, 0] : [0, 0, 0, 0] },
    quoted.subarray(0, 28),
  )
  return packet.subarray(20)
}
