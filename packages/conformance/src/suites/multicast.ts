/**
 * Groups and broadcasts: who hears them, what routers are told (IGMP), and what leaves the host.
 *
 * @module
 */
import {
  ANY_V4,
  BROADCAST_V4,
  type DatagramSink,
  FAILED,
  type IpAddress,
  parseIpAddress,
  parseMac,
  READABLE,
  toBytes,
  type UdpSocket,
  WOULD_BLOCK,
} from '@ioth/core'
import fc from 'fast-check'
import { expect } from 'vitest'
import { FrameChecker } from '../checker/frame-checker.ts'
import type { IgmpMessage } from '../checker/igmp.ts'
import { craftEthernet, craftIgmp, craftUdp, type IgmpFields, type Ipv4Fields } from '../craft/craft.ts'
import type { Host } from '../lan/host.ts'
import type { Lan } from '../lan/lan.ts'
import type { Suite } from '../suite.ts'
import { expectError, expectThrow } from './expect-code.ts'

const GROUP = parseIpAddress('239.1.2.3')
/** The same hardware address as {@link GROUP}, another group. */
const TWIN = parseIpAddress('224.129.2.3')
const PORT = 5007
const ROUTER = { mac: [2, 0x66, 0, 0, 0, 0xfe], ip: [10, 0, 0, 254] }

const QUERY = 0x11
const REPORT_V2 = 0x16
const LEAVE = 0x17
const REPORT_V3 = 0x22

const MODE_IS_INCLUDE = 1
const MODE_IS_EXCLUDE = 2
const CHANGE_TO_INCLUDE = 3
const CHANGE_TO_EXCLUDE = 4
const ALLOW_NEW_SOURCES = 5
const BLOCK_OLD_SOURCES = 6

export function multicast(suite: Suite): void {
  if (suite.capabilities.udp === 'none') {
    suite.notClaimed('multicast', 'udp: none')
    return
  }
  broadcasts(suite)
  if (!suite.capabilities.multicast) {
    suite.notClaimed('multicast', 'multicast: false')
    return
  }
  delivery(suite)
  sending(suite)
  igmp(suite)
}

function broadcasts(suite: Suite): void {
  suite.test('R-UDP-04 a broadcast reaches every socket of the port, and draws no error', async ({ lan, a, b }) => {
    const sender = open(a, 0)
    try {
      sender.setOption('broadcast', 1)
    } catch {
      return
    }
    const receiver = open(b, PORT)
    for (const to of [BROADCAST_V4, parseIpAddress('10.0.0.255')]) {
      sender.send(Uint8Array.of(1), 0, 1, to, PORT)
      sender.send(Uint8Array.of(1), 0, 1, to, 9999)
      await lan.until(() => (receiver.ready & READABLE) !== 0, 5000)
      expect(drain(receiver)).toEqual(['10.0.0.1: 1'])
    }
    expect(b.frames.filter(({ direction, octets }) => direction === 'out' && octets[23] === 1)).toEqual([])
    for (const socket of [sender, receiver]) socket.close()
  })

  suite.testIf(
    suite.capabilities.multicast,
    'multicast: false',
    'a broadcast is heard by oneself, by all who share the port, and not by who is bound to one address',
    async ({ lan, a }) => {
      const sender = open(a, 0)
      sender.setOption('broadcast', 1)
      const sharing = [0, 1].map(() => open(a, PORT, { reuse: true }))
      const bound = a.stack.openUdp(4)
      bound.bind(a.address, PORT, { reuse: true })
      sender.send(Uint8Array.of(7), 0, 1, BROADCAST_V4, PORT)
      await lan.wait(10)
      for (const socket of sharing) expect(drain(socket)).toEqual(['10.0.0.1: 7'])
      expect(drain(bound)).toEqual([])
      expectThrow(() => bound.connect(BROADCAST_V4, PORT), 'EACCES')
      for (const socket of [sender, bound, ...sharing]) socket.close()
    },
  )
}

