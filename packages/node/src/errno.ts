/**
 * From errors of the contract to the negative numbers that Node's native methods give back.
 *
 * @module
 */
import { type ErrorCode, errnoOf, type NetError } from '@ioth/core'

/** libuv's number for a code on this system. */
export function errno(code: ErrorCode): number {
  return errnoOf(code) as number
}

/** The number of a socket's failure; `fallback` when it gives none. */
export function errnoOfFailure(error: NetError | null, fallback: ErrorCode): number {
  return error?.errno ?? errno(fallback)
}

/**
 * The number of an error thrown by a call of the contract.
 * @throws the error itself, when Node has no number for it.
 */
export function errnoOfThrown(error: unknown): number {
  const number = (error as { errno?: unknown } | null)?.errno
  if (typeof number === 'number') return number
  throw error
}
