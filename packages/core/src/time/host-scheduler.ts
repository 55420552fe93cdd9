/**
 * The scheduler of real time. One per thread.
 *
 * When does a turn run? Always in a macrotask of its own (`setImmediate`: libuv's check phase, after the poll phase), also when a timer
 * is due: the host timer only asks for a turn. So whatever the host's sockets received while the loop was blocked is read, and queued as
 * jobs, before timers are looked at: a blocked program does not make its stack retransmit.
 *
 * What keeps the process alive? A turn that has been asked for (its immediate is referenced: frames, datagrams and upcalls on their way
 * are carried to their end, as the kernel would), and {@link Scheduler.hold}. Stack timers never do: the host timer is unreferenced. A
 * process whose last work is done ends, however many timers are armed.
 *
 * @module
 */
import type { Clock, Timer } from '../contract/clock.ts'
import type { Scheduler } from '../contract/scheduler.ts'
import { clockOrigin, drainHostTicks, HostAlarm, HostAnchor, readClock, startMacrotask } from './host.ts'
import { createRandom } from './random.ts'
import type { TimerQueue } from './timer-queue.ts'
import { TurnScheduler, UPCALLS_PER_TURN } from './turn-scheduler.ts'

/** How long a turn may last before the host's loop gets its turn, in microseconds. */
const TURN_MICROSECONDS = 1000

class HostClock implements Clock {
  /** The reading of the present turn; -1 outside turns, where every reading is fresh. */
  reading = -1
  private readonly queue: TimerQueue
  private readonly armed: () => void

  constructor(queue: TimerQueue, armed: () => void) {
    this.queue = queue
    this.armed = armed
  }

  get now(): number {
    return this.reading === -1 ? readClock() : this.reading
  }

  arm(timer: Timer, at: number): void {
    this.queue.arm(timer, at)
    // Inside a turn, its end looks after the host timer.
    if (this.reading === -1) this.armed()
  }

  disarm(timer: Timer): void {
    this.queue.disarm(timer)
  }
}

class HostScheduler extends TurnScheduler {
  readonly clock: HostClock = new HostClock(this.timerQueue, () => this.setAlarm())
  private readonly anchor = new HostAnchor()
  private readonly alarm = new HostAlarm(() => this.setAlarm())
  private holds = 0
  /** A turn has been asked for, or is running. */
  private awake = false

  constructor() {
    super(createRandom())
  }

  hold(): void {
    if (this.holds++ === 0) this.anchor.hold()
  }

  release(): void {
    if (this.holds === 0) throw new Error('scheduler: release() without hold()')
    if (--this.holds === 0) this.anchor.release()
  }

  carryOut(): void {
    const before = this.clock.reading
    this.clock.reading = readClock()
    try {
      this.work()
    } finally {
      this.clock.reading = before
    }
  }

  protected override wake(): void {
    if (this.awake) return
    this.awake = true
    startMacrotask(this.runTurn)
  }

  protected override drainTicks(): void {
    drainHostTicks?.()
  }

  protected override isOverdue(): boolean {
    return readClock() - this.clock.reading > TURN_MICROSECONDS
  }

  /** Where ticks cannot be drained between upcalls, each upcall has a macrotask of its own. */
  protected override get upcallBudget(): number {
    return drainHostTicks === null ? 1 : UPCALLS_PER_TURN
  }

  private readonly runTurn = (): void => {
    this.clock.reading = readClock()
    try {
      this.turn()
    } finally {
      // Also when user code threw: the exception goes on to the host (uncaughtException), and the rest runs in the next turn.
      this.awake = false
      if (this.hasWork) this.wake()
      this.clock.reading = -1
      this.setAlarm()
    }
  }

  /**
   * Sees to it that a turn comes when the earliest timer is due. An alarm that is set too early is left alone: it rings in vain once,
   * which costs less than setting it anew in every turn.
   */
  private setAlarm(): void {
    const { earliest } = this.timerQueue
    if (this.awake || earliest >= this.alarm.at) return
    const now = readClock()
    if (earliest <= now) this.wake()
    else this.alarm.set(earliest, now)
  }
}

/** A scheduler of real time. Almost always the thread's own is what is wanted: {@link defaultScheduler}. */
export function createScheduler(): Scheduler {
  return new HostScheduler()
}

/** Unix time, in microseconds, at which this scheduler's clock showed 0; 0 for a virtual one. */
export function wallClockOrigin(scheduler: Scheduler): number {
  return scheduler instanceof HostScheduler ? clockOrigin() : 0
}
