/**
 * What a TCP does about loss, as it shows on the wire: timeouts (RFC 6298), duplicate acknowledgements (RFC 5681, 6582, 3042), selective
 * acknowledgements both ways (RFC 2018, 2883, 6675), loss detection by time (RFC 8985), against a peer that says exactly what the test
 * wants.
 *
 * @module
 */
import { ANY_V4, type Listener, type TcpSocket } from '@ioth/core'
import fc from 'fast-check'
import { expect } from 'vitest'
import type { TcpSegment } from '../checker/tcp.ts'
import { ScriptedPeer } from '../lan/scripted-peer.ts'
import type { Scene, Suite } from '../suite.ts'
import { accepted, fresh } from './tcp-peer.ts'

/** Payload of a full segment of these conversations. */
const MSS = 1460
const MSS_OPTION = [2, 4, MSS >> 8, MSS & 255]
const SACK_PERMITTED = [1, 1, 4, 2]
/** A stack may look at its timers in steps. */
const STEP_MS = 20

const octets = (length: number, first = 0): Uint8Array => Uint8Array.from({ length }, (_, i) => (first + i * 7) & 255)
const word = (value: number): number[] => [value >>> 24, (value >>> 16) & 255, (value >>> 8) & 255, value & 255]
/** A SACK option. */
const sack = (...blocks: readonly (readonly [number, number])[]): number[] => [
  1,
  1,
  5,
  2 + 8 * blocks.length,
  ...blocks.flatMap(([left, right]) => [...word(left), ...word(right)]),
]
const timestamps = (value: number, echo: number): number[] => [1, 1, 8, 10, ...word(value), ...word(echo)]

interface Talk {
  readonly peer: ScriptedPeer
  readonly socket: TcpSocket
  /** The number of the host's first octet. */
  readonly start: number
}

/** A connection that the peer opened to the host. */
async function meet(
  { lan, a }: Scene,
  options: readonly number[],
  { window = 65535, port = 6666 } = {},
): Promise<Talk> {
  const known = [...a.stack.sockets()].find(({ state }) => state === 'LISTEN')?.endpoint as Listener | undefined
  let listener = known
  if (listener === undefined) {
    const socket = a.stack.openTcp(4)
    socket.bind(ANY_V4, 80)
    listener = socket.listen(8)
  }
  const peer = new ScriptedPeer(lan, a, 80, '10.0.0.66', port)
  await peer.connect(options, window)
  const socket = await accepted(lan, listener)
  if (a.stack.capabilities.noDelay) socket.setOption('noDelay', 1)
  return { peer, socket, start: peer.ack }
}

/** Lets the host's congestion window grow by `segments` segments that are acknowledged one by one. */
async function warm({ peer, socket }: Talk, segments: number, roundTripMs = 10): Promise<void> {
  socket.write(octets(segments * MSS), 0, segments * MSS)
  const end = (peer.ack + segments * MSS) >>> 0
  for (let round = 0; peer.ack !== end; round++) {
    if (round > 100) throw new Error('the host does not send what it was given')
    await peer.replies(roundTripMs)
    // Each segment that continues what is known moves the acknowledgement.
    for (const { sequence, data } of peer.received) {
      if (sequence !== peer.ack || data.length === 0) continue
      peer.ack = (peer.ack + data.length) >>> 0
      peer.send()
    }
  }
  await peer.replies(roundTripMs)
}

/** Where the segments with data lie, counted from `start` in full segments. */
const places = (segments: readonly TcpSegment[], start: number): number[] =>
  segments.filter(({ data }) => data.length > 0).map(({ sequence }) => ((sequence - start) | 0) / MSS)

/** When the octet at `sequence` was sent, in milliseconds. */
function sendings({ peer }: Talk, sequence: number): number[] {
  const times: number[] = []
  for (const [index, segment] of peer.received.entries()) {
    const at = (sequence - segment.sequence) >>> 0
    if (at < segment.data.length) times.push((peer.receivedAt[index] as number) / 1000)
  }
  return times
}

const gaps = (times: readonly number[]): number[] =>
  times.slice(1).map((time, index) => time - (times[index] as number))

