/**
 * IPv4 on the wire: headers, addresses, options, fragments in both directions (RFC 791, RFC 815, RFC 1122 3.2.1, RFC 6864).
 *
 * @module
 */
import { ANY_V4, type DatagramSink, parseIpAddress, READABLE, type UdpSocket } from '@ioth/core'
import fc from 'fast-check'
import { expect } from 'vitest'
import { internetChecksum } from '../checker/octets.ts'
import { craftEthernet, craftIcmp, craftIpv4, craftTcp, craftUdp, type Ipv4Fields } from '../craft/craft.ts'
import type { Host } from '../lan/host.ts'
import type { Lan } from '../lan/lan.ts'
import { Station } from '../lan/station.ts'
import type { Suite } from '../suite.ts'

const ECHO = 8
const PORT = 5300
/** Longest time a datagram waits for its fragments (RFC 1122 3.3.2). */
const REASSEMBLY_MS = 121_000

export function ip4(suite: Suite): void {
  headers(suite)
  fragmentsIn(suite)
  hostileFragments(suite)
  if (suite.capabilities.udp === 'none') suite.notClaimed('IPv4 fragments that are sent', 'udp: none')
  else fragmentsOut(suite)
}

function headers(suite: Suite): void {
  suite.test('R-IP4-01 H-02 wrong versions, lengths and checksums are dropped without a word', async ({ lan, a }) => {
    const station = new Station(lan, a)
    expect(await station.isServed()).toBe(true)
    const echo = (fields: Partial<Ipv4Fields>): void => station.icmp({ type: ECHO }, octets(16), fields)
    for (const version of [0, 1, 5, 6, 15]) echo({ version })
    for (const headerLength of [0, 4, 8, 12, 16, 48, 60]) echo({ headerLength })
    for (let totalLength = 0; totalLength < 28; totalLength++) echo({ totalLength })
    for (const totalLength of [45, 100, 1500, 65_535]) echo({ totalLength })
    for (const checksum of [0, 0xffff, 0x1234]) echo({ checksum })
    expect(await station.answers()).toEqual([])
    expect(await station.isServed()).toBe(true)
    await station.close()
  })

  suite.test('R-IP4-01 what pads a frame reaches nobody', async ({ lan, a }) => {
    const station = new Station(lan, a)
    const packet = craftIcmp(station.ends, { type: ECHO }, octets(5))
    const padded = new Uint8Array(46).fill(0xee)
    padded.set(packet)
    station.send(padded)
    const answer = await station.answer()
    expect(answer?.icmp?.body).toEqual(octets(5))
    await station.close()
  })

  suite.test('H-01 a packet cut at every place is dropped', async ({ lan, a }) => {
    const station = new Station(lan, a)
    const { ends } = station
    const whole = [
      craftIcmp({ ...ends, options: [7, 7, 4, 0, 0, 0, 0, 0] }, { type: ECHO }, octets(8)),
      craftUdp(ends, { sourcePort: 9, destinationPort: PORT }, octets(8)),
      craftTcp(ends, { sourcePort: 9, destinationPort: 80, flags: 'S', options: [2, 4, 5, 180] }),
    ]
    for (const packet of whole)
      for (let length = 0; length < packet.length; length++) station.send(packet.subarray(0, length))
    for (let length = 0; length < 60; length++) {
      for (const type of [0x800, 0x806, 0x86dd, 0x8100, 0x88a8, 0, 46])
        station.frame(craftEthernet({ source: station.mac, destination: station.targetMac, type }, octets(length)))
    }
    for (let length = 1; length < 14; length++) station.frame(octets(length))
    expect(await station.answers()).toEqual([])
    expect(await station.isServed()).toBe(true)
    await station.close()
  })

  suite.test(
    'R-IP4-02 impossible sources, and destinations that are not ours: no answer, no forwarding',
    async ({ lan, a }) => {
      const station = new Station(lan, a)
      expect(await station.isServed()).toBe(true)
      const before = sent(a)
      for (const source of [
        '0.0.0.0',
        '0.0.0.5',
        '127.0.0.1',
        '224.0.0.1',
        '239.1.1.1',
        '255.255.255.255',
        '10.0.0.255',
        '10.0.0.1',
      ])
        station.icmp({ type: ECHO }, octets(4), { source: dotted(source) })
      for (const destination of ['0.0.0.0', '10.0.0.77', '127.0.0.1', '192.0.2.1', '240.0.0.1', '224.0.0.77'])
        station.icmp({ type: ECHO }, octets(4), { destination: dotted(destination) })
      // To us by its IP address, to many by its hardware address (RFC 1122 3.3.6).
      const packet = craftUdp(station.ends, { sourcePort: 9, destinationPort: 9999 }, octets(4))
      for (const destination of [
        [255, 255, 255, 255, 255, 255],
        [1, 0, 0x5e, 0, 0, 1],
      ])
        station.send(packet, destination)
      expect(await station.answers()).toEqual([])
      expect(sent(a)).toBe(before)
      expect(await station.isServed()).toBe(true)
      await station.close()
    },
  )

  suite.test(
    'R-IP4-03 a packet for us is taken whatever its time to live, and answered with one that lasts',
    async ({ lan, a }) => {
      const station = new Station(lan, a)
      expect(await station.isServed()).toBe(true)
      for (const timeToLive of [0, 1, 2, 255]) station.icmp({ type: ECHO }, octets(4), { timeToLive })
      const answers = await station.answers()
      expect(answers.length).toBe(4)
      for (const { ip } of answers) expect(ip?.timeToLive).toBeGreaterThanOrEqual(32)
      await station.close()
    },
  )

  suite.test(
    'R-IP4-04 H-04 options are read with care; source routes and broken lists draw nothing',
    async ({ lan, a }) => {
      const station = new Station(lan, a)
      expect(await station.isServed()).toBe(true)
      const echo = (...options: number[]): void => station.icmp({ type: ECHO }, octets(4), { options })
      echo(1, 1, 1, 0)
      echo(148, 4, 0, 0)
      echo(7, 7, 4, 0, 0, 0, 0, 0)
      expect((await station.answers()).length).toBe(3)
      // Loose and strict source routes, through us and to us, once and twice.
      echo(131, 7, 4, 10, 0, 0, 1, 0)
      echo(137, 7, 4, 10, 0, 0, 77, 0)
      echo(131, 3, 4, 131, 3, 4, 0, 0)
      echo(1, 1, 137, 3, 4, 0, 0, 0)
      for (let kind = 130; kind <= 137; kind++)
        for (const length of [0, 1, 9, 40, 255]) echo(kind, length, 4, 0, 0, 0, 0, 0)
      for (const length of [0, 1, 5, 255]) echo(7, length, 4, 0)
      for (const length of [0, 1, 5, 255]) echo(68, length, 5, 0)
      echo(1, 1, 1, 7)
      const answers = await station.answers()
      // Errors about what cannot be read are allowed; following a route is not.
      for (const { icmp } of answers) expect(icmp?.type).toBe(12)
      // Noise, some of which is good by chance.
      for (let i = 0; i < 50; i++) echo(...Array.from({ length: 40 }, (_, at) => (at * 37 + i * 11) & 255))
      expect((await station.answers()).length).toBeLessThanOrEqual(50)
      expect(await station.isServed()).toBe(true)
      await station.close()
    },
  )

  suite.test('H-10 a tunnel nobody asked for, and protocols nobody speaks', async ({ lan, a }) => {
    const station = new Station(lan, a)
    const inner = craftIcmp(station.ends, { type: ECHO }, octets(8))
    const stretched = inner.slice()
    stretched[2] = 255
    for (const protocol of [4, 41, 47, 94]) {
      station.send(craftIpv4({ ...station.ends, protocol }, inner))
      station.send(craftIpv4({ ...station.ends, protocol }, stretched))
    }
    for (const { icmp } of await station.answers()) expect([icmp?.type, icmp?.code]).toEqual([3, 2])
    expect(await station.isServed()).toBe(true)
    await station.close()
  })

  suite.test('H-36 tags, LLC frames, unknown types, and sources that cannot be', async ({ lan, a }) => {
    const station = new Station(lan, a)
    const { mac, targetMac: destination, ends } = station
    const echo = craftIcmp(ends, { type: ECHO }, octets(8))
    const before = sent(a)
    for (const tags of [1, 2, 3, 300]) {
      const tagged = new Uint8Array(tags * 4 - 2 + echo.length)
      for (let tag = 1; tag < tags; tag++) tagged.set([0, 1, 0x81, 0], (tag - 1) * 4)
      tagged.set([0, 1], (tags - 1) * 4)
      tagged.set([8, 0], (tags - 1) * 4 + 2)
      const room = Math.min(1500, tagged.length)
      for (const type of [0x8100, 0x88a8])
        station.frame(craftEthernet({ source: mac, destination, type }, tagged.subarray(0, room)))
    }
    // Length fields instead of types, with LLC and SNAP behind.
    for (const snap of [
      [0xaa, 0xaa, 3, 0, 0, 0, 8, 0],
      [0x42, 0x42, 3],
      [0xff, 0xff],
    ]) {
      const payload = Uint8Array.from([...snap, ...echo])
      station.frame(craftEthernet({ source: mac, destination, type: payload.length }, payload))
    }
    for (const type of [0x0801, 0x9000, 0x88cc, 0xffff])
      station.frame(craftEthernet({ source: mac, destination, type }, echo))
    for (const source of [[3, 0, 0, 0, 0, 1], [255, 255, 255, 255, 255, 255], destination])
      station.frame(craftEthernet({ source, destination }, echo))
    // A bridge's own, to the group that is never forwarded.
    station.frame(craftEthernet({ source: mac, destination: [1, 0x80, 0xc2, 0, 0, 0], type: 38 }, octets(38)))
    expect(await station.answers()).toEqual([])
    expect(sent(a)).toBe(before)
    expect(await station.isServed()).toBe(true)
    await station.close()
  })

  suite.test('H-39 mDNS, LLMNR and NetBIOS that nobody listens to draw nothing', async ({ lan, a }) => {
    const station = new Station(lan, a)
    const before = sent(a)
    // A query whose counts promise 65535 of everything.
    const query = Uint8Array.from([0, 1, 1, 0, 255, 255, 255, 255, 255, 255, 255, 255, 1, 65, 0, 0, 255, 0, 1])
    for (const [group, port] of [
      ['224.0.0.251', 5353],
      ['224.0.0.252', 5355],
      ['10.0.0.255', 137],
      ['255.255.255.255', 138],
    ] as const) {
      for (const source of [station.ip, dotted('192.0.2.9')]) {
        const packet = craftUdp(
          { source, destination: dotted(group) },
          { sourcePort: port, destinationPort: port },
          query,
        )
        const last = dotted(group)
        const isGroup = (last[0] as number) === 224
        station.send(packet, isGroup ? [1, 0, 0x5e, ...last.slice(1)] : [255, 255, 255, 255, 255, 255])
      }
    }
    expect(await station.answers()).toEqual([])
    expect(sent(a)).toBe(before)
    expect(await station.isServed()).toBe(true)
    await station.close()
  })
}

