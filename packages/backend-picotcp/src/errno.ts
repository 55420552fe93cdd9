/**
 * The library's error numbers, which are Linux's on every system, as codes of the contract.
 *
 * @module
 */
import { type ErrorCode, NetError } from '@ioth/core'

/** After the peer's end, and all that came before it was read. */
export const ESHUTDOWN = 108
export const ECONNRESET = 104
export const EADDRINUSE = 98
/** Also for an address that is not the library's. */
export const EINVAL = 22

const CODES: Readonly<Record<number, ErrorCode>> = {
  1: 'EPERM',
  2: 'ENOENT',
  6: 'ENODEV',
  11: 'EAGAIN',
  12: 'ENOMEM',
  13: 'EACCES',
  14: 'EINVAL',
  16: 'EADDRINUSE',
  17: 'EEXIST',
  22: 'EINVAL',
  64: 'ENODEV',
  71: 'EPROTO',
  92: 'ENOPROTOOPT',
  93: 'EAFNOSUPPORT',
  95: 'ENOTSUP',
  98: 'EADDRINUSE',
  99: 'EADDRNOTAVAIL',
  100: 'ENETDOWN',
  101: 'ENETUNREACH',
  104: 'ECONNRESET',
  106: 'EISCONN',
  107: 'ENOTCONN',
  108: 'EPIPE',
  110: 'ETIMEDOUT',
  111: 'ECONNREFUSED',
  112: 'EHOSTUNREACH',
  113: 'EHOSTUNREACH',
  114: 'EALREADY',
}

/** A number the map does not have becomes EPROTO, with the number in the message. */
export function picoError(number: number, syscall: string, where: { address?: string; port?: number } = {}): NetError {
  const code = CODES[number]
  if (code !== undefined) return new NetError(code, syscall, where)
  return new NetError('EPROTO', syscall, { ...where, message: `${syscall}: picoTCP failed with its error ${number}` })
}
