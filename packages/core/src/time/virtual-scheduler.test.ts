import { describe, expect, it } from 'vitest'
import { CLOSED, Pollable, READABLE, WRITABLE } from '../contract/readiness.ts'
import type { Job, Scheduler } from '../contract/scheduler.ts'
import { Alarm } from './alarm.ts'
import { Task } from './task.ts'
import { createVirtualScheduler } from './virtual-scheduler.ts'

class Source extends Pollable {
  readonly scheduler: Scheduler
  constructor(scheduler: Scheduler) {
    super()
    this.scheduler = scheduler
  }
}

describe('a turn', () => {
  it('runs jobs, then timers, then jobs, then upcalls, then jobs', () => {
    const scheduler = createVirtualScheduler()
    const log: string[] = []
    const second = new Task(() => log.push('job of the timer'))
    const third = new Task(() => log.push('job of the upcall'))
    const source = new Source(scheduler)
    source.onReady = () => {
      log.push('upcall')
      source.lower(READABLE)
      scheduler.defer(third)
    }
    source.interest = READABLE
    source.raise(READABLE)
    scheduler.clock.arm(
      new Alarm(() => {
        log.push('timer')
        scheduler.defer(second)
      }),
      0,
    )
    scheduler.defer(new Task(() => log.push('job')))
    expect(log).toEqual([])
    expect(scheduler.step()).toBe(true)
    expect(log).toEqual(['job', 'timer', 'job of the timer', 'upcall', 'job of the upcall'])
    expect(scheduler.step()).toBe(false)
  })

  it('runs at most 64 upcalls and 512 jobs', () => {
    const scheduler = createVirtualScheduler()
    let upcalls = 0
    let jobs = 0
    const source = new Source(scheduler)
    source.onReady = () => {
      upcalls++
    }
    source.interest = READABLE
    source.raise(READABLE)
    const job: Job = new Task(() => {
      jobs++
      scheduler.defer(job)
    })
    scheduler.defer(job)
    scheduler.step()
    expect(upcalls).toBe(64)
    expect(jobs).toBe(512)
  })

  it('calls every ready source once before one a second time', () => {
    const scheduler = createVirtualScheduler()
    const log: number[] = []
    for (const name of [0, 1, 2]) {
      const source = new Source(scheduler)
      source.onReady = () => {
        log.push(name)
        if (log.length > 6) source.lower(READABLE)
      }
      source.interest = READABLE
      source.raise(READABLE)
    }
    scheduler.advance()
    expect(log.slice(0, 6)).toEqual([0, 1, 2, 0, 1, 2])
  })

  it('leaves everything in order when an upcall throws', () => {
    const scheduler = createVirtualScheduler()
    const log: string[] = []
    const broken = new Source(scheduler)
    broken.onReady = () => {
      broken.lower(READABLE)
      throw new Error('broken')
    }
    const sound = new Source(scheduler)
    sound.onReady = () => {
      log.push('sound')
      sound.lower(READABLE)
    }
    for (const source of [broken, sound]) {
      source.interest = READABLE
      source.raise(READABLE)
    }
    expect(() => scheduler.step()).toThrow('broken')
    expect(broken.queued).toBe(false)
    scheduler.advance()
    expect(log).toEqual(['sound'])
  })
})

describe('readiness', () => {
  it('is level-triggered: told again while it is true, and when interest widens', () => {
    const scheduler = createVirtualScheduler()
    const told: number[] = []
    const source = new Source(scheduler)
    source.onReady = (_, bits) => {
      told.push(bits)
      if (told.length === 3) source.interest = 0
    }
    source.raise(READABLE)
    expect(scheduler.step()).toBe(false)
    source.interest = READABLE
    scheduler.advance()
    expect(told).toEqual([READABLE, READABLE, READABLE])
    source.raise(WRITABLE)
    expect(scheduler.step()).toBe(false)
    source.interest = WRITABLE
    expect(source.queued).toBe(true)
    source.lower(WRITABLE)
    scheduler.advance()
    expect(told.length).toBe(3)
  })

  it('tells CLOSED once', () => {
    const scheduler = createVirtualScheduler()
    const told: number[] = []
    const source = new Source(scheduler)
    source.onReady = (_, bits) => told.push(bits)
    source.interest = READABLE | CLOSED
    source.raise(CLOSED)
    scheduler.advance()
    expect(told).toEqual([CLOSED])
    expect(source.interest).toBe(0)
  })
})

describe('virtual time', () => {
  it('moves from timer to timer and stops where it is told to', () => {
    const scheduler = createVirtualScheduler({ start: 1000 })
    const fired: number[] = []
    for (const at of [1500, 1200, 5000]) {
      scheduler.clock.arm(new Alarm(() => fired.push(scheduler.clock.now)), at)
    }
    expect(scheduler.nextTimer).toBe(1200)
    scheduler.advance(1000)
    expect(fired).toEqual([1200, 1500])
    expect(scheduler.clock.now).toBe(2000)
    expect(scheduler.timers).toBe(1)
    scheduler.advance(3000)
    expect(fired).toEqual([1200, 1500, 5000])
    expect(scheduler.nextTimer).toBe(-1)
  })

  it('settles with the promises of the host between turns', async () => {
    const scheduler = createVirtualScheduler()
    const log: string[] = []
    const sleep = (microseconds: number): Promise<void> =>
      new Promise((resolve) => scheduler.clock.arm(new Alarm(resolve), scheduler.clock.now + microseconds))
    const program = (async () => {
      for (let i = 0; i < 3; i++) {
        await sleep(1000)
        log.push(`${i} at ${scheduler.clock.now}`)
      }
    })()
    await scheduler.settle(10_000)
    expect(log).toEqual(['0 at 1000', '1 at 2000', '2 at 3000'])
    expect(scheduler.clock.now).toBe(10_000)
    await program
  })

  it('settles until something is true, or until the limit', async () => {
    const scheduler = createVirtualScheduler()
    let done = false
    scheduler.clock.arm(
      new Alarm(() => {
        done = true
      }),
      700,
    )
    expect(await scheduler.settleUntil(() => done, 500)).toBe(false)
    expect(scheduler.clock.now).toBe(500)
    expect(await scheduler.settleUntil(() => done)).toBe(true)
    expect(scheduler.clock.now).toBe(700)
  })

  it('tells of work that keeps itself busy', () => {
    const scheduler = createVirtualScheduler()
    const source = new Source(scheduler)
    source.onReady = () => {}
    source.interest = READABLE
    source.raise(READABLE)
    expect(() => scheduler.advance()).toThrow(/keeps itself busy/)
  })

  it('counts holds', () => {
    const scheduler = createVirtualScheduler()
    scheduler.hold()
    scheduler.hold()
    scheduler.release()
    expect(scheduler.holds).toBe(1)
    scheduler.release()
    expect(() => scheduler.release()).toThrow(/without hold/)
  })
})