function fragmentsIn(suite: Suite): void {
  suite.property(
    'R-IP4-05 P-19 fragments in any order, with duplicates, make one answer; one missing makes none, and nothing is kept',
    fc.record({
      size: fc.oneof(fc.integer({ min: 100, max: 5000 }), fc.integer({ min: 100, max: 65_507 })),
      units: fc.integer({ min: 60, max: 180 }),
      order: fc.infiniteStream(fc.nat()),
      missing: fc.option(fc.nat(), { freq: 3 }),
      twice: fc.boolean(),
    }),
    ({ size, units, order, missing, twice }, seed) =>
      suite.withScene('R-IP4-05', { seed }, async ({ lan, a }) => {
        const station = new Station(lan, a)
        expect(await station.isServed()).toBe(true)
        await lan.wait(REASSEMBLY_MS)
        const before = [lan.pool.used, lan.virtual?.timers]
        const body = octets(size)
        const pieces = cut(station, craftIcmp(station.ends, { type: ECHO, rest: [1, 2, 3, 4] }, body), units * 8)
        const left = missing === null ? -1 : missing % pieces.length
        const shuffled = pieces
          .filter((_, index) => index !== left)
          .map((piece) => ({ piece, key: order.next().value as number }))
          .sort((one, other) => one.key - other.key)
          .map(({ piece }) => piece)
        const last = shuffled.pop()
        for (const [index, piece] of shuffled.entries()) {
          station.send(piece)
          if (twice) station.send(piece)
          if (index % 100 === 0) await lan.wait(1)
        }
        if (last !== undefined) station.send(last)
        const answers = (await station.answers(100)).filter(({ icmp }) => icmp !== null)
        expect(answers.map(({ icmp }) => icmp?.type)).toEqual(left < 0 ? [0] : [])
        if (left < 0) expect(answers[0]?.icmp?.body.join()).toBe(body.join())
        await lan.wait(REASSEMBLY_MS)
        await station.answers()
        await lan.wait(60_000)
        expect([lan.pool.used, lan.virtual?.timers], 'slots and timers').toEqual(before)
        await station.close()
      }),
  )

  suite.test(
    'R-IP4-05 what never completes is told once, with code 1, and only by its first fragment',
    async ({ lan, a }) => {
      const station = new Station(lan, a)
      expect(await station.isServed()).toBe(true)
      const pieces = cut(station, craftIcmp(station.ends, { type: ECHO }, octets(3000)), 1000)
      station.send(pieces[1] as Uint8Array)
      expect(await station.answers(REASSEMBLY_MS), 'without the first').toEqual([])
      station.send(pieces[0] as Uint8Array)
      await lan.wait(10_000)
      station.send(pieces[1] as Uint8Array)
      expect(await station.answers(4000), 'too early').toEqual([])
      const told = await station.answers(REASSEMBLY_MS)
      expect(told.length).toBeLessThanOrEqual(1)
      for (const { icmp } of told) expect([icmp?.type, icmp?.code]).toEqual([11, 1])
      await station.close()
    },
  )

  suite.test('R-IP4-05 fragments of different ids, protocols and sources are not mixed', async ({ lan, a }) => {
    const [one, other] = [new Station(lan, a, 66), new Station(lan, a, 67)]
    const message = (station: Station, seed: number): Uint8Array[] =>
      cut(station, craftIcmp(station.ends, { type: ECHO }, octets(2000, seed)), 1000, 7)
    const [first, second] = [message(one, 1), message(other, 2)]
    for (const [index, piece] of first.entries()) {
      one.send(piece)
      other.send(second[index] as Uint8Array)
    }
    for (const [station, seed] of [
      [one, 1],
      [other, 2],
    ] as const) {
      const answers = (await station.answers()).filter(({ icmp }) => icmp !== null)
      expect(answers.map(({ icmp }) => icmp?.body.join())).toEqual([octets(2000, seed).join()])
    }
    for (const station of [one, other]) await station.close()
  })
}