/** P-05: each interval is twice the one before, give or take a timer step, and none is shorter. */
function expectBackOff(intervals: readonly number[], mostMs: number): void {
  for (const [index, interval] of intervals.entries()) {
    const before = intervals[index - 1]
    if (before === undefined) continue
    expect(interval, `${intervals}`).toBeGreaterThanOrEqual(before - STEP_MS)
    expect(interval, `${intervals}`).toBeLessThanOrEqual(Math.min(before * 2, mostMs) + STEP_MS)
  }
}

export function tcpRecovery(suite: Suite): void {
  const { capabilities } = suite
  const inVirtualTime = (name: string, body: (scene: Scene) => Promise<void>): void =>
    suite.testIf(capabilities.virtualTime, 'virtualTime: false; it takes minutes', name, body)

  timeouts(suite, inVirtualTime)
  congestion(suite)
  duplicates(suite)
  if (capabilities.sack) {
    reporting(suite)
    scoreboard(suite)
  } else {
    suite.test('R-TCP-39 R-TCP-40 R-TCP-41 without SACK: not offered, not used', async (scene) => {
      const { peer } = await meet(scene, [...MSS_OPTION, ...SACK_PERMITTED])
      expect(peer.received[0]?.options.sackPermitted).toBeUndefined()
      const [answer] = await peer.exchange({ sequence: (peer.next + 100) >>> 0 }, octets(10))
      expect(answer?.options.sackBlocks).toBeUndefined()
    })
  }
  if (capabilities.rackTlp) byTime(suite)
  if (!capabilities.ecn) withoutEcn(suite)
}

type Register = (name: string, body: (scene: Scene) => Promise<void>) => void

function timeouts(suite: Suite, inVirtualTime: Register): void {
  inVirtualTime(
    'R-TCP-23 R-TCP-25 P-05 a SYN is repeated after a second at first, then at doubled intervals',
    async ({ lan, a }) => {
      const peer = new ScriptedPeer(lan, a, 0)
      const socket = a.stack.openTcp(4)
      socket.connect(peer.address, peer.port)
      await lan.wait(40_000)
      const times = peer.receivedAt.map((at) => at / 1000)
      expect(peer.received.every(({ syn }) => syn)).toBe(true)
      const intervals = gaps(times)
      expect(intervals.length).toBeGreaterThanOrEqual(3)
      expect(intervals[0]).toBeGreaterThanOrEqual(1000 - STEP_MS)
      expectBackOff(intervals, 240_000)
      socket.close()
    },
  )

  inVirtualTime(
    'R-TCP-23 R-TCP-25 P-05 data is repeated at intervals that double, up to a minute or more',
    async (scene) => {
      const talk = await meet(scene, MSS_OPTION)
      await warm(talk, 4)
      talk.socket.write(octets(100), 0, 100)
      await talk.peer.replies(330_000)
      const intervals = gaps(sendings(talk, talk.peer.ack))
      expect(intervals[0]).toBeGreaterThanOrEqual(200 - STEP_MS)
      expectBackOff(intervals, 240_000)
      expect(Math.max(...intervals)).toBeGreaterThanOrEqual(60_000)
      talk.socket.reset()
    },
  )

  suite.test('R-TCP-24 an acknowledgement of what was sent twice is no round trip', async (scene) => {
    const talk = await meet(scene, MSS_OPTION)
    const { peer, socket } = talk
    await warm(talk, 4)
    const first = peer.ack
    socket.write(octets(100), 0, 100)
    while (sendings(talk, first).length < 4) await peer.replies(50)
    peer.ack = (first + 100) >>> 0
    await peer.exchange()
    // The doubled timeout stays until a segment that was sent once has been acknowledged.
    const backedOff = gaps(sendings(talk, first)).at(-1) as number
    const second = peer.ack
    socket.write(octets(100), 0, 100)
    while (sendings(talk, second).length < 2) await peer.replies(50)
    expect(gaps(sendings(talk, second))[0]).toBeGreaterThanOrEqual(backedOff - STEP_MS)
    socket.reset()
  })

  suite.test('R-TCP-25 the timer starts anew with each acknowledgement, and stops with the last', async (scene) => {
    const talk = await meet(scene, MSS_OPTION)
    const { peer, socket } = talk
    await warm(talk, 6)
    const start = peer.ack
    socket.write(octets(2 * MSS), 0, 2 * MSS)
    await peer.replies(150)
    peer.ack = (start + MSS) >>> 0
    const before = scene.lan.now / 1000
    await peer.exchange()
    while (sendings(talk, peer.ack).length < 2) await peer.replies(20)
    const [, again] = sendings(talk, peer.ack) as [number, number]
    expect(again - before).toBeGreaterThanOrEqual(200 - STEP_MS)
    peer.ack = (start + 2 * MSS) >>> 0
    await peer.exchange()
    expect(await peer.replies(3000)).toEqual([])
  })

  suite.test('R-TCP-26 after a SYN that was repeated: one segment, and three seconds for it', async ({ lan, a }) => {
    const peer = new ScriptedPeer(lan, a, 0)
    const socket = a.stack.openTcp(4)
    socket.connect(peer.address, peer.port)
    await lan.until(
      () => peer.received.length === 2,
      10_000,
      () => 'the second SYN',
    )
    const start = ((peer.received[0] as TcpSegment).sequence + 1) >>> 0
    peer.ack = start
    await peer.exchange({ flags: 'SA', destinationPort: socket.localPort, options: MSS_OPTION })
    socket.write(octets(10 * MSS), 0, 10 * MSS)
    const first = await peer.replies(100)
    expect(places(first, start)).toEqual([0])
    await peer.replies(3500)
    expect(gaps(sendings({ peer, socket, start }, start))[0]).toBeGreaterThanOrEqual(3000 - STEP_MS)
    socket.reset()
  })

  suite.test(
    'H-42 R-TCP-24 echoes from the future and the past do not move the timeout out of its bounds',
    async (scene) => {
      let stamp = 1000
      const talk = await meet(scene, [...MSS_OPTION, ...timestamps(stamp, 0)])
      const { peer, socket } = talk
      if (peer.received[0]?.options.timestamps === undefined) return
      for (const echo of [0, 1, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff, -1, 5_000_000]) {
        const start = peer.ack
        socket.write(octets(100), 0, 100)
        const [sent] = await peer.replies(10)
        peer.ack = (start + 100) >>> 0
        const base = sent?.options.timestamps?.value ?? 0
        // Jumps of the peer's own clock, too; never backwards, or PAWS would drop it.
        stamp += 100_000
        await peer.exchange({ options: timestamps(stamp, (base + echo) >>> 0) })
      }
      const last = peer.ack
      socket.write(octets(100), 0, 100)
      await scene.lan.until(
        () => sendings(talk, last).length > 1,
        130_000,
        () => 'a retransmission',
      )
      expect(gaps(sendings(talk, last))[0]).toBeGreaterThanOrEqual(200 - STEP_MS)
      socket.reset()
    },
  )
}

