/**
 * Sockets of both families side by side (RFC 3493 3.7, 5.3), link-local addresses and their scopes (RFC 4007), and what TCP and UDP are
 * over IPv6.
 *
 * @module
 */
import {
  ANY_V4,
  ANY_V6,
  type DatagramSink,
  ERROR,
  FAILED,
  type IpAddress,
  type Listener,
  LOOPBACK_V4,
  LOOPBACK_V6,
  parseIpAddress,
  READABLE,
  type TcpSocket,
  toBytes,
  type UdpSocket,
  WOULD_BLOCK,
} from '@ioth/core'
import fc from 'fast-check'
import { expect } from 'vitest'
import { craftTcp6 } from '../craft/craft-ipv6.ts'
import { introduce } from '../lan/introduce.ts'
import type { Lan } from '../lan/lan.ts'
import { DatagramModel } from '../model/datagrams.ts'
import type { Scene, Suite } from '../suite.ts'
import { expectError, expectThrow } from './expect-code.ts'
import { withStation } from './ipv6.ts'

export function dualStack(suite: Suite): void {
  if (!suite.capabilities.ipv6) {
    suite.notClaimed('dual-stack sockets', 'ipv6: false')
    return
  }
  streams(suite)
  scopes(suite)
  segments(suite)
  if (suite.capabilities.udp === 'full') datagrams(suite)
  else suite.notClaimed('datagrams of both families', `udp: ${suite.capabilities.udp}`)
}

/** Gives both hosts of a scene an IPv6 address beside their IPv4 one. */
async function addSecondFamily({ lan, a, b }: Scene): Promise<void> {
  const adding = [a, b].map((host, i) => host.stack.interfaces[0]?.addAddress(parseIpAddress(`fc00::${i + 1}`), 64))
  await lan.settled(Promise.all(adding))
}

function listen(socket: TcpSocket, address: IpAddress, port: number, ipv6Only = false): Listener {
  socket.bind(address, port, { ipv6Only })
  return socket.listen(4)
}

async function accepted(lan: Lan, listener: Listener): Promise<TcpSocket> {
  await lan.until(
    () => (listener.ready & READABLE) !== 0,
    10_000,
    () => 'a connection',
  )
  return listener.accept() as TcpSocket
}

const ends = (socket: TcpSocket): string[] => [`${socket.localAddress}`, `${socket.remoteAddress}`]

// ---------- TCP ----------