function hostileFragments(suite: Suite): void {
  suite.test('H-07 R-IP4-06 fragments that cannot be: nothing is made of them', async ({ lan, a }) => {
    const station = new Station(lan, a)
    expect(await station.isServed()).toBe(true)
    await lan.wait(REASSEMBLY_MS)
    const before = lan.pool.used
    let id = 0
    const piece = (fragmentOffset: number, length: number, more: boolean, protocol = 1): void =>
      station.send(craftIpv4({ ...station.ends, id, protocol, fragmentOffset, flags: more ? 1 : 0 }, octets(length)))
    const cases: readonly (() => void)[] = [
      () => piece(64, 0, true),
      () => piece(0, 0, true),
      ...Array.from({ length: 7 }, (_, length) => () => piece(0, length + 1, true)),
      () => piece(65_528, 8, false),
      () => piece(65_528, 1400, true),
      () => piece(65_520, 100, false),
      () => piece(1480, 100, false),
      () => piece(0, 1480, true),
      () => {
        piece(16, 8, false)
        piece(24, 8, true)
      },
      () => {
        piece(16, 8, false)
        piece(32, 8, false)
      },
      // RFC 1858: the second piece writes over the flags of a TCP header.
      () => {
        piece(0, 8, true, 6)
        piece(8, 24, false, 6)
      },
      () => {
        piece(0, 24, true, 6)
        piece(8, 24, false, 6)
      },
    ]
    for (const send of cases) {
      id++
      send()
    }
    expect(await station.answers(100)).toEqual([])
    expect(await station.isServed()).toBe(true)
    await station.answers(REASSEMBLY_MS)
    await lan.wait(60_000)
    expect(lan.pool.used).toBe(before)
    await station.close()
  })

  suite.property(
    'H-08 R-IP4-06 overlaps: a mixture of two datagrams is never delivered',
    fc.record({
      forged: fc.array(
        fc.record({ from: fc.nat(24), units: fc.integer({ min: 1, max: 12 }), seed: fc.nat(1), more: fc.boolean() }),
        { minLength: 1, maxLength: 8 },
      ),
      place: fc.nat(),
    }),
    ({ forged, place }, seed) =>
      suite.withScene('H-08', { seed }, async ({ lan, a }) => {
        const station = new Station(lan, a)
        const body = octets(192)
        const genuine = cut(station, craftIcmp(station.ends, { type: ECHO }, body), 40, 7)
        const lies = forged.map(({ from, units, seed: lie, more }) =>
          craftIpv4(
            { ...station.ends, protocol: 1, id: 7, fragmentOffset: from * 8, flags: more ? 1 : 0 },
            octets(units * 8, 100 + lie),
          ),
        )
        const at = place % genuine.length
        for (const packet of [...genuine.slice(0, at), ...lies, ...genuine.slice(at)]) station.send(packet)
        for (const { icmp } of await station.answers()) if (icmp?.type === 0) expect(icmp.body.join()).toBe(body.join())
        expect(await station.isServed()).toBe(true)
        await station.close()
      }),
  )

  suite.test(
    'P-20 H-09 a flood of fragments: memory is bounded, and whoever is not part of it gets through',
    async ({ lan, a }) => {
      const [attacker, client] = [new Station(lan, a, 66), new Station(lan, a, 67)]
      expect(await client.isServed()).toBe(true)
      const before = lan.pool.used
      const [first, ...rest] = cut(client, craftIcmp(client.ends, { type: ECHO }, octets(4000)), 1000)
      client.send(first as Uint8Array)
      for (let id = 0; id < 20_000; id++) {
        const fields = { ...attacker.ends, protocol: 17, id: id & 0xffff, fragmentOffset: (id % 7) * 8, flags: 1 }
        attacker.send(craftIpv4(fields, octets(id % 3 === 0 ? 1000 : 24)))
        if (id % 256 === 0) await lan.wait(1)
      }
      expect(lan.pool.used - before, 'slots').toBeLessThanOrEqual(20_000)
      await client.answers()
      for (const piece of rest) client.send(piece)
      const answers = (await client.answers()).filter(({ icmp }) => icmp !== null)
      expect(answers.map(({ icmp }) => icmp?.body.length)).toEqual([4000])
      // And thousands of pieces of one datagram, backwards and in a comb.
      for (const step of [-1, 2]) {
        const pieces = cut(
          attacker,
          craftUdp(attacker.ends, { sourcePort: 9, destinationPort: 9 }, octets(65_000)),
          40,
          step & 7,
        )
        const order =
          step < 0
            ? pieces.reverse()
            : [...pieces.filter((_, i) => i % 2 === 1), ...pieces.filter((_, i) => i % 2 === 0)]
        for (const [index, piece] of order.entries()) {
          attacker.send(piece)
          if (index % 256 === 0) await lan.wait(1)
        }
      }
      expect(await client.isServed()).toBe(true)
      await lan.wait(REASSEMBLY_MS + 60_000)
      expect(lan.pool.used).toBe(before)
      for (const station of [attacker, client]) await station.close()
    },
  )

  suite.test('H-11 pieces that disagree about protocol and congestion', async ({ lan, a }) => {
    const station = new Station(lan, a)
    const whole = craftIcmp(station.ends, { type: ECHO }, octets(2000))
    const [first, second] = cut(station, whole, 1008, 3)
    const other = (second as Uint8Array).slice()
    other[9] = 17
    repair(other)
    station.send(first as Uint8Array)
    station.send(other)
    expect((await station.answers()).filter(({ icmp }) => icmp !== null)).toEqual([])
    // Not capable of ECN, and marked all the same (RFC 3168 5.3).
    const marked = cut(station, whole, 1008, 4)[1]?.slice() as Uint8Array
    marked[1] = 3
    repair(marked)
    station.send(cut(station, whole, 1008, 4)[0] as Uint8Array)
    station.send(marked)
    expect((await station.answers()).filter(({ icmp }) => icmp?.type === 0)).toEqual([])
    expect(await station.isServed()).toBe(true)
    await station.close()
  })
}

