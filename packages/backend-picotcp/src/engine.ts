/**
 * When the library works: it is ticked after everything that was put into it, again while that has effects, and by a heartbeat for its
 * timers. Its wake-ups come from inside a tick; they are noted, and told to sockets when the tick is over, for the library must not be
 * called from inside one.
 *
 * @module
 */
import { Alarm, Job, type Scheduler } from '@ioth/core'
import { type Callbacks, PICO_EVENT_ERROR, PICO_EVENT_FIN, PICO_EVENT_WRITE, PICO_WAKEUP_TYPE } from '@ioth/ffi'
import type { Pico, Pointer } from './bindings.ts'
import { DEAD_US, LIBRARY_SOCKETS, TIMERS, TIMERS_OF_DEAD, TIMERS_OF_SOCKET } from './limits.ts'

/** Whoever holds a socket of the library. */
export abstract class PicoUser {
  /** Whether the library's wish for more octets is of interest. It tells of it at every tick. */
  wantsRoom = false
  /** @internal noted events */
  pending = 0
  /** @internal error number of the last event that has one */
  code = 0
  /** @internal socket the events are of */
  noted: Pointer = 0n
  /** Told after a tick. @param code the library's error number, with PICO_EVENT_FIN and PICO_EVENT_ERROR. */
  abstract happened(events: number, code: number, socket: Pointer): void
  /** @internal stands in the queue of {@link Engine.beforeTick} */
  waits = false
  /** Called before a tick that was asked for by {@link Engine.beforeTick}. */
  beforeTick(): void {}
}

/** Ticks in one job. */
const TICKS = 16
/** Ticks without effect after which the library has nothing in hand: a frame needs one for each layer it crosses, and more when there are many. */
const QUIET_TICKS = 5
/** Of the heartbeat, in microseconds: the shortest of the library's timers is 70 ms. */
const HEARTBEAT_US = 10_000
/**
 * The same without TCP sockets, or when nothing has happened for {@link RESTLESS_US}: what still waits then was set as long ago, so that a
 * tenth of a second more is little of it. Those are repetitions that were in vain, ends, neighbours, probes of silent peers.
 */
const IDLE_HEARTBEAT_US = 100_000
const RESTLESS_US = 1_000_000
/** Entries of the list of dead connections that are kept although they do not count any more. */
const MOST_FORGOTTEN = 256
/** A library without sockets tells its next timer, but not more than this is believed. */
const LONGEST_WAIT_US = 1_000_000

export class Engine extends Job {
  readonly pico: Pico
  readonly scheduler: Scheduler
  /** The function the library calls for all sockets. */
  readonly wakeup: Pointer
  /** Ticks so far. */
  ticks = 0
  private readonly users = new Map<Pointer, PicoUser>()
  private readonly heartbeat: Alarm
  private readonly flush: () => void
  private readonly onBeat: () => void
  private readonly waiting: PicoUser[] = []
  private noted: PicoUser[] = []
  private told: PicoUser[] = []
  private isTicking = false
  /** Ticks that still follow when nothing happens in them. */
  private left = 0
  private isStopped = false
  private tcpSockets = 0
  /** When something was last put into the library, or came of it. */
  private busyAt = 0
  /** When connections ended of which the library has timers left; those from {@link deadFrom} on count. */
  private readonly dead: number[] = []
  private deadFrom = 0

  /**
   * @param flush hands the links what the library gave.
   * @param onBeat looks after what has a time limit; called with each heartbeat.
   */
  constructor(pico: Pico, callbacks: Callbacks, scheduler: Scheduler, flush: () => void, onBeat: () => void) {
    super()
    this.pico = pico
    this.scheduler = scheduler
    this.flush = flush
    this.onBeat = onBeat
    this.wakeup = callbacks.add(
      PICO_WAKEUP_TYPE,
      (events: number, socket: Pointer) => this.note(events, socket),
      undefined,
    )
    this.heartbeat = new Alarm(() => this.beat())
  }

  /** The library's time goes on. */
  start(): void {
    this.armHeartbeat(0)
  }

  /** How many sockets of the library there are. */
  get size(): number {
    return this.users.size
  }

  /**
   * Whether the library has room for one more connection.
   * @param others that nobody has registered yet.
   */
  hasRoom(others = 0): boolean {
    const { dead } = this
    const old = this.scheduler.clock.now - DEAD_US
    while (this.deadFrom < dead.length && (dead[this.deadFrom] as number) < old) this.deadFrom++
    if (this.deadFrom > MOST_FORGOTTEN) {
      dead.splice(0, this.deadFrom)
      this.deadFrom = 0
    }
    const living = this.size + others
    const timers = (living + 1) * TIMERS_OF_SOCKET + (dead.length - this.deadFrom) * TIMERS_OF_DEAD
    return living < LIBRARY_SOCKETS && timers <= TIMERS
  }

  /** From now on the user hears what happens to the library's socket. */
  register(socket: Pointer, user: PicoUser, isTcp: boolean): void {
    if (!this.users.has(socket) && isTcp) this.tcpSockets++
    this.users.set(socket, user)
    if (isTcp && this.tcpSockets === 1) this.armHeartbeat(HEARTBEAT_US)
  }

