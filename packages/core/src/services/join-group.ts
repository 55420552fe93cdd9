/**
 * Taking part in a multicast group.
 *
 * @module
 */
import type { IpAddress } from '../address/ip-address.ts'
import { type DatagramSocket, openDatagram } from '../api/datagrams.ts'
import { addressOf } from '../api/open-socket.ts'
import type { Interface, Stack } from '../contract/stack.ts'
import { NetError } from '../errors/net-error.ts'

export interface GroupOptions {
  /** The port that the group's datagrams are sent to. */
  readonly port: number
  /** @default the stack's choice */
  readonly interface?: Interface
  /** Only what this host sends (source-specific multicast). */
  readonly source?: string | IpAddress
}

/**
 * A socket that hears a multicast group, and that others on this stack may share the port with. Closing it leaves the group.
 * @throws NetError ERR_IOTH_NOT_IMPLEMENTED (the backend has no multicast), EINVAL (no group), EADDRINUSE.
 */
export function joinGroup(stack: Stack, group: string | IpAddress, options: GroupOptions): DatagramSocket {
  const address = addressOf(group, 'group')
  if (!stack.capabilities.multicast) {
    const message = `the backend "${stack.backend}" has no multicast`
    throw new NetError('ERR_IOTH_NOT_IMPLEMENTED', 'joinGroup', { message })
  }
  if (!address.isMulticast) throw new NetError('EINVAL', 'joinGroup', { message: `${address} is no multicast group` })
  const { port, source } = options
  const socket = openDatagram(stack, { port, family: address.family, reuse: true })
  try {
    const from = source === undefined ? undefined : addressOf(source, 'source')
    socket.socket.join(address, options.interface ?? null, from)
    return socket
  } catch (error) {
    void socket.close()
    throw error
  }
}