function streams(suite: Suite): void {
  suite.test('a listener on :: takes both families, and shows IPv4 in its mapped form', async (scene) => {
    const { lan, a, b } = scene
    await addSecondFamily(scene)
    const listener = listen(b.stack.openTcp(6), ANY_V6, 80)
    expect(`${listener.localAddress}`).toBe('::')
    const four = a.stack.openTcp(4)
    four.connect(parseIpAddress('10.0.0.2'), 80)
    expect(ends(await accepted(lan, listener))).toEqual(['::ffff:10.0.0.2', '::ffff:10.0.0.1'])
    const six = a.stack.openTcp(6)
    six.connect(parseIpAddress('fc00::2'), 80)
    expect(ends(await accepted(lan, listener))).toEqual(['fc00::2', 'fc00::1'])
    // A socket of IPv6 that connects to a mapped address speaks IPv4.
    const mapped = a.stack.openTcp(6)
    mapped.connect(parseIpAddress('::ffff:10.0.0.2'), 80)
    expect(ends(mapped)).toEqual(['::ffff:10.0.0.1', '::ffff:10.0.0.2'])
    expect(ends(await accepted(lan, listener))).toEqual(['::ffff:10.0.0.2', '::ffff:10.0.0.1'])
  })

  suite.test('IPv6 only: IPv4 is refused there, and may have the port for itself', async (scene) => {
    const { lan, a, b } = scene
    await addSecondFamily(scene)
    const six = listen(b.stack.openTcp(6), ANY_V6, 80, true)
    const socket = a.stack.openTcp(4)
    socket.connect(parseIpAddress('10.0.0.2'), 80)
    await lan.until(
      () => (socket.ready & ERROR) !== 0,
      10_000,
      () => socket.state,
    )
    expectError(socket.error, 'ECONNREFUSED')
    const four = listen(b.stack.openTcp(4), ANY_V4, 80)
    const second = a.stack.openTcp(4)
    second.connect(parseIpAddress('10.0.0.2'), 80)
    expect(ends(await accepted(lan, four))).toEqual(['10.0.0.2', '10.0.0.1'])
    expect(six.ready & READABLE).toBe(0)
  })

  suite.test('ports of the two families conflict as on Linux', ({ b }) => {
    const dual = listen(b.stack.openTcp(6), ANY_V6, 80)
    expectThrow(() => listen(b.stack.openTcp(4), ANY_V4, 80), 'EADDRINUSE')
    expectThrow(() => listen(b.stack.openTcp(4), b.address, 80), 'EADDRINUSE')
    expectThrow(() => listen(b.stack.openTcp(6), parseIpAddress('::ffff:10.0.0.2'), 80), 'EADDRINUSE')
    dual.close()
    const four = listen(b.stack.openTcp(4), ANY_V4, 80)
    expectThrow(() => listen(b.stack.openTcp(6), ANY_V6, 80), 'EADDRINUSE')
    listen(b.stack.openTcp(6), ANY_V6, 80, true).close()
    four.close()
    const mapped = listen(b.stack.openTcp(6), parseIpAddress('::ffff:10.0.0.2'), 80)
    expect(`${mapped.localAddress}`).toBe('::ffff:10.0.0.2')
    expectThrow(() => listen(b.stack.openTcp(4), b.address, 80), 'EADDRINUSE')
    listen(b.stack.openTcp(4), LOOPBACK_V4, 80).close()
    mapped.close()
  })

  suite.test(
    'an address of the other family: EAFNOSUPPORT; a mapped one, for IPv6 only: ENETUNREACH',
    async (scene) => {
      const { a } = scene
      await addSecondFamily(scene)
      const six = parseIpAddress('fc00::2')
      const four = parseIpAddress('10.0.0.2')
      expectThrow(() => a.stack.openTcp(4).connect(six, 80), 'EAFNOSUPPORT')
      expectThrow(() => a.stack.openTcp(4).connect(four.mapped(), 80), 'EAFNOSUPPORT')
      expectThrow(() => a.stack.openTcp(4).bind(ANY_V6, 80), 'EAFNOSUPPORT')
      expectThrow(() => a.stack.openTcp(6).connect(four, 80), 'EAFNOSUPPORT')
      expectThrow(() => a.stack.openTcp(6).bind(ANY_V4, 80), 'EAFNOSUPPORT')
      const only = a.stack.openTcp(6)
      only.bind(ANY_V6, 0, { ipv6Only: true })
      expectThrow(() => only.connect(four.mapped(), 80), 'ENETUNREACH')
      const bound = a.stack.openTcp(6)
      bound.bind(parseIpAddress('fc00::1'), 0)
      expectThrow(() => bound.connect(four.mapped(), 80), 'ENETUNREACH')
      expectThrow(() => a.stack.openTcp(6).connect(parseIpAddress('2001:db8::1'), 80), 'ENETUNREACH')
      expectThrow(() => a.stack.openTcp(6).bind(parseIpAddress('fc00::9'), 80), 'EADDRNOTAVAIL')
    },
  )

  suite.test(':: as a destination is this host', async ({ lan, a }) => {
    const listener = listen(a.stack.openTcp(6), ANY_V6, 80)
    for (const to of [ANY_V6, LOOPBACK_V6]) {
      const socket = a.stack.openTcp(6)
      socket.connect(to, 80)
      expect(ends(await accepted(lan, listener))).toEqual(['::1', '::1'])
    }
  })
}

// ---------- link-local addresses ----------

