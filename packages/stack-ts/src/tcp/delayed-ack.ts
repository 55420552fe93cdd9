/**
 * When to acknowledge (RFC 9293 3.8.6.3, RFC 5681 4.2): every second full segment, and what is left after a short while, in the hope of
 * data to carry it.
 *
 * @module
 */
import type { Effects } from './effects.ts'
import { ACK_NOW, type Tcb, TIMER_DELAYED_ACK } from './tcb.ts'

export const DELAYED_ACK_MS = 40

/** Text arrived in order. */
export function inOrderArrived(tcb: Tcb, effects: Effects): void {
  const pending = (tcb.rcvNxt - tcb.lastAckSent) | 0
  if (pending >= 2 * tcb.mss) {
    // Where super-segments travel the end of the batch is soon enough: one acknowledgement stands for all of it.
    if (tcb.path.offload.segment) ackArrived(tcb, effects)
    else effects.acknowledge()
    return
  }
  if ((tcb.timers & TIMER_DELAYED_ACK) !== 0) return
  tcb.timers |= TIMER_DELAYED_ACK
  tcb.delayedAckAt = (effects.nowMs + DELAYED_ACK_MS) | 0
  effects.timersChanged()
}

/** An acknowledgement leaves at the end of the batch, with data if there is some. */
export function ackArrived(tcb: Tcb, effects: Effects): void {
  tcb.flags |= ACK_NOW
  effects.wantOutput()
}

/** An acknowledgement was sent, alone or with data. */
export function ackSent(tcb: Tcb): void {
  tcb.flags &= ~ACK_NOW
  tcb.timers &= ~TIMER_DELAYED_ACK
  tcb.lastAckSent = tcb.rcvNxt
}
