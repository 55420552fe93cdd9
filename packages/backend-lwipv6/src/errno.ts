/**
 * What the library's error numbers mean to a program. They are the host's; several stand for something else than on the host.
 *
 * @module
 */
import type { ErrorCode } from '@ioth/core'
import { errnoName } from '@ioth/ffi'

/** A connect that failed. */
export function connectError(number: number): ErrorCode {
  switch (errnoName(number)) {
    // A RST in answer to a SYN is a refusal (`tcp_in.c`, tcp_process); so is one that took the connection away while it was made.
    case 'ECONNRESET':
    case 'ECONNREFUSED':
      return 'ECONNREFUSED'
    // ERR_ABRT: the SYN was repeated in vain (`tcp.c`, tcp_slowtmr).
    case 'ECONNABORTED':
    case 'ETIMEDOUT':
      return 'ETIMEDOUT'
    case 'ENETUNREACH':
    case 'EHOSTUNREACH':
      return 'EHOSTUNREACH'
    case 'ENOMEM':
    case 'ENOBUFS':
      return 'ENOBUFS'
    default:
      return 'ECONNREFUSED'
  }
}

/** A call on an established connection that failed. */
export function streamError(number: number): ErrorCode {
  switch (errnoName(number)) {
    case 'ECONNABORTED':
    case 'ETIMEDOUT':
      return 'ETIMEDOUT'
    case 'ENOMEM':
    case 'ENOBUFS':
      return 'ENOBUFS'
    default:
      return 'ECONNRESET'
  }
}

/** A datagram that could not be sent. */
export function datagramError(number: number): ErrorCode {
  switch (errnoName(number)) {
    case 'EMSGSIZE':
      return 'EMSGSIZE'
    case 'EHOSTUNREACH':
      return 'EHOSTUNREACH'
    case 'ENETUNREACH':
      return 'ENETUNREACH'
    default:
      return 'ENOBUFS'
  }
}
