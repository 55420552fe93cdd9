/**
 * Keep-alive (RFC 9293 3.8.4): off unless asked for; a probe per interval when nothing was heard for long, and no single lost one kills.
 *
 * @module
 */
import type { Effects } from './effects.ts'
import { SYN_RECEIVED } from './state.ts'
import { flightSize, KEEP_ALIVE, PROBE_PEER, type Tcb, TIMER_KEEP_ALIVE } from './tcb.ts'

export interface KeepAliveRules {
  readonly keepAliveIntervalMs: number
  readonly keepAliveProbes: number
}

/** Arms or disarms the timer after an option changed, or the connection was established. */
export function adjustKeepAlive(tcb: Tcb, nowMs: number): void {
  tcb.keepAliveProbes = 0
  if ((tcb.flags & KEEP_ALIVE) === 0 || tcb.state <= SYN_RECEIVED) {
    tcb.timers &= ~TIMER_KEEP_ALIVE
    return
  }
  tcb.timers |= TIMER_KEEP_ALIVE
  tcb.keepAliveAt = (nowMs + tcb.keepAliveMs) | 0
}

export function keepAliveDue(tcb: Tcb, effects: Effects, rules: KeepAliveRules): void {
  const { nowMs } = effects
  const idle = (nowMs - tcb.lastHeardAt) | 0
  // Heard meanwhile, or the retransmission timer watches already.
  if (idle < tcb.keepAliveMs || flightSize(tcb) > 0) {
    tcb.keepAliveProbes = 0
    tcb.keepAliveAt = (nowMs + Math.max(tcb.keepAliveMs - idle, rules.keepAliveIntervalMs)) | 0
    if (idle < tcb.keepAliveMs) tcb.keepAliveAt = (tcb.lastHeardAt + tcb.keepAliveMs) | 0
    return
  }
  if (tcb.keepAliveProbes >= rules.keepAliveProbes) {
    effects.sendReset()
    effects.ended('ETIMEDOUT')
    return
  }
  tcb.keepAliveProbes++
  effects.counters.tcpKeepAliveProbes++
  tcb.flags |= PROBE_PEER
  tcb.keepAliveAt = (nowMs + rules.keepAliveIntervalMs) | 0
  effects.wantOutput()
}