function fragmentsOut(suite: Suite): void {
  suite.test(
    'R-IP4-07 what is larger than the MTU leaves in pieces: eights, in order, none with “don’t fragment”',
    async ({ lan, a }) => {
      const station = new Station(lan, a)
      expect(await station.isServed()).toBe(true)
      const socket = open(a)
      for (const size of [1473, 1480, 3000, 8192, 65_507].filter(
        (each) => each <= suite.capabilities.limits.maxDatagram,
      )) {
        const data = octets(size)
        expect(socket.send(data, 0, size, addressOf(station), PORT)).toBe(size)
        const pieces = await station.answers(20)
        let end = 0
        for (const [index, { ip }] of pieces.entries()) {
          const isLast = index === pieces.length - 1
          expect(ip?.fragment).toMatchObject({ offset: end, more: !isLast, id: pieces[0]?.ip?.id })
          expect(ip?.dontFragment).toBe(false)
          const length = ip?.payload.length as number
          expect(length + 20).toBeLessThanOrEqual(1500)
          if (!isLast) expect(length % 8).toBe(0)
          end += length
        }
        expect(end).toBe(size + 8)
        expect(pieces.at(-1)?.udp?.data.join()).toBe(data.join())
      }
      socket.close()
      await station.close()
    },
  )

  suite.test(
    'R-IP4-08 H-28 identifiers: none twice, none to be guessed, nothing of what others get',
    async ({ lan, a }) => {
      const [one, other] = [new Station(lan, a, 66), new Station(lan, a, 67)]
      for (const station of [one, other]) expect(await station.isServed()).toBe(true)
      const socket = open(a)
      const ids: number[] = []
      for (let round = 0; round < 400; round++) {
        // One that is lost on a busy machine holds up its own round only.
        const expected = sent(a) + 1 + (round % 5)
        socket.send(octets(4), 0, 4, addressOf(one), PORT)
        for (let n = 0; n < round % 5; n++) socket.send(octets(4), 0, 4, addressOf(other), PORT)
        await lan.moment(() => sent(a) >= expected, 1, 1000)
      }
      for (const { ip } of await one.answers()) if (ip?.dontFragment === false) ids.push(ip.id as number)
      if (ids.length > 0) {
        expect(new Set(ids).size, 'different identifiers').toBe(ids.length)
        const steps = new Map<number, number>()
        for (let i = 1; i < ids.length; i++) {
          const step = ((ids[i] as number) - (ids[i - 1] as number)) & 0xffff
          steps.set(step, (steps.get(step) ?? 0) + 1)
        }
        expect(Math.max(...steps.values()), 'the most frequent step').toBeLessThan(10)
      }
      socket.close()
      for (const station of [one, other]) await station.close()
    },
  )

  suite.test(
    'P-22 datagrams of all sizes between two hosts whose frames are short',
    async ({ lan, a, b }) => {
      const receiver = open(b)
      const sender = open(a)
      const sizes = [0, 1, 548, 549, 552, 1472, 5000, 20_000].filter(
        (size) => size <= suite.capabilities.limits.maxDatagram,
      )
      for (const size of sizes) {
        expect(sender.send(octets(size), 0, size, b.address, PORT)).toBe(size)
        await arrive(lan, receiver, octets(size))
      }
      for (const socket of [sender, receiver]) socket.close()
    },
    { mtu: 576 },
  )
}

