/**
 * IPv6 on the wire: headers, their chains, fragments, path MTU (RFC 8200, RFC 8201), against a station that sends exactly what a test says.
 *
 * @module
 */
import { ANY_V6, type DatagramSink, READABLE, toBytes, type UdpSocket } from '@ioth/core'
import fc from 'fast-check'
import { expect } from 'vitest'
import { craftIpv6, type Ipv6Fields } from '../craft/craft.ts'
import {
  craftIcmpv6,
  craftUdp6,
  DESTINATION_OPTIONS,
  type ExtensionHeader,
  FRAGMENT,
  fragmentHeader,
  HOP_BY_HOP,
  NO_NEXT_HEADER,
  optionsHeader,
  ROUTING,
  routingHeader,
} from '../craft/craft-ipv6.ts'
import type { Host } from '../lan/host.ts'
import { type Lan, type LanOptions, withLan } from '../lan/lan.ts'
import { ScriptedStation6 } from '../lan/scripted-station6.ts'
import type { Suite } from '../suite.ts'

interface Scene6 {
  readonly lan: Lan
  readonly a: Host
  readonly station: ScriptedStation6
}

const PARAMETER_PROBLEM = 4
const ECHO_REPLY = 129
const IPV6_HEADER = 40

const data = (length: number, first = 0): Uint8Array => Uint8Array.from({ length }, (_, i) => (first + i * 7) & 255)

/** Runs a body with the subject at fc00::1 and a scripted station at fc00::66. */
export async function withStation(
  suite: Suite,
  name: string,
  body: (scene: Scene6) => Promise<void>,
  options: Partial<LanOptions> = {},
): Promise<void> {
  const hosts = [{ ...suite.host(), address: 'fc00::1/64' }]
  await withLan({ hosts, name: `${suite.subject.name} ${name}`, ...options }, async (lan) => {
    const a = lan.host(0)
    const station = new ScriptedStation6(lan, a)
    // Both know each other, so that what is counted is the answer and no neighbour discovery.
    station.echo(data(8))
    await lan.wait(100)
    await body({ lan, a, station })
    // Whatever came, the host still serves.
    station.received.length = 0
    station.echo(data(9))
    expect(
      (await station.messages(5)).map(({ type }) => type),
      'the host still answers',
    ).toContain(ECHO_REPLY)
  })
}

export function ipv6(suite: Suite): void {
  if (!suite.capabilities.ipv6) {
    suite.notClaimed('IPv6', 'ipv6: false')
    return
  }
  const test = (name: string, body: (scene: Scene6) => Promise<void>, options?: Partial<LanOptions>): void =>
    suite.plainTest(name, () => withStation(suite, name, body, options))

  headers(test)
  options(test)
  fragments(test)
  fragmentProperties(suite)
  pathMtu(test)
}

type Register = (name: string, body: (scene: Scene6) => Promise<void>, options?: Partial<LanOptions>) => void

/** Nothing comes back, and something was counted as dropped. */
async function expectDrop({ a, station }: Scene6, what: string, send: () => void): Promise<void> {
  const before = drops(a)
  send()
  expect(await station.replies(5), what).toEqual([])
  expect(drops(a), `${what}: counted`).toBeGreaterThan(before)
}

async function expectProblem(
  { station }: Scene6,
  what: string,
  send: () => void,
  code: number,
  pointer: number,
): Promise<void> {
  send()
  const [message, ...more] = await station.messages(5)
  expect(message, what).toMatchObject({ type: PARAMETER_PROBLEM, code, rest: pointer })
  expect(more, `${what}: one answer`).toEqual([])
}

async function expectEcho({ station }: Scene6, what: string, send: () => void): Promise<void> {
  send()
  expect(
    (await station.messages(5)).map(({ type }) => type),
    what,
  ).toEqual([ECHO_REPLY])
}

function drops(host: Host): number {
  return Object.entries(host.stack.counters())
    .filter(([name]) => name.startsWith('drop.'))
    .reduce((sum, [, count]) => sum + count, 0)
}

// ---------- the header, and chains of headers ----------

