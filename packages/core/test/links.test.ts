import {
  capture,
  createBatch,
  createFramePool,
  createHub,
  createPipe,
  createSwitch,
  createVirtualScheduler,
  FULL_OFFLOAD,
  filter,
  frameBytes,
  hasCode,
  type ImpairOptions,
  impair,
  type Link,
  type LinkSink,
  type LinkState,
  NO_OFFLOAD,
  type Offload,
  pushFrame,
  removeFirst,
  trace,
} from '@ioth/core'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'

interface Arrival {
  readonly at: number
  readonly octets: readonly number[]
}

/** A network under virtual time: links are made of its parts, and everybody on it is a `station`. */
function network() {
  const scheduler = createVirtualScheduler({ seed: 4 })
  const pool = createFramePool()

  const station = (link: Link, accepts: Offload = NO_OFFLOAD) => {
    const arrivals: Arrival[] = []
    const states: LinkState[] = []
    const batch = createBatch(pool)
    const sink: LinkSink = {
      accepts,
      frames(arriving) {
        for (let i = 0; i < arriving.count; i++) {
          arrivals.push({ at: scheduler.clock.now, octets: [...frameBytes(arriving, i)] })
        }
      },
      // What was not taken is sent again, as a stack does.
      writable: () => send(),
      changed: (state) => {
        states.push(state)
      },
    }
    const queued: number[][] = []
    function send(...frames: number[][]): void {
      queued.push(...frames)
      for (;;) {
        while (batch.count < batch.capacity && queued.length > 0) {
          const octets = queued.shift() as number[]
          const at = pool.take(octets.length)
          pool.bytes.set(octets, at)
          // Every other frame comes in two pieces.
          const split = octets.length > 1 && octets.length % 2 === 0 ? octets.length >> 1 : 0
          if (split > 0) pool.retain(at)
          pushFrame(batch, at, octets.length - split, split > 0 ? at + octets.length - split : 0, split)
        }
        if (batch.count === 0) return
        const taken = link.send(batch)
        removeFirst(batch, taken)
        if (taken === 0) return
      }
    }
    link.attach(sink)
    return { link, arrivals, states, send, octets: () => arrivals.map((arrival) => arrival.octets) }
  }
  return { scheduler, pool, station }
}

/** Distinct frames of a given count and length. */
function numbered(count: number, length = 4): number[][] {
  return Array.from({ length: count }, (_, i) => {
    const octets = new Array<number>(length).fill(0)
    octets[0] = i & 0xff
    octets[1] = i >> 8
    return octets
  })
}

const number = (octets: readonly number[]): number => (octets[0] as number) + (octets[1] as number) * 256

describe('hub', () => {
  it('brings each frame to all others, in order, and to nobody twice', () => {
    const { scheduler, pool, station } = network()
    const hub = createHub({ scheduler, pool, queueFrames: 10 })
    const stations = Array.from({ length: 4 }, () => station(hub.port()))
    const frames = numbered(300)
    stations[1]?.send(...frames)
    stations[2]?.send([9, 9, 9])
    scheduler.advance()
    expect(stations[0]?.octets().filter(({ length }) => length === 4)).toEqual(frames)
    expect(stations[3]?.octets().length).toBe(301)
    expect(stations[1]?.octets()).toEqual([[9, 9, 9]])
    expect(stations[2]?.octets()).toEqual(frames)
    expect(pool.used).toBe(0)
  })

  it('forgets a port that closes, and tells every port when it closes itself', async () => {
    const { scheduler, pool, station } = network()
    const hub = createHub({ scheduler, pool })
    const [a, b, c] = [station(hub.port('first')), station(hub.port()), station(hub.port())]
    expect(a.link.name).toBe('first')
    await b.link.close()
    expect(hub.ports.length).toBe(2)
    a.send([1])
    b.send([2])
    scheduler.advance()
    expect(b.octets()).toEqual([])
    expect(c.octets()).toEqual([[1]])
    expect(b.states).toEqual(['closed'])
    await hub.close()
    scheduler.advance()
    expect(a.states).toEqual(['closed'])
    expect(hub.ports).toEqual([])
    expect(pool.used).toBe(0)
  })
})

