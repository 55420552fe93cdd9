import { AsyncLocalStorage } from 'node:async_hooks'
import { afterEach, describe, expect, it } from 'vitest'
import { Pollable, READABLE, type ReadyCallback } from '../contract/readiness.ts'
import type { Scheduler } from '../contract/scheduler.ts'
import { Alarm } from './alarm.ts'
import { createScheduler, wallClockOrigin } from './host-scheduler.ts'
import { Task } from './task.ts'
import { createVirtualScheduler } from './virtual-scheduler.ts'

class Source extends Pollable {
  readonly scheduler: Scheduler
  constructor(scheduler: Scheduler, onReady: ReadyCallback) {
    super()
    this.scheduler = scheduler
    this.onReady = onReady
    this.interest = READABLE
  }
}

/** A source that is ready once. */
function once(scheduler: Scheduler, work: () => void): Source {
  const source = new Source(scheduler, () => {
    source.lower(READABLE)
    work()
  })
  source.raise(READABLE)
  return source
}

describe('the scheduler of real time', () => {
  afterEach(() => process.setUncaughtExceptionCaptureCallback(null))

  it('never runs anything inside the call, nor in a microtask', async () => {
    const scheduler = createScheduler()
    const log: string[] = []
    const done = new Promise<void>((resolve) => {
      once(scheduler, () => {
        log.push('upcall')
        resolve()
      })
    })
    scheduler.defer(new Task(() => log.push('job')))
    await Promise.resolve()
    await new Promise<void>((resolve) => process.nextTick(resolve))
    expect(log).toEqual([])
    await done
    expect(log).toEqual(['job', 'upcall'])
  })

  it('drains ticks, then microtasks, after each upcall, as Node does after each callback', async () => {
    const scheduler = createScheduler()
    const log: string[] = []
    await new Promise<void>((resolve) => {
      for (const name of ['a', 'b', 'c']) {
        once(scheduler, () => {
          log.push(`${name} upcall`)
          void Promise.resolve().then(() => log.push(`${name} promise`))
          process.nextTick(() => log.push(`${name} tick`))
          queueMicrotask(() => log.push(`${name} microtask`))
        })
      }
      once(scheduler, resolve)
    })
    expect(log).toEqual(['a', 'b', 'c'].flatMap((n) => [`${n} upcall`, `${n} tick`, `${n} promise`, `${n} microtask`]))
  })

  it('runs all that is ready in one macrotask', async () => {
    const inOne = async (): Promise<boolean> => {
      const scheduler = createScheduler()
      let immediates = 0
      const seen: number[] = []
      await new Promise<void>((resolve) => {
        for (let i = 0; i < 10; i++) once(scheduler, () => seen.push(immediates))
        once(scheduler, resolve)
        setImmediate(() => immediates++)
      })
      return seen.every((count) => count === 0)
    }
    // A turn ends after a millisecond, and a busy machine may take that away: it has to work once.
    let worked = false
    for (let round = 0; round < 50 && !worked; round++) worked = await inOne()
    expect(worked).toBe(true)
  })

  it('lets exceptions of upcalls, ticks and promises reach uncaughtException, and goes on', async () => {
    const scheduler = createScheduler()
    const log: string[] = []
    await new Promise<void>((resolve) => {
      process.setUncaughtExceptionCaptureCallback((error) => log.push(`caught ${error.message}`))
      once(scheduler, () => {
        throw new Error('in an upcall')
      })
      once(scheduler, () => log.push('second'))
      once(scheduler, () => {
        process.nextTick(() => {
          throw new Error('in a tick')
        })
      })
      once(scheduler, () => {
        log.push('fourth')
      })
      scheduler.clock.arm(new Alarm(() => once(scheduler, resolve)), scheduler.clock.now + 2000)
    })
    expect(log).toEqual(['caught in an upcall', 'second', 'caught in a tick', 'fourth'])
  })

  it('runs turns in no user scope, and leaves no scope behind', async () => {
    const scheduler = createScheduler()
    const storage = new AsyncLocalStorage<string>()
    const seen: (string | undefined)[] = []
    await storage.run(
      'mine',
      () =>
        new Promise<void>((resolve) => {
          once(scheduler, () => {
            seen.push(storage.getStore())
          })
          scheduler.clock.arm(
            new Alarm(() => {
              seen.push(storage.getStore())
              resolve()
            }),
            scheduler.clock.now + 1000,
          )
        }),
    )
    expect(seen).toEqual([undefined, undefined])
  })

  it('gives the event loop its turn while there is always work', async () => {
    const scheduler = createScheduler()
    let upcalls = 0
    const source = new Source(scheduler, () => {
      upcalls++
    })
    source.raise(READABLE)
    const before = await new Promise<number>((resolve) => setTimeout(() => resolve(upcalls), 0))
    await new Promise<void>((resolve) => setImmediate(resolve))
    await new Promise<void>((resolve) => setImmediate(resolve))
    expect(upcalls).toBeGreaterThan(before)
    source.interest = 0
  })

  it('ends a turn after a long upcall, so that the clock is read anew', async () => {
    const scheduler = createScheduler()
    const readings: number[] = []
    let blockedUntil = 0
    await new Promise<void>((resolve) => {
      once(scheduler, () => {
        readings.push(scheduler.clock.now)
        blockedUntil = scheduler.clock.now + 3000
        while (performance.now() * 1000 < blockedUntil) {}
        expect(scheduler.clock.now).toBe(readings[0])
      })
      once(scheduler, () => {
        readings.push(scheduler.clock.now)
        resolve()
      })
    })
    expect(readings[1]).toBeGreaterThanOrEqual(blockedUntil)
  })

  it('reads its input before it looks at timers when the loop was blocked', async () => {
    const scheduler = createScheduler()
    const log: string[] = []
    await new Promise<void>((resolve) => {
      scheduler.clock.arm(
        new Alarm(() => {
          log.push('timer')
          resolve()
        }),
        scheduler.clock.now + 1000,
      )
      const { port1, port2 } = new MessageChannel()
      port1.addEventListener('message', () => {
        port1.close()
        scheduler.defer(new Task(() => log.push('input')))
      })
      port1.start()
      port2.postMessage(null)
      const end = performance.now() + 10
      while (performance.now() < end) {}
    })
    expect(log).toEqual(['input', 'timer'])
  })

  it('fires timers never early, in order, whoever arms them when', async () => {
    const scheduler = createScheduler()
    const { clock } = scheduler
    const fired: string[] = []
    const early: number[] = []
    await new Promise<void>((resolve) => {
      const arm = (name: string, delay: number): Alarm => {
        const at = clock.now + delay
        const alarm = new Alarm(() => {
          fired.push(name)
          if (clock.now < at) early.push(at - clock.now)
          if (name === 'last') resolve()
        })
        clock.arm(alarm, at)
        return alarm
      }
      arm('last', 30_000)
      arm('first', 1500)
      clock.disarm(arm('never', 1000))
      once(scheduler, () => arm('second', 12_000))
    })
    expect(fired).toEqual(['first', 'second', 'last'])
    expect(early).toEqual([])
  })

  it('knows its place in the time of the world', () => {
    const scheduler = createScheduler()
    const unix = wallClockOrigin(scheduler) + scheduler.clock.now
    expect(Math.abs(unix - Date.now() * 1000)).toBeLessThan(60_000_000)
    expect(wallClockOrigin(createVirtualScheduler())).toBe(0)
  })

  it('takes no release without a hold', () => {
    expect(() => createScheduler().release()).toThrow(/without hold/)
  })
})
