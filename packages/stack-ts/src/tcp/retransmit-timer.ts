/**
 * The retransmission timer and the persist timer share one deadline: the first runs while something is in flight (RFC 6298 5), the
 * second while something waits for a window and nothing is in flight (RFC 9293 3.8.6.1).
 *
 * @module
 */
import { MAX_RTO_MS } from './rto.ts'
import { type Tcb, TIMER_PERSIST, TIMER_REORDER, TIMER_RETRANSMIT, TIMER_TAIL } from './tcb.ts'

/** Starts the timer unless it runs (5.1). */
export function startRetransmit(tcb: Tcb, nowMs: number): void {
  if ((tcb.timers & TIMER_RETRANSMIT) === 0) restartRetransmit(tcb, nowMs)
}

/** Starts it anew (5.3). */
export function restartRetransmit(tcb: Tcb, nowMs: number): void {
  waitFrom(tcb, nowMs)
  tcb.timers = (tcb.timers & ~TIMER_PERSIST) | TIMER_RETRANSMIT
  tcb.retransmitAt = (nowMs + capped(tcb, tcb.rto, nowMs)) | 0
}

export function stopRetransmit(tcb: Tcb): void {
  tcb.timers &= ~(TIMER_RETRANSMIT | TIMER_PERSIST | TIMER_TAIL | TIMER_REORDER)
}

/** Probes after one RTO, then at doubled intervals. */
export function startPersist(tcb: Tcb, nowMs: number): void {
  if ((tcb.timers & TIMER_PERSIST) !== 0) return
  waitFrom(tcb, nowMs)
  tcb.timers = (tcb.timers & ~TIMER_RETRANSMIT) | TIMER_PERSIST
  tcb.retransmitAt = (nowMs + capped(tcb, tcb.rto, nowMs)) | 0
}

export function continuePersist(tcb: Tcb, nowMs: number): void {
  const interval = Math.min(tcb.rto * 2 ** Math.min(tcb.retries, 16), MAX_RTO_MS)
  tcb.timers |= TIMER_PERSIST
  tcb.retransmitAt = (nowMs + capped(tcb, interval, nowMs)) | 0
}

/** Octets begin to wait. A window that closes and opens meanwhile is no progress. */
function waitFrom(tcb: Tcb, nowMs: number): void {
  if ((tcb.timers & (TIMER_RETRANSMIT | TIMER_PERSIST)) === 0) tcb.waitingSince = nowMs
}

/** The user timeout (RFC 5482) comes in time, not at the next retransmission. */
function capped(tcb: Tcb, intervalMs: number, nowMs: number): number {
  if (tcb.extras.userTimeoutMs === 0) return intervalMs
  const left = (tcb.waitingSince + tcb.extras.userTimeoutMs - nowMs) | 0
  return Math.max(Math.min(intervalMs, left), 0)
}
