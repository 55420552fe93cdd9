/** Flows of connections that are over: how long they are kept, and how many. */
import { createVirtualScheduler } from '@ioth/core'
import { expect, test } from 'vitest'
import type { Flow } from './flow.ts'
import { RetiredFlows } from './retired-flows.ts'

const flow = (awaitsPeer = false): Flow => ({ awaitsPeer, observer: {} }) as unknown as Flow

test('a flow hears nothing any more, and is forgotten after five seconds, in order', () => {
  const time = createVirtualScheduler()
  const retired = new RetiredFlows(time.clock)
  const forgotten: string[] = []
  const first = flow()
  retired.add(first, () => forgotten.push('first'))
  expect(first.observer).toBeNull()
  time.advance(1_000_000)
  retired.add(flow(), () => forgotten.push('second'))
  time.advance(3_999_999)
  retired.expire()
  expect(forgotten).toEqual([])
  time.advance(1)
  retired.expire()
  expect(forgotten).toEqual(['first'])
  time.advance(1_000_000)
  retired.expire()
  expect(forgotten).toEqual(['first', 'second'])
})

test('the oldest makes room when there are more than 512', () => {
  const retired = new RetiredFlows(createVirtualScheduler().clock)
  const forgotten: number[] = []
  for (let n = 0; n < 515; n++) retired.add(flow(), () => forgotten.push(n))
  retired.expire()
  expect(forgotten).toEqual([0, 1, 2])
})

test('when the host goes, each is told', () => {
  const retired = new RetiredFlows(createVirtualScheduler().clock)
  let told = 0
  for (let n = 0; n < 3; n++) retired.add(Object.assign(flow(), { abandon: () => void told++ }), () => {})
  retired.abandon()
  expect(told).toBe(3)
})

test('whether a peer has still to end', () => {
  const retired = new RetiredFlows(createVirtualScheduler().clock)
  retired.add(flow(), () => {})
  expect(retired.awaitPeers).toBe(false)
  retired.add(flow(true), () => {})
  expect(retired.awaitPeers).toBe(true)
})
