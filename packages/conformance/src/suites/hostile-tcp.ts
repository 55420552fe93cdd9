/**
 * Hostile segments against single connections: every combination of flags in every state, numbers all around the window, challenge ACKs
 * as a side channel, peers that open and fall silent.
 *
 * @module
 */
import { ANY_V4, type Listener, parseMac, type TcpSocket, toBytes } from '@ioth/core'
import { expect } from 'vitest'
import { FrameChecker } from '../checker/frame-checker.ts'
import { craftEthernet, craftTcp } from '../craft/craft.ts'
import type { Host } from '../lan/host.ts'
import type { Lan } from '../lan/lan.ts'
import { ScriptedPeer } from '../lan/scripted-peer.ts'
import type { Suite } from '../suite.ts'
import { ATTACKER, attackerTap } from './hostile-campaign.ts'
import { ACCEPT_MS, accepted, SingleAnswers } from './tcp-peer.ts'

/** All combinations of the six flags. */
const FLAGS: readonly string[] = Array.from({ length: 64 }, (_, bits) =>
  Array.from('FSRPAU', (letter, bit) => ((bits >> bit) & 1 ? letter : '')).join(''),
)
/** Far outside of any window. */
const FAR = 0x4000_0000

export function hostileTcp(suite: Suite): void {
  const { capabilities } = suite

  for (const [index, state] of SYNCHRONISED.entries()) {
    suite.test(
      `H-18 all flags at numbers outside of the window, in ${state}: at most one answer, nothing changes`,
      async ({ lan, a }) => {
        const { peer, socket, listener } = await inState(lan, a, state, 8000 + index)
        const before = socket.state
        const single = new SingleAnswers(lan, peer)
        for (const flags of FLAGS) {
          const script = { flags, sequence: (peer.next + FAR) >>> 0, acknowledgment: peer.ack }
          const answers = await single.to(script, flags)
          expect(answers.filter(({ rst }) => rst).length, `RSTs for ${flags}`).toBe(0)
          expect(socket.state, `after ${flags}`).toBe(before)
        }
        socket.reset()
        listener?.close()
      },
    )
  }

  suite.test(
    'H-18 R-TCP-07 R-TCP-08 all flags to a closed and to a listening port: a RST where an ACK was, a SYN-ACK for a SYN, or nothing',
    async ({ lan, a }) => {
      const listener = listen(a, 80, 512)
      let port = 10_000
      for (const target of [80, 81]) {
        for (const flags of FLAGS) {
          const peer = new ScriptedPeer(lan, a, target, '10.0.0.66', ++port)
          const has = (letter: string): boolean => flags.includes(letter)
          peer.send({ flags, acknowledgment: 77 })
          // On the host's clock it may take its time.
          if (!has('R') && (has('A') || target === 81)) await lan.moment(() => peer.received.length > 0, 0, ACCEPT_MS)
          await peer.replies()
          const answers = peer.received
          expect(answers.length, `answers to ${flags} at port ${target}`).toBeLessThanOrEqual(1)
          const [answer] = answers
          if (has('R')) expect(answer, `an answer to ${flags}`).toBeUndefined()
          else if (has('A')) expect([answer?.rst, answer?.sequence], `the answer to ${flags}`).toEqual([true, 77])
          else if (target === 81) expect([answer?.rst, answer?.ack], `the answer to ${flags}`).toEqual([true, true])
          else if (!has('S')) expect(answer, `an answer to ${flags}`).toBeUndefined()
          else if (answer !== undefined)
            expect([answer.syn, answer.ack], `the answer to ${flags}`).toEqual([true, true])
          peer.send({ flags: 'R', sequence: peer.next })
        }
      }
      await lan.wait(1)
      expect(listener.accept()).toBe(null)
      listener.close()
    },
  )

  suite.test(
    'H-24 R-TCP-12 R-TCP-13 R-TCP-14 segments at all offsets around the window: only the right one counts',
    async ({ lan, a }) => {
      const offsets = [-0x8000_0000, -0x4000_0000, -65_536, -2, -1, 1, 2, 1000, 0x0fff_ffff, FAR, 0x7fff_ffff]
      const listener = listen(a, 80, 512)
      const peer = new ScriptedPeer(lan, a)
      await peer.connect()
      const socket = await accepted(lan, listener)
      const single = new SingleAnswers(lan, peer)
      for (const offset of offsets) {
        for (const flags of ['R', 'S', 'FA', 'F', 'SA', 'RA']) {
          const sequence = (peer.next + offset) >>> 0
          const acknowledgment = (peer.ack + (flags === 'FA' ? 5 : 0)) >>> 0
          await single.to({ flags, sequence, acknowledgment }, `${flags} at ${offset}`)
          expect(socket.state, `after ${flags} at ${offset}`).toBe('ESTABLISHED')
        }
        await lan.wait(2000)
      }
      // And what is right still counts.
      await peer.exchange({ flags: 'PA' }, Uint8Array.of(1, 2, 3))
      const octets = new Uint8Array(10)
      expect([socket.read(octets, 0, 10), ...octets.subarray(0, 3)]).toEqual([3, 1, 2, 3])
      await peer.exchange({ flags: 'R' })
      expect(socket.state).toBe('CLOSED')
      socket.close()
      listener.close()
    },
  )

  suite.test('H-20 a FIN that lies beyond the window is not taken, wherever the numbers begin', async ({ lan, a }) => {
    const listener = listen(a, 80, 64)
    for (const [index, start] of [0, 1, 0x7fff_fff0, 0x8000_0000, 0xffff_fff0, 0xffff_ffff].entries()) {
      const peer = new ScriptedPeer(lan, a, 80, '10.0.0.66', 7000 + index)
      peer.next = start
      await peer.connect()
      const socket = await accepted(lan, listener)
      const window = (peer.received.at(-1)?.window ?? 0) || 65_535
      // Straddles the left edge: what is new counts, once.
      await peer.exchange({ flags: 'PA' }, Uint8Array.of(1, 2, 3, 4))
      await peer.exchange({ flags: 'PA', sequence: (peer.next - 2) >>> 0 }, Uint8Array.of(3, 4, 5, 6))
      peer.next = (peer.next + 2) >>> 0
      const octets = new Uint8Array(20)
      expect([socket.read(octets, 0, 20), ...octets.subarray(0, 6)], `from ${start}`).toEqual([6, 1, 2, 3, 4, 5, 6])
      await peer.exchange({ flags: 'FA', sequence: (peer.next + window * 0x8000) >>> 0 })
      expect(socket.state, `from ${start}`).toBe('ESTABLISHED')
      await peer.exchange({ flags: 'FA' })
      expect(socket.state, `from ${start}`).toBe('CLOSE-WAIT')
      socket.reset()
      await lan.wait(1)
    }
    listener.close()
  })

  suite.test(
    'H-27 challenge ACKs are no side channel: what an attacker counts on a connection of its own tells nothing of others',
    async ({ lan, a, b }) => {
      const listener = listen(a, 80, 64)
      const victim = b.stack.openTcp(4)
      victim.connect(a.address, 80)
      await lan.until(() => victim.state === 'ESTABLISHED', 5000)
      const peer = new ScriptedPeer(lan, a)
      await peer.connect()
      const tap = attackerTap(lan)
      const seconds = suite.limit(10, 4)
      /** Challenges on the attacker's connection in some seconds, while forged segments hit the victim's, or do not. */
      const count = async (forged: boolean): Promise<number> => {
        let challenges = 0
        for (let second = 0; second < seconds; second++) {
          for (let i = 0; i < 100; i++) {
            if (forged) tap.send(forge(b, a, victim.localPort))
            peer.send({ flags: 'S', sequence: peer.next })
            // A moment for each would be minutes on the host's clock.
            if (suite.isVirtual) challenges += (await peer.replies()).length
          }
          challenges += (await peer.replies(1000)).length
        }
        return challenges
      }
      const [without, meanwhile] = [await count(false), await count(true)]
      expect(without).toBeGreaterThan(0)
      expect(Math.abs(meanwhile - without), `${without} without, ${meanwhile} with`).toBeLessThanOrEqual(without * 0.4)
      expect(victim.state).toBe('ESTABLISHED')
      victim.reset()
      listener.close()
      await tap.close()
    },
  )

  suite.test(
    'H-12 segments shorter than a header, or with an offset that lies, are dropped without an answer',
    async ({ lan, a }) => {
      const listener = listen(a, 80, 64)
      const peer = new ScriptedPeer(lan, a)
      await peer.connect()
      const socket = await accepted(lan, listener)
      const whole = craftTcp(
        { source: [10, 0, 0, 66], destination: Array.from(toBytes(a.address)) },
        { sourcePort: peer.port, destinationPort: 80, flags: 'R', sequence: peer.next },
      ).subarray(20)
      for (let length = 0; length < 20; length++) peer.sendPacket({ protocol: 6 }, whole.subarray(0, length))
      for (const dataOffset of [0, 1, 2, 3, 4, 6, 10, 15]) {
        for (const flags of ['S', 'A', 'R', 'FA', 'PA'])
          peer.send({ flags, dataOffset, sequence: peer.next }, new Uint8Array(3))
      }
      expect(await peer.replies()).toEqual([])
      expect(socket.state).toBe('ESTABLISHED')
      socket.reset()
      listener.close()
    },
  )

  suite.test(
    'H-14 absurd segment sizes: a floor of 48 octets holds, and what is written arrives',
    async ({ lan, a }) => {
      const listener = listen(a, 80, 64)
      for (const [index, mss] of [0, 1, 7, 48, 87, 65_535].entries()) {
        const peer = new ScriptedPeer(lan, a, 80, '10.0.0.66', 7000 + index)
        await peer.connect([2, 4, mss >> 8, mss & 255], 20_000)
        const socket = await accepted(lan, listener)
        const octets = new Uint8Array(4000).fill(mss & 255)
        expect(socket.write(octets, 0, octets.length)).toBe(octets.length)
        let got = 0
        let segments = 0
        for (let round = 0; round < 200 && got < octets.length; round++) {
          const sent = await peer.replies()
          for (const { sequence, data } of sent) {
            if (data.length === 0 || sequence !== peer.ack) continue
            peer.ack = (peer.ack + data.length) >>> 0
            got += data.length
            segments++
            if (got < octets.length) expect(data.length, `payload at MSS ${mss}`).toBeGreaterThanOrEqual(48)
            expect(data.length, `payload at MSS ${mss}`).toBeLessThanOrEqual(1460)
          }
          if (sent.length > 0) peer.send({ window: 20_000 })
          else await lan.wait(100)
        }
        expect(got, `octets at MSS ${mss}`).toBe(octets.length)
        expect(segments).toBeLessThanOrEqual(Math.ceil(octets.length / 48))
        socket.reset()
        await lan.wait(1)
      }
      listener.close()
    },
  )

  suite.test(
    'H-15 SACK blocks that lie: nothing is taken for received, nothing is sent beyond bounds, the transfer ends',
    async ({ lan, a }) => {
      const listener = listen(a, 80, 64)
      const sackOption = (blocks: readonly (readonly [number, number])[]): number[] => [
        1,
        1,
        5,
        2 + 8 * blocks.length,
        ...blocks.flatMap(([left, right]) => [...long(left >>> 0), ...long(right >>> 0)]),
      ]
      const lies: readonly ((una: number, next: number) => readonly (readonly [number, number])[])[] = [
        (una) => [[una + 10, una + 10]],
        (una) => [[una + 20, una + 10]],
        (una) => [[una - 5000, una - 10]],
        (_una, next) => [[next, next + 100]],
        (_una, next) => [[next - 1, next + 0x7000_0000]],
        (una, next) => [[una, next]],
        (una, next) => [
          [una + 1, next],
          [una + 1, next],
          [una + 2, next - 1],
        ],
        (una) => Array.from({ length: 4 }, (_, i) => [una + 2 + 4 * i, una + 3 + 4 * i] as const),
        (una, next) => [
          [una + 1000, next],
          [una - 1, una + 1],
        ],
      ]
      for (const [index, lie] of lies.entries()) {
        const peer = new ScriptedPeer(lan, a, 80, '10.0.0.66', 7000 + index)
        await peer.connect([2, 4, 5, 180, 4, 2, 1, 1], 60_000)
        const socket = await accepted(lan, listener)
        const octets = new Uint8Array(40_000).map((_, at) => at * 3)
        socket.write(octets, 0, octets.length)
        const got: number[] = []
        let sent = 0
        for (let round = 0; round < 400 && got.length < octets.length; round++) {
          const segments = await peer.replies()
          sent += segments.length
          const una = peer.ack
          const next =
            segments.reduce((most, { sequence, data }) => Math.max(most, sequence - una + data.length), 0) + una
          // Acknowledged only now and then; in between the same number again and again, with lies.
          for (let i = 0; i < 20; i++) peer.send({ window: 60_000, options: sackOption(lie(una, next)) })
          sent += (await peer.replies()).length
          for (const { sequence, data } of peer.received) {
            const skip = (peer.ack - sequence) >>> 0
            if (skip >= data.length) continue
            got.push(...data.subarray(skip))
            peer.ack = (peer.ack + data.length - skip) >>> 0
          }
          peer.received.length = 0
          peer.send({ window: 60_000 })
          if (segments.length === 0) await lan.wait(1000)
        }
        expect(Uint8Array.from(got), `lie ${index}`).toEqual(octets)
        expect(sent, `segments, lie ${index}`).toBeLessThanOrEqual(1000)
        socket.reset()
        await lan.wait(1)
      }
      listener.close()
    },
  )

  suite.test(
    'H-19 octets on and beside a SYN are not read before the handshake, and once after it',
    async ({ lan, a }) => {
      const listener = listen(a, 80, 64)
      const data = Uint8Array.from({ length: 1400 }, (_, at) => at)
      for (const [index, flags] of ['S', 'SP', 'SU', 'SF'].entries()) {
        const peer = new ScriptedPeer(lan, a, 80, '10.0.0.66', 7000 + index)
        const start = peer.next
        const [answer] = await peer.exchange({ flags, sequence: start, options: [2, 4, 5, 180] }, data)
        expect(listener.accept(), `${flags} alone`).toBe(null)
        if (answer === undefined || !answer.syn) continue
        // More of it, far beyond any window, before the handshake is through.
        await peer.exchange({ flags: 'PA', sequence: (start + 0x3000_0000) >>> 0, acknowledgment: 5 }, data)
        expect(listener.accept(), `${flags} and more`).toBe(null)
        peer.next = (start + 1) >>> 0
        peer.ack = (answer.sequence + 1) >>> 0
        const taken = (answer.acknowledgment - peer.next) >>> 0
        expect(taken, `acknowledged of ${flags}`).toBeLessThanOrEqual(data.length)
        await peer.exchange({ flags: 'PA' }, data)
        const socket = await accepted(lan, listener)
        const octets = new Uint8Array(4000)
        expect(socket.read(octets, 0, octets.length), `octets after ${flags}`).toBe(data.length)
        expect(octets.subarray(0, data.length)).toEqual(data)
        socket.reset()
        await lan.wait(1)
      }
      listener.close()

      // The same to one who asks: the answer to its SYN brings octets.
      const asking = a.stack.openTcp(4)
      const port = 7100
      const peer = new ScriptedPeer(lan, a, 0, '10.0.0.66', port)
      asking.connect(peer.address, port)
      const [syn] = await peer.replies(10)
      const ours = syn?.sourcePort as number
      const other = new ScriptedPeer(lan, a, ours, '10.0.0.66', port)
      other.ack = ((syn?.sequence as number) + 1) >>> 0
      await other.exchange({ flags: 'PA', sequence: 5 }, data)
      expect(asking.state).toBe('SYN-SENT')
      await other.exchange({ flags: 'SA', sequence: other.next }, data)
      expect(asking.state).toBe('ESTABLISHED')
      const octets = new Uint8Array(4000)
      const early = Math.max(0, asking.read(octets, 0, octets.length))
      other.next = (other.next + 1) >>> 0
      await other.exchange({ flags: 'PA' }, data)
      const rest = Math.max(0, asking.read(octets, early, octets.length - early))
      expect(early + rest).toBe(data.length)
      expect(octets.subarray(0, data.length)).toEqual(data)
      asking.reset()
    },
  )

  if (!capabilities.virtualTime) {
    suite.notClaimed('H-22 silent peers', 'virtualTime: false; it takes hours')
    return
  }

  suite.test(
    'H-22 peers that open and fall silent, or keep the window closed for ever: all are gone in bounded time',
    async ({ lan, a }) => {
      const listener = listen(a, 80, 512)
      const before = held(lan, a)
      // It completes handshakes and then acknowledges, with a window of nothing, whatever arrives.
      const checker = new FrameChecker()
      const mac = Array.from(parseMac(a.stack.interfaces[0]?.mac as string))
      const ends = { source: ATTACKER.ip4, destination: Array.from(toBytes(a.address)) }
      const silent = (port: number): boolean => port >= 42_000
      const send = (fields: Parameters<typeof craftTcp>[1]): void =>
        tap.send(craftEthernet({ source: ATTACKER.mac, destination: mac }, craftTcp(ends, fields)))
      const tap = attackerTap(lan, (frame) => {
        const { ip, tcp } = checker.check(frame)
        if (ip === null || tcp === null || tcp.rst || ip.destination !== ATTACKER.ip4.join('.')) return
        const { destinationPort: sourcePort, sourcePort: destinationPort } = tcp
        // Half of them never complete the handshake (half-open), or say no more after it.
        if (silent(sourcePort)) return
        const acknowledgment = (tcp.sequence + tcp.data.length + (tcp.syn || tcp.fin ? 1 : 0)) >>> 0
        const isProbe = tcp.data.length > 0
        const window = 0
        send({
          sourcePort,
          destinationPort,
          flags: 'A',
          sequence: 1001,
          acknowledgment: isProbe ? tcp.sequence : acknowledgment,
          window,
        })
      })
      for (let i = 0; i < 100; i++) {
        send({ sourcePort: 40_000 + i, destinationPort: 80, flags: 'S', sequence: 1000, window: 0 })
        send({ sourcePort: 42_000 + i, destinationPort: 80, flags: 'S', sequence: 1000, window: 0 })
      }
      await lan.wait(100)
      const accepted: TcpSocket[] = []
      for (let next = listener.accept(); next !== null; next = listener.accept()) accepted.push(next)
      expect(accepted.length).toBe(100)
      const octets = new Uint8Array(5000)
      for (const [index, socket] of accepted.entries()) {
        // FIN-WAIT-1 with octets nobody takes; FIN-WAIT-2; and some whose user waits a day before it gives up.
        if (index % 3 !== 1) socket.write(octets, 0, octets.length)
        if (index % 3 !== 2) socket.close()
      }
      await lan.wait(1_800_000)
      const waiting = accepted.filter((_, index) => index % 3 === 2)
      expect([...a.stack.sockets()].length, 'sockets of closed connections').toBe(1 + waiting.length)
      expect(a.stack.lingering).toBe(0)
      for (const socket of waiting) socket.close()
      await lan.wait(1_800_000)
      expect(held(lan, a)).toEqual(before)
      listener.close()
      await tap.close()
    },
  )
}