function congestion(suite: Suite): void {
  suite.test('R-TCP-35 the initial window, and one segment more for each acknowledgement', async (scene) => {
    const talk = await meet(scene, MSS_OPTION)
    const { peer, socket, start } = talk
    socket.write(octets(60 * MSS), 0, 60 * MSS)
    const first = fresh(scene.lan, peer, await peer.replies(5))
    const flight = first.reduce((sum, { data }) => sum + data.length, 0)
    expect(flight).toBeGreaterThanOrEqual(MSS)
    expect(flight).toBeLessThanOrEqual(Math.min(10 * MSS, Math.max(2 * MSS, 14600)))
    // One acknowledgement for all of it: it leaves room for as much, and one segment more.
    peer.ack = (start + flight) >>> 0
    const second = fresh(scene.lan, peer, await peer.exchange()).reduce((sum, { data }) => sum + data.length, 0)
    expect(second).toBeGreaterThan(0)
    expect(second).toBeLessThanOrEqual(flight + MSS)
    socket.reset()
  })

  suite.test('R-TCP-36 P-05 after a timeout one segment, then two for each acknowledgement at most', async (scene) => {
    const talk = await meet(scene, MSS_OPTION)
    const { peer, socket } = talk
    await warm(talk, 16)
    const start = peer.ack
    socket.write(octets(12 * MSS), 0, 12 * MSS)
    const flight = (await peer.replies(100)).length
    expect(flight).toBeGreaterThan(6)
    for (const wait of [500, 1000]) {
      const again = await peer.replies(wait)
      expect(new Set(places(again, start)), 'only the oldest').toEqual(new Set([0]))
    }
    for (let acknowledged = 1; acknowledged <= 3; acknowledged++) {
      peer.ack = (start + acknowledged * MSS) >>> 0
      expect((await peer.exchange()).length).toBeLessThanOrEqual(2)
    }
    socket.reset()
  })

  const silent = fc.record({
    warmed: fc.integer({ min: 1, max: 30 }),
    sizes: fc.array(fc.integer({ min: 1, max: 3000 }), { minLength: 1, maxLength: 8 }),
    hasSack: fc.boolean(),
  })
  if (suite.capabilities.virtualTime)
    suite.property(
      'P-05 the intervals between sendings of an octet never shrink until it is acknowledged',
      silent,
      (plan, seed) =>
        suite.withScene('P-05', { seed }, async (scene) => {
          const talk = await meet(scene, plan.hasSack ? [...MSS_OPTION, ...SACK_PERMITTED] : MSS_OPTION)
          await warm(talk, plan.warmed)
          for (const size of plan.sizes) talk.socket.write(octets(size), 0, size)
          await talk.peer.replies(30_000)
          const intervals = gaps(sendings(talk, talk.peer.ack))
          expect(intervals.length).toBeGreaterThan(3)
          expectBackOff(intervals, 240_000)
          // After the first timeout one segment at a time: no more octets than that leave twice.
          const late = talk.peer.received.filter(
            (_, index) => (talk.peer.receivedAt[index] ?? 0) / 1000 > scene.lan.now / 1000 - 20_000,
          )
          expect(new Set(places(late, talk.peer.ack)).size).toBe(1)
          talk.socket.reset()
        }),
    )
}

