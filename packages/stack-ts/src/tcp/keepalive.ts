/**
 * Keep-alive (RFC 9293 3.8.4): off unless asked for; a probe per interval when nothing was heard for long, and no single lost one kills.
 *
 * @module
 */
import type { Effects } from './effects.ts'
import { add, distance } from './seq.ts'
import { SYN_RECEIVED, TIME_WAIT } from './state.ts'
import { extrasOf, flightSize, KEEP_ALIVE, PROBE_PEER, type Tcb, TIMER_KEEP_ALIVE } from './tcb.ts'

export interface KeepAliveRules {
  readonly keepAliveIntervalMs: number
  readonly keepAliveProbes: number
}

/**
 * Arms or disarms the timer after an option changed, or the connection was established. A program may still hold, and set, the socket of a
 * connection that is over.
 */
export function adjustKeepAlive(tcb: Tcb, nowMs: number): void {
  if ((tcb.flags & KEEP_ALIVE) === 0 || tcb.state <= SYN_RECEIVED || tcb.state === TIME_WAIT) {
    tcb.timers &= ~TIMER_KEEP_ALIVE
    return
  }
  const extras = extrasOf(tcb)
  tcb.timers |= TIMER_KEEP_ALIVE
  extras.keepAliveProbes = 0
  extras.keepAliveAt = add(nowMs, extras.keepAliveMs)
}

export function keepAliveDue(tcb: Tcb, effects: Effects, rules: KeepAliveRules): void {
  const { nowMs } = effects
  const extras = extrasOf(tcb)
  const idle = distance(tcb.lastHeardAt, nowMs)
  // Heard meanwhile, or the retransmission timer watches already.
  if (idle < extras.keepAliveMs || flightSize(tcb) > 0) {
    extras.keepAliveProbes = 0
    extras.keepAliveAt =
      idle < extras.keepAliveMs ? add(tcb.lastHeardAt, extras.keepAliveMs) : add(nowMs, rules.keepAliveIntervalMs)
    return
  }
  if (extras.keepAliveProbes >= rules.keepAliveProbes) {
    effects.sendReset()
    effects.ended('ETIMEDOUT')
    return
  }
  extras.keepAliveProbes++
  effects.counters.tcpKeepAliveProbes++
  tcb.flags |= PROBE_PEER
  extras.keepAliveAt = add(nowMs, rules.keepAliveIntervalMs)
  effects.wantOutput()
}
