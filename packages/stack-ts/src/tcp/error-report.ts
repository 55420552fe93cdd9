/**
 * What ICMP says about a connection (RFC 1122 4.2.3.9, RFC 5927): believed only when it quotes a segment in flight; never the end of a
 * connection that is established.
 *
 * @module
 */
import type { ErrorReport } from '../ip/network.ts'
import type { Effects } from './effects.ts'
import { fitSegments } from './options.ts'
import { NONE } from './pieces.ts'
import { stopTiming } from './rto.ts'
import { boardOf, loseAll } from './scoreboard.ts'
import { lessOrEqual, lessThan } from './seq.ts'
import { SYN_RECEIVED, SYN_SENT } from './state.ts'
import { extrasOf, type Tcb } from './tcb.ts'

/** @param sequence the quoted segment's sequence number. */
export function reportArrives(tcb: Tcb, error: ErrorReport, sequence: number, effects: Effects): void {
  const inFlight = lessOrEqual(tcb.sndUna, sequence) && lessThan(sequence, tcb.sndNxt)
  if (!inFlight) return
  if (error.code === 'EMSGSIZE') {
    wasTooBig(tcb, error, effects)
    return
  }
  if (tcb.state !== SYN_SENT && tcb.state !== SYN_RECEIVED) return
  // A soft error is only remembered: it is the better word should the attempt time out.
  if (error.hard) effects.ended(error.code)
  else extrasOf(tcb).softError = error.code
}

/** RFC 1191 6.5: the segments in flight go again, smaller, without waiting for a timeout; it was no congestion. */
function wasTooBig(tcb: Tcb, error: ErrorReport, effects: Effects): void {
  const before = tcb.mss
  tcb.network.lowerMtu(tcb.remote, error.mtu, error.packetLength)
  fitSegments(tcb)
  if (tcb.mss >= before) return
  effects.counters.tcpMtuLowered++
  if (tcb.sentHead === NONE) tcb.sndCursor = tcb.sndUna
  else loseAll(tcb, boardOf(tcb), effects.records, true)
  stopTiming(tcb)
  effects.wantOutput()
}