function duplicates(suite: Suite): void {
  suite.test(
    'R-TCP-37 R-TCP-38 two duplicates let new segments out, the third repeats the oldest, a partial acknowledgement the next',
    async (scene) => {
      const talk = await meet(scene, MSS_OPTION)
      const { peer, socket } = talk
      await warm(talk, 20)
      const start = peer.ack
      socket.write(octets(40 * MSS), 0, 40 * MSS)
      const flight = (await peer.replies(5)).length
      expect(flight).toBeGreaterThan(8)
      for (const _ of [1, 2]) {
        const limited = places(await peer.exchange(), start)
        expect(limited.length).toBeLessThanOrEqual(1)
        for (const place of limited) expect(place).toBeGreaterThanOrEqual(flight)
      }
      expect(places(await peer.exchange(), start)).toContain(0)
      // The segment at 4 is missing as well.
      peer.ack = (start + 4 * MSS) >>> 0
      expect(places(await peer.exchange(), start)).toContain(4)
      expect(sendings(talk, (start + 5 * MSS) >>> 0).length, 'what was not lost is not repeated').toBe(1)
      socket.reset()
    },
  )

  suite.test(
    'R-TCP-37 what is no duplicate: a window update, a segment with data, one that acknowledges nothing in flight',
    async (scene) => {
      const talk = await meet(scene, MSS_OPTION)
      const { peer, socket } = talk
      await warm(talk, 10)
      // Nothing is in flight.
      for (let i = 0; i < 4; i++) peer.send()
      await peer.replies()
      const start = peer.ack
      socket.write(octets(8 * MSS), 0, 8 * MSS)
      await peer.replies(5)
      for (let i = 1; i <= 5; i++) await peer.exchange({ window: 65535 - i })
      for (let i = 1; i <= 5; i++) await peer.exchange({ window: 65000 }, octets(1))
      expect(sendings(talk, start).length).toBe(1)
      socket.reset()
    },
  )
}

