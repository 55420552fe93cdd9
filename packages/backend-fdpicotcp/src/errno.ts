/**
 * What the library's error numbers mean to a program. They are Linux's on every system.
 *
 * @module
 */
import type { ErrorCode } from '@ioth/core'

/** A read after the peer's end, and all that came before it was read. */
export const ESHUTDOWN = 108

const CODES: Readonly<Record<number, ErrorCode>> = {
  11: 'EAGAIN',
  12: 'ENOMEM',
  22: 'EINVAL',
  98: 'EADDRINUSE',
  99: 'EADDRNOTAVAIL',
  101: 'ENETUNREACH',
  104: 'ECONNRESET',
  107: 'ENOTCONN',
  110: 'ETIMEDOUT',
  111: 'ECONNREFUSED',
  112: 'EHOSTUNREACH',
  113: 'EHOSTUNREACH',
}

/** A call that failed. What has no word is `ENOBUFS`: the library fails so when it has no memory for a frame. */
export function picoCode(number: number): ErrorCode {
  return CODES[number] ?? 'ENOBUFS'
}
