/**
 * One connection in numbers, as `Stack.sockets()` shows it.
 *
 * @module
 */
import type { TcpInfo } from '@ioth/core'
import { distance, lessThan } from './seq.ts'
import { flightSize, type Tcb } from './tcb.ts'
import { receiveWindow } from './window.ts'

export function tcpInfo(tcb: Tcb): TcpInfo {
  // Neither the SYN nor the FIN is an octet.
  const sent = lessThan(tcb.sndEnd, tcb.sndNxt) ? tcb.sndEnd : tcb.sndNxt
  const unacknowledged = tcb.sndUna === tcb.iss ? 0 : Math.max(distance(tcb.sndUna, sent), 0)
  return {
    congestionWindow: tcb.cwnd,
    slowStartThreshold: tcb.ssthresh,
    smoothedRtt: tcb.srtt,
    rttVariation: tcb.rttvar,
    retransmissionTimeout: tcb.rto * 1000,
    inFlight: flightSize(tcb),
    sendWindow: tcb.sndWnd,
    receiveWindow: receiveWindow(tcb),
    maximumSegment: tcb.mss,
    octetsSent: tcb.octetsAcknowledged + unacknowledged,
    octetsReceived: tcb.octetsReceived,
    segmentsRetransmitted: tcb.extras.retransmitted,
  }
}