const SYNCHRONISED = ['ESTABLISHED', 'FIN-WAIT-1', 'FIN-WAIT-2', 'CLOSE-WAIT', 'LAST-ACK', 'CLOSING'] as const

interface Stage {
  readonly peer: ScriptedPeer
  readonly socket: TcpSocket
  readonly listener: Listener | null
}

/** Leads a connection into a state. */
async function inState(lan: Lan, host: Host, state: (typeof SYNCHRONISED)[number], port: number): Promise<Stage> {
  const listener = listen(host, port, 4)
  const peer = new ScriptedPeer(lan, host, port, '10.0.0.66', port)
  await peer.connect()
  const socket = await accepted(lan, listener)
  if (state === 'CLOSE-WAIT' || state === 'LAST-ACK') await peer.exchange({ flags: 'FA' })
  if (state !== 'ESTABLISHED' && state !== 'CLOSE-WAIT') {
    socket.shutdown()
    const [fin] = await peer.replies()
    if (state === 'FIN-WAIT-2') await peer.exchange({ acknowledgment: ((fin?.sequence ?? 0) + 1) >>> 0 })
    if (state === 'CLOSING') await peer.exchange({ flags: 'FA' })
  }
  expect(socket.state).toBe(state)
  return { peer, socket, listener }
}

function listen(host: Host, port: number, backlog: number): Listener {
  const socket = host.stack.openTcp(4)
  socket.bind(ANY_V4, port)
  return socket.listen(backlog)
}

function long(value: number): number[] {
  return [value >>> 24, (value >>> 16) & 255, (value >>> 8) & 255, value & 255]
}

/** A SYN that claims to belong to a connection of somebody else. */
function forge(from: Host, to: Host, sourcePort: number): Uint8Array {
  const ends = { source: Array.from(toBytes(from.address)), destination: Array.from(toBytes(to.address)) }
  const mac = Array.from(parseMac(to.stack.interfaces[0]?.mac as string))
  const segment = craftTcp(ends, { sourcePort, destinationPort: 80, flags: 'S', sequence: 5 })
  return craftEthernet({ source: ATTACKER.mac, destination: mac }, segment)
}

function held(lan: Lan, { stack, ports }: Host): Record<string, unknown> {
  return {
    slots: lan.pool.used,
    holds: lan.virtual?.holds,
    timers: lan.virtual?.timers,
    ports: ports.size,
    sockets: [...stack.sockets()].length,
  }
}
