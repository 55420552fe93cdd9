/**
 * ICMP on the wire: echo, errors and when there are none, and what others' errors may do (RFC 792, RFC 1122 3.2.2, RFC 1812 4.3, RFC 5927).
 *
 * @module
 */
import { ANY_V4, type PingRefusal, parseIpAddress, READABLE, type UdpSocket, WOULD_BLOCK } from '@ioth/core'
import { expect } from 'vitest'
import type { Dissection } from '../checker/frame-checker.ts'
import { craftIcmp, craftIpv4, craftTcp, craftUdp, type Ipv4Fields } from '../craft/craft.ts'
import { Service } from '../lan/service.ts'
import { Station } from '../lan/station.ts'
import type { Suite } from '../suite.ts'
import { expectRejection } from './expect-code.ts'

const ECHO_REPLY = 0
const UNREACHABLE = 3
const SOURCE_QUENCH = 4
const REDIRECT = 5
const ECHO = 8
const TIME_EXCEEDED = 11
const PARAMETER_PROBLEM = 12
const PORT = 5300

export function icmp4(suite: Suite): void {
  answers(suite)
  reports(suite)
}

function answers(suite: Suite): void {
  suite.test(
    'R-ICMP4-02 echo comes back with identifier, sequence number and all data, from the address asked',
    async ({ lan, a }) => {
      const station = new Station(lan, a)
      for (const size of [0, 1, 2, 56, 1471, 1472]) {
        station.icmp({ type: ECHO, rest: [0xab, 0xcd, size >> 8, size & 255] }, octets(size))
        const answer = await station.answer()
        expect(answer?.ip?.source).toBe('10.0.0.1')
        expect(answer?.icmp?.type).toBe(ECHO_REPLY)
        expect(answer?.ip?.payload.subarray(4, 8).join()).toBe([0xab, 0xcd, size >> 8, size & 255].join())
        expect(answer?.icmp?.body.join()).toBe(octets(size).join())
      }
      await station.close()
    },
  )

  suite.test('R-ICMP4-02 H-26 echo of 65507 octets', async ({ lan, a }) => {
    const station = new Station(lan, a)
    expect(await station.isServed()).toBe(true)
    const body = octets(65_507)
    const message = craftIcmp(station.ends, { type: ECHO, rest: [1, 2, 3, 4] }, body).subarray(20)
    for (let fragmentOffset = 0; fragmentOffset < message.length; fragmentOffset += 1480) {
      const piece = message.subarray(fragmentOffset, fragmentOffset + 1480)
      const flags = fragmentOffset + 1480 < message.length ? 1 : 0
      station.send(craftIpv4({ ...station.ends, protocol: 1, id: 5, fragmentOffset, flags }, piece))
    }
    const whole = (await station.answers(50)).find(({ icmp }) => icmp !== null)
    expect(whole?.icmp?.type).toBe(ECHO_REPLY)
    expect(whole?.icmp?.body.join()).toBe(body.join())
    await station.close()
  })

  suite.test('R-ICMP4-01 H-26 H-35 who draws an error, and who does not', async ({ lan, a }) => {
    const station = new Station(lan, a)
    expect(await station.isServed()).toBe(true)
    const nobody = { sourcePort: 9, destinationPort: 9999 }
    station.udp(nobody, octets(4))
    expect(kinds(await station.answers())).toEqual([[UNREACHABLE, 3]])
    const { ends } = station
    const everybody = [255, 255, 255, 255, 255, 255]
    const silent: (() => void)[] = [
      // To many, by IP or by Ethernet.
      () => station.send(craftUdp({ ...ends, destination: [255, 255, 255, 255] }, nobody), everybody),
      () => station.send(craftUdp({ ...ends, destination: [10, 0, 0, 255] }, nobody), everybody),
      () => station.send(craftUdp({ ...ends, destination: [224, 0, 0, 1] }, nobody), [1, 0, 0x5e, 0, 0, 1]),
      () => station.send(craftUdp(ends, nobody), everybody),
      () => station.send(craftIpv4({ ...ends, protocol: 200, destination: [10, 0, 0, 255] }, octets(20)), everybody),
      // From nobody in particular.
      () => station.udp(nobody, octets(4), { source: [0, 0, 0, 0] }),
      () => station.udp(nobody, octets(4), { source: [10, 0, 0, 255] }),
      () => station.udp(nobody, octets(4), { source: [224, 1, 1, 1] }),
      // A later fragment.
      () => station.send(craftIpv4({ ...ends, protocol: 200, id: 4, fragmentOffset: 800, flags: 0 }, octets(20))),
      // Ports that cannot be.
      () => station.udp({ sourcePort: 9, destinationPort: 0 }, octets(4)),
      () => station.udp({ sourcePort: 0, destinationPort: 9999 }, octets(4)),
      // Lengths and sums that cannot be.
      ...Array.from({ length: 8 }, (_, length) => () => station.udp({ ...nobody, length }, octets(4))),
      () => station.udp({ ...nobody, length: 13 }, octets(4)),
      () => station.udp({ ...nobody, checksum: 1 }, octets(4)),
    ]
    // Errors, each about something else: none about an error.
    for (const type of [UNREACHABLE, SOURCE_QUENCH, REDIRECT, TIME_EXCEEDED, PARAMETER_PROBLEM])
      for (let code = 0; code < 16; code++)
        silent.push(() => station.icmp({ type, code }, craftUdp(reverse(ends), nobody)))
    for (const [index, send] of silent.entries()) {
      send()
      expect(kinds(await station.answers(2)), `case ${index}`).toEqual([])
    }
    expect(await station.isServed()).toBe(true)
    await station.close()
  })

  suite.test('H-26 every type, code and length: only an echo is answered', async ({ lan, a }) => {
    const station = new Station(lan, a)
    for (let type = 0; type < 256; type++) {
      for (const code of [0, 1, 255]) {
        for (const length of [0, 1, 7, 20, 28, 64]) {
          if (type === ECHO && code === 0) continue
          station.icmp({ type, code }, octets(length))
        }
      }
      await lan.wait(1)
    }
    for (let length = 0; length < 8; length++)
      station.send(
        craftIpv4({ ...station.ends, protocol: 1 }, Uint8Array.of(8, 0, 0xf7, 0xff, 0, 0, 0, 0).subarray(0, length)),
      )
    station.icmp({ type: ECHO, checksum: 1 }, octets(8))
    // An echo with a code is an echo to some and nothing to others.
    for (const { icmp } of await station.answers()) expect(icmp?.type).toBe(ECHO_REPLY)
    expect(await station.isServed()).toBe(true)
    await station.close()
  })

  suite.test(
    'R-ICMP4-03 errors quote the header and eight octets at least, 576 octets at most, and are limited',
    async ({ lan, a }) => {
      const station = new Station(lan, a)
      expect(await station.isServed()).toBe(true)
      for (const size of [0, 1, 500, 1400]) {
        const packet = craftUdp(station.ends, { sourcePort: 9, destinationPort: 9999 }, octets(size))
        station.send(packet)
        const error = await station.answer()
        const quote = error?.icmp?.body as Uint8Array
        expect(quote.length).toBeGreaterThanOrEqual(28)
        expect(28 + quote.length).toBeLessThanOrEqual(576)
        expect(quote.join()).toBe(packet.subarray(0, quote.length).join())
        await lan.wait(100)
      }
      for (let i = 0; i < 1000; i++) {
        station.udp({ sourcePort: 9, destinationPort: 9000 + i }, octets(4))
        if (i % 100 === 0) await lan.wait(1)
      }
      expect((await station.answers()).length).toBeLessThan(500)
      await lan.wait(10_000)
      station.udp({ sourcePort: 9, destinationPort: 9999 }, octets(4))
      expect(kinds(await station.answers())).toEqual([[UNREACHABLE, 3]])
      await station.close()
    },
  )
}