async function arrive(lan: Lan, socket: UdpSocket, expected: Uint8Array): Promise<void> {
  await lan.until(
    () => (socket.ready & READABLE) !== 0,
    5000,
    () => `a datagram of ${expected.length}`,
  )
  const sink: DatagramSink = {
    datagram: (memory, offset, length) => {
      expect(memory.subarray(offset, offset + length).join()).toBe(expected.join())
      return true
    },
  }
  expect(socket.receive(1, sink)).toBe(1)
}

/** A packet cut into fragments of so many octets of payload. */
function cut(station: Station, packet: Uint8Array, size: number, id = 99): Uint8Array[] {
  const payload = packet.subarray(20)
  const protocol = packet[9] as number
  const pieces: Uint8Array[] = []
  for (let fragmentOffset = 0; fragmentOffset < payload.length; fragmentOffset += size) {
    const flags = fragmentOffset + size < payload.length ? 1 : 0
    const piece = payload.subarray(fragmentOffset, fragmentOffset + size)
    pieces.push(craftIpv4({ ...station.ends, protocol, id, fragmentOffset, flags }, piece))
  }
  return pieces
}

/** Fills in the checksum of a header without options. */
function repair(packet: Uint8Array): void {
  packet[10] = 0
  packet[11] = 0
  const sum = internetChecksum(packet.subarray(0, 20))
  packet[10] = sum >> 8
  packet[11] = sum & 255
}

function open(host: Host): UdpSocket {
  const socket = host.stack.openUdp(4)
  socket.bind(ANY_V4, PORT)
  return socket
}

function addressOf({ ip }: Station): Host['address'] {
  return parseIpAddress(ip.join('.'))
}

function dotted(text: string): number[] {
  return text.split('.').map(Number)
}

function octets(length: number, seed = 0): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => (Math.imul(i + seed + 1, 2654435761) >>> 16) & 255)
}

/** IPv4 packets a host has sent. */
function sent(host: Host): number {
  return host.frames.filter(({ direction, octets: frame }) => direction === 'out' && frame[12] === 8 && frame[13] === 0)
    .length
}
