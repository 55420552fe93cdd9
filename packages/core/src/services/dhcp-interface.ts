/**
 * DHCP for an interface of any backend.
 *
 * @module
 */
import type { Interface } from '../contract/stack.ts'
import { NetError } from '../errors/net-error.ts'
import type { DhcpLease } from './dhcp/lease.ts'

/**
 * Gets an address by DHCP for an interface, and keeps it renewed from now on; settles with the first lease.
 * @param timeoutMs how long to wait for it. @default 30000
 * @throws NetError ERR_IOTH_NOT_IMPLEMENTED, ETIMEDOUT, EALREADY, ENETDOWN.
 */
export function dhcp(on: Interface, timeoutMs?: number): Promise<DhcpLease> {
  if (on.dhcp !== undefined) return on.dhcp(timeoutMs)
  const message = `the backend of the interface ${on.name} has no DHCP client`
  return Promise.reject(new NetError('ERR_IOTH_NOT_IMPLEMENTED', 'dhcp', { message }))
}
