/**
 * The states of a connection (RFC 9293 3.3.2), as small integers in the order of the life of a connection.
 *
 * @module
 */

export const CLOSED = 0
export const LISTEN = 1
export const SYN_SENT = 2
export const SYN_RECEIVED = 3
export const ESTABLISHED = 4
export const FIN_WAIT_1 = 5
export const FIN_WAIT_2 = 6
export const CLOSE_WAIT = 7
export const CLOSING = 8
export const LAST_ACK = 9
export const TIME_WAIT = 10

const NAMES = [
  'CLOSED',
  'LISTEN',
  'SYN-SENT',
  'SYN-RECEIVED',
  'ESTABLISHED',
  'FIN-WAIT-1',
  'FIN-WAIT-2',
  'CLOSE-WAIT',
  'CLOSING',
  'LAST-ACK',
  'TIME-WAIT',
]

/** The name in RFC 9293. */
export function stateName(state: number): string {
  return NAMES[state] as string
}

/** Whether data may come in this state. */
export function mayReceive(state: number): boolean {
  return state === ESTABLISHED || state === FIN_WAIT_1 || state === FIN_WAIT_2
}

/** Whether the user may still queue data in this state. */
export function maySend(state: number): boolean {
  return state === ESTABLISHED || state === CLOSE_WAIT
}