describe('switch', () => {
  /** A frame of a header and one octet that tells it apart. @param to and from are the last octets of addresses; 255 is everybody. */
  const frame = (to: number, from: number, mark = 0): number[] => {
    const station = (last: number): number[] => (last === 255 ? Array(6).fill(255) : [2, 0, 0, 0, 0, last])
    return [...station(to), ...station(from), 8, 0, mark]
  }

  it('brings a frame to the port where its receiver was heard, and to all others while nobody knows', () => {
    const { scheduler, pool, station } = network()
    const lan = createSwitch({ scheduler, pool })
    const [a, b, c] = Array.from({ length: 3 }, () => station(lan.port()))
    a?.send(frame(2, 1, 1))
    scheduler.advance()
    expect([a, b, c].map((each) => each?.arrivals.length)).toEqual([0, 1, 1])
    b?.send(frame(1, 2, 2))
    a?.send(frame(2, 1, 3), frame(255, 1, 4), frame(2, 1, 5))
    scheduler.advance()
    expect(a?.octets()).toEqual([frame(1, 2, 2)])
    expect(b?.octets().map((octets) => octets.at(-1))).toEqual([1, 3, 4, 5])
    expect(c?.octets().map((octets) => octets.at(-1))).toEqual([1, 4])
    expect(lan.stations).toBe(2)
    expect(pool.used).toBe(0)
  })

  it('follows a station that moves there and back, and knows no way to a port that closed', async () => {
    const { scheduler, pool, station } = network()
    const lan = createSwitch({ scheduler, pool })
    const [a, b, c] = [station(lan.port()), station(lan.port()), station(lan.port())]
    const reached = (): string => {
      const before = [a, b].map(({ arrivals }) => arrivals.length)
      c.send(frame(1, 3))
      scheduler.advance()
      return [a, b].map(({ arrivals }, i) => arrivals.length - (before[i] as number)).join(' ')
    }
    for (const [from, where] of [
      [a, '1 0'],
      [b, '0 1'],
      [a, '1 0'],
    ] as const) {
      from.send(frame(3, 1))
      scheduler.advance()
      expect(reached()).toBe(where)
    }
    await a.link.close()
    expect(reached()).toBe('0 1')
    expect(a.states).toEqual(['closed'])
    await lan.close()
    scheduler.advance()
    expect([lan.ports.length, pool.used]).toEqual([0, 0])
  })

  it('carries nothing that is no frame, nothing back to its sender, and remembers as many stations as it may', () => {
    const { scheduler, pool, station } = network()
    const lan = createSwitch({ scheduler, pool, stations: 3 })
    const [a, b] = [station(lan.port()), station(lan.port())]
    a.send([1, 2, 3], frame(9, 8), frame(8, 9))
    for (let i = 0; i < 100; i++) a.send(frame(255, i))
    scheduler.advance()
    expect(lan.stations).toBe(3)
    expect(b.arrivals.length).toBe(101)
    expect(a.arrivals).toEqual([])
    b.send(frame(1, 200))
    scheduler.advance()
    // Long forgotten, so everybody hears it.
    expect(a.arrivals.length).toBe(1)
  })

  it('keeps order and flow control, loses nothing, and finishes what a sink does not take', () => {
    const { scheduler, pool, station } = network()
    const lan = createSwitch({ scheduler, pool, queueFrames: 7, offload: FULL_OFFLOAD })
    const [a, b] = [station(lan.port('first')), station(lan.port(), FULL_OFFLOAD)]
    expect(a.link).toMatchObject({ type: 'ethernet', mtu: 1500, state: 'up', name: 'first', offload: FULL_OFFLOAD })
    expect(() => a.link.attach({} as LinkSink)).toThrow(/has a sink already/)
    b.send(frame(255, 2))
    scheduler.advance()
    const frames = Array.from({ length: 300 }, (_, i) => frame(2, 1, i & 255))
    a.send(...frames)
    scheduler.advance()
    expect(b.octets()).toEqual(frames)
    expect(a.link.flush()).toBe(true)
    expect(pool.used).toBe(0)
  })
})