function headers(test: Register): void {
  test('R-IP6-01 H-03 a wrong version, a length beyond the frame, a group as source: dropped', async (scene) => {
    const { station } = scene
    const echo = craftIcmpv6(station.ends, { type: 128 }, data(16))
    const wrong: readonly [string, Partial<Ipv6Fields>][] = [
      ['version 4', { version: 4 }],
      ['version 7', { version: 7 }],
      ['payload length beyond the frame', { payloadLength: echo.length + 1 }],
      ['payload length 65535', { payloadLength: 65535 }],
      ['payload length 0', { payloadLength: 0 }],
      ['payload length within the message', { payloadLength: echo.length - 1 }],
    ]
    for (const [what, fields] of wrong) {
      await expectDrop(scene, what, () => station.send([], 58, echo, fields))
    }
    const groupSource = [0xff, 2, ...new Array<number>(13).fill(0), 1]
    await expectDrop(scene, 'a group as source', () => station.echo(data(8), [], { source: groupSource }))
    const { got } = open(scene.a, 53)
    await expectDrop(scene, 'a datagram from a group', () => station.udp(53, data(8), [], { source: groupSource }))
    expect(got).toEqual([])
    for (const length of [0, 1, 39]) {
      await expectDrop(scene, `${length} octets`, () =>
        station.sendPacket(craftIpv6({ ...station.ends, nextHeader: 58 }, echo).subarray(0, length)),
      )
    }
  })

  test('R-IP6-01 what follows the payload length is padding', async ({ station }) => {
    const echo = craftIcmpv6(station.ends, { type: 128 }, data(4))
    const packet = craftIpv6(
      { ...station.ends, nextHeader: 58, payloadLength: echo.length },
      Uint8Array.from([...echo, 1, 2, 3, 4]),
    )
    station.sendPacket(packet)
    const reply = await station.message()
    expect(reply?.body.length).toBe(4)
  })

  test('H-03 a payload length of 0 with a jumbo option: dropped', async (scene) => {
    const { station } = scene
    const jumbo = optionsHeader(HOP_BY_HOP, [0xc2, 4, 0, 1, 0, 0])
    await expectDrop(scene, 'jumbo', () => station.echo(data(8), [jumbo], { payloadLength: 0 }))
  })

  test('P-17 R-IP6-02 extension headers are read in order, whatever their order and number', async (scene) => {
    const { station } = scene
    const hop = optionsHeader(HOP_BY_HOP, [5, 2, 0, 0])
    const destination = optionsHeader(DESTINATION_OPTIONS, [0x1e, 3, 1, 2, 3])
    const routing = routingHeader(0, 0)
    const chains: readonly (readonly ExtensionHeader[])[] = [
      [hop],
      [destination],
      [hop, destination, routing, destination],
      [destination, destination, destination],
      [routing],
      [optionsHeader(DESTINATION_OPTIONS, new Array<number>(1000).fill(0))],
    ]
    for (const [i, chain] of chains.entries()) await expectEcho(scene, `chain ${i}`, () => station.echo(data(8), chain))
  })

  test('R-IP6-02 hop-by-hop options anywhere but first, and unknown next headers: the pointer is exact', async (scene) => {
    const { station } = scene
    const hop = optionsHeader(HOP_BY_HOP)
    const destination = optionsHeader(DESTINATION_OPTIONS)
    const long = optionsHeader(DESTINATION_OPTIONS, new Array<number>(20).fill(0))
    await expectProblem(scene, 'unknown at once', () => station.send([], 253, data(8)), 1, 6)
    await expectProblem(scene, 'after one header', () => station.send([destination], 253, data(8)), 1, 40)
    await expectProblem(scene, 'after two', () => station.send([hop, long], 254, data(8)), 1, 48)
    await expectProblem(scene, 'hop-by-hop second', () => station.echo(data(8), [destination, hop]), 1, 40)
    await expectProblem(scene, 'hop-by-hop twice', () => station.echo(data(8), [hop, hop]), 1, 40)
    await expectProblem(scene, 'IPv6 in IPv6', () => station.send([], 41, data(60)), 1, 6)
    await expectDrop(scene, 'no next header', () => station.send([], NO_NEXT_HEADER, data(8)))
    await expectDrop(scene, 'no next header, later', () => station.send([destination], NO_NEXT_HEADER, data(8)))
  })

  test('H-05 headers that end beyond the packet, loops of length 0, chains of 200: dropped, or one answer', async (scene) => {
    const { station, lan } = scene
    for (const kind of [HOP_BY_HOP, DESTINATION_OPTIONS, ROUTING]) {
      for (const length of [1, 2, 255]) {
        const header = { kind, octets: [length, 0, 0, 0, 0, 0, 0] }
        await expectDrop(scene, `header ${kind} of length ${length}`, () =>
          station.send([header], 58, new Uint8Array(0)),
        )
      }
    }
    for (const count of [50, 100, 150]) {
      const many = new Array<ExtensionHeader>(count).fill(optionsHeader(DESTINATION_OPTIONS))
      const before = station.received.length
      station.echo(data(8), many)
      await lan.wait(5)
      expect(station.received.length - before, `${count} headers`).toBeLessThanOrEqual(1)
    }
    await expectDrop(scene, 'no room for a header', () =>
      station.send([], DESTINATION_OPTIONS, Uint8Array.of(58, 0, 0)),
    )
  })

  test('R-IP6-04 H-06 routing headers: ignored with no segments left, else a parameter problem', async (scene) => {
    const { station } = scene
    const destination = optionsHeader(DESTINATION_OPTIONS)
    for (const type of [0, 2, 3, 4, 253]) {
      await expectEcho(scene, `type ${type}, none left`, () => station.echo(data(8), [routingHeader(type, 0)]))
      await expectProblem(scene, `type ${type}`, () => station.echo(data(8), [routingHeader(type, 1)]), 0, 42)
      await expectProblem(
        scene,
        `type ${type}, behind options`,
        () => station.echo(data(8), [destination, routingHeader(type, 9)]),
        0,
        50,
      )
    }
    const lie = { kind: ROUTING, octets: [200, 0, 100, 0, 0, 0, 0] }
    await expectDrop(scene, 'addresses past the end', () => station.echo(data(8), [lie]))
  })
}

