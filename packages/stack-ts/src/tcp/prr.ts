/**
 * Proportional rate reduction (RFC 6937): in recovery the window shrinks with what is delivered, so that sending goes on evenly and ends
 * with as much in flight as congestion control wants. Octets throughout.
 *
 * @module
 */
import type { Scoreboard } from './scoreboard.ts'
import { pipe, type Tcb } from './tcb.ts'

/** Recovery begins; `ssthresh` is set. @param flight octets in flight when the loss was found. */
export function beginReduction(tcb: Tcb, board: Scoreboard, flight: number): void {
  board.prrDelivered = 0
  board.prrOut = 0
  board.recoverFlight = Math.max(flight, tcb.mss)
  // The first segment goes again at once, whatever is in flight.
  tcb.cwnd = pipe(tcb) + tcb.mss
}

/**
 * An acknowledgement came in recovery (3.1).
 * @param delivered octets it reports for the first time, one way or the other.
 * @param hasProgress whether it moved `sndUna` and told of no further loss: then lost ground is made up by slow start, else not.
 */
export function reduce(tcb: Tcb, board: Scoreboard, delivered: number, hasProgress: boolean): void {
  board.prrDelivered += delivered
  const inFlight = pipe(tcb)
  let more: number
  if (inFlight > tcb.ssthresh) {
    more = Math.ceil((board.prrDelivered * tcb.ssthresh) / board.recoverFlight) - board.prrOut
  } else {
    const limit = Math.max(board.prrDelivered - board.prrOut, delivered) + (hasProgress ? tcb.mss : 0)
    more = Math.min(tcb.ssthresh - inFlight, limit)
  }
  if (board.prrOut === 0) more = Math.max(more, tcb.mss)
  tcb.cwnd = Math.max(inFlight + Math.max(more, 0), tcb.mss)
}
