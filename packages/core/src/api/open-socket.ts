/**
 * From the options a user writes to a socket that connects, listens or takes datagrams. Everything that can fail at once, throws at once.
 *
 * @module
 */
import { ANY_V4, ANY_V6, type IpAddress, parseIpAddress } from '../address/ip-address.ts'
import type { BindFlags, Listener, TcpSocket, UdpSocket } from '../contract/socket.ts'
import type { Stack } from '../contract/stack.ts'
import { NetError } from '../errors/net-error.ts'

/** Where to, and from where. */
export interface Destination {
  /** An IP address. */
  readonly host: string | IpAddress
  readonly port: number
  /** @default the stack's choice */
  readonly localAddress?: string | IpAddress
  /** @default the stack's choice */
  readonly localPort?: number
  /** Whether segments smaller than the largest leave without waiting for acknowledgements (no Nagle algorithm). @default false */
  readonly noDelay?: boolean
}

/** Where to listen. */
export interface ListenAddress {
  /** 0: the stack chooses; see the listener's `port`. */
  readonly port: number
  /** An IP address of the stack. @default all addresses of both families */
  readonly host?: string | IpAddress
  /** Connections that may wait to be accepted. @default 511 */
  readonly backlog?: number
  /** `::` takes IPv6 only. @default false */
  readonly ipv6Only?: boolean
}

/** Where datagrams come to. */
export interface DatagramAddress {
  /** @default 0, the stack's choice */
  readonly port?: number
  /** An IP address of the stack, or a multicast group. @default all addresses of the family */
  readonly host?: string | IpAddress
  /** @default that of the host, else 4 */
  readonly family?: 4 | 6
  /** Whether several sockets may share the port. @default false */
  readonly reuse?: boolean
  readonly ipv6Only?: boolean
}

const BACKLOG = 511

/** Opens a socket and starts its connection. @throws NetError as `openTcp`, `bind` and `connect`. */
export function openConnection(stack: Stack, options: Destination): TcpSocket {
  const { localAddress, localPort = 0, noDelay } = options
  const host = addressOf(options.host, 'host')
  checkPort(options.port, 1)
  const socket = stack.openTcp(host.family)
  try {
    if (noDelay !== undefined) socket.setOption('noDelay', noDelay ? 1 : 0)
    if (localAddress !== undefined || localPort !== 0) {
      checkPort(localPort, 0)
      const any = host.family === 4 ? ANY_V4 : ANY_V6
      socket.bind(localAddress === undefined ? any : addressOf(localAddress, 'localAddress'), localPort)
    }
    socket.connect(host, options.port)
    return socket
  } catch (error) {
    socket.close()
    throw error
  }
}

/** Opens a socket that listens. @throws NetError as `openTcp`, `bind` and `listen`. */
export function openListener(stack: Stack, options: ListenAddress): Listener {
  const { port, backlog = BACKLOG, ipv6Only = false } = options
  checkPort(port, 0)
  const host = options.host === undefined ? anyAddress(stack) : addressOf(options.host, 'host')
  const socket = stack.openTcp(host.family)
  try {
    socket.bind(host, port, { ipv6Only })
    return socket.listen(backlog)
  } catch (error) {
    socket.close()
    throw error
  }
}

/** Opens a socket for datagrams. @throws NetError as `openUdp` and `bind`. */
export function openDatagrams(stack: Stack, options: DatagramAddress): UdpSocket {
  const { port = 0, reuse = false, ipv6Only = false } = options
  checkPort(port, 0)
  const host = options.host === undefined ? null : addressOf(options.host, 'host')
  const family = options.family ?? host?.family ?? 4
  const socket = stack.openUdp(family)
  try {
    const flags: BindFlags = { reuse, ipv6Only }
    socket.bind(host ?? (family === 4 ? ANY_V4 : ANY_V6), port, flags)
    return socket
  } catch (error) {
    socket.close()
    throw error
  }
}

/** An address as users give it. @throws NetError EINVAL */
export function addressOf(host: string | IpAddress, key: string): IpAddress {
  if (typeof host === 'object') return host
  try {
    return parseIpAddress(host)
  } catch (cause) {
    throw new NetError('EINVAL', 'address', { message: `${key}: ${(cause as Error).message}`, cause })
  }
}

/** @throws NetError EINVAL */
export function checkPort(port: number, least: 0 | 1): void {
  if (Number.isInteger(port) && port >= least && port <= 65535) return
  throw new NetError('EINVAL', 'address', { message: `port: ${port} is not a number from ${least} to 65535` })
}

/** A socket on `::` takes both families. */
function anyAddress(stack: Stack): IpAddress {
  return stack.capabilities.ipv6 ? ANY_V6 : ANY_V4
}
