/**
 * Datagrams: whole, by whom they say, to whom they were sent, and no oftener than the lines made them (P-19, P-22).
 *
 * @module
 */
import {
  ANY_V4,
  BROADCAST_V4,
  type DatagramSink,
  FAILED,
  hasCode,
  IpAddress,
  LOOPBACK_V4,
  READABLE,
  type UdpSocket,
  WOULD_BLOCK,
} from '@ioth/core'
import fc from 'fast-check'
import { expect } from 'vitest'
import { impairment } from '../arbitraries/schedule.ts'
import type { Host } from '../lan/host.ts'
import { introduce } from '../lan/introduce.ts'
import type { Lan } from '../lan/lan.ts'
import { DatagramModel } from '../model/datagrams.ts'
import type { Suite } from '../suite.ts'
import { expectError, expectThrow } from './expect-code.ts'

export function udp(suite: Suite): void {
  const { capabilities } = suite
  if (capabilities.udp === 'none') {
    suite.skip('UDP', 'the manifest says udp: none')
    return
  }
  const largest = Math.min(capabilities.limits.maxDatagram, 65_507)

  suite.test('datagrams arrive whole, in order, with their sender; also empty ones', async ({ lan, a, b }) => {
    await introduce(lan, a, b)
    const receiver = open(b, 53)
    const sender = open(a, 1053)
    const sizes = [0, 1, 512, 1472, 0, 7]
    for (const size of sizes)
      expect(sender.send(new Uint8Array(size).fill(size & 255), 0, size, b.address, 53)).toBe(size)
    const got = await collect(lan, receiver, sizes.length)
    expect(got.map(({ octets }) => octets.length)).toEqual(sizes)
    for (const { octets, from } of got) {
      expect(from).toBe('10.0.0.1:1053')
      expect(octets.every((octet) => octet === (octets.length & 255))).toBe(true)
    }
  })

  suite.test('the first datagrams wait for the neighbour', async ({ lan, a, b }) => {
    const receiver = open(b, 53)
    const sender = open(a, 0)
    sender.send(Uint8Array.of(1), 0, 1, b.address, 53)
    const [datagram] = await collect(lan, receiver, 1)
    expect(datagram?.octets).toEqual(Uint8Array.of(1))
  })

  suite.property(
    'P-19 a datagram of any size arrives whole, in fragments if need be',
    fc.record({ size: fc.integer({ min: 4, max: largest }), mtu: fc.constantFrom(576, 1500, 9000) }),
    ({ size, mtu }, seed) =>
      suite.withScene('P-19', { seed, mtu }, async ({ lan, a, b }) => {
        await introduce(lan, a, b)
        const model = new DatagramModel()
        const receiver = open(b, 53)
        const sender = open(a, 1053)
        const datagram = model.next(size, '10.0.0.1:1053')
        expect(sender.send(datagram, 0, size, b.address, 53)).toBe(size)
        const [got] = await collect(lan, receiver, 1)
        model.received(got?.octets as Uint8Array, 0, got?.octets.length as number, got?.from as string)
      }),
  )

  suite.property(
    'P-22 what arrives was sent, whole, and no oftener than it was copied',
    fc.record({
      sizes: fc.array(fc.integer({ min: 4, max: Math.min(4000, largest) }), { minLength: 1, maxLength: 40 }),
      fault: impairment(),
      gapMs: fc.integer({ min: 0, max: 50 }),
    }),
    ({ sizes, fault, gapMs }, seed) =>
      suite.withScene('P-22', { seed }, async ({ lan, a, b }) => {
        await introduce(lan, a, b)
        lan.play([{ forMs: 3_600_000, impairment: fault }])
        // Copies of fragments may make more whole datagrams than copies of frames.
        const model = new DatagramModel((fault.duplicate ?? 0) > 0 ? 8 : 1)
        const receiver = open(b, 53)
        const sender = open(a, 1053)
        const sink: DatagramSink = {
          datagram: (memory, offset, length, from, port) => {
            model.received(memory, offset, length, `${from}:${port}`)
            return true
          },
        }
        receiver.onReady = () => {
          receiver.receive(64, sink)
        }
        receiver.interest = READABLE
        for (const size of sizes) {
          const datagram = model.next(size, '10.0.0.1:1053')
          expect([size, WOULD_BLOCK]).toContain(sender.send(datagram, 0, size, b.address, 53))
          await lan.wait(gapMs)
        }
        await lan.wait(120_000)
        const isSound = !['loss', 'corrupt', 'rateBitsPerSecond'].some(
          (name) => (fault as Record<string, number>)[name],
        )
        if (isSound && sizes.length < 20) expect(model.delivered, 'delivered by sound lines').toBe(model.sent)
      }),
  )

  suite.test(
    'R-UDP-04 R-UDP-05 nobody listens: ECONNREFUSED, told once, to the connected socket',
    async ({ lan, a, b }) => {
      await introduce(lan, a, b)
      const socket = open(a, 0)
      const other = open(a, 0)
      socket.connect(b.address, 9999)
      expect(`${socket.remoteAddress}:${socket.remotePort}`).toBe('10.0.0.2:9999')
      expect(socket.send(Uint8Array.of(1), 0, 1, null, 0)).toBe(1)
      await lan.until(
        () => (socket.ready & READABLE) !== 0,
        5000,
        () => 'the refusal',
      )
      const sink: DatagramSink = { datagram: () => true }
      expect(socket.receive(1, sink)).toBe(FAILED)
      expectError(socket.error, 'ECONNREFUSED')
      expect(socket.receive(1, sink)).toBe(WOULD_BLOCK)
      expect(other.receive(1, sink)).toBe(WOULD_BLOCK)
      expect(socket.send(Uint8Array.of(1), 0, 1, null, 0), 'the next call starts anew').toBe(1)
      socket.disconnect()
      expectThrow(() => socket.disconnect(), 'ENOTCONN')
    },
  )

  suite.test('a connected socket hears its peer only', async ({ lan, a, b }) => {
    await introduce(lan, a, b)
    const socket = open(b, 53)
    socket.connect(a.address, 1053)
    const peer = open(a, 1053)
    const stranger = open(a, 1054)
    stranger.send(Uint8Array.of(9), 0, 1, b.address, 53)
    peer.send(Uint8Array.of(1), 0, 1, b.address, 53)
    const got = await collect(lan, socket, 1)
    await lan.wait(100)
    expect(got.map(({ from }) => from)).toEqual(['10.0.0.1:1053'])
    expect(socket.receive(1, { datagram: () => true })).toBe(WOULD_BLOCK)
  })

  suite.test('broadcast: EACCES unless it is switched on', async ({ lan, a, b }) => {
    const receiver = open(b, 53)
    const sender = open(a, 0)
    expect(sender.send(Uint8Array.of(1), 0, 1, BROADCAST_V4, 53)).toBe(FAILED)
    expectError(sender.error, 'EACCES')
    try {
      sender.setOption('broadcast', 1)
    } catch (error) {
      if (hasCode(error, 'ERR_IOTH_NOT_IMPLEMENTED')) return
      throw error
    }
    expect(sender.send(Uint8Array.of(1), 0, 1, BROADCAST_V4, 53)).toBe(1)
    const got = await collect(lan, receiver, 1)
    expect(got[0]?.octets).toEqual(Uint8Array.of(1))
  })

  suite.test('no destination, no route, no neighbour', async ({ lan, a }) => {
    const socket = open(a, 0)
    const octets = Uint8Array.of(1)
    expect(socket.send(octets, 0, 1, null, 0)).toBe(FAILED)
    expectError(socket.error, 'EDESTADDRREQ')
    expect(socket.send(octets, 0, 1, IpAddress.v4(0xc0000201), 9)).toBe(FAILED)
    expectError(socket.error, 'ENETUNREACH')
    expect(socket.send(octets, 0, 1, IpAddress.v4(0x0a000063), 9)).toBe(1)
    await lan.wait(30_000)
    socket.close()
  })

  suite.test('a port is EADDRINUSE, unless both say reuse', ({ a }) => {
    const first = open(a, 53)
    const second = a.stack.openUdp(4)
    expectThrow(() => second.bind(ANY_V4, 53), 'EADDRINUSE', { syscall: 'bind', address: '0.0.0.0', port: 53 })
    first.close()
    second.bind(ANY_V4, 53, { reuse: true })
    const third = a.stack.openUdp(4)
    third.bind(a.address, 53, { reuse: true })
    for (const socket of [second, third]) socket.close()
  })

  suite.test(
    'R-UDP-07 a receiver that sleeps: the queue is bounded, the newest are dropped and counted',
    async ({ lan, a, b }) => {
      await introduce(lan, a, b)
      const receiver = open(b, 53)
      const sender = open(a, 1053)
      const model = new DatagramModel()
      const before = dropsOf(b)
      for (let i = 0; i < 3000; i++) {
        sender.send(model.next(1000, '10.0.0.1:1053'), 0, 1000, b.address, 53)
        await lan.wait(1)
      }
      expect(dropsOf(b)).toBeGreaterThan(before)
      const got = await collect(lan, receiver, 1)
      const rest: number[] = []
      const sink: DatagramSink = {
        datagram: (memory, offset, length, from, port) => {
          rest.push(new DataView(memory.buffer, memory.byteOffset + offset, 4).getUint32(0))
          model.received(memory, offset, length, `${from}:${port}`)
          return true
        },
      }
      receiver.receive(10_000, sink)
      expect(got.length + rest.length).toBeLessThan(3000)
      expect(rest, 'the oldest, in order').toEqual(rest.map((_, index) => index + 1))
    },
  )

  suite.test('datagrams to oneself', async ({ lan, a }) => {
    const socket = open(a, 53)
    for (const to of [LOOPBACK_V4, a.address]) {
      expect(socket.send(Uint8Array.of(7), 0, 1, to, 53)).toBe(1)
      const [got] = await collect(lan, socket, 1)
      expect(got).toEqual({ octets: Uint8Array.of(7), from: `${to}:53` })
    }
  })
}

function open(host: Host, port: number): UdpSocket {
  const socket = host.stack.openUdp(4)
  socket.bind(ANY_V4, port)
  return socket
}

function dropsOf(host: Host): number {
  return Object.entries(host.stack.counters())
    .filter(([name]) => name.startsWith('drop.'))
    .reduce((sum, [, count]) => sum + count, 0)
}

/** Waits for a number of datagrams. */
async function collect(lan: Lan, socket: UdpSocket, count: number): Promise<{ octets: Uint8Array; from: string }[]> {
  const got: { octets: Uint8Array; from: string }[] = []
  const sink: DatagramSink = {
    datagram: (memory: Uint8Array, offset: number, length: number, from: IpAddress, port: number) => {
      got.push({ octets: memory.slice(offset, offset + length), from: `${from}:${port}` })
      return got.length < count
    },
  }
  const enough = (): boolean => {
    if ((socket.ready & READABLE) !== 0) socket.receive(count - got.length, sink)
    return got.length >= count
  }
  await lan.until(enough, 70_000, () => `${count} datagrams, ${got.length} came`)
  return got
}
