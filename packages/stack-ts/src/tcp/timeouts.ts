/**
 * TIMEOUTS (RFC 9293 3.10.8): what happens when a deadline of a connection has come.
 *
 * @module
 */
import { ackArrived } from './delayed-ack.ts'
import type { Effects } from './effects.ts'
import { keepAliveDue } from './keepalive.ts'
import { onTimeout } from './loss-recovery.ts'
import { continuePersist, restartRetransmit } from './retransmit-timer.ts'
import { backOff } from './rto.ts'
import { reorderDue } from './sack-recovery.ts'
import type { Rules } from './segment-arrives.ts'
import { SYN_RECEIVED, SYN_SENT } from './state.ts'
import { probeDue } from './tail-loss-probe.ts'
import {
  extrasOf,
  ORPHAN,
  PASSIVE,
  PROBE_WINDOW,
  SEND_SMALL,
  SYN_RESENT,
  type Tcb,
  TIMER_DELAYED_ACK,
  TIMER_HOLD,
  TIMER_KEEP_ALIVE,
  TIMER_LINGER,
  TIMER_MEMORY,
  TIMER_PERSIST,
  TIMER_REORDER,
  TIMER_RETRANSMIT,
  TIMER_TAIL,
} from './tcb.ts'

/** Retransmissions after which the network layer is told (RFC 9293 3.8.3). */
const R1 = 3

/** How long the machine is patient. */
export interface Patience extends Rules {
  readonly synRetries: number
  readonly synAckRetries: number
  /** Retransmissions of data before the connection is given up (R2). */
  readonly retries: number
  /** The same, once nobody on our side waits any more. */
  readonly orphanRetries: number
  readonly keepAliveIntervalMs: number
  readonly keepAliveProbes: number
}

export interface TimeoutEffects extends Effects {
  /** The closed socket must not hold the process any longer. */
  releaseHold(): void
}

/** The next deadline of a connection that has one, in milliseconds that wrap. */
export function earliestDeadline(tcb: Tcb): number {
  const { timers } = tcb
  // Mostly the two that watch what is in flight; the probe never comes after the timeout.
  if ((timers & ~TIMER_RETRANSMIT) === TIMER_TAIL) return tcb.probeAt
  // A deadline lies less than half the range ahead of the next: the first one found stands for all until a sooner one is.
  let left = timers
  let earliest = 0
  while (left !== 0) {
    const bit = left & -left
    const at = deadlineOf(tcb, bit)
    if (left === timers || ((at - earliest) | 0) < 0) earliest = at
    left &= ~bit
  }
  return earliest
}

function deadlineOf(tcb: Tcb, bit: number): number {
  if (bit === TIMER_RETRANSMIT || bit === TIMER_PERSIST) return tcb.retransmitAt
  if (bit === TIMER_DELAYED_ACK) return tcb.delayedAckAt
  if (bit === TIMER_TAIL || bit === TIMER_REORDER) return tcb.probeAt
  if (bit === TIMER_KEEP_ALIVE) return tcb.extras.keepAliveAt
  if (bit === TIMER_LINGER) return tcb.extras.lingerAt
  return bit === TIMER_HOLD ? tcb.extras.holdAt : tcb.extras.memoryAt
}

function isDue(tcb: Tcb, bit: number, at: number, nowMs: number): boolean {
  if ((tcb.timers & bit) === 0 || ((at - nowMs) | 0) > 0) return false
  tcb.extras.trace?.expired(bit)
  return true
}