function scopes(suite: Suite): void {
  suite.test('link-local addresses: the scope by index, by name, or the only one', async (scene) => {
    const { lan, a, b } = scene
    await addSecondFamily(scene)
    const [on] = a.stack.interfaces
    const local = b.stack.interfaces[0]?.addresses.find(({ address }) => address.family === 6 && address.isLinkLocal)
    expect(local, 'a link-local address beside the other').toBeDefined()
    const bare = local?.address.withScope(0) as IpAddress
    const listener = listen(b.stack.openTcp(6), ANY_V6, 80)
    for (const text of [`${bare}`, `${bare}%${on?.index}`, `${bare}%${on?.name}`]) {
      const socket = a.stack.openTcp(6)
      socket.connect(parseIpAddress(text), 80)
      const other = await accepted(lan, listener)
      expect(socket.state, text).toBe('ESTABLISHED')
      expect(socket.remoteAddress?.scope).toBe(on?.index)
      expect(socket.localAddress?.isLinkLocal, 'from a link-local address').toBe(true)
      expect(other.remoteAddress?.equals(socket.localAddress as IpAddress)).toBe(true)
    }
    expectThrow(() => a.stack.openTcp(6).connect(parseIpAddress(`${bare}%nowhere`), 80), 'EINVAL')
    const reply = await lan.settled(a.stack.ping(bare))
    expect(reply.from.equals(bare)).toBe(true)
  })

  suite.test('two links: the scope says which', async ({ lan, a }) => {
    const second = await lan.settled(a.stack.addInterface({ link: lan.link('second'), addresses: ['fc01::1/64'] }))
    await lan.settled(a.stack.interfaces[0]?.addAddress(parseIpAddress('fc00::1'), 64) as Promise<void>)
    const target = parseIpAddress('fe80::1234')
    for (const { index } of a.stack.interfaces) {
      const socket = a.stack.openTcp(6)
      socket.connect(target.withScope(index), 80)
      expect([socket.localAddress?.scope, socket.remoteAddress?.scope]).toEqual([index, index])
      socket.reset()
    }
    await second.remove()
  })
}

// ---------- segments ----------

function segments(suite: Suite): void {
  suite.plainTest('R-TCP-21 over IPv6: the MSS offered is the MTU less 60; none offered means 1220', () =>
    withStation(suite, 'R-TCP-21', async ({ lan, a, station }) => {
      const listener = listen(a.stack.openTcp(6), ANY_V6, 80)
      const segment = (flags: string, fields: { sequence: number; acknowledgment?: number }): void => {
        const tcp = { sourcePort: 6666, destinationPort: 80, flags, ...fields }
        station.send([], 6, craftTcp6(station.ends, tcp))
      }
      segment('S', { sequence: 100 })
      await lan.wait(2)
      const synAck = station.received.map(({ tcp }) => tcp).find((tcp) => tcp?.syn)
      expect(synAck?.options.maximumSegmentSize).toBe(1440)
      segment('A', { sequence: 101, acknowledgment: ((synAck?.sequence as number) + 1) >>> 0 })
      const server = await accepted(lan, listener)
      server.write(new Uint8Array(5000), 0, 5000)
      await lan.wait(2)
      // Options count (RFC 6691).
      const sizes = station.received.flatMap(({ tcp }) =>
        tcp === null || tcp.data.length === 0 ? [] : tcp.data.length + tcp.headerLength - 20,
      )
      expect(sizes[0]).toBe(1220)
      server.reset()
    }),
  )

  suite.plainTest(
    'R-TCP-49 R-IP6-09 too big for a segment in flight: sent again at once, smaller, never below 1280',
    () =>
      withStation(suite, 'R-TCP-49', async ({ lan, a, station }) => {
        const listener = listen(a.stack.openTcp(6), ANY_V6, 80)
        const mss = [2, 4, 5, 160]
        const segment = (
          flags: string,
          fields: { sequence: number; acknowledgment?: number; options?: number[] },
        ): void => {
          const tcp = { sourcePort: 6666, destinationPort: 80, flags, ...fields }
          station.send([], 6, craftTcp6(station.ends, tcp))
        }
        segment('S', { sequence: 100, options: mss })
        await lan.wait(2)
        const first = ((station.received.find(({ tcp }) => tcp?.syn)?.tcp?.sequence as number) + 1) >>> 0
        segment('A', { sequence: 101, acknowledgment: first })
        const server = await accepted(lan, listener)
        const sent = (): readonly { at: number; length: number }[] => {
          const all = station.received.flatMap(({ tcp }) =>
            tcp === null || tcp.data.length === 0
              ? []
              : [{ at: (tcp.sequence - first) >>> 0, length: tcp.data.length }],
          )
          // On the host's clock a library repeats sooner than a moment passes.
          const keys = all.map(({ at, length }) => `${at} ${length}`)
          return lan.virtual === null ? all.filter((_, index) => keys.indexOf(keys[index] as string) === index) : all
        }
        server.write(new Uint8Array(1408), 0, 1408)
        await lan.wait(2)
        expect(sent()).toEqual([{ at: 0, length: 1408 }])
        const ports = [0, 80, 6666 >> 8, 6666 & 255]
        const quoted = (sequence: number): number[] => [
          ...[0x60, 0, 0, 0, (1428 >> 8) & 255, 1428 & 255, 6, 64],
          ...toBytes(a.address),
          ...station.octets,
          ...ports,
          ...[sequence >>> 24, (sequence >> 16) & 255, (sequence >> 8) & 255, sequence & 255],
        ]
        const tooBig = (mtu: number, sequence: number): void =>
          station.icmp({ type: 2, rest: [0, 0, mtu >> 8, mtu & 255] }, Uint8Array.from(quoted(sequence)))
        tooBig(600, first)
        tooBig(1300, (first + 1_000_000) >>> 0)
        await lan.wait(2)
        expect(sent().length, 'lies').toBe(1)
        tooBig(1280, first)
        // Beside a library it is cut when that sends it again.
        await lan.moment(() => sent().length > 2, 2, 5000)
        const [again, ...others] = sent().slice(1)
        if (lan.virtual !== null) expect(again).toEqual({ at: 0, length: 1220 })
        expect(again?.at).toBe(0)
        expect(again?.length).toBeLessThanOrEqual(1220)
        expect(others).toEqual([{ at: again?.length, length: 1408 - (again?.length ?? 0) }])
        server.reset()
      }),
  )
}

