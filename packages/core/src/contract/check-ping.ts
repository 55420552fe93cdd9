/**
 * What a ping is asked with, the same for every backend.
 *
 * @module
 */
import type { IpAddress } from '../address/ip-address.ts'
import { AbortError } from '../errors/abort-error.ts'
import { NetError } from '../errors/net-error.ts'
import type { PingOptions } from './stack.ts'

const DEFAULT_SIZE = 56
const DEFAULT_TIMEOUT_MS = 1000
/** What IP carries behind the eight octets of the message (RFC 791, RFC 8200). */
const LARGEST = { 4: 65_507, 6: 65_527 } as const

/** {@link PingOptions} with their defaults; without a `ttl` the backend has one. */
export type CheckedPing = Omit<PingOptions, 'size' | 'timeoutMs'> & Required<Pick<PingOptions, 'size' | 'timeoutMs'>>

/** @throws NetError EINVAL: a time to live outside of 1 to 255, a time to wait that is none; EMSGSIZE: too long for IP. AbortError. */
export function checkPing(to: IpAddress, options: PingOptions): CheckedPing {
  const { size = DEFAULT_SIZE, timeoutMs = DEFAULT_TIMEOUT_MS, ttl, signal } = options
  if (ttl !== undefined && !(Number.isInteger(ttl) && ttl >= 1 && ttl <= 255)) {
    throw new NetError('EINVAL', 'ping', { message: `a time to live is a whole number from 1 to 255, not ${ttl}` })
  }
  if (!(Number.isFinite(timeoutMs) && timeoutMs > 0)) {
    throw new NetError('EINVAL', 'ping', { message: `a ping waits for some milliseconds, not ${timeoutMs}` })
  }
  const most = LARGEST[to.family]
  if (!(Number.isInteger(size) && size >= 0 && size <= most)) {
    throw new NetError('EMSGSIZE', 'ping', { message: `a ping carries 0 to ${most} octets, not ${size}` })
  }
  if (signal?.aborted === true) throw new AbortError(signal.reason)
  return { ...options, size, timeoutMs }
}
