/**
 * The wire: what is set is what happens, measured in virtual time; cut, healed, and changed while it is in.
 *
 * @module
 */
import { join } from 'node:path'
import {
  createBatch,
  createFramePool,
  createPipe,
  createVirtualScheduler,
  defaultPool,
  defaultScheduler,
  type FrameBatch,
  frameLength,
  type Impairments,
  type Link,
  NO_OFFLOAD,
  pushFrame,
  type VirtualScheduler,
} from '@ioth/core'
import { describe, expect, test } from 'vitest'
import { askConsole, openVnl, parseImpairments, Wire, wireConsole } from '../src/index.ts'
import { afterTest, BROADCAST, frame, mac, scratch, send, Taker, textOf, until } from './harness.ts'

/** Two hosts, a wire between them, in virtual time. */
function scene(impairments: Impairments): {
  scheduler: VirtualScheduler
  wire: Wire
  put(count: number, length: number, from?: 'a' | 'b'): void
  arrived: { at: number; length: number; id: number }[]
  back: { at: number; length: number; id: number }[]
} {
  const scheduler = createVirtualScheduler({ seed: 1 })
  const pool = createFramePool()
  const [hostA, endA] = createPipe({ scheduler, pool, mtu: 9000, queueFrames: 4096 })
  const [endB, hostB] = createPipe({ scheduler, pool, mtu: 9000, queueFrames: 4096 })
  const wire = new Wire({ scheduler, pool, a: endA, b: endB, impairments, seed: 7 })
  const arrived: { at: number; length: number; id: number }[] = []
  const back: { at: number; length: number; id: number }[] = []
  const listen = (link: Link, into: typeof arrived): void =>
    link.attach({
      accepts: NO_OFFLOAD,
      frames: (batch: FrameBatch) => {
        for (let index = 0; index < batch.count; index++) {
          const id = pool.view.getUint32((batch.head[index] as number) + 14)
          into.push({ at: scheduler.clock.now, length: frameLength(batch, index), id })
        }
      },
      writable() {},
      changed() {},
    })
  listen(hostB, arrived)
  listen(hostA, back)
  let sent = 0
  const put = (count: number, length: number, from: 'a' | 'b' = 'a'): void => {
    for (let done = 0; done < count; ) {
      const batch = createBatch(pool, 64)
      for (; done < count && batch.count < 64; done++) {
        const at = pool.take(length)
        pool.bytes.fill(0, at, at + length)
        pool.view.setUint32(at + 14, sent++)
        pushFrame(batch, at, length)
      }
      expect((from === 'a' ? hostA : hostB).send(batch)).toBe(batch.count)
    }
  }
  return { scheduler, wire, put, arrived, back }
}

const within = (value: number, expected: number, share = 0.1): void => {
  expect(Math.abs(value - expected) / expected).toBeLessThan(share)
}