function reports(suite: Suite): void {
  const { ping, udp } = suite.capabilities

  suite.test('R-ICMP4-04 H-25 redirects and source quench change nothing', async ({ lan, a, b }) => {
    const station = new Station(lan, a)
    const service = new Service(b, 80)
    const talk = service.converse(a, { send: 20_000, writeSizes: [500] }, { send: 20_000, writeSizes: [500] })
    await lan.until(() => talk.client.connected, 10_000)
    const quoted = craftTcp(
      { source: [10, 0, 0, 1], destination: [10, 0, 0, 2] },
      { sourcePort: talk.client.socket.localPort, destinationPort: 80, flags: 'A' },
    )
    for (const source of [station.ip, [10, 0, 0, 2]]) {
      for (let code = 0; code < 4; code++)
        station.icmp({ type: REDIRECT, code, rest: [10, 0, 0, 66] }, quoted, { source })
      for (let i = 0; i < 20; i++) station.icmp({ type: SOURCE_QUENCH }, quoted, { source })
    }
    await lan.until(
      () => talk.isDone,
      10_000,
      () => `${talk}`,
    )
    // Nothing went by the address the redirects named.
    expect((await station.answers()).filter(({ tcp }) => tcp !== null)).toEqual([])
    service.close()
    await station.close()
  })

  suite.testIf(
    ping,
    'ping: false',
    'R-ICMP4-02 each ping has its number: one identifier, rising sequence',
    async ({ lan, a }) => {
      const station = new Station(lan, a)
      const target = parseIpAddress(station.ip.join('.'))
      const rests: number[][] = []
      for (let round = 0; round < 5; round++) {
        const pinging = a.stack.ping(target, { timeoutMs: 5000, size: 10 + round })
        const [request] = await station.answers(20)
        const payload = request?.ip?.payload as Uint8Array
        const rest = Array.from(payload.subarray(4, 8))
        rests.push(rest)
        // An answer to another request, or from another host, is none.
        station.icmp(
          { type: ECHO_REPLY, rest: [rest[0] as number, (rest[1] as number) ^ 1, ...rest.slice(2)] },
          octets(10),
        )
        station.icmp({ type: ECHO_REPLY, rest }, octets(10), { source: [10, 0, 0, 99] })
        await lan.wait(10)
        station.icmp({ type: ECHO_REPLY, rest }, payload.slice(8))
        const reply = await lan.settled(pinging)
        expect([reply.size, `${reply.from}`]).toEqual([10 + round, '10.0.0.66'])
      }
      expect(new Set(rests.map(([high, low]) => `${high} ${low}`)).size, 'identifiers').toBe(1)
      const sequence = rests.map(([, , high, low]) => (high as number) * 256 + (low as number))
      for (const [index, each] of sequence.entries()) expect((each - (sequence[0] as number)) & 0xffff).toBe(index)
      await station.close()
    },
  )

  suite.testIf(
    ping,
    'ping: false',
    'R-ICMP4-01 a ping that dies on the way tells where, and whether its time was over',
    async ({ lan, a }) => {
      const station = new Station(lan, a)
      const target = parseIpAddress(station.ip.join('.'))
      for (const [type, code, kind] of [
        [TIME_EXCEEDED, 0, 'time-exceeded'],
        [UNREACHABLE, 1, 'unreachable'],
        [UNREACHABLE, 13, 'unreachable'],
      ] as const) {
        const pinging = a.stack.ping(target, { timeoutMs: 5000, ttl: 3 })
        const rejected = expectRejection(pinging, 'EHOSTUNREACH', { address: '10.0.0.254' })
        const [request] = await station.answers(20)
        expect(request?.ip?.timeToLive).toBe(3)
        const quote = craftIpv4({ ...reverse(station.ends), protocol: 1 }, request?.ip?.payload.slice() as Uint8Array)
        // Quotes of somebody else's packet mean nothing.
        const foreign = quote.slice()
        foreign[25] = (foreign[25] as number) ^ 1
        for (const bad of [foreign, quote.subarray(0, 20), quote.subarray(0, 27), quote.subarray(0, 0)])
          station.icmp({ type, code }, bad, { source: [10, 0, 0, 253] })
        station.icmp({ type, code }, quote.subarray(0, 28), { source: [10, 0, 0, 254] })
        const error = await lan.settled(rejected)
        const { kind: told, from } = error.cause as PingRefusal
        expect([told, `${from}`]).toEqual([kind, '10.0.0.254'])
      }
      await expectRejection(a.stack.ping(target, { ttl: 0 }), 'EINVAL')
      await expectRejection(a.stack.ping(target, { ttl: 256 }), 'EINVAL')
      await station.close()
    },
  )

  suite.testIf(
    udp !== 'none',
    'udp: none',
    'R-UDP-05 H-25 an error reaches the connected socket it quotes, and only if it quotes enough',
    async ({ lan, a }) => {
      const station = new Station(lan, a)
      const target = parseIpAddress(station.ip.join('.'))
      const sockets = [PORT, PORT + 1].map((port) => {
        const socket = a.stack.openUdp(4)
        socket.bind(ANY_V4, port)
        return socket
      }) as [UdpSocket, UdpSocket]
      for (const socket of sockets) socket.connect(target, 9)
      const [mine, other] = sockets
      const back = reverse(station.ends)
      const quote = craftUdp(back, { sourcePort: PORT, destinationPort: 9 }, octets(4))
      const wrong: Uint8Array[] = [
        ...[0, 1, 19, 20, 24, 27].map((length) => quote.subarray(0, length)),
        craftUdp(back, { sourcePort: PORT, destinationPort: 10 }),
        craftUdp(back, { sourcePort: PORT + 7, destinationPort: 9 }),
        craftUdp({ ...back, destination: [10, 0, 0, 67] }, { sourcePort: PORT, destinationPort: 9 }),
        craftUdp({ ...back, source: [10, 0, 0, 77] }, { sourcePort: PORT, destinationPort: 9 }),
        craftTcp(back, { sourcePort: PORT, destinationPort: 9, flags: 'S' }),
        craftIpv4({ ...back, protocol: 17, version: 6 }, quote.slice(20)),
        craftIpv4({ ...back, protocol: 17, headerLength: 60 }, quote.slice(20)),
        craftIpv4({ ...back, protocol: 17, fragmentOffset: 8 }, quote.slice(20)),
      ]
      for (const body of wrong) station.icmp({ type: UNREACHABLE, code: 3 }, body)
      await lan.wait(10)
      const sink = { datagram: () => true }
      for (const socket of sockets) expect(socket.receive(1, sink)).toBe(WOULD_BLOCK)
      station.icmp({ type: UNREACHABLE, code: 3 }, quote.subarray(0, 28))
      await lan.until(() => (mine.ready & READABLE) !== 0, 1000)
      mine.receive(1, sink)
      expect(mine.error?.code).toBe('ECONNREFUSED')
      expect(mine.receive(1, sink), 'told once').toBe(WOULD_BLOCK)
      expect(other.receive(1, sink)).toBe(WOULD_BLOCK)
      // MTUs that cannot be do no harm (RFC 5927 7).
      for (const mtu of [0, 1, 67, 68, 1279, 65_535])
        station.icmp({ type: UNREACHABLE, code: 4, rest: [0, 0, mtu >> 8, mtu & 255] }, quote)
      await lan.wait(10)
      while (mine.receive(1, sink) !== WOULD_BLOCK);
      expect(mine.send(octets(3000), 0, 3000, null, 0)).toBe(3000)
      const pieces = await station.answers()
      expect(pieces.at(-1)?.udp?.data.join()).toBe(octets(3000).join())
      for (const socket of sockets) socket.close()
      await station.close()
    },
  )
}

/** The ends of a packet that goes the other way. */
function reverse({
  source,
  destination,
}: Pick<Ipv4Fields, 'source' | 'destination'>): Pick<Ipv4Fields, 'source' | 'destination'> {
  return { source: destination, destination: source }
}

function kinds(dissections: readonly Dissection[]): (readonly [number, number])[] {
  return dissections.flatMap(({ icmp }) => (icmp === null ? [] : [[icmp.type, icmp.code] as const]))
}

function octets(length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => (Math.imul(i + 1, 2654435761) >>> 16) & 255)
}
