/**
 * What all sockets of a shell have in common: whose they are, what their addresses look like, how they leave.
 *
 * @module
 */
import {
  ANY_V4,
  ANY_V6,
  type Capabilities,
  CLOSED,
  type Endpoint,
  type ErrorCode,
  type IpAddress,
  type Limits,
  NetError,
  type OptionName,
  Pollable,
  type PortTable,
  type Scheduler,
  type SocketInfo,
} from '@ioth/core'
import type { AddressBook } from './address-book.ts'
import type { Engine } from './engine.ts'
import type { LocalLines } from './local-line.ts'
import type { ShellTcpSocket } from './shell-tcp.ts'

/** What sockets need of their stack. */
export interface ShellHost {
  readonly backend: string
  readonly scheduler: Scheduler
  readonly ports: PortTable
  readonly limits: Limits
  readonly capabilities: Capabilities
  readonly book: AddressBook
  readonly engine: Engine
  /** Connections and datagrams to addresses of our own, where the engine does not carry them. */
  readonly local: LocalLines
  readonly open: Set<ShellSocket>
  /** Closed connections that the engine still holds something of. */
  readonly lingerers: Set<ShellTcpSocket>
  /** Nothing is left of a connection. */
  settled(socket: ShellTcpSocket): void
  /** Four-tuples in use, lingering ones among them. */
  readonly tuples: Set<string>
  /** Has the connection pumped in the stack's next job. */
  pumpSoon(socket: ShellTcpSocket): void
  /** @throws NetError ENETDOWN when the stack is closed or died. */
  assertUp(syscall: string): void
}

export abstract class ShellSocket extends Pollable implements Endpoint {
  readonly host: ShellHost
  readonly family: 4 | 6
  error: NetError | null = null
  protected ipv6Only = false
  protected isClosed = false

  constructor(host: ShellHost, family: 4 | 6) {
    super()
    this.host = host
    this.family = family
    host.open.add(this)
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
  /** The stack is gone: nothing works any more. */
  abstract died(code: ErrorCode): void
  /** The address it speaks from was removed. */
  abstract abandon(address: IpAddress): void

  /** Leaves the stack; the consumer hears CLOSED, last and once. */
  protected depart(): void {
    if (this.isClosed) return
    this.isClosed = true
    this.host.open.delete(this)
    this.raise(CLOSED)
  }

  protected get wildcard(): IpAddress {
    return this.family === 4 ? ANY_V4 : ANY_V6
  }

  /** An address as a socket of this family shows it. */
  protected shown(address: IpAddress | null): IpAddress | null {
    return address === null || address.family === this.family ? address : address.mapped()
  }

  /** What is meant: a mapped address is IPv4. @throws NetError EAFNOSUPPORT; for a mapped one on a socket of IPv6 only ENETUNREACH, or EINVAL of bind. */
  protected real(address: IpAddress, port: number, syscall: string): IpAddress {
    if (address.family !== this.family) throw problem('EAFNOSUPPORT', syscall, address, port)
    if (!address.isV4Mapped) return address
    if (this.ipv6Only) throw problem(syscall === 'bind' ? 'EINVAL' : 'ENETUNREACH', syscall, address, port)
    return address.unmapped()
  }

  /** @throws NetError EADDRNOTAVAIL when the address is neither ours nor the wildcard. */
  protected checkLocal(address: IpAddress, port: number): void {
    if (address.isUnspecified || this.host.book.isOurs(address)) return
    throw problem('EADDRNOTAVAIL', 'bind', address, port)
  }
}

export function problem(code: ErrorCode, syscall: string, address: IpAddress, port: number): NetError {
  return new NetError(code, syscall, { address: address.toString(), port })
}

/** Whether a number can be the port of a peer. */
export function isPort(port: number, least: 0 | 1): boolean {
  return Number.isInteger(port) && port >= least && port <= 65535
}