function delivery(suite: Suite): void {
  suite.test('a group is heard by those who joined, until they leave', async ({ lan, a, b }) => {
    const sender = open(a, 0)
    const receiver = open(b, PORT)
    const say = async (octet: number): Promise<string[]> => {
      expect(sender.send(Uint8Array.of(octet), 0, 1, GROUP, PORT)).toBe(1)
      await lan.wait(10)
      return drain(receiver)
    }
    expect(await say(1)).toEqual([])
    receiver.join(GROUP, null)
    expect(await say(2)).toEqual(['10.0.0.1: 2'])
    receiver.leave(GROUP, null)
    expect(await say(3)).toEqual([])
    receiver.join(GROUP, b.stack.interfaces[0] ?? null)
    expect(await say(4)).toEqual(['10.0.0.1: 4'])
    receiver.close()
    const late = open(b, PORT)
    sender.send(Uint8Array.of(5), 0, 1, GROUP, PORT)
    await lan.wait(10)
    expect(drain(late)).toEqual([])
    for (const socket of [sender, late]) socket.close()
  })

  suite.test('groups that share a hardware address are told apart', async ({ lan, a, b }) => {
    const sender = open(a, 0)
    const receiver = open(b, PORT)
    receiver.join(GROUP, null)
    sender.send(Uint8Array.of(1), 0, 1, TWIN, PORT)
    sender.send(Uint8Array.of(2), 0, 1, GROUP, PORT)
    await lan.wait(10)
    expect(drain(receiver)).toEqual(['10.0.0.1: 2'])
    for (const socket of [sender, receiver]) socket.close()
  })

  suite.test(
    'all who share a port hear it; a socket bound to the group hears that group only',
    async ({ lan, a, b }) => {
      const sender = open(a, 0)
      const sharing = [0, 1, 2].map(() => open(b, PORT, { reuse: true }))
      for (const socket of sharing) socket.join(GROUP, null)
      const bound = b.stack.openUdp(4)
      bound.bind(GROUP, PORT, { reuse: true })
      sharing[0]?.join(TWIN, null)
      sender.send(Uint8Array.of(1), 0, 1, GROUP, PORT)
      sender.send(Uint8Array.of(2), 0, 1, TWIN, PORT)
      await lan.wait(10)
      expect(drain(bound)).toEqual(['10.0.0.1: 1'])
      expect(drain(sharing[0] as UdpSocket)).toEqual(['10.0.0.1: 1', '10.0.0.1: 2'])
      for (const socket of [sender, bound, ...sharing]) socket.close()
    },
  )

  suite.test('one source only', async ({ lan, a, b }) => {
    const stranger = await lan.join(suite.peer())
    const receiver = open(b, PORT)
    receiver.join(GROUP, null, a.address)
    const senders = [open(a, 0), open(stranger, 0)]
    const say = async (): Promise<string[]> => {
      for (const sender of senders) sender.send(Uint8Array.of(1), 0, 1, GROUP, PORT)
      await lan.wait(10)
      return drain(receiver)
    }
    expect(await say()).toEqual(['10.0.0.1: 1'])
    receiver.join(GROUP, null, stranger.address)
    expect((await say()).sort()).toEqual(['10.0.0.1: 1', '10.0.0.3: 1'])
    receiver.leave(GROUP, null, a.address)
    expect(await say()).toEqual(['10.0.0.3: 1'])
    expectThrow(() => receiver.join(GROUP, null), 'EADDRINUSE')
    receiver.leave(GROUP, null)
    expect(await say()).toEqual([])
    for (const socket of [receiver, ...senders]) socket.close()
  })

  suite.test('what cannot be joined or left', ({ a, b }) => {
    const socket = open(a, PORT)
    for (const address of [a.address, b.address, BROADCAST_V4, ANY_V4, parseIpAddress('ff02::1:3')])
      expectThrow(() => socket.join(address, null), 'EINVAL')
    expectThrow(() => socket.join(GROUP, null, TWIN), 'EINVAL')
    expectThrow(() => socket.leave(GROUP, null), 'EADDRNOTAVAIL')
    socket.join(GROUP, null)
    expectThrow(() => socket.join(GROUP, null), 'EADDRINUSE')
    expectThrow(() => socket.join(GROUP, null, b.address), 'EINVAL')
    expectThrow(() => socket.leave(TWIN, null), 'EADDRNOTAVAIL')
    socket.close()
    expectThrow(() => socket.join(GROUP, null), 'EINVAL')
  })

  suite.property(
    'P-22 groups: who joined hears all of it, and nobody else anything',
    fc.array(fc.record({ who: fc.nat(2), join: fc.boolean(), to: fc.nat(1) }), { minLength: 1, maxLength: 20 }),
    (steps, seed) =>
      suite.withScene('P-22 groups', { seed }, async ({ lan, a, b }) => {
        const groups = [GROUP, parseIpAddress('239.9.9.9')] as const
        const sender = open(a, 0)
        // One port each: sockets that share one hear what their neighbours joined.
        const receivers = [0, 1, 2].map((index) => open(b, PORT + index))
        const joined = receivers.map(() => new Set<number>())
        for (const { who, join, to } of steps) {
          const [socket, mine] = [receivers[who] as UdpSocket, joined[who] as Set<number>]
          if (join !== mine.has(to)) {
            if (join) socket.join(groups[to] as IpAddress, null)
            else socket.leave(groups[to] as IpAddress, null)
            if (join) mine.add(to)
            else mine.delete(to)
          }
          const isHeard = joined.some((set) => set.has(to))
          for (let index = 0; index < 3; index++)
            sender.send(Uint8Array.of(to), 0, 1, groups[to] as IpAddress, PORT + index)
          await lan.wait(5)
          for (const [index, receiver] of receivers.entries()) {
            const got = drain(receiver)
            if (joined[index]?.has(to)) expect(got, 'a member').toEqual([`10.0.0.1: ${to}`])
            else if (!isHeard) expect(got, 'a group nobody joined').toEqual([])
            else expect(got.length).toBeLessThanOrEqual(1)
          }
        }
        for (const socket of [sender, ...receivers]) socket.close()
      }),
  )
}

