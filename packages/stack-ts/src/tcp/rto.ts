/**
 * The retransmission timeout (RFC 6298), with Karn's rule: only segments sent once are timed, or timestamps tell which one it was.
 *
 * @module
 */

import { lessOrEqual } from './seq.ts'
import { type Tcb, TIMESTAMPS, TIMING } from './tcb.ts'

/** Longest RTO, in milliseconds. */
export const MAX_RTO_MS = 120_000
/** Clock granularity G, in microseconds. */
const GRANULARITY = 1000
/** A sample beyond this is a clock that jumped or a peer that lies. */
const LARGEST_SAMPLE = 240_000_000

/** Takes a round trip of `sample` microseconds into account (2.2, 2.3). */
export function sampleRtt(tcb: Tcb, sample: number, minRtoMs: number): void {
  if (sample < 0 || sample > LARGEST_SAMPLE) return
  if (tcb.srtt === 0 || sample < tcb.minRtt) tcb.minRtt = Math.max(sample, 1)
  if (tcb.srtt === 0) {
    tcb.srtt = Math.max(sample, 1)
    tcb.rttvar = sample >> 1
  } else {
    const error = Math.abs(tcb.srtt - sample)
    tcb.rttvar += (error - tcb.rttvar) >> 2
    tcb.srtt = Math.max(tcb.srtt + ((sample - tcb.srtt) >> 3), 1)
  }
  fromEstimate(tcb, minRtoMs)
}

/** The RTO as the estimate has it, without any backing off. */
export function fromEstimate(tcb: Tcb, minRtoMs: number): void {
  if (tcb.srtt === 0) return
  // The floor is one for the variation: on a long path with a steady round trip a timeout of little more than that would be premature.
  const variation = Math.max(GRANULARITY, 4 * tcb.rttvar)
  tcb.rto = Math.min(Math.floor(tcb.srtt / 1000) + Math.max(Math.ceil(variation / 1000), minRtoMs), MAX_RTO_MS)
}

/** Starts timing when nothing is being timed: the segment that begins at `sequence` leaves now. */
export function startTiming(tcb: Tcb, sequence: number, nowUs: number): void {
  if ((tcb.flags & TIMING) !== 0) return
  tcb.flags |= TIMING
  tcb.timedSequence = sequence
  tcb.timedAt = nowUs
}

/** Something was sent again: an acknowledgement says no more which sending it answers. */
export function stopTiming(tcb: Tcb): void {
  tcb.flags &= ~TIMING
}

/** Takes a sample from an acknowledgement of new octets, if it gives one. */
export function timeAcknowledgement(
  tcb: Tcb,
  ack: number,
  hasEcho: boolean,
  echo: number,
  nowUs: number,
  tsNow: number,
  minRtoMs: number,
): void {
  if ((tcb.flags & TIMING) !== 0) {
    if (lessOrEqual(ack, tcb.timedSequence)) return
    tcb.flags &= ~TIMING
    sampleRtt(tcb, (nowUs - tcb.timedAt) | 0, minRtoMs)
    return
  }
  // Sent again: the echoed timestamp tells which sending arrived (RFC 7323 4.1). When it is the first, this acknowledgement was lost before
  // or the timeout was premature, and the time since then is no round trip.
  if (!hasEcho || (tcb.flags & TIMESTAMPS) === 0 || tcb.retries === 0) return
  const lastSent = (tcb.lastSentAt + tcb.tsOffset - 1) | 0
  if (((echo - lastSent) | 0) < 0) return
  const elapsed = (tsNow - echo) | 0
  if (elapsed >= 0 && elapsed < LARGEST_SAMPLE / 1000) sampleRtt(tcb, elapsed * 1000, minRtoMs)
}

/** After an expiry (5.5). */
export function backOff(tcb: Tcb): void {
  tcb.rto = Math.min(tcb.rto * 2, MAX_RTO_MS)
}
