import { describe, expect, it } from 'vitest'
import {
  createBatch,
  createFramePool,
  createPipe,
  createVirtualScheduler,
  type FrameBatch,
  FULL_OFFLOAD,
  type Link,
  type LinkSink,
  type LinkState,
  NO_OFFLOAD,
  type Offload,
  pushFrame,
  readFrame,
  removeFirst,
} from '../index.ts'

function collector(accepts: Offload = NO_OFFLOAD) {
  const seen: number[][] = []
  const states: LinkState[] = []
  let writable = 0
  const sink: LinkSink = {
    accepts,
    frames(batch) {
      for (let i = 0; i < batch.count; i++) {
        const into = new Uint8Array(100)
        seen.push([...into.subarray(0, readFrame(batch, i, into))])
      }
    },
    writable: () => {
      writable++
    },
    changed: (state) => {
      states.push(state)
    },
  }
  return { sink, seen, states, drains: () => writable }
}

function setUp(options: { queueFrames?: number; offload?: Offload } = {}) {
  const scheduler = createVirtualScheduler()
  const pool = createFramePool()
  const [a, b] = createPipe({ scheduler, pool, ...options })
  const batch = createBatch(pool)
  const add = (octet: number): void => {
    const at = pool.take(20)
    pool.bytes[at] = octet
    pushFrame(batch, at, 1)
  }
  return { scheduler, pool, a, b, batch, add }
}

function sendAll(link: Link, batch: FrameBatch): number {
  const taken = link.send(batch)
  removeFirst(batch, taken)
  return taken
}

describe('pipe', () => {
  it('delivers in order, in a turn, never inside send', () => {
    const { scheduler, pool, a, b, batch, add } = setUp()
    const far = collector()
    b.attach(far.sink)
    for (let i = 0; i < 10; i++) add(i)
    expect(sendAll(a, batch)).toBe(10)
    expect(far.seen).toEqual([])
    scheduler.advance()
    expect(far.seen.flat()).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
    expect(pool.used).toBe(0)
  })

  it('takes no more than its queue holds, and tells when there is room', () => {
    const { scheduler, pool, a, b, batch, add } = setUp({ queueFrames: 3 })
    const near = collector()
    const far = collector()
    a.attach(near.sink)
    b.attach(far.sink)
    for (let i = 0; i < 5; i++) add(i)
    expect(sendAll(a, batch)).toBe(3)
    expect(sendAll(a, batch)).toBe(0)
    scheduler.advance()
    expect(near.drains()).toBe(1)
    expect(sendAll(a, batch)).toBe(2)
    scheduler.advance()
    expect(near.drains()).toBe(1)
    expect(far.seen.flat()).toEqual([0, 1, 2, 3, 4])
    expect(pool.used).toBe(0)
  })

  it('offers what both the pipe and the far sink take', () => {
    const { a, b } = setUp({ offload: FULL_OFFLOAD })
    expect(a.offload).toEqual(NO_OFFLOAD)
    b.attach(collector({ checksum: true, segment: true, maxSegment: 9000 }).sink)
    expect(a.offload).toEqual({ checksum: true, segment: true, maxSegment: 9000 })
    expect(b.offload).toEqual(NO_OFFLOAD)
  })

  it('drops what is sent to an end where nobody is', () => {
    const { scheduler, pool, a, batch, add } = setUp()
    add(1)
    expect(sendAll(a, batch)).toBe(1)
    scheduler.advance()
    expect(pool.used).toBe(0)
  })

  it('delivers what was sent before close, then the far end is lost', async () => {
    const { scheduler, pool, a, b, batch, add } = setUp()
    const near = collector()
    const far = collector()
    a.attach(near.sink)
    b.attach(far.sink)
    add(7)
    sendAll(a, batch)
    const closed = a.close()
    expect(far.states).toEqual([])
    scheduler.advance()
    await closed
    await a.close()
    expect(far.seen).toEqual([[7]])
    expect(far.states).toEqual(['lost'])
    expect(near.states).toEqual(['closed'])
    add(8)
    expect(sendAll(b, batch)).toBe(1)
    scheduler.advance()
    expect(near.seen).toEqual([])
    expect(pool.used).toBe(0)
  })

  it('has one sink an end', () => {
    const { a } = setUp()
    a.attach(collector().sink)
    expect(() => a.attach(collector().sink)).toThrow(/has a sink already/)
  })
})