function sending(suite: Suite): void {
  suite.test('R-IP4-03 time to live 1 by default, as set otherwise; 0 does not leave', async ({ lan, a, b }) => {
    const sender = open(a, 0)
    const own = open(a, PORT)
    own.join(GROUP, null)
    const receiver = open(b, PORT)
    receiver.join(GROUP, null)
    await lan.wait(3000)
    const lives: number[] = []
    const checker = new FrameChecker()
    const tap = lan.tap((frame) => {
      const { ip } = checker.check(frame)
      if (ip?.protocol === 17) lives.push(ip.timeToLive)
    })
    sender.send(Uint8Array.of(1), 0, 1, GROUP, PORT)
    sender.setOption('ttl', 9)
    for (const ttl of [5, 255, 0]) {
      sender.setOption('multicastTtl', ttl)
      sender.send(Uint8Array.of(ttl & 15), 0, 1, GROUP, PORT)
    }
    await lan.wait(10)
    expect(lives).toEqual([1, 5, 255])
    expect(drain(receiver)).toEqual(['10.0.0.1: 1', '10.0.0.1: 5', '10.0.0.1: 15'])
    expect(drain(own), 'ourselves').toEqual(['10.0.0.1: 1', '10.0.0.1: 5', '10.0.0.1: 15', '10.0.0.1: 0'])
    for (const socket of [sender, own, receiver]) socket.close()
    await tap.close()
  })

  suite.test('whether one hears oneself is the sender’s choice', async ({ lan, a, b }) => {
    const socket = open(a, PORT)
    socket.join(GROUP, null)
    const receiver = open(b, PORT)
    receiver.join(GROUP, null)
    for (const loop of [1, 0]) {
      socket.setOption('multicastLoop', loop)
      expect(socket.getOption('multicastLoop')).toBe(loop)
      socket.send(Uint8Array.of(loop), 0, 1, GROUP, PORT)
      await lan.wait(10)
      expect(drain(socket)).toEqual(loop === 1 ? ['10.0.0.1: 1'] : [])
      expect(drain(receiver)).toEqual([`10.0.0.1: ${loop}`])
    }
    for (const each of [socket, receiver]) each.close()
  })

  suite.test('P-19 a group hears large datagrams, in fragments', async ({ lan, a, b }) => {
    const sender = open(a, PORT)
    const receiver = open(b, PORT)
    for (const socket of [sender, receiver]) socket.join(GROUP, null)
    const size = Math.min(20_000, suite.capabilities.limits.maxDatagram)
    expect(sender.send(new Uint8Array(size).fill(3), 0, size, GROUP, PORT)).toBe(size)
    await lan.wait(20)
    for (const socket of [sender, receiver]) expect(sizesOf(socket)).toEqual([size])
    for (const socket of [sender, receiver]) socket.close()
  })

  suite.test('the interface is the sender’s choice', async ({ lan, a, b }) => {
    const second = await lan.settled(
      a.stack.addInterface({ link: lan.link('second'), addresses: ['192.168.7.1/24'] }),
      20_000,
    )
    const receiver = open(b, PORT)
    receiver.join(GROUP, null)
    const sender = open(a, 0)
    expect(sender.getOption('multicastInterface')).toBe(0)
    sender.send(Uint8Array.of(1), 0, 1, GROUP, PORT)
    sender.setOption('multicastInterface', second.index)
    sender.send(Uint8Array.of(2), 0, 1, GROUP, PORT)
    await lan.wait(10)
    expect(drain(receiver)).toEqual(['10.0.0.1: 1', '192.168.7.1: 2'])
    expectThrow(() => sender.setOption('multicastInterface', 77), 'EINVAL')
    for (const socket of [sender, receiver]) socket.close()
  })
}