/** Does what is due. @param nowMs the time, rounded down: no deadline is met early. */
export function timeouts(tcb: Tcb, effects: TimeoutEffects, patience: Patience, nowMs: number): void {
  if (isDue(tcb, TIMER_DELAYED_ACK, tcb.delayedAckAt, nowMs)) {
    tcb.timers &= ~TIMER_DELAYED_ACK
    ackArrived(tcb, effects)
  }
  if (isDue(tcb, TIMER_TAIL, tcb.probeAt, nowMs)) {
    probeDue(tcb, effects.nowMs)
    effects.wantOutput()
  } else if (isDue(tcb, TIMER_REORDER, tcb.probeAt, nowMs)) {
    reorderDue(tcb, effects, patience.congestion)
  }
  if (isDue(tcb, TIMER_RETRANSMIT, tcb.retransmitAt, nowMs)) retransmitDue(tcb, effects, patience)
  else if (isDue(tcb, TIMER_PERSIST, tcb.retransmitAt, nowMs)) persistDue(tcb, effects, patience)
  if (isDue(tcb, TIMER_KEEP_ALIVE, tcb.extras.keepAliveAt, nowMs)) keepAliveDue(tcb, effects, patience)
  if (isDue(tcb, TIMER_HOLD, tcb.extras.holdAt, nowMs)) {
    tcb.timers &= ~TIMER_HOLD
    effects.releaseHold()
  }
  if (isDue(tcb, TIMER_MEMORY, tcb.extras.memoryAt, nowMs)) {
    tcb.timers &= ~TIMER_MEMORY
    effects.writable()
  }
  if (isDue(tcb, TIMER_LINGER, tcb.extras.lingerAt, nowMs)) effects.ended(null)
}

/** RFC 6298 5.4 to 5.7 */
function retransmitDue(tcb: Tcb, effects: Effects, patience: Patience): void {
  const { nowMs } = effects
  if (tcb.state === SYN_SENT || tcb.state === SYN_RECEIVED) {
    if (
      tcb.retries >= (tcb.state === SYN_SENT ? patience.synRetries : patience.synAckRetries) ||
      isUserTimeout(tcb, nowMs)
    ) {
      effects.ended((tcb.flags & PASSIVE) !== 0 ? null : (tcb.extras.softError ?? 'ETIMEDOUT'))
      return
    }
    tcb.flags |= SYN_RESENT
  } else {
    const most = (tcb.flags & ORPHAN) !== 0 ? patience.orphanRetries : patience.retries
    if (tcb.retries >= most || isUserTimeout(tcb, nowMs)) {
      if (isUserTimeout(tcb, nowMs)) effects.counters.tcpUserTimeouts++
      effects.ended('ETIMEDOUT')
      return
    }
  }
  effects.counters.tcpTimeouts++
  onTimeout(tcb, effects, patience.congestion)
  tcb.retries++
  // The next segment sets out to find whether the next hop is still there.
  if (tcb.retries === R1) tcb.path.suspect()
  backOff(tcb)
  restartRetransmit(tcb, nowMs)
  effects.wantOutput()
}

/** RFC 9293 3.8.6.1: the window has been closed, or too small, for long enough. */
function persistDue(tcb: Tcb, effects: Effects, patience: Patience): void {
  const { nowMs } = effects
  const isOrphan = (tcb.flags & ORPHAN) !== 0
  const extras = extrasOf(tcb)
  if (tcb.retries === 0) extras.probesAnswered = 0
  // The peer lives and says no: it may go on saying so, as long as somebody here waits.
  else if (!isOrphan && ((tcb.lastHeardAt - extras.probedAt) | 0) >= 0) extras.probesAnswered = tcb.retries
  const unanswered = tcb.retries - extras.probesAnswered
  if (unanswered >= (isOrphan ? patience.orphanRetries : patience.retries) || isUserTimeout(tcb, nowMs)) {
    if (isUserTimeout(tcb, nowMs)) effects.counters.tcpUserTimeouts++
    effects.sendReset()
    effects.ended('ETIMEDOUT')
    return
  }
  tcb.flags |= tcb.sndWnd > 0 ? SEND_SMALL : PROBE_WINDOW
  if (tcb.sndWnd === 0) effects.counters.tcpZeroWindowProbes++
  tcb.retries++
  extras.probedAt = nowMs
  continuePersist(tcb, nowMs)
  effects.wantOutput()
}

function isUserTimeout(tcb: Tcb, nowMs: number): boolean {
  return tcb.extras.userTimeoutMs > 0 && ((nowMs - tcb.waitingSince) | 0) >= tcb.extras.userTimeoutMs
}