describe('wrappers', () => {
  const wrappers: [string, (link: Link, part: ReturnType<typeof network>) => Link][] = [
    ['trace', (link, { scheduler }) => trace(link, () => {}, scheduler.clock)],
    ['filter', (link) => filter(link, () => true)],
    ['impair', (link, { scheduler, pool }) => impair(link, { scheduler, pool, seed: 1 })],
    ['capture', (link, { scheduler, pool }) => capture(link, () => {}, { scheduler, pool })],
  ]

  it.each(wrappers)('%s keeps order and flow control, loses nothing, and closes', async (_, wrap) => {
    const part = network()
    const { scheduler, pool, station } = part
    const [a, b] = createPipe({ scheduler, pool, queueFrames: 7, name: 'cable' })
    const left = station(wrap(a, part))
    const right = station(wrap(b, part))
    expect(left.link).toMatchObject({ type: 'ethernet', mtu: 1500, state: 'up', name: 'cable:a' })
    expect(() => left.link.attach({} as LinkSink)).toThrow(/has a sink already/)
    left.send(...numbered(500))
    right.send(...numbered(100, 60))
    scheduler.advance()
    expect(right.octets()).toEqual(numbered(500))
    expect(left.octets()).toEqual(numbered(100, 60))
    expect(left.link.flush()).toBe(true)
    left.send([1, 2, 3])
    await left.link.close()
    scheduler.advance()
    expect(right.octets().at(-1)).toEqual([1, 2, 3])
    expect(left.link.state).toBe('closed')
    expect(right.states).toEqual(['lost'])
    expect(pool.used).toBe(0)
  })

  it('trace shows both directions with the time', () => {
    const { scheduler, pool, station } = network()
    const [a, b] = createPipe({ scheduler, pool })
    const seen: unknown[] = []
    const left = station(trace(a, (direction, frame, at) => seen.push([direction, [...frame], at]), scheduler.clock))
    const right = station(b)
    left.send([1, 2])
    scheduler.advance(10)
    right.send([3])
    scheduler.advance()
    expect(seen).toEqual([
      ['out', [1, 2], 0],
      ['in', [3], 10],
    ])
  })

  it('filter drops what it is told to, each way, and asks once for each frame', () => {
    const { scheduler, pool, station } = network()
    const [a, b] = createPipe({ scheduler, pool, queueFrames: 3 })
    let asked = 0
    const left = station(
      filter(a, (direction, frame) => {
        asked++
        return direction === 'out' ? (frame[0] as number) % 2 === 0 : frame[0] !== 5
      }),
    )
    const right = station(b)
    left.send(...numbered(20))
    right.send(...numbered(10))
    scheduler.advance()
    expect(right.octets().map(number)).toEqual([0, 2, 4, 6, 8, 10, 12, 14, 16, 18])
    expect(left.octets().map(number)).toEqual([0, 1, 2, 3, 4, 6, 7, 8, 9])
    expect(asked).toBe(30)
    expect(pool.used).toBe(0)
  })

  it('pass on what the far side takes, except impair', () => {
    const { scheduler, pool, station } = network()
    const [a, b] = createPipe({ scheduler, pool, offload: FULL_OFFLOAD })
    const traced = trace(a, () => {}, scheduler.clock)
    const bad = impair(traced, { scheduler, pool })
    station(b, FULL_OFFLOAD)
    expect(traced.offload).toEqual(FULL_OFFLOAD)
    expect(bad.offload).toEqual(NO_OFFLOAD)
  })
})

