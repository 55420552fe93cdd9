/**
 * Datagrams: whole, by whom they say, to whom they were sent, and no oftener than the lines made them (P-19, P-22).
 *
 * @module
 */
import {
  ANY_V4,
  ANY_V6,
  BROADCAST_V4,
  type DatagramSink,
  FAILED,
  hasCode,
  IpAddress,
  LOOPBACK_V4,
  parseIpAddress,
  READABLE,
  type UdpSocket,
  WOULD_BLOCK,
} from '@ioth/core'
import fc from 'fast-check'
import { expect } from 'vitest'
import { impairment } from '../arbitraries/schedule.ts'
import { craftUdp } from '../craft/craft.ts'
import type { Host } from '../lan/host.ts'
import { introduce } from '../lan/introduce.ts'
import type { Lan } from '../lan/lan.ts'
import { Station } from '../lan/station.ts'
import { DatagramModel } from '../model/datagrams.ts'
import type { Suite } from '../suite.ts'
import { expectError, expectThrow } from './expect-code.ts'

export function udp(suite: Suite): void {
  const { capabilities } = suite
  if (capabilities.udp === 'none') {
    suite.notClaimed('UDP', 'udp: none')
    return
  }
  const largest = largestOf(suite)

  suite.test('datagrams arrive whole, in order, with their sender; also empty ones', async ({ lan, a, b }) => {
    await introduce(lan, a, b)
    const receiver = open(b, 53)
    const sender = open(a, 1053)
    const sizes = [0, 1, 512, Math.min(1472, largest), 0, 7]
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

  suite.familyProperty(
    'P-19 a datagram of any size arrives whole, in fragments if need be',
    fc.record({ size: fc.integer({ min: 4, max: largest }), mtu: fc.constantFrom(576, 1500, 9000) }),
    ({ size, mtu }, seed, family) =>
      suite.withScene(
        'P-19',
        { seed, family, mtu: family === 4 ? mtu : Math.max(1280, mtu) },
        async ({ lan, a, b }) => {
          await introduce(lan, a, b)
          const model = new DatagramModel()
          const receiver = open(b, 53)
          const sender = open(a, 1053)
          const datagram = model.next(size, `${a.address}:1053`)
          expect(sender.send(datagram, 0, size, b.address, 53)).toBe(size)
          const [got] = await collect(lan, receiver, 1)
          model.received(got?.octets as Uint8Array, 0, got?.octets.length as number, got?.from as string)
        },
      ),
  )

  suite.familyProperty(
    'P-22 what arrives was sent, whole, and no oftener than it was copied',
    fc.record({
      sizes: fc.array(fc.integer({ min: 4, max: Math.min(4000, largest) }), { minLength: 1, maxLength: 40 }),
      fault: impairment(),
      gapMs: fc.integer({ min: 0, max: 50 }),
    }),
    ({ sizes, fault, gapMs }, seed, family) =>
      suite.withScene('P-22', { seed, family }, async ({ lan, a, b }) => {
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
          const datagram = model.next(size, `${a.address}:1053`)
          expect([size, WOULD_BLOCK]).toContain(sender.send(datagram, 0, size, b.address, 53))
          await lan.wait(gapMs)
        }
        await lan.wait(120_000)
        const isSound = !['loss', 'corrupt', 'truncate', 'rateBitsPerSecond'].some(
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
        await lan.moment(() => false, 1, 1)
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

  onTheWire(suite)
  connections(suite)
}

/** Octets of a datagram, at most. */
function largestOf({ capabilities }: Suite): number {
  return Math.min(capabilities.limits.maxDatagram, 65_507)
}

function onTheWire(suite: Suite): void {
  const largest = largestOf(suite)

  suite.test('R-UDP-01 a checksum is sent, and one that comes out as 0 is sent as 0xffff', async ({ lan, a }) => {
    const station = new Station(lan, a)
    expect(await station.isServed()).toBe(true)
    const socket = open(a, 53)
    const checksumOf = async (data: Uint8Array): Promise<number> => {
      expect(socket.send(data, 0, data.length, parseIpAddress(station.ip.join('.')), 9)).toBe(data.length)
      const datagram = await station.answer()
      // The frame checker holds it against the octets.
      const octets = datagram?.ip?.payload as Uint8Array
      return (octets[6] as number) * 256 + (octets[7] as number)
    }
    const checksum = await checksumOf(Uint8Array.of(0, 0))
    expect(checksum).not.toBe(0)
    expect(await checksumOf(Uint8Array.of(checksum >> 8, checksum & 255))).toBe(0xffff)
    for (const length of [0, 1, 3, Math.min(1471, largest - 1)])
      expect(await checksumOf(new Uint8Array(length).fill(0xa5))).not.toBe(0)
    socket.close()
    await station.close()
  })

  suite.testIf(
    suite.capabilities.udp === 'full',
    'udp: connected',
    'R-UDP-01 R-UDP-03 H-35 wrong sums and lengths are dropped; what lies behind the length is nobody’s',
    async ({ lan, a }) => {
      const station = new Station(lan, a)
      const socket = open(a, 53)
      const ports = { sourcePort: 9, destinationPort: 53 }
      const data = Uint8Array.of(1, 2, 3, 4, 5)
      station.udp(ports, data)
      // Without a checksum (RFC 768).
      station.udp({ ...ports, checksum: 0 }, data)
      const longer = Uint8Array.of(1, 2, 3, 4, 5, 0xee, 0xee, 0xee)
      station.udp({ ...ports, length: 13, checksum: 0 }, longer)
      for (const { octets } of await collect(lan, socket, 3)) expect(octets).toEqual(data)
      for (const checksum of [1, 0xffff, 0x8000]) station.udp({ ...ports, checksum }, data)
      for (let length = 0; length < 8; length++) station.udp({ ...ports, length, checksum: 0 }, data)
      for (const length of [14, 100, 65_535]) station.udp({ ...ports, length, checksum: 0 }, data)
      station.udp({ ...ports, sourcePort: 0 }, data)
      // A flipped bit anywhere is found.
      const good = craftUdp(station.ends, ports, data)
      for (let bit = 0; bit < 13 * 8; bit++) {
        const damaged = good.slice()
        damaged[20 + (bit >> 3)] = (damaged[20 + (bit >> 3)] as number) ^ (1 << (bit & 7))
        station.send(damaged)
      }
      await station.answers()
      expect(socket.receive(200, { datagram: () => true })).toBe(WOULD_BLOCK)
      socket.close()
      await station.close()
    },
  )

  suite.test('R-UDP-06 from a group or from everybody nothing is taken', async ({ lan, a }) => {
    const station = new Station(lan, a)
    const socket = open(a, 53)
    const sources = [
      [224, 0, 0, 1],
      [239, 9, 9, 9],
      [255, 255, 255, 255],
      [10, 0, 0, 255],
      [127, 0, 0, 1],
      [0, 0, 0, 0],
    ]
    for (const source of sources) station.udp({ sourcePort: 9, destinationPort: 53 }, Uint8Array.of(1), { source })
    await lan.wait(5)
    expect(socket.receive(10, { datagram: () => true })).toBe(WOULD_BLOCK)
    socket.close()
    await station.close()
  })

  suite.test('H-35 an echo service cannot be made to talk to itself, nor to shout', async ({ lan, a }) => {
    const station = new Station(lan, a)
    const echo = open(a, 7)
    const sink: DatagramSink = {
      datagram: (memory, offset, length, from, port) => {
        echo.send(memory.slice(offset, offset + length), 0, length, from, port)
        return true
      },
    }
    echo.onReady = () => {
      echo.receive(16, sink)
    }
    echo.interest = READABLE
    const before = a.frames.length
    for (const source of [
      [10, 0, 0, 1],
      [127, 0, 0, 1],
      [10, 0, 0, 255],
      [255, 255, 255, 255],
    ])
      station.udp({ sourcePort: 7, destinationPort: 7 }, Uint8Array.of(1), { source })
    await lan.wait(1000)
    expect(a.frames.slice(before).filter(({ direction }) => direction === 'out')).toEqual([])
    echo.close()
    await station.close()
  })
}

function connections(suite: Suite): void {
  suite.testIf(
    suite.capabilities.udp === 'full',
    'udp: connected',
    'a connected socket has the address its datagrams come from; disconnected, it is open again',
    async ({ lan, a, b }) => {
      await introduce(lan, a, b)
      const socket = open(a, 53)
      expect(`${socket.localAddress}`).toBe('0.0.0.0')
      socket.connect(b.address, 1053)
      expect(`${socket.localAddress}:${socket.localPort}`).toBe('10.0.0.1:53')
      socket.connect(b.address, 1054)
      expect(socket.remotePort).toBe(1054)
      const peer = open(b, 1054)
      peer.send(Uint8Array.of(4), 0, 1, a.address, 53)
      expect((await collect(lan, socket, 1))[0]?.from).toBe('10.0.0.2:1054')
      socket.disconnect()
      expect(`${socket.localAddress} ${socket.remoteAddress} ${socket.remotePort}`).toBe('0.0.0.0 null 0')
      const stranger = open(b, 1099)
      stranger.send(Uint8Array.of(5), 0, 1, a.address, 53)
      expect((await collect(lan, socket, 1))[0]?.from).toBe('10.0.0.2:1099')
      for (const each of [socket, peer, stranger]) each.close()
    },
  )

  suite.test(
    'disconnected, a socket gives back a port that the stack chose, and keeps one that was asked for',
    async ({ lan, a, b }) => {
      await introduce(lan, a, b)
      const peer = open(b, 53)
      for (const address of [null, a.address]) {
        const socket = a.stack.openUdp(4)
        if (address !== null) socket.bind(address, 0)
        socket.connect(b.address, 53)
        const before = socket.localPort
        peer.send(Uint8Array.of(1), 0, 1, a.address, before)
        await lan.until(
          () => (socket.ready & READABLE) !== 0,
          5000,
          () => 'a datagram',
        )
        socket.disconnect()
        expect(`${socket.localAddress} ${socket.localPort}`).toBe(`${address ?? '0.0.0.0'} 0`)
        open(a, before).close()
        expect(await collect(lan, socket, 1), 'what has arrived is still there').toHaveLength(1)
        expect(socket.send(Uint8Array.of(2), 0, 1, b.address, 53)).toBe(1)
        expect(socket.localPort).toBeGreaterThan(0)
        expect((await collect(lan, peer, 1))[0]?.from).toBe(`10.0.0.1:${socket.localPort}`)
        peer.send(Uint8Array.of(3), 0, 1, a.address, socket.localPort)
        expect(await collect(lan, socket, 1)).toHaveLength(1)
        socket.close()
      }
      const asked = open(a, 1053)
      asked.connect(b.address, 53)
      asked.disconnect()
      expect(asked.localPort).toBe(1053)
      expectThrow(() => open(a, 1053), 'EADDRINUSE')
      asked.close()
    },
  )

  suite.test(
    'of sockets that share a port the connected one, then the one with an address, then the last has a datagram',
    async ({ lan, a, b }) => {
      await introduce(lan, a, b)
      const sharing = [0, 1].map(() => open(b, 53, true))
      const bound = b.stack.openUdp(4)
      bound.bind(b.address, 53, { reuse: true })
      const connected = open(b, 53, true)
      connected.connect(a.address, 1053)
      const [peer, stranger] = [open(a, 1053), open(a, 1054)]
      const ask = async (sender: UdpSocket): Promise<boolean[]> => {
        sender.send(Uint8Array.of(1), 0, 1, b.address, 53)
        await lan.wait(10)
        return [...sharing, bound, connected].map((socket) => socket.receive(9, { datagram: () => true }) === 1)
      }
      expect(await ask(peer)).toEqual([false, false, false, true])
      expect(await ask(stranger)).toEqual([false, false, true, false])
      bound.close()
      expect((await ask(stranger)).slice(0, 2)).toEqual([false, true])
      for (const socket of [...sharing, connected, peer, stranger]) socket.close()
    },
  )
}

function open(host: Host, port: number, reuse = false): UdpSocket {
  const { family } = host.address
  const socket = host.stack.openUdp(family)
  socket.bind(family === 4 ? ANY_V4 : ANY_V6, port, { reuse })
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
