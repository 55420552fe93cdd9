/**
 * What a socket hears of an ICMP destination unreachable (RFC 792, RFC 1122 3.2.2.1, RFC 1812 5.2.7.1; RFC 4443 3.1), where a library does
 * not tell it.
 *
 * @module
 */
import type { ErrorCode } from '@ioth/core'

/** By family and code; a code that is not here is not told. */
export const UNREACHABLE: Readonly<Record<4 | 6, Readonly<Record<number, ErrorCode>>>> = {
  4: {
    0: 'ENETUNREACH',
    1: 'EHOSTUNREACH',
    2: 'ECONNREFUSED',
    3: 'ECONNREFUSED',
    9: 'ENETUNREACH',
    10: 'EHOSTUNREACH',
    13: 'EHOSTUNREACH',
  },
  6: {
    0: 'ENETUNREACH',
    1: 'EACCES',
    3: 'EHOSTUNREACH',
    4: 'ECONNREFUSED',
  },
}