function igmp(suite: Suite): void {
  suite.test(
    'R-ND-10 joining and leaving are reported twice, with router alert and time to live 1',
    async ({ lan, a }) => {
      const router = new Router(lan, a)
      const socket = open(a, PORT)
      socket.join(GROUP, null)
      await lan.wait(3000)
      const joined = { type: CHANGE_TO_EXCLUDE, group: `${GROUP}`, sources: [] }
      expect(router.records()).toEqual([joined, joined])
      socket.leave(GROUP, null)
      await lan.wait(3000)
      const left = { type: CHANGE_TO_INCLUDE, group: `${GROUP}`, sources: [] }
      expect(router.records()).toEqual([left, left])
      socket.join(GROUP, null, parseIpAddress('10.0.0.9'))
      await lan.wait(3000)
      const allowed = { type: ALLOW_NEW_SOURCES, group: `${GROUP}`, sources: ['10.0.0.9'] }
      expect(router.records()).toEqual([allowed, allowed])
      socket.close()
      await lan.wait(3000)
      const blocked = { type: BLOCK_OLD_SOURCES, group: `${GROUP}`, sources: ['10.0.0.9'] }
      expect(router.records()).toEqual([blocked, blocked])
      await router.close()
    },
  )

  suite.test(
    'R-ND-10 queries are answered within the time they say, and only for groups that are joined',
    async ({ lan, a }) => {
      const router = new Router(lan, a)
      const socket = open(a, PORT)
      socket.join(GROUP, null)
      socket.join(TWIN, null, parseIpAddress('10.0.0.9'))
      await lan.wait(3000)
      router.records()
      const everything = [
        { type: MODE_IS_EXCLUDE, group: `${GROUP}`, sources: [] },
        { type: MODE_IS_INCLUDE, group: `${TWIN}`, sources: ['10.0.0.9'] },
      ]
      router.ask({ code: 50 })
      await lan.wait(5000)
      expect(sorted(router.records())).toEqual(sorted(everything))
      router.ask({ code: 10, group: octetsOf(GROUP) })
      await lan.wait(1000)
      expect(router.records()).toEqual(everything.slice(0, 1))
      // About sources: only those that are wanted are told.
      router.ask({ code: 10, group: octetsOf(TWIN) }, [
        [10, 0, 0, 8],
        [10, 0, 0, 9],
      ])
      await lan.wait(1000)
      expect(router.records()).toEqual(everything.slice(1))
      router.ask({ code: 10, group: octetsOf(TWIN) }, [[10, 0, 0, 8]])
      router.ask({ code: 10, group: [239, 77, 7, 7] })
      await lan.wait(20_000)
      expect(router.records()).toEqual([])
      socket.close()
      await router.close()
    },
  )

  suite.test('R-ND-10 an older router is spoken to in its language, and not for ever', async ({ lan, a }) => {
    const router = new Router(lan, a)
    const socket = open(a, PORT)
    socket.join(GROUP, null)
    await lan.wait(3000)
    router.messages.length = 0
    router.ask({ code: 20 }, null)
    await lan.wait(2000)
    expect(router.summary()).toEqual([[REPORT_V2, `${GROUP}`]])
    // Somebody else reported it already: one report is enough for the link.
    router.ask({ code: 20 }, null)
    router.report(octetsOf(GROUP))
    await lan.wait(2000)
    expect(router.summary()).toEqual([])
    socket.join(TWIN, null)
    await lan.wait(12_000)
    expect(router.summary()).toEqual([
      [REPORT_V2, `${TWIN}`],
      [REPORT_V2, `${TWIN}`],
    ])
    socket.leave(TWIN, null)
    await lan.wait(10)
    expect(router.summary()).toEqual([[LEAVE, `${TWIN}`]])
    // RFC 3376 8.12: twice the query interval and the response time later it counts as gone.
    await lan.wait(260_000)
    socket.leave(GROUP, null)
    await lan.wait(10)
    expect(router.summary().map(([type]) => type)).toEqual([REPORT_V3])
    socket.close()
    await router.close()
  })

  suite.test(
    'H-34 a flood of queries: one report at most in each interval; none for what is no query',
    async ({ lan, a }) => {
      const router = new Router(lan, a)
      const socket = open(a, PORT)
      socket.join(GROUP, null)
      await lan.wait(3000)
      router.messages.length = 0
      const since = lan.now
      for (let i = 0; i < 1000; i++) {
        router.ask({ code: 10 })
        router.ask({ code: 10, group: octetsOf(GROUP) })
        await lan.moment(() => false, 10, 10)
      }
      await lan.wait(1000)
      // Ten seconds and one: at most one answer a second to either kind.
      expect(router.records().length).toBeLessThanOrEqual(2 * Math.ceil((lan.now - since) / 1e6))
      for (let i = 0; i < 1000; i++) {
        router.ask({ code: 0 })
        await lan.moment(() => false, 1, 1)
      }
      await lan.wait(1000)
      expect(router.records().length).toBeLessThanOrEqual(12)
      const wrong: (() => void)[] = [
        () => router.ask({ code: 10 }, [], { timeToLive: 2 }),
        () => router.ask({ code: 10 }, [], { options: [] }),
        () => router.ask({ code: 10, checksum: 1 }),
        () => router.ask({ code: 10, group: [10, 0, 0, 1] }),
        () => router.ask({ code: 10 }, [], { destination: octetsOf(GROUP) }),
        () => router.ask({ code: 10, group: octetsOf(GROUP) }, [], { destination: octetsOf(TWIN) }),
        // Says nine sources, has one.
        () => router.send({ type: QUERY, code: 10, group: octetsOf(GROUP) }, [2, 125, 0, 9, 10, 0, 0, 9]),
        () => router.send({ type: QUERY, code: 10 }, [2, 125]),
        () => router.send({ type: 0x99, code: 10 }, []),
      ]
      for (const [index, send] of wrong.entries()) {
        const before = drops(a)
        send()
        await lan.wait(2000)
        expect(router.records(), `wrong query ${index}`).toEqual([])
        expect(drops(a) - before, `drops of wrong query ${index}`).toBe(1)
      }
      for (let length = 0; length < 8; length++) {
        router.raw(
          craftIgmp({ source: ROUTER.ip, destination: [224, 0, 0, 1] }, { type: QUERY }).subarray(0, 24 + length),
        )
      }
      await lan.wait(20_000)
      expect(router.records()).toEqual([])
      socket.close()
      await router.close()
    },
  )

  suite.test(
    'R-ICMP4-01 R-UDP-06 nothing to a group draws an error; from a group nothing is taken',
    async ({ lan, a }) => {
      const router = new Router(lan, a)
      const socket = open(a, PORT)
      socket.join(GROUP, null)
      await lan.wait(10)
      const before = a.frames.filter(({ direction }) => direction === 'out').length
      const ports = { sourcePort: 9, destinationPort: 9999 }
      router.raw(craftUdp({ source: ROUTER.ip, destination: octetsOf(GROUP) }, ports))
      for (const source of [octetsOf(TWIN), [255, 255, 255, 255], [10, 0, 0, 255], [0, 0, 0, 0], [127, 0, 0, 1]])
        router.raw(craftUdp({ source, destination: octetsOf(GROUP) }, { sourcePort: 9, destinationPort: PORT }))
      await lan.wait(100)
      expect(socket.receive(1, { datagram: () => true })).toBe(WOULD_BLOCK)
      // The second report of the join may come meanwhile.
      const since = a.frames.filter(({ direction }) => direction === 'out').slice(before)
      expect(since.filter(({ octets }) => octets[23] === 1)).toEqual([])
      socket.close()
      await router.close()
    },
  )

  suite.test('P-11 P-13 a group that is joined is silent, and leaves nothing behind', async ({ lan, a }) => {
    await lan.wait(60_000)
    const before = [lan.pool.used, lan.virtual?.timers]
    const socket = open(a, PORT)
    socket.join(GROUP, null)
    await lan.wait(3000)
    const frames = a.frames.length
    await lan.wait(3_600_000)
    expect(a.frames.length).toBe(frames)
    socket.close()
    await lan.wait(60_000)
    expect([lan.pool.used, lan.virtual?.timers]).toEqual(before)
    const failing = open(a, PORT)
    expect(failing.send(new Uint8Array(70_000), 0, 70_000, GROUP, PORT)).toBe(FAILED)
    expectError(failing.error, 'EMSGSIZE')
    failing.close()
  })
}

