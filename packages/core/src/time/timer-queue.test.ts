import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Timer } from '../contract/clock.ts'
import { TimerQueue } from './timer-queue.ts'

class Recorder extends Timer {
  readonly name: number
  private readonly log: number[]
  constructor(name: number, log: number[]) {
    super()
    this.name = name
    this.log = log
  }
  fire(): void {
    this.log.push(this.name)
  }
}

describe('timer queue', () => {
  it('P-12 fires in order of time, then of arming, whatever was moved or disarmed', () => {
    const command = fc.record({ timer: fc.nat(19), at: fc.option(fc.nat(30), { freq: 4 }) })
    fc.assert(
      fc.property(fc.array(command, { maxLength: 200 }), fc.nat(30), (commands, now) => {
        const queue = new TimerQueue()
        const log: number[] = []
        const timers = Array.from({ length: 20 }, (_, i) => new Recorder(i, log))
        // The model: the last arming of each timer, in order of arming.
        const model = new Map<number, number>()
        for (const { timer, at } of commands) {
          model.delete(timer)
          if (at === null) queue.disarm(timers[timer] as Timer)
          else {
            queue.arm(timers[timer] as Timer, at)
            model.set(timer, at)
          }
          expect(queue.size).toBe(model.size)
          expect(queue.earliest).toBe(Math.min(Number.POSITIVE_INFINITY, ...model.values()))
        }
        const due = [...model].filter(([, at]) => at <= now).sort(([, a], [, b]) => a - b)
        expect(queue.fire(now, 1000)).toBe(due.length)
        expect(log).toEqual(due.map(([name]) => name))
        expect(timers.filter((timer) => timer.armed).length).toBe(model.size - due.length)
      }),
    )
  })

  it('fires a timer that re-arms itself for now only in the next call', () => {
    const queue = new TimerQueue()
    let fired = 0
    class Again extends Timer {
      fire(): void {
        fired++
        queue.arm(this, 0)
      }
    }
    queue.arm(new Again(), 0)
    expect(queue.fire(5, 1000)).toBe(1)
    expect(queue.fire(5, 1000)).toBe(1)
    expect(fired).toBe(2)
  })

  it('stays in order when a timer throws', () => {
    const queue = new TimerQueue()
    const log: number[] = []
    class Broken extends Timer {
      fire(): void {
        throw new Error('broken')
      }
    }
    const broken = new Broken()
    queue.arm(broken, 1)
    queue.arm(new Recorder(2, log), 2)
    expect(() => queue.fire(5, 1000)).toThrow('broken')
    expect(broken.armed).toBe(false)
    expect(queue.fire(5, 1000)).toBe(1)
    expect(log).toEqual([2])
  })
})