  /** Another one holds the socket. What was noted and not told yet is told to the new one. */
  replace(socket: Pointer, user: PicoUser): void {
    const before = this.users.get(socket)
    this.users.set(socket, user)
    if (before === undefined || before.pending === 0 || before.noted !== socket) return
    this.hold(user, socket, before.pending, before.code)
    before.pending = 0
  }

  /** The library's socket is gone, or nobody may touch it any more. */
  forget(socket: Pointer, isTcp: boolean): void {
    if (!this.users.delete(socket) || !isTcp) return
    this.tcpSockets--
    this.dead.push(this.scheduler.clock.now)
  }

  userOf(socket: Pointer): PicoUser | undefined {
    return this.users.get(socket)
  }

  /** The user puts something into the library when all calls of this turn have been made. */
  beforeTick(user: PicoUser): void {
    if (!user.waits) {
      user.waits = true
      this.waiting.push(user)
    }
    this.touch()
  }

  /** Something was put into the library: it is ticked in this turn. */
  touch(): void {
    this.moved()
    if (!this.isStopped) this.scheduler.defer(this)
  }

  override run(): void {
    if (this.isStopped) return
    for (let round = 0; round < TICKS && this.left > 0; round++) this.settle()
    this.flush()
    if (this.left > 0) this.scheduler.defer(this)
  }

  /** One tick, and what came of it is told. */
  settle(): void {
    if (this.isTicking || this.isStopped) return
    this.left--
    // What arrived comes first: an acknowledgement that finds octets which have not left yet makes a timer that never ends.
    this.tick()
    this.tell()
    for (let user = this.waiting.pop(); user !== undefined; user = this.waiting.pop()) {
      this.moved()
      user.waits = false
      user.beforeTick()
    }
  }

  /** The library gave a frame, or took one: there may be more to do. */
  moved(): void {
    this.left = QUIET_TICKS
    const { now } = this.scheduler.clock
    const rested = now - this.busyAt >= RESTLESS_US
    this.busyAt = now
    if (rested) this.armHeartbeat(HEARTBEAT_US)
  }

  /** No call into the library after this. */
  stop(): void {
    this.isStopped = true
    this.scheduler.clock.disarm(this.heartbeat)
    this.users.clear()
  }

  private tick(): void {
    this.isTicking = true
    this.ticks++
    try {
      const wait = this.pico.tick()
      if (wait !== null)
        this.armHeartbeat(wait < 0 ? LONGEST_WAIT_US : Math.min(Math.max(wait, 1) * 1000, LONGEST_WAIT_US))
    } finally {
      this.isTicking = false
    }
  }

  /** Called by the library, from inside a tick or a read: nothing is done here but noting. */
  private note(events: number, socket: Pointer): void {
    const user = this.users.get(socket)
    if (user === undefined) return
    let noteworthy = user.wantsRoom ? events : events & ~PICO_EVENT_WRITE
    if (noteworthy === 0) return
    const code = (events & (PICO_EVENT_FIN | PICO_EVENT_ERROR)) === 0 ? 0 : this.pico.error()
    // One user may hold several sockets: the events of another one are told first.
    if (user.pending !== 0 && user.noted !== socket) {
      this.noted.push(new Later(user, socket, noteworthy, code))
      noteworthy = 0
    } else this.hold(user, socket, noteworthy, code)
    if (this.isTicking) this.moved()
    else this.touch()
  }

  private hold(user: PicoUser, socket: Pointer, events: number, code: number): void {
    if (user.pending === 0) this.noted.push(user)
    user.noted = socket
    user.pending |= events
    if (code !== 0) user.code = code
  }

  private tell(): void {
    while (this.noted.length > 0) {
      const told = this.noted
      this.noted = this.told
      this.told = told
      for (const user of told) {
        const { pending, code, noted } = user
        user.pending = 0
        user.code = 0
        if (pending !== 0) user.happened(pending, code, noted)
      }
      told.length = 0
    }
  }

  private beat(): void {
    this.left = Math.max(this.left, 1)
    this.run()
    this.onBeat()
    const isResting = this.tcpSockets === 0 || this.scheduler.clock.now - this.busyAt >= RESTLESS_US
    this.armHeartbeat(isResting ? IDLE_HEARTBEAT_US : HEARTBEAT_US)
  }

  private armHeartbeat(microseconds: number): void {
    if (this.isStopped) return
    const { clock } = this.scheduler
    const at = clock.now + microseconds
    if (this.heartbeat.armed && this.heartbeat.at <= at && this.heartbeat.at > clock.now) return
    clock.arm(this.heartbeat, at)
  }
}

/** Events of one more socket of a user that has some noted already. */
class Later extends PicoUser {
  private readonly user: PicoUser

  constructor(user: PicoUser, socket: Pointer, events: number, code: number) {
    super()
    this.user = user
    this.noted = socket
    this.pending = events
    this.code = code
  }

  override happened(events: number, code: number, socket: Pointer): void {
    this.user.happened(events, code, socket)
  }
}
