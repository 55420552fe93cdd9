/**
 * What all sockets in front of a library have in common, whatever stands behind them: what their addresses look like, and how they leave.
 *
 * @module
 */
import { ANY_V4, ANY_V6, type IpAddress } from '../address/ip-address.ts'
import { Pollable } from '../contract/readiness.ts'
import type { Endpoint, OptionName } from '../contract/socket.ts'
import type { SocketInfo } from '../contract/stack.ts'
import type { ErrorCode } from '../errors/codes.ts'
import { NetError } from '../errors/net-error.ts'

export abstract class LibrarySocket extends Pollable implements Endpoint {
  readonly family: 4 | 6
  error: NetError | null = null
  /** Of a socket of IPv6: that it has nothing to do with IPv4. */
  protected ipv6Only = false
  protected isClosed = false
  private readonly siblings: Set<LibrarySocket>

  /** @param siblings the open sockets of the stack; it is one of them until it departs. */
  constructor(family: 4 | 6, siblings: Set<LibrarySocket>) {
    super()
    this.family = family
    this.siblings = siblings
    siblings.add(this)
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
  /** Whether the stack has the address. */
  protected abstract isOurs(address: IpAddress): boolean

  /** Leaves the stack; the consumer hears CLOSED, last and once. */
  protected depart(): void {
    if (this.isClosed) return
    this.isClosed = true
    this.siblings.delete(this)
    this.raiseClosed()
  }

  protected get wildcard(): IpAddress {
    return this.family === 4 ? ANY_V4 : ANY_V6
  }

  /** An address as a socket of this family shows it: IPv4 in its mapped form on a socket of IPv6. */
  protected shown(address: IpAddress | null): IpAddress | null {
    return address === null || address.family === this.family ? address : address.mapped()
  }

  /**
   * The address that packets go to, or that a socket is bound to: a mapped one is IPv4.
   * @throws NetError EAFNOSUPPORT for an address of the other family; for a mapped one when the socket is IPv6 only ENETUNREACH, or EINVAL of bind.
   */
  protected real(address: IpAddress, port: number, syscall: string): IpAddress {
    if (address.family !== this.family) throw problem('EAFNOSUPPORT', syscall, address, port)
    if (!address.isV4Mapped) return this.scoped(address, syscall)
    if (this.ipv6Only) throw problem(syscall === 'bind' ? 'EINVAL' : 'ENETUNREACH', syscall, address, port)
    return address.unmapped()
  }

  /** The same address with the scope that a link-local one needs. @throws NetError EINVAL */
  protected scoped(address: IpAddress, _syscall: string): IpAddress {
    return address
  }

  /** @throws NetError EADDRNOTAVAIL when the address is neither ours nor the wildcard. */
  protected checkLocal(address: IpAddress, port: number): void {
    if (address.isUnspecified || this.isOurs(address)) return
    throw problem('EADDRNOTAVAIL', 'bind', address, port)
  }
}

export function problem(code: ErrorCode, syscall: string, address: IpAddress, port: number): NetError {
  return new NetError(code, syscall, { address: address.toString(), port })
}