describe('a wire in virtual time', () => {
  test('a plain cable passes all, in order, both ways', async () => {
    const { scheduler, put, arrived, back } = scene({})
    put(500, 1514)
    put(300, 9014, 'b')
    await scheduler.settle(0)
    expect(arrived.map(({ id }) => id)).toEqual(Array.from({ length: 500 }, (_, i) => i))
    expect(back).toHaveLength(300)
  })

  test.each([0.01, 0.05, 0.3])('loss of %f', async (loss) => {
    const { scheduler, wire, put, arrived } = scene({ loss })
    for (let round = 0; round < 50; round++) {
      put(1_000, 100)
      await scheduler.settle(0)
    }
    within(1 - arrived.length / 50_000, loss)
    expect(wire.counters('a-to-b').lost).toBe(50_000 - arrived.length)
    expect(wire.counters('b-to-a').frames).toBe(0)
  })

  test('losses that come together: the share, and the length of runs', async () => {
    const { scheduler, put, arrived } = scene({ loss: 0.1, lossBurst: 5 })
    for (let round = 0; round < 100; round++) {
      put(1_000, 100)
      await scheduler.settle(0)
    }
    within(1 - arrived.length / 100_000, 0.1)
    let runs = 0
    for (let index = 1; index < arrived.length; index++) {
      if ((arrived[index]?.id as number) > (arrived[index - 1]?.id as number) + 1) runs++
    }
    within((100_000 - arrived.length) / runs, 5)
  })

  test('delay and its variation', async () => {
    const { scheduler, put, arrived } = scene(parseImpairments({ delay: '20ms±5ms' }))
    const starts: number[] = []
    for (let index = 0; index < 2_000; index++) {
      starts.push(scheduler.clock.now)
      put(1, 100)
      await scheduler.settle(50_000)
    }
    const delays = arrived.map(({ at, id }) => (at - (starts[id] as number)) / 1000)
    within(delays.reduce((sum, delay) => sum + delay) / delays.length, 20)
    expect(Math.min(...delays)).toBeGreaterThanOrEqual(15)
    expect(Math.max(...delays)).toBeLessThanOrEqual(25.001)
    within(Math.max(...delays) - Math.min(...delays), 10)
  })

  test.each(['512kbit', '10mbit', '1gbit'])('rate of %s', async (rate) => {
    const settings = parseImpairments({ rate })
    const { scheduler, put, arrived } = scene({ ...settings, queueFrames: 3_000 })
    put(2_000, 1_250)
    await scheduler.settle(100_000_000)
    expect(arrived).toHaveLength(2_000)
    const seconds = ((arrived.at(-1)?.at as number) - (arrived[0]?.at as number)) / 1e6
    within((1_999 * 1_250 * 8) / seconds, settings.rateBitsPerSecond as number)
  })

  test('the queue of the rate is bounded', async () => {
    const { scheduler, wire, put, arrived } = scene(parseImpairments({ rate: '1mbit', queue: '100' }))
    put(1_000, 1_000)
    await scheduler.settle(100_000_000)
    expect(arrived).toHaveLength(100)
    expect(wire.counters('a-to-b').overflowed).toBe(900)
  })

  test('duplicates, reordering, corruption, truncation, MTU', async () => {
    const { scheduler, wire, put, arrived } = scene(
      parseImpairments({ dup: '10%', reorder: '5%:3ms', corrupt: '2%', truncate: '1%', mtu: '1000' }),
    )
    for (let round = 0; round < 50; round++) {
      put(500, 200)
      put(100, 1_100)
      await scheduler.settle(10_000)
    }
    const counters = wire.counters('a-to-b')
    expect(counters).toMatchObject({ frames: 30_000, tooLong: 5_000, lost: 0 })
    within(counters.duplicated / 25_000, 0.1)
    within(counters.reordered / 27_500, 0.05)
    within(counters.corrupted / 27_500, 0.02)
    within(counters.truncated / 27_500, 0.01, 0.15)
    expect(arrived).toHaveLength(25_000 + counters.duplicated)
    expect(arrived.filter(({ length }) => length < 200).length).toBeGreaterThan(200)
  })

  test('changed while it is in; cut and healed, one way and both', async () => {
    const { scheduler, wire, put, arrived, back } = scene({})
    wire.set({ in: { loss: 1 } })
    put(10, 100)
    put(10, 100, 'b')
    await scheduler.settle(0)
    expect([arrived.length, back.length]).toEqual([0, 10])
    wire.set({ loss: 0 })
    wire.cut('b-to-a')
    put(10, 100)
    put(10, 100, 'b')
    await scheduler.settle(0)
    expect([arrived.length, back.length]).toEqual([10, 10])
    wire.cut()
    put(10, 100)
    await scheduler.settle(0)
    wire.heal()
    put(10, 100)
    put(10, 100, 'b')
    await scheduler.settle(0)
    expect([arrived.length, back.length]).toEqual([20, 20])
    expect([wire.counters('a-to-b').cut, wire.counters('b-to-a').cut]).toEqual([10, 10])
    expect(() => wire.set({ loss: 2 })).toThrow(/between 0 and 1/)
  })

  test('a seed gives the same faults again', async () => {
    const run = async (): Promise<number[]> => {
      const { scheduler, put, arrived } = scene({ loss: 0.2, reorder: 0.2, duplicate: 0.2 })
      put(500, 100)
      await scheduler.settle(1_000_000)
      return arrived.map(({ id }) => id)
    }
    expect(await run()).toEqual(await run())
  })
})

