/**
 * A schedule of faults: what the lines of a LAN do, phase after phase, and that they are sound in the end.
 *
 * @module
 */
import { type Clock, type Impairment, Timer } from '@ioth/core'

/** A stretch of time in which the lines behave in one way. */
export interface Phase {
  readonly forMs: number
  readonly impairment: Impairment
  /** Largest IP packet that passes; whoever sends a longer one is told by a router. @default the link's */
  readonly pathMtu?: number
}

/** Phases one after the other. After the last the lines are sound. */
export type Schedule = readonly Phase[]

export const SOUND: Required<Omit<Impairment, 'queueFrames' | 'lossBurst' | 'mtu'>> = Object.freeze({
  loss: 0,
  delayMs: 0,
  jitterMs: 0,
  duplicate: 0,
  reorder: 0,
  reorderMs: 5,
  corrupt: 0,
  truncate: 0,
  rateBitsPerSecond: 0,
})

export function durationMs(schedule: Schedule): number {
  return schedule.reduce((sum, { forMs }) => sum + forMs, 0)
}

/** Plays a schedule on a clock. */
export class SchedulePlayer extends Timer {
  /** Whether the lines are sound again. */
  isOver = false
  readonly schedule: Schedule
  private readonly clock: Clock
  private readonly apply: (impairment: Impairment, pathMtu: number) => void
  private next = 0

  constructor(clock: Clock, schedule: Schedule, apply: (impairment: Impairment, pathMtu: number) => void) {
    super()
    this.clock = clock
    this.schedule = schedule
    this.apply = apply
    this.fire()
  }

  /** Leaves the lines as they are now. */
  stop(): void {
    this.clock.disarm(this)
  }

  fire(): void {
    const phase = this.schedule[this.next++]
    this.apply({ ...SOUND, ...phase?.impairment }, phase?.pathMtu ?? 65535)
    if (phase === undefined) this.isOver = true
    else this.clock.arm(this, this.clock.now + Math.round(phase.forMs * 1000))
  }
}
