/**
 * The queue of armed timers: a binary heap by time, then by order of arming. Each timer knows its place, so re-arming and disarming
 * need no search; nothing is allocated once the array has its size.
 *
 * @module
 */
import type { Timer } from '../contract/clock.ts'

export class TimerQueue {
  private readonly heap: Timer[] = []
  private armings = 0

  /** Timers armed. */
  get size(): number {
    return this.heap.length
  }

  /** When the earliest timer is due, or Infinity. */
  get earliest(): number {
    return this.heap.length === 0 ? Number.POSITIVE_INFINITY : (this.heap[0] as Timer).at
  }

  arm(timer: Timer, at: number): void {
    const earlier = !timer.armed || at < timer.at
    timer.at = at
    timer.order = this.armings++
    if (!timer.armed) {
      timer.armed = true
      timer.index = this.heap.length
      this.heap.push(timer)
    }
    // Armed anew, a timer comes after all others of its instant: it can only sink unless its time moved forward.
    if (earlier) this.rise(timer)
    else this.sink(timer)
  }

  disarm(timer: Timer): void {
    if (!timer.armed) return
    timer.armed = false
    const last = this.heap.pop() as Timer
    if (last !== timer) {
      last.index = timer.index
      this.heap[last.index] = last
      this.rise(last)
      this.sink(last)
    }
    timer.index = -1
  }

  /**
   * Fires timers that were armed before this call and are due. One that throws is disarmed already; the others stay armed.
   * @param limit timers to fire at most.
   * @returns how many fired.
   */
  fire(now: number, limit: number): number {
    const before = this.armings
    let fired = 0
    while (fired < limit && this.heap.length > 0) {
      const timer = this.heap[0] as Timer
      if (timer.at > now || timer.order >= before) break
      this.disarm(timer)
      fired++
      timer.fire()
    }
    return fired
  }

  private rise(timer: Timer): void {
    const { heap } = this
    let index = timer.index
    while (index > 0) {
      const above = (index - 1) >> 1
      const parent = heap[above] as Timer
      if (!isBefore(timer, parent)) break
      heap[index] = parent
      parent.index = index
      index = above
    }
    heap[index] = timer
    timer.index = index
  }

  private sink(timer: Timer): void {
    const { heap } = this
    const count = heap.length
    let index = timer.index
    for (;;) {
      let below = 2 * index + 1
      if (below >= count) break
      if (below + 1 < count && isBefore(heap[below + 1] as Timer, heap[below] as Timer)) below++
      const child = heap[below] as Timer
      if (!isBefore(child, timer)) break
      heap[index] = child
      child.index = index
      index = below
    }
    heap[index] = timer
    timer.index = index
  }
}

function isBefore(a: Timer, b: Timer): boolean {
  return a.at < b.at || (a.at === b.at && a.order < b.order)
}
