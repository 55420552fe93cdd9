/**
 * What all sockets of a stack share: who made them, and how they leave.
 *
 * @module
 */
import {
  CLOSED,
  type Endpoint,
  type IpAddress,
  type Limits,
  NetError,
  type OptionName,
  Pollable,
  type PortTable,
  type Scheduler,
  type SocketInfo,
} from '@ioth/core'
import type { NetInterface } from '../ip/interface.ts'
import type { Network } from '../ip/network.ts'
import type { Tcp } from '../tcp/tcp.ts'
import type { Udp } from '../udp/udp.ts'

/** What sockets need of their stack. */
export interface SocketHost {
  readonly scheduler: Scheduler
  readonly tcp: Tcp
  readonly udp: Udp
  readonly ports: PortTable
  readonly limits: Limits
  readonly network: Network
  readonly interfaces: readonly NetInterface[]
  /** Open sockets; the limit is checked by who opens one. */
  readonly openSockets: Set<StackSocket>
}

export abstract class StackSocket extends Pollable implements Endpoint {
  readonly host: SocketHost
  error: NetError | null = null
  protected isClosed = false

  constructor(host: SocketHost) {
    super()
    this.host = host
    host.openSockets.add(this)
  }

  override get scheduler(): Scheduler {
    return this.host.scheduler
  }

  abstract readonly localAddress: IpAddress | null
  abstract readonly localPort: number
  abstract readonly remoteAddress: IpAddress | null
  abstract readonly remotePort: number
  abstract readonly info: SocketInfo
  abstract bind(address: IpAddress, port: number): void
  abstract setOption(name: OptionName, value: number): void
  abstract getOption(name: OptionName): number
  abstract close(): void

  /** Leaves the stack; the consumer hears CLOSED, last and once. */
  protected depart(): void {
    if (this.isClosed) return
    this.isClosed = true
    this.host.openSockets.delete(this)
    this.raise(CLOSED)
  }

  /** @throws NetError EADDRNOTAVAIL when the address is neither ours nor the wildcard. */
  protected checkLocal(address: IpAddress, port: number, syscall = 'bind'): void {
    if (address.family !== this.host.network.family) throw new NetError('EAFNOSUPPORT', syscall)
    if (address.isUnspecified || this.host.network.isOurs(address)) return
    throw new NetError('EADDRNOTAVAIL', syscall, { address: address.toString(), port })
  }
}

export function notImplemented(call: string): NetError {
  return new NetError('ERR_IOTH_NOT_IMPLEMENTED', call, { message: `the stack "ts" does not implement ${call}` })
}

export function invalid(syscall: string, message?: string): NetError {
  return new NetError('EINVAL', syscall, message === undefined ? {} : { message: `${syscall} EINVAL: ${message}` })
}

/** @throws NetError EINVAL when the value is not a whole number of the range. */
export function checkRange(name: OptionName, value: number, least: number, most: number): number {
  if (!Number.isInteger(value) || value < least || value > most) {
    throw invalid('setsockopt', `${name} is a whole number from ${least} to ${most}, not ${value}`)
  }
  return value
}