describe('impair', () => {
  function impaired(options: Partial<ImpairOptions>) {
    const part = network()
    const { scheduler, pool, station } = part
    const [a, b] = createPipe({ scheduler, pool, queueFrames: 16 })
    const link = impair(a, { scheduler, pool, seed: 42, ...options })
    return { ...part, impairment: link, left: station(link), right: station(b) }
  }

  it('delays, in order, with jitter', () => {
    const { scheduler, left, right } = impaired({ delayMs: 10, jitterMs: 4 })
    left.send(...numbered(100))
    scheduler.advance(5999)
    expect(right.arrivals).toEqual([])
    scheduler.advance(8001)
    expect(right.octets()).toEqual(numbered(100))
    expect(new Set(right.arrivals.map(({ at }) => at)).size).toBeGreaterThan(3)
  })

  it('loses about as many as it is told to, and repeats exactly from its seed (P-24)', () => {
    const run = (seed: number): Arrival[] => {
      const { scheduler, left, right, pool, impairment } = impaired({
        seed,
        loss: 0.3,
        jitterMs: 5,
        duplicate: 0.1,
        reorder: 0.1,
      })
      left.send(...numbered(1000))
      scheduler.advance(100_000)
      expect(pool.used).toBe(0)
      const { out } = impairment.counters
      expect(right.arrivals.length).toBe(1000 - out.lost + out.duplicated)
      // Ten standard deviations of a binomial distribution.
      expect(Math.abs(out.lost - 300)).toBeLessThan(145)
      expect(impairment.counters.in.frames).toBe(0)
      return right.arrivals
    }
    expect(run(1)).toEqual(run(1))
    expect(run(1)).not.toEqual(run(2))
  })

  it('duplicates, reorders and corrupts', () => {
    const { scheduler, left, right, impairment } = impaired({ duplicate: 0.2, reorder: 0.2, corrupt: 0.2, delayMs: 1 })
    const frames = numbered(500, 40)
    for (const frame of frames) {
      left.send(frame)
      scheduler.advance(100)
    }
    scheduler.advance(50_000)
    const { duplicated, reordered, corrupted } = impairment.counters.out
    for (const count of [duplicated, reordered, corrupted]) expect(count).toBeGreaterThan(30)
    expect(right.arrivals.length).toBe(500 + duplicated)
    const damage = right.octets().map((octets) => {
      // Of the original with the fewest other bits: the one it was made from.
      const bits = frames.map((frame) => frame.reduce((sum, octet, i) => sum + ones(octet ^ (octets[i] as number)), 0))
      return Math.min(...bits)
    })
    expect(Math.max(...damage)).toBeLessThanOrEqual(1)
    const intact = right
      .octets()
      .filter((_, i) => damage[i] === 0)
      .map(number)
    expect(intact.some((value, i) => i > 0 && value < (intact[i - 1] as number))).toBe(true)
  })

  it('copies a frame before it corrupts it', () => {
    const { scheduler, pool, station } = network()
    const hub = createHub({ scheduler, pool })
    const sender = station(hub.port())
    const bad = station(impair(hub.port(), { scheduler, pool, in: { corrupt: 1 } }))
    const good = station(hub.port())
    sender.send(...numbered(50, 30))
    scheduler.advance()
    expect(good.octets()).toEqual(numbered(50, 30))
    expect(bad.octets().length).toBe(50)
    for (const [i, octets] of bad.octets().entries()) expect(octets).not.toEqual(numbered(50, 30)[i])
    expect(pool.used).toBe(0)
  })

  it('cuts frames short, at any place behind the first octet', () => {
    const { scheduler, left, right, impairment } = impaired({ truncate: 0.5 })
    left.send(...numbered(400, 40))
    scheduler.advance()
    const lengths = right.octets().map(({ length }) => length)
    expect(lengths.length).toBe(400)
    expect(lengths.filter((length) => length < 40).length).toBe(impairment.counters.out.truncated)
    expect(Math.min(...lengths)).toBe(1)
    expect(new Set(lengths).size).toBeGreaterThan(30)
    for (const [i, octets] of right.octets().entries())
      expect(octets).toEqual(numbered(400, 40)[i]?.slice(0, octets.length))
  })

  it('lets frames through at a rate, and drops those its queue cannot hold', () => {
    const { scheduler, left, right, impairment } = impaired({ rateBitsPerSecond: 8_000_000, queueFrames: 20 })
    left.send(...numbered(50, 1000))
    scheduler.advance(1_000_000)
    expect(right.octets()).toEqual(numbered(20, 1000))
    expect(right.arrivals.map(({ at }) => at)).toEqual(Array.from({ length: 20 }, (_, i) => (i + 1) * 1000))
    expect(impairment.counters.out.overflowed).toBe(30)
    left.send(...numbered(3, 1000))
    scheduler.advance(1_000_000)
    expect(right.arrivals.length).toBe(23)
  })

  it('has directions of their own and changes while it runs', () => {
    const { scheduler, left, right, impairment } = impaired({ out: { loss: 1 }, in: { delayMs: 5 } })
    left.send([1])
    right.send([2])
    scheduler.advance(4999)
    expect(left.octets()).toEqual([])
    scheduler.advance(1)
    expect(left.octets()).toEqual([[2]])
    expect(right.octets()).toEqual([])
    impairment.set({ loss: 0, in: { loss: 1 } })
    left.send([3])
    right.send([4])
    scheduler.advance(10_000)
    expect(right.octets()).toEqual([[3]])
    expect(left.octets()).toEqual([[2]])
  })

  it('brings out what was under way when it is closed', async () => {
    const { scheduler, pool, left, right } = impaired({ delayMs: 10 })
    left.send([1, 2, 3])
    right.send([9])
    scheduler.advance()
    await left.link.close()
    expect(left.link.state).toBe('closed')
    left.send([4])
    scheduler.advance(10_000)
    expect(right.octets()).toEqual([[1, 2, 3]])
    expect(right.states).toEqual(['lost'])
    expect(left.octets()).toEqual([])
    expect(scheduler.timers).toBe(0)
    expect(pool.used).toBe(0)
  })

  it('refuses what is no impairment', () => {
    const { impairment } = impaired({})
    for (const wrong of [{ loss: 2 }, { loss: -0.1 }, { delayMs: Number.NaN }, { los: 0.1 }, { in: { loss: '5%' } }]) {
      try {
        impairment.set(wrong as object)
        expect.unreachable()
      } catch (error) {
        expect(hasCode(error, 'EINVAL')).toBe(true)
      }
    }
  })

  it('P-11 loses no memory whatever it does', () => {
    const chance = fc.constantFrom(0, 0.2, 1)
    fc.assert(
      fc.property(
        fc.record({
          loss: chance,
          duplicate: chance,
          reorder: chance,
          corrupt: chance,
          truncate: chance,
          delayMs: fc.nat(20),
          jitterMs: fc.nat(20),
          rateBitsPerSecond: fc.constantFrom(0, 100_000),
          queueFrames: fc.nat(30),
        }),
        fc.integer(),
        (options, seed) => {
          const { scheduler, pool, left, right } = impaired({ ...options, seed })
          for (let i = 0; i < 5; i++) {
            left.send(...numbered(30))
            right.send(...numbered(20, 70))
            scheduler.advance(3000)
          }
          scheduler.advance(60_000_000)
          expect(pool.used).toBe(0)
          expect(scheduler.timers).toBe(0)
        },
      ),
    )
  })
})

function ones(value: number): number {
  let count = 0
  for (let rest = value; rest !== 0; rest &= rest - 1) count++
  return count
}
