/**
 * The user's calls as RFC 9293 3.10.1 to 3.10.6 describe them, as far as they change state. SEND and RECEIVE only move octets, see
 * `send-buffer.ts` and `receive-queue.ts`.
 *
 * @module
 */
import type { Effects } from './effects.ts'
import { add } from './seq.ts'
import {
  CLOSE_WAIT,
  CLOSED,
  ESTABLISHED,
  FIN_WAIT_1,
  LAST_ACK,
  LISTEN,
  SYN_RECEIVED,
  SYN_SENT,
  TIME_WAIT,
} from './state.ts'
import { FIN_QUEUED, type Tcb } from './tcb.ts'

/** OPEN (3.10.1), active: the SYN leaves at the end of the turn. */
export function openCall(tcb: Tcb, iss: number, effects: Effects): void {
  tcb.state = SYN_SENT
  beginAt(tcb, iss)
  effects.wantOutput()
}

/** Where our sequence space begins. */
export function beginAt(tcb: Tcb, iss: number): void {
  tcb.iss = iss
  tcb.sndUna = iss
  tcb.sndNxt = iss
  tcb.sndCursor = iss
  tcb.sndEnd = add(iss, 1)
  tcb.recover = iss
}

/** CLOSE (3.10.4): a FIN follows what is queued. */
export function closeCall(tcb: Tcb, effects: Effects): void {
  if ((tcb.flags & FIN_QUEUED) !== 0) return
  tcb.flags |= FIN_QUEUED
  if (tcb.state === ESTABLISHED || tcb.state === SYN_RECEIVED) {
    // In SYN-RECEIVED the FIN waits until the handshake is through.
    if (tcb.state === ESTABLISHED) tcb.state = FIN_WAIT_1
  } else if (tcb.state === CLOSE_WAIT) {
    tcb.state = LAST_ACK
  }
  effects.wantOutput()
}

/** ABORT (3.10.5). */
export function abortCall(tcb: Tcb, effects: Effects): void {
  const { state } = tcb
  if (state === CLOSED || state === LISTEN) return
  if (state !== SYN_SENT && state !== TIME_WAIT) effects.sendReset()
  effects.ended(null)
}