// ---------- options ----------

function options(test: Register): void {
  const ALL_NODES = [0xff, 2, ...new Array<number>(13).fill(0), 1]

  test('R-IP6-03 an option nobody knows: its two high bits decide', async (scene) => {
    const { station } = scene
    for (const kind of [HOP_BY_HOP, DESTINATION_OPTIONS]) {
      const header = (type: number): readonly ExtensionHeader[] => [optionsHeader(kind, [1, 0, type, 1, 9])]
      await expectEcho(scene, 'skip', () => station.echo(data(8), header(0x1e)))
      await expectDrop(scene, 'discard', () => station.echo(data(8), header(0x5e)))
      await expectProblem(scene, 'tell', () => station.echo(data(8), header(0x9e)), 2, 44)
      await expectProblem(scene, 'tell, unless a group', () => station.echo(data(8), header(0xde)), 2, 44)
    }
  })

  test('R-IP6-03 R-ICMP6-01 to a group: only the bits 10 draw an answer, and it comes from one address', async (scene) => {
    const { station } = scene
    const to = { destination: ALL_NODES }
    const header = (type: number): readonly ExtensionHeader[] => [optionsHeader(DESTINATION_OPTIONS, [type, 0])]
    station.echo(data(8), header(0x9e), to)
    const problem = await station.message()
    expect(problem).toMatchObject({ type: PARAMETER_PROBLEM, code: 2, rest: 42, source: 'fc00:0:0:0:0:0:0:1' })
    await expectDrop(scene, 'bits 11', () => station.echo(data(8), header(0xde), to))
    await expectDrop(scene, 'bits 01', () => station.echo(data(8), header(0x5e), to))
  })

  test('H-05 options that end beyond their header, and thousands of Pad1', async (scene) => {
    const { station } = scene
    for (const option of [
      [0x1e, 5],
      [1, 5],
      [5, 200],
      [0x1e, 255],
    ]) {
      const header = { kind: DESTINATION_OPTIONS, octets: [0, 0, 0, 0, 0, ...option] }
      await expectDrop(scene, `option ${option}`, () => station.echo(data(8), [header]))
    }
    const last = { kind: DESTINATION_OPTIONS, octets: [0, 0, 0, 0, 0, 0, 0x1e] }
    await expectDrop(scene, 'an option without its length', () => station.echo(data(8), [last]))
    await expectEcho(scene, 'Pad1 × 1350', () =>
      station.echo(data(8), [optionsHeader(HOP_BY_HOP, new Array<number>(1350).fill(0))]),
    )
  })
}