describe('what people write', () => {
  test.each([
    [
      { loss: '5%', delay: '20ms±5ms' },
      { loss: 0.05, delayMs: 20, jitterMs: 5 },
    ],
    [
      { delay: '1.5s', rate: '10mbit' },
      { delayMs: 1500, jitterMs: 0, rateBitsPerSecond: 1e7 },
    ],
    [
      { delay: '300us+-100us', rate: '512 Kbit/s' },
      { delayMs: 0.3, jitterMs: 0.1, rateBitsPerSecond: 512e3 },
    ],
    [
      { reorder: '2%:10ms', seed: '7' },
      { reorder: 0.02, reorderMs: 10, seed: 7 },
    ],
    [
      { loss: '0.05', burst: '4', mtu: '1000' },
      { loss: 0.05, lossBurst: 4, mtu: 1000 },
    ],
  ])('%j', (written, meant) => {
    expect(parseImpairments(written as Record<string, string>)).toEqual(meant)
  })

  test.each([
    [{ loss: '101%' }, /^loss: a share/],
    [{ loss: 'much' }, /^loss: a share/],
    [{ delay: '20m' }, /^delay: a time is like 20ms/],
    [{ delay: '1ms±2ms±3ms' }, /^delay: a delay/],
    [{ rate: 'fast' }, /^rate: a rate is like 10mbit/],
    [{ mtu: '-1' }, /^mtu: it is a whole number/],
    [{ constructor: '1' }, /no impairment "constructor"; there are loss/],
  ])('%j is refused', (written, words) => {
    expect(() => parseImpairments(written as unknown as Record<string, string>)).toThrow(words)
  })
})

test('a wire between two networks, commanded by its console', async () => {
  const a = new Taker(await openVnl('hub://wire-a', { mtu: 9000 }))
  const b = new Taker(await openVnl('hub://wire-b', { mtu: 9000 }))
  const wire = new Wire({
    scheduler: defaultScheduler(),
    pool: defaultPool(),
    a: await openVnl('hub://wire-a', { mtu: 9000 }),
    b: await openVnl('hub://wire-b', { mtu: 9000 }),
  })
  const console = wireConsole(wire, 'wire in a test')
  const path = join(scratch(), 'wire')
  await console.listen(path)
  afterTest(() => console.close())
  send(a.link, [frame(BROADCAST, mac(1), 'there', 9014)])
  expect((await b.take(1)).map(textOf)).toEqual(['there'])
  send(b.link, [frame(BROADCAST, mac(2), 'back')])
  expect((await a.take(1)).map(textOf)).toEqual(['back'])
  expect(await askConsole(path, 'set a-to-b loss=100% delay=1ms')).toMatchObject({ code: 1000 })
  send(a.link, [frame(BROADCAST, mac(1), 'lost')])
  await until(() => wire.counters('a-to-b').lost === 1)
  expect(await askConsole(path, 'set loss=0 delay=0')).toMatchObject({ code: 1000 })
  expect(await askConsole(path, 'cut b-to-a')).toMatchObject({ code: 1000 })
  send(b.link, [frame(BROADCAST, mac(2), 'cut')])
  await until(() => wire.counters('b-to-a').cut === 1)
  expect(JSON.parse((await askConsole(path, 'json show')).lines[0] as string)).toMatchObject({
    'a-to-b': { isCut: false, frames: 2, lost: 1 },
    'b-to-a': { isCut: true, cut: 1 },
  })
  expect(await askConsole(path, 'set loss=many')).toMatchObject({ code: 1022, message: /a share is like 5%/ })
  expect(await askConsole(path, 'cut upwards')).toMatchObject({ code: 1022, message: /a direction is/ })
  expect(await askConsole(path, 'shutdown')).toMatchObject({ code: 1000 })
  expect(await wire.closed).toBe('shutdown')
})
