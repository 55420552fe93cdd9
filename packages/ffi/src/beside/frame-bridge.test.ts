/** The bridge between a link and a library that is slow to read. */
import {
  createBatch,
  createFramePool,
  createHub,
  createScheduler,
  discardFrames,
  pushFrame,
  WOULD_BLOCK,
} from '@ioth/core'
import { expect, test } from 'vitest'
import { closeDescriptor, receive } from '../descriptor.ts'
import { FrameBridge } from './frame-bridge.ts'

const FRAME = 1514

test('frames wait for the library, in their order, and beyond a bound they are dropped and counted', async () => {
  const scheduler = createScheduler()
  const pool = createFramePool()
  const hub = createHub({ scheduler, pool })
  const link = hub.port('a')
  const bridge = new FrameBridge({ scheduler, pool, link, guard: { arriving: () => true, leaving: () => true } })
  const batch = createBatch(pool, 1)
  const arrive = (number: number): void => {
    const at = pool.take(FRAME)
    pool.view.setUint32(at, number)
    pushFrame(batch, at, FRAME)
    bridge.frames(batch)
    discardFrames(batch)
    batch.count = 0
  }
  for (let number = 0; number < 1000; number++) arrive(number)
  expect(bridge.counters).toMatchObject({ framesIn: 1000, dropLibraryFull: 0 })

  const into = new Uint8Array(FRAME)
  const numbers: number[] = []
  while (numbers.length < 1000) {
    const count = receive(bridge.libraryEnd, into)
    if (count === WOULD_BLOCK) await new Promise((resolve) => setImmediate(resolve))
    else numbers.push(new DataView(into.buffer).getUint32(0))
  }
  expect(numbers).toEqual(Array.from({ length: 1000 }, (_, number) => number))

  for (let number = 0; number < 4000; number++) arrive(number)
  const { framesIn, dropLibraryFull } = bridge.counters
  expect(dropLibraryFull).toBeGreaterThan(0)
  expect(framesIn + dropLibraryFull).toBe(5000)
  closeDescriptor(bridge.libraryEnd)
  await bridge.close()
  await hub.close()
})