// ---------- fragments ----------

interface Piece {
  readonly offset: number
  readonly length: number
  readonly more: boolean
}

/** Cuts a datagram of `total` octets into pieces of `size`. */
function pieces(total: number, size: number): Piece[] {
  const cut: Piece[] = []
  for (let offset = 0; offset < total; offset += size) {
    cut.push({ offset, length: Math.min(size, total - offset), more: offset + size < total })
  }
  return cut
}

function sendPiece(station: ScriptedStation6, id: number, whole: Uint8Array, { offset, length, more }: Piece): void {
  station.send([fragmentHeader(id, offset, more)], 17, whole.subarray(offset, offset + length))
}

function open(host: Host, port: number): { socket: UdpSocket; got: Uint8Array[] } {
  const socket = host.stack.openUdp(6)
  socket.bind(ANY_V6, port)
  const got: Uint8Array[] = []
  const sink: DatagramSink = {
    datagram: (memory, offset, length) => {
      got.push(memory.slice(offset, offset + length))
      return true
    },
  }
  socket.onReady = () => {
    socket.receive(16, sink)
  }
  socket.interest = READABLE
  return { socket, got }
}

function fragments(test: Register): void {
  test('R-IP6-05 H-08 an overlap discards the datagram and all that follows of it; a duplicate does not', async ({
    a,
    station,
    lan,
  }) => {
    const { got } = open(a, 53)
    const whole = craftUdp6(station.ends, 6666, 53, data(400))
    const parts = pieces(whole.length, 104)
    const overlaps: readonly [string, Piece][] = [
      ['inside', { offset: 8, length: 16, more: true }],
      ['left', { offset: 96, length: 104, more: true }],
      ['right', { offset: 16, length: 104, more: true }],
      ['covering', { offset: 0, length: 208, more: true }],
      ['over the transport header', { offset: 0, length: 8, more: true }],
    ]
    for (const [i, [what, overlap]] of overlaps.entries()) {
      const id = 100 + i
      sendPiece(station, id, whole, parts[0] as Piece)
      sendPiece(station, id, whole, overlap)
      for (const part of parts) sendPiece(station, id, whole, part)
      await lan.wait(5)
      expect(got, what).toEqual([])
    }
    const other = whole.map((octet, i) => (i < 20 ? octet : octet ^ 1))
    sendPiece(station, 200, whole, parts[1] as Piece)
    sendPiece(station, 200, other, parts[1] as Piece)
    for (const part of parts) sendPiece(station, 200, whole, part)
    await lan.wait(5)
    expect(got, 'a duplicate with different content').toEqual([])
    for (const part of [...parts.slice(0, 3), ...parts]) sendPiece(station, 300, whole, part)
    await lan.wait(5)
    expect(got, 'exact duplicates').toEqual([data(400)])
  })

  test('R-IP6-06 H-07 a length that is no multiple of eight, a packet too long: the pointer is exact', async (scene) => {
    const { station } = scene
    const one = (offset: number, length: number, more: boolean, before: readonly ExtensionHeader[] = []): void =>
      station.send([...before, fragmentHeader(7, offset, more)], 17, data(length))
    await expectProblem(scene, '13 octets and more', () => one(0, 13, true), 0, 4)
    await expectProblem(scene, 'ends at 65552', () => one(65_528, 24, false), 0, 42)
    const destination = optionsHeader(DESTINATION_OPTIONS)
    await expectProblem(scene, 'with the headers before it', () => one(65_520, 8, false, [destination]), 0, 50)
    await expectDrop(scene, 'empty', () => one(8, 0, true))
  })

  test('R-IP6-06 time exceeded after 60 s, if the first fragment is here', async ({ a, station }) => {
    open(a, 53)
    const whole = craftUdp6(station.ends, 6666, 53, data(400))
    const [first, second] = pieces(whole.length, 104) as [Piece, Piece]
    sendPiece(station, 1, whole, first)
    sendPiece(station, 2, whole, second)
    expect(await station.messages(59_000)).toEqual([])
    const messages = await station.messages(3000)
    expect(messages).toMatchObject([{ type: 3, code: 1, rest: 0 }])
    // The fragment as it came, from the IPv6 header on.
    expect(messages[0]?.body.subarray(IPV6_HEADER)).toEqual(
      Uint8Array.from([17, ...fragmentHeader(1, 0, true).octets, ...whole.subarray(0, 104)]),
    )
  })

  test('R-IP6-07 an atomic fragment stands for itself', async ({ a, station, lan }) => {
    const { got } = open(a, 53)
    const whole = craftUdp6(station.ends, 6666, 53, data(200))
    const atomic = craftUdp6(station.ends, 6666, 53, data(10, 99))
    const [first, second] = pieces(whole.length, 104) as [Piece, Piece]
    sendPiece(station, 5, whole, first)
    station.send([fragmentHeader(5, 0, false)], 17, atomic)
    await lan.wait(2)
    expect(got).toEqual([data(10, 99)])
    sendPiece(station, 5, whole, second)
    await lan.wait(2)
    expect(got).toEqual([data(10, 99), data(200)])
  })

  test('R-IP6-08 a first fragment without the whole chain of headers: parameter problem 3', async (scene) => {
    const { station } = scene
    const first = (headers: readonly ExtensionHeader[], protocol: number, length: number): void =>
      station.send([fragmentHeader(9, 0, true), ...headers], protocol, data(length))
    await expectProblem(scene, 'eight octets of TCP', () => first([], 6, 8), 3, 0)
    await expectProblem(
      scene,
      'options that go on',
      () => first([{ kind: DESTINATION_OPTIONS, octets: [3, 0, 0, 0, 0, 0, 0] }], 17, 8),
      3,
      0,
    )
  })

  test('H-10 fragments in fragments, and what must not stand in one: dropped', async (scene) => {
    const { station, a, lan } = scene
    const { got } = open(a, 53)
    const udp = craftUdp6(station.ends, 6666, 53, data(24))
    await expectDrop(scene, 'two atomic ones', () =>
      station.send([fragmentHeader(1, 0, false), fragmentHeader(2, 0, false)], 17, udp),
    )
    await expectDrop(scene, 'a first one in a first one', () =>
      station.send([fragmentHeader(1, 0, true), fragmentHeader(2, 0, true)], 17, udp),
    )
    await expectDrop(scene, 'no next header', () => station.send([fragmentHeader(1, 0, false)], NO_NEXT_HEADER, udp))
    await expectProblem(
      scene,
      'hop-by-hop options',
      () => station.send([fragmentHeader(1, 0, false), optionsHeader(HOP_BY_HOP)], 17, udp),
      1,
      IPV6_HEADER,
    )
    // A fragment header that only appears when the pieces are put together.
    const inner = Uint8Array.from([17, ...fragmentHeader(4, 0, false).octets, ...udp])
    station.send([fragmentHeader(3, 8, false)], FRAGMENT, inner.subarray(8))
    station.send([fragmentHeader(3, 0, true)], FRAGMENT, inner.subarray(0, 8))
    await lan.wait(5)
    expect(got).toEqual([])
  })

  test('H-11 pieces that disagree: the first one says what follows; a mark of congestion is kept, a contradiction is not', async ({
    a,
    station,
    lan,
  }) => {
    const { got } = open(a, 53)
    const whole = craftUdp6(station.ends, 6666, 53, data(200))
    const cut = (id: number, kinds: readonly [number, number], classes: readonly [number, number]): void => {
      for (const [i, part] of pieces(whole.length, 104).entries()) {
        const fields = { ...station.ends, nextHeader: FRAGMENT }
        const header = [kinds[i] as number, ...fragmentHeader(id, part.offset, part.more).octets]
        const packet = craftIpv6(
          fields,
          Uint8Array.from([...header, ...whole.subarray(part.offset, part.offset + part.length)]),
        )
        packet[1] = (classes[i] as number) << 4
        station.sendPacket(packet)
      }
    }
    cut(1, [17, 253], [0, 0])
    cut(2, [17, 17], [2, 3])
    cut(3, [17, 17], [0, 3])
    cut(4, [253, 17], [0, 0])
    await lan.wait(5)
    expect(got).toEqual([data(200), data(200)])
  })
}

