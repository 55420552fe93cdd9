/**
 * What ICMP says about a connection (RFC 1122 4.2.3.9, RFC 5927): believed only when it quotes a segment in flight; never the end of a
 * connection that is established.
 *
 * @module
 */
import type { ErrorReport } from '../ip/network.ts'
import type { Effects } from './effects.ts'
import { SYN_RECEIVED, SYN_SENT } from './state.ts'
import type { Tcb } from './tcb.ts'

/** @param sequence the quoted segment's sequence number. */
export function reportArrives(tcb: Tcb, error: ErrorReport, sequence: number, effects: Effects): void {
  const inFlight = ((sequence - tcb.sndUna) | 0) >= 0 && ((sequence - tcb.sndNxt) | 0) < 0
  if (!inFlight || error.code === 'EMSGSIZE') return
  if (tcb.state !== SYN_SENT && tcb.state !== SYN_RECEIVED) return
  // A soft error is only remembered: it is the better word should the attempt time out.
  if (error.hard) effects.ended(error.code)
  else tcb.softError = error.code
}