/** A multicast router that says what a test tells it, and hears what hosts report. */
class Router {
  readonly messages: IgmpMessage[] = []
  private readonly tap: ReturnType<Lan['tap']>
  private readonly checker = new FrameChecker()

  constructor(lan: Lan, host: Host) {
    const mac = Array.from(parseMac(host.stack.interfaces[0]?.mac as string)).join()
    this.tap = lan.tap((frame) => {
      const { igmp: message } = this.checker.check(frame)
      if (message !== null && Array.from(frame.subarray(6, 12)).join() === mac) this.messages.push(message)
    })
  }

  /** @param sources of a query of version 3; null: a query of version 2. */
  ask(
    fields: Omit<IgmpFields, 'type'>,
    sources: readonly (readonly number[])[] | null = [],
    ip: Partial<Ipv4Fields> = {},
  ): void {
    const rest = sources === null ? [] : [2, 125, 0, sources.length, ...sources.flat()]
    this.send({ type: QUERY, ...fields }, rest, ip)
  }

  /** Another host's report of version 2. */
  report(group: readonly number[]): void {
    this.send({ type: REPORT_V2, group }, [], { source: [10, 0, 0, 77], destination: group })
  }

  send(fields: IgmpFields, rest: readonly number[], ip: Partial<Ipv4Fields> = {}): void {
    const isGeneral = (fields.group ?? [0])[0] !== 239 && (fields.group ?? [0])[0] !== 224
    const destination = isGeneral ? [224, 0, 0, 1] : (fields.group as readonly number[])
    this.raw(craftIgmp({ source: ROUTER.ip, destination, ...ip }, fields, rest))
  }