function reporting(suite: Suite): void {
  suite.test('R-TCP-39 SACK is used when both SYNs say so, and said on SYNs only', async (scene) => {
    const without = await meet(scene, MSS_OPTION, { port: 7001 })
    expect(without.peer.received[0]?.options.sackPermitted).toBeUndefined()
    const [plain] = await without.peer.exchange({ sequence: (without.peer.next + 100) >>> 0 }, octets(10))
    expect(plain?.options.sackBlocks).toBeUndefined()
    const { peer } = await meet(scene, [...MSS_OPTION, ...SACK_PERMITTED], { port: 7002 })
    expect(peer.received[0]?.options.sackPermitted).toBe(true)
    const left = (peer.next + 100) >>> 0
    const [answer] = await peer.exchange({ sequence: left }, octets(10))
    expect(answer?.acknowledgment).toBe(peer.next)
    expect(answer?.options.sackBlocks).toEqual([{ left, right: left + 10 }])
    expect(answer?.options.sackPermitted).toBeUndefined()
    const active = new ScriptedPeer(scene.lan, scene.a, 0, '10.0.0.67')
    const socket = scene.a.stack.openTcp(4)
    socket.connect(active.address, active.port)
    await active.replies(5)
    expect(active.received[0]?.options.sackPermitted).toBe(true)
    socket.close()
  })

  for (const [most, extra] of [
    [4, []],
    [3, timestamps(1000, 0)],
  ] as const) {
    suite.test(
      `R-TCP-39 P-06 the newest block first, ${most} at most${most === 3 ? ' with timestamps' : ''}`,
      async (scene) => {
        const { peer, socket } = await meet(scene, [...MSS_OPTION, ...SACK_PERMITTED, ...extra])
        const hasTimestamps = peer.received[0]?.options.timestamps !== undefined
        if (most === 3 && !hasTimestamps) return
        const options = (): readonly number[] =>
          most === 3 ? timestamps(2000, peer.received.at(-1)?.options.timestamps?.value ?? 0) : []
        const base = peer.next
        const at = (block: number): number => (base + block * 100) >>> 0
        const tell = async (block: number): Promise<readonly { left: number; right: number }[]> => {
          const [answer] = await peer.exchange({ sequence: at(block), options: options() }, octets(50, block))
          expect(answer?.acknowledgment).toBe(base)
          return answer?.options.sackBlocks ?? []
        }
        const block = (first: number): { left: number; right: number } => ({ left: at(first), right: at(first) + 50 })
        const expected: { left: number; right: number }[] = []
        for (const place of [5, 1, 7, 3, 9]) {
          expected.unshift(block(place))
          expect(await tell(place)).toEqual(expected.slice(0, most))
        }
        // An old block that grows is the newest again.
        const [grown] = await peer.exchange({ sequence: (at(5) + 50) >>> 0, options: options() }, octets(50, 1))
        expect(grown?.options.sackBlocks?.[0]).toEqual({ left: at(5), right: at(6) })
        // Filling the first gap: what is acknowledged is no longer reported.
        const [filled] = await peer.exchange({ sequence: base, options: options() }, octets(100, 2))
        expect(filled?.acknowledgment).toBe(at(1) + 50)
        expect(filled?.options.sackBlocks?.some(({ left }) => left === at(1))).toBe(false)
        socket.reset()
      },
    )
  }

  suite.test('R-TCP-41 what comes twice is reported first, and once', async (scene) => {
    const { peer, socket } = await meet(scene, [...MSS_OPTION, ...SACK_PERMITTED])
    const base = peer.next
    await peer.exchange({}, octets(100))
    // All of it again, then the second half of it with something new behind.
    const [whole] = await peer.exchange({ sequence: base }, octets(100))
    expect(whole?.options.sackBlocks).toEqual([{ left: base, right: base + 100 }])
    peer.send({ sequence: base + 50 }, octets(100))
    const next = await peer.replies(600)
    expect(next[0]?.acknowledgment).toBe(base + 150)
    expect(next.flatMap(({ options }) => options.sackBlocks ?? [])).toEqual([{ left: base + 50, right: base + 100 }])
    // Behind a gap: the duplicate, then the block it lies in.
    await peer.exchange({ sequence: base + 200 }, octets(100))
    const [ahead] = await peer.exchange({ sequence: base + 250 }, octets(100))
    expect(ahead?.options.sackBlocks).toEqual([
      { left: base + 250, right: base + 300 },
      { left: base + 200, right: base + 350 },
    ])
    const [after] = await peer.exchange({ sequence: base + 400 }, octets(10))
    expect(after?.options.sackBlocks?.some(({ left }) => left === base + 250)).toBe(false)
    socket.reset()
  })

  const piece = fc.record({ at: fc.nat(3000), length: fc.integer({ min: 1, max: 400 }) })
  suite.property(
    'P-06 acknowledgements and blocks say what arrived, whatever the order',
    fc.array(piece, { minLength: 1, maxLength: 60 }),
    (pieces, seed) =>
      suite.withScene('P-06', { seed }, async (scene) => {
        const { peer, socket } = await meet(scene, [...MSS_OPTION, ...SACK_PERMITTED])
        const base = peer.next
        const whole = octets(4000)
        const held = new Set<number>()
        const contiguous = (): number => {
          let end = 0
          while (held.has(end)) end++
          return end
        }
        let highest = 0
        for (const { at, length } of pieces) {
          peer.send({ sequence: (base + at) >>> 0 }, whole.subarray(at, at + length))
          for (let i = at; i < at + length; i++) held.add(i)
          for (const { acknowledgment, options } of await peer.replies(600)) {
            const ack = (acknowledgment - base) | 0
            expect(ack).toBe(contiguous())
            expect(ack).toBeGreaterThanOrEqual(highest)
            highest = ack
            const blocks = (options.sackBlocks ?? []).map(
              ({ left, right }) => [(left - base) | 0, (right - base) | 0] as const,
            )
            for (const [index, [left, right]] of blocks.entries()) {
              for (let i = left; i < right; i++) expect(held.has(i), `octet ${i}`).toBe(true)
              if (index > 0) expect(left).toBeGreaterThan(ack)
              for (const [otherLeft, otherRight] of blocks.slice(Math.max(index + 1, 2)))
                if (index > 0) expect(right <= otherLeft || otherRight <= left).toBe(true)
            }
          }
        }
        socket.reset()
      }),
  )
}