function fragmentProperties(suite: Suite): void {
  const sizes = fc.integer({ min: 0, max: 65_507 })
  suite.property(
    'P-19 R-IP6-05 fragments of IPv6 in any order, with duplicates, make the datagram once; one missing makes nothing',
    fc.record({
      size: fc.oneof({ weight: 3, arbitrary: fc.integer({ min: 0, max: 4000 }) }, { weight: 1, arbitrary: sizes }),
      step: fc.integer({ min: 1, max: 180 }).map((units) => units * 8),
      order: fc.array(fc.nat(), { minLength: 4, maxLength: 40 }),
      missing: fc.option(fc.nat()),
    }),
    ({ size, step, order, missing }, seed) =>
      withStation(
        suite,
        'P-19',
        async ({ lan, a, station }) => {
          const { socket, got } = open(a, 53)
          const used = lan.pool.used
          const text = data(size)
          const whole = craftUdp6(station.ends, 6666, 53, text)
          const parts = pieces(whole.length, Math.max(step, Math.ceil(whole.length / 40 / 8) * 8))
          if (parts.length === 1) return
          const lost = missing === null ? -1 : missing % parts.length
          const shuffled = order.map((n) => n % parts.length)
          for (const n of new Set([...shuffled, ...parts.keys()])) {
            if (n === lost) continue
            sendPiece(station, seed, whole, parts[n] as Piece)
            if (n % 3 === 0) sendPiece(station, seed, whole, parts[n] as Piece)
          }
          await lan.wait(5)
          if (lost >= 0) {
            await lan.wait(61_000)
            expect(got).toEqual([])
          } else {
            // What came after the whole may have begun another one.
            await lan.wait(61_000)
            expect(got.length).toBe(1)
            expect(got[0]).toEqual(text)
          }
          socket.close()
          expect(lan.pool.used, 'slots').toBe(used)
        },
        { seed },
      ),
  )
}

