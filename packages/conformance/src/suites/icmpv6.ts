/**
 * ICMPv6 on the wire (RFC 4443): echo, errors that are sent and errors that must not be, errors that arrive.
 *
 * @module
 */
import { ANY_V6, ERROR, FAILED, READABLE, toBytes, WOULD_BLOCK } from '@ioth/core'
import { expect } from 'vitest'
import { craftIpv6 } from '../craft/craft.ts'
import { craftChain, craftIcmpv6, craftUdp6, fragmentHeader, optionsHeader } from '../craft/craft-ipv6.ts'
import type { Suite } from '../suite.ts'
import { expectError } from './expect-code.ts'
import { withStation } from './ipv6.ts'

type Body = Parameters<typeof withStation>[2]

const ALL_NODES = [0xff, 2, ...new Array<number>(13).fill(0), 1]
const data = (length: number): Uint8Array => Uint8Array.from({ length }, (_, i) => i & 255)

export function icmpv6(suite: Suite): void {
  if (!suite.capabilities.ipv6) {
    suite.notClaimed('ICMPv6', 'ipv6: false')
    return
  }
  const test = (name: string, body: Body): void => suite.plainTest(name, () => withStation(suite, name, body))

  test('R-ICMP6-04 echo comes back with all its data, from the address that was asked', async ({ station }) => {
    for (const size of [0, 1, 56, 1400]) {
      station.echo(data(size))
      const reply = await station.message()
      expect(reply).toMatchObject({ type: 129, code: 0, rest: 0x01020304, source: 'fc00:0:0:0:0:0:0:1' })
      expect(reply?.body).toEqual(data(size))
    }
  })

  test('R-ICMP6-04 asked by a group, it answers from an address of one host', async ({ station }) => {
    station.echo(data(20), [], { destination: ALL_NODES })
    const reply = await station.message()
    expect(reply).toMatchObject({ type: 129, source: 'fc00:0:0:0:0:0:0:1' })
    expect(reply?.body).toEqual(data(20))
  })

  test('R-ICMP6-04 an echo in fragments, up to the longest packet', async ({ station, lan }) => {
    const size = 65_000
    const message = craftIcmpv6(station.ends, { type: 128, rest: [9, 9, 9, 9] }, data(size))
    for (let at = 0; at < message.length; at += 1400) {
      const more = at + 1400 < message.length
      station.send([fragmentHeader(77, at, more)], 58, message.subarray(at, at + 1400))
      await lan.wait(1)
    }
    await lan.wait(100)
    const whole = station.received.map(({ icmp }) => icmp).filter((icmp) => icmp !== null && icmp.body.length === size)
    expect(whole.map((icmp) => icmp?.type)).toEqual([129])
    expect(whole[0]?.body).toEqual(data(size))
  })

  test('R-UDP-02 a datagram without a checksum, or with a wrong one: dropped', async ({ a, station, lan }) => {
    const socket = a.stack.openUdp(6)
    socket.bind(ANY_V6, 53)
    if (a.stack.capabilities.udp !== 'full') socket.connect(station.address, 6666)
    for (const checksum of [0, 0x1234]) {
      station.send([], 17, craftUdp6(station.ends, 6666, 53, data(10), checksum))
      expect(await station.replies()).toEqual([])
      expect(socket.ready & READABLE, `checksum ${checksum}`).toBe(0)
    }
    station.udp(53, data(10))
    await lan.moment(() => (socket.ready & READABLE) !== 0, 2, 1000)
    expect(socket.ready & READABLE).toBe(READABLE)
  })

  test('R-UDP-04 R-ICMP6-02 nobody listens: port unreachable, with as much as fits 1280 octets', async ({
    station,
  }) => {
    for (const size of [0, 100, 1400]) {
      station.udp(9, data(size))
      const error = await station.message()
      expect(error).toMatchObject({ type: 1, code: 4, rest: 0 })
      expect(error?.body.length).toBe(Math.min(40 + 8 + size, 1280 - 40 - 8))
      const sent = craftIpv6({ ...station.ends, nextHeader: 17 }, craftUdp6(station.ends, 6666, 9, data(size)))
      expect(error?.body).toEqual(sent.subarray(0, error?.body.length))
    }
  })

  test('R-ICMP6-02 H-11 the quote of a packet that came in fragments is that of the whole', async ({ station }) => {
    const datagram = craftUdp6(station.ends, 6666, 9, data(500))
    for (const at of [256, 0]) {
      const end = at === 0 ? 256 : datagram.length
      station.send([optionsHeader(60), fragmentHeader(77, at, at === 0)], 17, datagram.subarray(at, end))
    }
    const error = await station.message()
    expect(error).toMatchObject({ type: 1, code: 4 })
    expect(error?.body).toEqual(craftChain(station.ends, [optionsHeader(60)], 17, datagram))
  })

  test('R-ICMP6-01 no error for an error, a redirect, a group, a source that is no host', async ({
    station,
    a,
    lan,
  }) => {
    const quiet = async (what: string, send: () => void): Promise<void> => {
      const before = a.frames.length
      send()
      await lan.wait(5)
      // On the host's clock reports of listeners are still under way.
      const answers = a.frames
        .slice(before)
        .filter(({ direction, octets }) => direction === 'out' && (lan.virtual !== null || !isListenerReport(octets)))
      expect(answers.length, what).toBe(0)
    }
    const echo = craftIpv6({ ...station.ends, nextHeader: 58 }, craftIcmpv6(station.ends, { type: 128 }, data(8)))
    for (const type of [1, 2, 3, 4, 100, 127]) {
      // Behind a routing header that draws a parameter problem for anything else.
      const headers = [{ kind: 43, octets: [0, 0, 1, 0, 0, 0, 0] }]
      await quiet(`about type ${type}`, () => station.icmp({ type, code: 1 }, echo, headers))
      await quiet(`type ${type}`, () => station.icmp({ type, code: 1 }, echo))
    }
    await quiet('about a redirect', () =>
      station.icmp({ type: 137 }, data(32), [{ kind: 43, octets: [0, 0, 1, 0, 0, 0, 0] }]),
    )
    await quiet('to a group', () => station.udp(9, data(8), [], { destination: ALL_NODES }))
    await quiet('an unknown header to a group', () => station.send([], 253, data(8), { destination: ALL_NODES }))
    await quiet('from nobody', () => station.udp(9, data(8), [], { source: new Array<number>(16).fill(0) }))
    const group = [0xff, 2, ...new Array<number>(13).fill(0), 7]
    await quiet('from a group', () => station.udp(9, data(8), [], { source: group }))
    const loopback = [...new Array<number>(15).fill(0), 1]
    await quiet('from ::1', () => station.udp(9, data(8), [], { source: loopback }))
    await quiet('from IPv4 in its mapped form', () =>
      station.udp(9, data(8), [], { source: [...new Array<number>(10).fill(0), 255, 255, 10, 0, 0, 1] }),
    )
    await quiet('from ourselves', () => station.udp(9, data(8), [], { source: station.ends.destination }))
  })

  test('R-ICMP6-02 errors are limited', async ({ station, lan }) => {
    for (let i = 0; i < 400; i++) station.udp(9, data(8))
    const burst = await station.messages(50)
    expect(burst.length).toBeGreaterThan(0)
    expect(burst.length).toBeLessThan(200)
    await lan.wait(5000)
    station.udp(9, data(8))
    expect((await station.messages()).length, 'later there are errors again').toBe(1)
  })

  test('R-ICMP6-03 R-UDP-05 errors reach the socket they quote, of kinds unknown too; unknown messages nobody', async ({
    a,
    station,
    lan,
  }) => {
    const source = Array.from(toBytes(a.address))
    const ends = { source, destination: station.octets }
    const quote = (port: number): Uint8Array =>
      craftIpv6({ ...ends, nextHeader: 17 }, craftUdp6(ends, port, 7, data(4)))
    const cases: readonly [number, number, Parameters<typeof expectError>[1]][] = [
      [1, 0, 'ENETUNREACH'],
      [1, 1, 'EACCES'],
      [1, 3, 'EHOSTUNREACH'],
      [1, 4, 'ECONNREFUSED'],
      [3, 0, 'EHOSTUNREACH'],
      [4, 1, 'EPROTO'],
      [100, 0, 'EPROTO'],
    ]
    const socket = a.stack.openUdp(6)
    socket.bind(ANY_V6, 5000)
    socket.connect(station.address, 7)
    const other = a.stack.openUdp(6)
    other.bind(ANY_V6, 5001)
    other.connect(station.address, 8)
    const sink = { datagram: (): boolean => true }
    for (const [type, code, expected] of cases) {
      station.icmp({ type, code }, quote(5000))
      await lan.wait(2)
      expect(socket.receive(1, sink), `type ${type}`).toBe(FAILED)
      expectError(socket.error, expected)
      expect(socket.receive(1, sink)).toBe(WOULD_BLOCK)
    }
    for (const type of [150, 200, 201, 255]) {
      station.icmp({ type }, quote(5000))
      expect(await station.replies(), `type ${type}`).toEqual([])
    }
    // Cut quotes, and those of others.
    for (const length of [0, 1, 39, 40, 47]) station.icmp({ type: 1, code: 4 }, quote(5000).subarray(0, length))
    station.icmp({ type: 1, code: 4 }, quote(5002))
    await lan.wait(2)
    expect([socket, other].map(({ ready }) => ready & ERROR)).toEqual([0, 0])
  })
}

/** RFC 3810 5.2: behind a hop-by-hop header with a router alert. */
function isListenerReport(frame: Uint8Array): boolean {
  return frame[20] === 0 && frame[62] === 143
}