function scoreboard(suite: Suite): void {
  const SACKING = [...MSS_OPTION, ...SACK_PERMITTED]

  suite.test('R-TCP-40 only the holes go again, without a timeout, and no faster than what arrives', async (scene) => {
    const talk = await meet(scene, SACKING)
    const { peer, socket } = talk
    await warm(talk, 20)
    const start = peer.ack
    const at = (place: number): number => (start + place * MSS) >>> 0
    socket.write(octets(20 * MSS), 0, 20 * MSS)
    const flight = (await peer.replies(5)).length
    expect(flight).toBeGreaterThanOrEqual(10)
    // 0, 3 and 6 are lost; each of the others is reported as it comes.
    const lost = [0, 3, 6]
    const blocks: [number, number][] = []
    const before = scene.lan.now
    for (let place = 1; place < 10; place++) {
      if (lost.includes(place)) continue
      if (blocks[0]?.[1] === at(place)) blocks[0][1] = at(place + 1)
      else blocks.unshift([at(place), at(place + 1)])
      const answer = await peer.exchange({ options: sack(...blocks.slice(0, 4)) })
      expect(answer.reduce((sum, { data }) => sum + data.length, 0)).toBeLessThanOrEqual(2 * MSS)
    }
    await peer.replies(5)
    expect(scene.lan.now - before).toBeLessThan(200_000)
    const again = Array.from({ length: flight }, (_, place) => place).filter(
      (place) => sendings(talk, at(place)).length > 1,
    )
    expect(again).toEqual(lost)
    peer.ack = at(10)
    await peer.exchange()
    expect(sendings(talk, at(3)).length).toBe(2)
    socket.reset()
  })

  suite.test('R-TCP-40 H-15 a peer that throws away what it reported gets it again', async (scene) => {
    const talk = await meet(scene, SACKING)
    const { peer, socket } = talk
    await warm(talk, 12)
    const start = peer.ack
    const count = 8
    socket.write(octets(count * MSS), 0, count * MSS)
    await peer.replies(5)
    for (let end = 2; end <= count; end++)
      await peer.exchange({ options: sack([(start + MSS) >>> 0, (start + end * MSS) >>> 0]) })
    // It forgot all but the first segment, and says so only by its numbers. Each segment is acknowledged when it comes again.
    peer.ack = (start + MSS) >>> 0
    peer.send()
    const end = (start + count * MSS) >>> 0
    let from = peer.received.length
    for (let waited = 0; peer.ack !== end && waited < 400; waited++) {
      await peer.replies(500)
      for (const { sequence, data } of peer.received.slice(from)) {
        if (sequence !== peer.ack || data.length === 0) continue
        peer.ack = (peer.ack + data.length) >>> 0
        peer.send()
      }
      from = peer.received.length
    }
    expect(peer.ack).toBe(end)
    socket.reset()
  })

  suite.test('R-TCP-41 a reported duplicate makes nothing go again', async (scene) => {
    const talk = await meet(scene, SACKING)
    const { peer, socket } = talk
    await warm(talk, 10)
    const start = peer.ack
    socket.write(octets(4 * MSS), 0, 4 * MSS)
    await peer.replies(5)
    for (let i = 0; i < 6; i++) {
      const left = (start - MSS * (i + 1)) >>> 0
      expect(places(await peer.exchange({ options: sack([left, (left + MSS) >>> 0]) }), start)).toEqual([])
    }
    peer.ack = (start + 4 * MSS) >>> 0
    await peer.exchange()
    await warm(talk, 4)
    socket.reset()
  })

  /** Edges around the octets in flight, and far away from them. */
  const edge = fc.oneof(fc.integer({ min: -3000, max: 20_000 }), fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }))
  const lies = fc.array(fc.array(fc.tuple(edge, edge), { minLength: 1, maxLength: 4 }), { minLength: 1, maxLength: 60 })
  suite.property('H-15 R-TCP-40 P-01 whatever the blocks say, the stream arrives', lies, (reports, seed) =>
    suite.withScene('H-15', { seed }, async (scene) => {
      const talk = await meet(scene, SACKING)
      const { peer, socket, start } = talk
      const size = 12 * MSS + 77
      const stream = octets(size)
      expect(socket.write(stream, 0, size)).toBe(size)
      await peer.replies(2)
      for (const blocks of reports) {
        const offset = ([left, right]: readonly [number, number]): [number, number] => [
          (start + left) >>> 0,
          (start + right) >>> 0,
        ]
        const answer = await peer.exchange({ options: sack(...blocks.map(offset)) })
        expect(answer.length, 'segments for one acknowledgement').toBeLessThanOrEqual(20)
      }
      await honest(scene, talk, stream)
    }),
  )

  suite.test('H-15 H-14 thousands of tiny blocks at a tiny segment size', async (scene) => {
    const talk = await meet(scene, [2, 4, 0, 48, ...SACK_PERMITTED])
    const { peer, socket, start } = talk
    const size = 60_000
    const stream = octets(size)
    let written = Math.max(0, socket.write(stream, 0, size))
    await peer.replies(2)
    // All but every second octet, over and over, with the edges moving.
    for (let round = 0; round < 3000; round++) {
      const left = start + 1 + ((round * 8) % 20_000)
      const blocks = Array.from({ length: 4 }, (_, i) => [(left + 2 * i) >>> 0, (left + 2 * i + 1) >>> 0] as const)
      peer.send({ options: sack(...blocks) })
      if (round % 100 === 0) await peer.replies(1)
    }
    await peer.replies(5)
    if (written < size) written += Math.max(0, socket.write(stream, written, size - written))
    await honest(scene, talk, stream.subarray(0, written))
  })
}