// ---------- UDP ----------

interface Got {
  readonly from: string
  readonly octets: Uint8Array
}

function open(
  scene: Scene['a'],
  address: IpAddress,
  port: number,
  ipv6Only = false,
): { socket: UdpSocket; got: Got[] } {
  const socket = scene.stack.openUdp(address.family)
  socket.bind(address, port, { ipv6Only })
  const got: Got[] = []
  const sink: DatagramSink = {
    datagram: (memory, offset, length, from, fromPort) => {
      got.push({ from: `${from}:${fromPort}`, octets: memory.slice(offset, offset + length) })
      return true
    },
  }
  socket.onReady = () => {
    socket.receive(64, sink)
  }
  socket.interest = READABLE
  return { socket, got }
}

function datagrams(suite: Suite): void {
  const one = Uint8Array.of(1)

  suite.test('a datagram socket on :: speaks both families, and shows IPv4 in its mapped form', async (scene) => {
    const { lan, a, b } = scene
    await addSecondFamily(scene)
    const { got } = open(b, ANY_V6, 53)
    const { socket } = open(a, ANY_V6, 1053)
    const four = open(a, ANY_V4, 1054)
    for (const to of ['fc00::2', '::ffff:10.0.0.2']) expect(socket.send(one, 0, 1, parseIpAddress(to), 53)).toBe(1)
    expect(four.socket.send(one, 0, 1, b.address, 53)).toBe(1)
    await lan.until(() => got.length === 3, 5000)
    const senders = ['::ffff:10.0.0.1:1053', '::ffff:10.0.0.1:1054', 'fc00::1:1053']
    expect(got.map(({ from }) => from).sort()).toEqual(senders)
    // An address of the other family is a mistake.
    expect(socket.send(one, 0, 1, b.address, 53)).toBe(FAILED)
    expectError(socket.error, 'EAFNOSUPPORT')
    expect(four.socket.send(one, 0, 1, parseIpAddress('fc00::2'), 53)).toBe(FAILED)
    expectError(four.socket.error, 'EAFNOSUPPORT')
    // A peer that is fixed by its mapped address is spoken to over IPv4.
    socket.connect(parseIpAddress('::ffff:10.0.0.2'), 53)
    expect([`${socket.localAddress}`, `${socket.remoteAddress}`]).toEqual(['::ffff:10.0.0.1', '::ffff:10.0.0.2'])
    for (const _ of [1, 2]) expect(socket.send(one, 0, 1, null, 0)).toBe(1)
    await lan.until(() => got.length === 5, 5000)
    expect(got.slice(3).map(({ from }) => from)).toEqual(['::ffff:10.0.0.1:1053', '::ffff:10.0.0.1:1053'])
  })

  suite.test('a datagram socket for IPv6 only hears no IPv4, and shares its port with one that does', async (scene) => {
    const { lan, a, b } = scene
    await addSecondFamily(scene)
    const only = open(b, ANY_V6, 53, true)
    const four = open(b, ANY_V4, 53)
    const { socket } = open(a, ANY_V6, 1053)
    for (const to of ['fc00::2', '::ffff:10.0.0.2']) socket.send(one, 0, 1, parseIpAddress(to), 53)
    await lan.wait(1000)
    expect(only.got.map(({ from }) => from)).toEqual(['fc00::1:1053'])
    expect(four.got.map(({ from }) => from)).toEqual(['10.0.0.1:1053'])
    expect(only.socket.send(one, 0, 1, parseIpAddress('::ffff:10.0.0.1'), 1053)).toBe(FAILED)
    expectError(only.socket.error, 'ENETUNREACH')
  })

  suite.test('R-UDP-05 a connected socket of IPv6 hears its peer only, and its errors', async (scene) => {
    const { lan, a, b } = scene
    await addSecondFamily(scene)
    const { socket, got } = open(b, ANY_V6, 53)
    socket.connect(parseIpAddress('fc00::1'), 1053)
    expect(`${socket.localAddress}`).toBe('fc00::2')
    open(a, ANY_V6, 1054).socket.send(one, 0, 1, parseIpAddress('fc00::2'), 53)
    const peer = open(a, ANY_V6, 1053)
    peer.socket.send(one, 0, 1, parseIpAddress('fc00::2'), 53)
    await lan.wait(1000)
    expect(got.map(({ from }) => from)).toEqual(['fc00::1:1053'])
    peer.socket.close()
    socket.interest = 0
    expect(socket.send(one, 0, 1, null, 0)).toBe(1)
    await lan.until(() => (socket.ready & ERROR) !== 0, 5000)
    expect(socket.receive(1, { datagram: () => true })).toBe(FAILED)
    expectError(socket.error, 'ECONNREFUSED')
    expect(socket.receive(1, { datagram: () => true })).toBe(WOULD_BLOCK)
  })

  suite.testIf(
    suite.capabilities.multicast,
    'multicast: false',
    'groups of IPv6: who joined hears, by index or by name of the interface; who left does not',
    async (scene) => {
      const { lan, a, b } = scene
      await addSecondFamily(scene)
      const group = parseIpAddress('ff02::1234')
      const [on] = b.stack.interfaces
      const { socket, got } = open(b, ANY_V6, 53)
      const { socket: sender } = open(a, ANY_V6, 1053)
      const send = async (): Promise<number> => {
        expect(sender.send(one, 0, 1, group, 53)).toBe(1)
        await lan.wait(1000)
        return got.splice(0).length
      }
      expect(await send(), 'before').toBe(0)
      for (const text of ['ff02::1234', `ff02::1234%${on?.index}`, `ff02::1234%${on?.name}`]) {
        socket.join(parseIpAddress(text), null)
        expect(await send(), text).toBe(1)
        expectThrow(() => socket.join(group, null), 'EADDRINUSE')
        socket.leave(group, null)
        expect(await send(), 'after').toBe(0)
      }
      expectThrow(() => socket.join(parseIpAddress('224.0.0.99'), null), 'EINVAL')
      expectThrow(() => socket.join(parseIpAddress('fc00::2'), null), 'EINVAL')
    },
  )

  suite.property(
    'P-19 P-22 a datagram over IPv6 of any size arrives whole, in fragments if need be',
    fc.record({
      size: fc.integer({ min: 4, max: suite.capabilities.limits.maxDatagram }),
      mtu: fc.constantFrom(1280, 1500, 9000),
    }),
    ({ size, mtu }, seed) =>
      suite.withScene('P-19 P-22', { seed, mtu, family: 6 }, async ({ lan, a, b }) => {
        await introduce(lan, a, b)
        const model = new DatagramModel()
        const { got } = open(b, ANY_V6, 53)
        const { socket } = open(a, ANY_V6, 1053)
        const datagram = model.next(size, `${a.address}:1053`)
        expect(socket.send(datagram, 0, size, b.address, 53)).toBe(size)
        await lan.until(() => got.length === 1, 70_000)
        const [first] = got
        model.received(first?.octets as Uint8Array, 0, size, first?.from as string)
        expect(first?.octets.length).toBe(size)
      }),
  )
}
