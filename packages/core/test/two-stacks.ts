/**
 * Two stacks on a pipe under virtual time, for tests of what stands on top of the contract.
 */
import { createStack } from '@ioth/stack-ts'
import {
  createFramePool,
  createPipe,
  createVirtualScheduler,
  type FramePool,
  type Stack,
  type VirtualScheduler,
} from '../src/index.ts'

export interface TwoStacks {
  readonly scheduler: VirtualScheduler
  readonly pool: FramePool
  /** 10.0.0.1 */
  readonly here: Stack
  /** 10.0.0.2 */
  readonly there: Stack
  /** Runs turns until the promise has settled, and gives its outcome. */
  run<T>(promise: Promise<T>): Promise<T>
}

/** An hour: more than any test needs, and no time at all. */
const LIMIT = 3_600_000_000

export async function twoStacks(limits: { sendBuffer?: number; receiveBuffer?: number } = {}): Promise<TwoStacks> {
  const scheduler = createVirtualScheduler()
  const pool = createFramePool()
  const run = async <T>(promise: Promise<T>): Promise<T> => {
    let settled = false
    const done = (): void => {
      settled = true
    }
    promise.then(done, done)
    if (!(await scheduler.settleUntil(() => settled, LIMIT))) throw new Error('nothing came of it')
    return promise
  }
  const links = createPipe({ scheduler, pool })
  const [here, there] = await run(
    Promise.all(
      links.map((link, i) =>
        createStack({ scheduler, pool, limits, interfaces: [{ link, addresses: [`10.0.0.${i + 1}/24`] }] }),
      ),
    ),
  )
  return { scheduler, pool, here: here as Stack, there: there as Stack, run }
}