// ---------- path MTU ----------

function pathMtu(test: Register): void {
  const tooBig = (station: ScriptedStation6, mtu: number, quoted: Uint8Array): void =>
    station.icmp(
      { type: 2, rest: [mtu >>> 24, (mtu >> 16) & 255, (mtu >> 8) & 255, mtu & 255] },
      quoted.subarray(0, 1232),
    )

  test('R-IP6-09 R-IP6-07 too big: what follows fits; never below 1280, and only for what we sent', async ({
    a,
    station,
    lan,
  }) => {
    const { socket } = open(a, 53)
    const lengths = async (size: number): Promise<number[]> => {
      const from = a.frames.length
      expect(socket.send(data(size), 0, size, station.address, 7)).toBe(size)
      await lan.wait(2)
      // On the host's clock neighbours are asked, and groups told of, at the same time.
      const isMeant = (octets: Uint8Array): boolean => octets[20] === 17 || octets[20] === 44
      const sent = a.frames
        .slice(from)
        .filter(
          ({ direction, octets }) =>
            direction === 'out' && octets[12] === 0x86 && (lan.virtual !== null || isMeant(octets)),
        )
      return sent.map(({ octets }) => octets.length - 14)
    }
    const quote = (size: number): Uint8Array => {
      const source = Array.from(toBytes(a.address))
      const ends = { source, destination: station.octets }
      return craftIpv6({ ...ends, nextHeader: 17 }, craftUdp6(ends, 53, 7, data(size)))
    }
    // Nothing of this size was sent yet.
    tooBig(station, 1300, quote(1400))
    await lan.wait(2)
    expect(await lengths(1400)).toEqual([1448])
    for (const mtu of [0, 68, 1279, 1500]) tooBig(station, mtu, quote(1400))
    await lan.wait(2)
    expect(await lengths(1400), 'lies').toEqual([1448])
    tooBig(station, 1400, quote(1400))
    await lan.wait(2)
    expect(await lengths(1400)).toEqual([1400, 104])
    tooBig(station, 1280, quote(1400))
    await lan.wait(2)
    expect(Math.max(...(await lengths(5000)))).toBe(1280)
    // RFC 8201 4: not within five minutes; a larger size is tried after ten.
    await lan.wait(300_000)
    expect(Math.max(...(await lengths(5000)))).toBe(1280)
    await lan.wait(310_000)
    expect(await lengths(1400)).toContain(1448)
  })
}