/** From now on the peer acknowledges what is true; all of the stream has to come. */
async function honest(scene: Scene, { peer, socket, start }: Talk, stream: Uint8Array): Promise<void> {
  const got = new Uint8Array(stream.length)
  const has = new Uint8Array(stream.length)
  let from = 0
  let end = 0
  for (let round = 0; end < stream.length; round++) {
    if (round > 4000) throw new Error(`only ${end} of ${stream.length} octets came`)
    for (const { sequence, data } of peer.received.slice(from)) {
      const at = (sequence - start) | 0
      if (at < 0 || at + data.length > stream.length) continue
      got.set(data, at)
      has.fill(1, at, at + data.length)
    }
    from = peer.received.length
    while (end < stream.length && has[end] === 1) end++
    peer.ack = (start + end) >>> 0
    peer.send()
    await peer.replies(round < 200 ? 20 : 1000)
  }
  expect(got).toEqual(stream)
  await scene.lan.wait(1)
  socket.reset()
}

function withoutEcn(suite: Suite): void {
  suite.test('R-TCP-47 without ECN: nothing is negotiated, nothing is marked, marks change nothing', async (scene) => {
    const { peer, socket } = await meet(scene, MSS_OPTION)
    const other = new ScriptedPeer(scene.lan, scene.a, 80, '10.0.0.68', 7100)
    // An ECN-setup SYN (RFC 3168 6.1.1) gets a plain answer.
    const [answer] = await other.exchange({ flags: 'SEC', options: MSS_OPTION })
    expect(answer).toMatchObject({ syn: true, ack: true })
    socket.write(octets(5 * MSS), 0, 5 * MSS)
    await peer.exchange({ flags: 'AE' }, octets(10))
    await peer.exchange({ flags: 'AC' }, octets(10, 70))
    const active = scene.a.stack.openTcp(4)
    active.connect(other.address, 9)
    await scene.lan.wait(50)
    const into = new Uint8Array(100)
    expect(socket.read(into, 0, 100)).toBe(20)
    const sent = scene.a.frames.filter(
      ({ direction, octets: frame }) => direction === 'out' && frame[12] === 8 && frame[13] === 0,
    )
    expect(sent.length).toBeGreaterThan(5)
    for (const { octets: frame } of sent) {
      expect((frame[15] as number) & 3, 'the ECN field of the IP header').toBe(0)
      if (frame[23] === 6) expect((frame[14 + 20 + 13] as number) & 0xc0, 'ECE and CWR').toBe(0)
    }
    active.close()
    socket.reset()
  })
}