  raw(packet: Uint8Array): void {
    const group = packet.subarray(16, 20)
    const destination = [1, 0, 0x5e, (group[1] as number) & 127, group[2] as number, group[3] as number]
    this.tap.send(craftEthernet({ source: ROUTER.mac, destination }, packet))
  }

  /** The records of version 3 that came since the last call. */
  records(): IgmpMessage['records'][number][] {
    return this.messages.splice(0).flatMap(({ records }) => records)
  }

  /** Types and groups that came since the last call. */
  summary(): [number, string][] {
    return this.messages.splice(0).map(({ type, group }) => [type, group])
  }

  close(): Promise<void> {
    return this.tap.close()
  }
}

function open(host: Host, port: number, flags: { readonly reuse?: boolean } = {}): UdpSocket {
  const socket = host.stack.openUdp(4)
  socket.bind(ANY_V4, port, flags)
  return socket
}

/** What waits in a socket: sender and first octet of each datagram. */
function drain(socket: UdpSocket): string[] {
  const got: string[] = []
  const sink: DatagramSink = {
    datagram: (memory, offset, _length, from) => {
      got.push(`${from}: ${memory[offset]}`)
      return true
    },
  }
  socket.receive(1000, sink)
  return got
}

function sizesOf(socket: UdpSocket): number[] {
  const sizes: number[] = []
  const sink: DatagramSink = {
    datagram: (_memory, _offset, length) => {
      sizes.push(length)
      return true
    },
  }
  socket.receive(1000, sink)
  return sizes
}

function octetsOf(address: IpAddress): number[] {
  return Array.from(toBytes(address))
}

function sorted<Item>(items: readonly Item[]): Item[] {
  return [...items].sort((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1))
}

function drops(host: Host): number {
  return Object.entries(host.stack.counters())
    .filter(([name]) => name.startsWith('drop.'))
    .reduce((sum, [, count]) => sum + count, 0)
}
