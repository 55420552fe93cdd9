/**
 * What all sockets of a stack share: who made them, and how they leave.
 *
 * @module
 */
import {
  ANY_V4,
  ANY_V6,
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
import type { Ipv4 } from '../ip/ipv4.ts'
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
  /** IPv4 and IPv6. */
  readonly ip: Ipv4
  readonly ip6: Network
  readonly interfaces: readonly NetInterface[]
  /** The same address with the scope a link-local one needs, by name or by default. @throws NetError EINVAL */
  scoped(address: IpAddress, syscall: string): IpAddress
  /** Open sockets; the limit is checked by who opens one. */
  readonly openSockets: Set<StackSocket>
}

export abstract class StackSocket extends Pollable implements Endpoint {
  readonly host: SocketHost
  readonly family: 4 | 6
  /** Of a socket of IPv6: that it has nothing to do with IPv4. */
  protected ipv6Only = false
  error: NetError | null = null
  protected isClosed = false

  constructor(host: SocketHost, family: 4 | 6) {
    super()
    this.host = host
    this.family = family
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
    this.raiseClosed()
  }

  /** What an unbound socket is bound to. */
  protected get wildcard(): IpAddress {
    return this.family === 4 ? ANY_V4 : ANY_V6
  }

  /** An address as a socket of this family shows it: IPv4 in its mapped form on a socket of IPv6. */
  protected shown(address: IpAddress | null): IpAddress | null {
    return address === null || address.family === this.family ? address : address.mapped()
  }

  /** The network of an address that is not in its mapped form. */
  protected networkOf(address: IpAddress): Network {
    return address.family === 4 ? this.host.ip : this.host.ip6
  }

  /**
   * The address that packets go to, or that a socket is bound to: a mapped one is IPv4.
   * @throws NetError EAFNOSUPPORT for an address of the other family, ENETUNREACH for a mapped one when the socket is IPv6 only.
   */
  protected real(address: IpAddress, port: number, syscall: string): IpAddress {
    if (address.family !== this.family) throw this.refusal('EAFNOSUPPORT', address, port, syscall)
    if (address.family === 4) return address
    if (!address.isV4Mapped) return this.host.scoped(address, syscall)
    if (!this.ipv6Only) return address.unmapped()
    throw this.refusal(syscall === 'bind' ? 'EINVAL' : 'ENETUNREACH', address, port, syscall)
  }

  private refusal(code: NetError['code'], address: IpAddress, port: number, syscall: string): NetError {
    return new NetError(code, syscall, { address: address.toString(), port })
  }

  /** @throws NetError EADDRNOTAVAIL when the address is neither ours nor the wildcard. */
  protected checkLocal(address: IpAddress, port: number, syscall = 'bind'): void {
    if (address.isUnspecified || this.networkOf(address).isBindable(address)) return
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