function byTime(suite: Suite): void {
  const SACKING = [...MSS_OPTION, ...SACK_PERMITTED]

  suite.test('R-TCP-46 a lost tail is found by a probe, sooner than by the timeout', async (scene) => {
    const talk = await meet(scene, SACKING)
    const { peer, socket } = talk
    await warm(talk, 20)
    const start = peer.ack
    const at = (place: number): number => (start + place * MSS) >>> 0
    socket.write(octets(8 * MSS), 0, 8 * MSS)
    await peer.replies(10)
    // The first four came; the rest is lost, and the probe with it comes first.
    peer.ack = at(4)
    const before = scene.lan.now / 1000
    const probe = await peer.exchange()
    const came = probe.length > 0 ? probe : await peer.replies(150)
    expect(places(came, start)).toEqual([7])
    const more = await peer.exchange({ options: sack([at(7), at(8)]) })
    const rest = [...more, ...(await peer.replies(40))]
    expect(places(rest, start)).toContain(4)
    expect(scene.lan.now / 1000 - before).toBeLessThan(210)
    peer.ack = at(5)
    await peer.exchange({ options: sack([at(7), at(8)]) })
    await peer.replies(40)
    for (const place of [5, 6]) expect(sendings(talk, at(place)).length).toBe(2)
    socket.reset()
  })

  suite.test('R-TCP-46 a retransmission that is lost goes again without a timeout', async (scene) => {
    const talk = await meet(scene, SACKING)
    const { peer, socket } = talk
    await warm(talk, 30)
    const start = peer.ack
    const at = (place: number): number => (start + place * MSS) >>> 0
    socket.write(octets(40 * MSS), 0, 40 * MSS)
    await peer.replies(10)
    const before = scene.lan.now / 1000
    let end = 1
    // The first segment is lost, and its retransmission; all others arrive after a round trip of 10 ms.
    while (sendings(talk, start).length < 3 && scene.lan.now / 1000 - before < 180) {
      end = Math.min(end + 3, Math.max(...places(peer.received, start)) + 1)
      peer.send({ options: sack([at(1), at(end)]) })
      await peer.replies(10)
    }
    expect(sendings(talk, start).length).toBe(3)
    expect(sendings(talk, at(2)).length).toBe(1)
    socket.reset()
  })

  suite.test('R-TCP-46 where segments overtake each other, a late one is waited for', async (scene) => {
    const talk = await meet(scene, SACKING)
    const { peer, socket } = talk
    await warm(talk, 20, 40)
    const round = async (overtaking: number): Promise<number> => {
      const start = peer.ack
      const at = (place: number): number => (start + place * MSS) >>> 0
      socket.write(octets(8 * MSS), 0, 8 * MSS)
      await peer.replies(40)
      // The first comes behind some others, at once.
      for (let place = 1; place <= overtaking; place++) peer.send({ options: sack([at(1), at(place + 1)]) })
      peer.ack = at(overtaking + 1)
      await peer.exchange()
      peer.ack = at(8)
      await peer.exchange()
      return sendings(talk, start).length
    }
    expect(await round(2)).toBe(1)
    for (let i = 0; i < 3; i++) expect(await round(5)).toBe(1)
    socket.reset()
  })
}
