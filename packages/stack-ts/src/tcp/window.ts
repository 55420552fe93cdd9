/**
 * The receive window (RFC 9293 3.8.6): how much is offered, and when a larger one is worth telling.
 *
 * @module
 */

import { distance, lessThan } from './seq.ts'
import { SQUEEZED, type Tcb } from './tcb.ts'

/** The window as the peer knows it: RCV.WND. */
export function receiveWindow(tcb: Tcb): number {
  return distance(tcb.rcvNxt, tcb.rcvAdv)
}

/**
 * Moves the advertised edge as far as the buffer allows and silly-window avoidance wants (3.8.6.2.2), never to the left.
 * @returns the window field for a segment without SYN.
 */
export function advertise(tcb: Tcb): number {
  const told = distance(tcb.rcvNxt, tcb.rcvAdv)
  const free = (tcb.flags & SQUEEZED) === 0 ? tcb.rcvLimit - tcb.rcvQueued : told
  let window = told
  if (free - told >= Math.min(tcb.rcvLimit >> 1, tcb.mss)) window = free
  const scale = tcb.rcvScale
  // Rounding down must not take back what was promised.
  let field = window >>> scale
  if (field << scale < told) field++
  if (field > 0xffff) field = 0xffff
  const edge = (tcb.rcvNxt + (field << scale)) | 0
  if (lessThan(tcb.rcvAdv, edge)) tcb.rcvAdv = edge
  return field
}

/** Whether the user has read so much that the peer should hear of it at once. */
export function isUpdateDue(tcb: Tcb): boolean {
  if ((tcb.flags & SQUEEZED) !== 0) return false
  const told = distance(tcb.rcvNxt, tcb.rcvAdv)
  const gain = tcb.rcvLimit - tcb.rcvQueued - told
  if (gain < Math.min(tcb.rcvLimit >> 1, 2 * tcb.mss)) return false
  return gain >= tcb.rcvLimit >> 2 || told <= tcb.rcvLimit >> 3
}
