/**
 * What all sockets of a shell have in common: whose they are.
 *
 * @module
 */
import type { IpAddress } from '../address/ip-address.ts'
import type { Capabilities, Limits } from '../contract/capabilities.ts'
import type { PortTable } from '../contract/ports.ts'
import type { Scheduler } from '../contract/scheduler.ts'
import type { ErrorCode } from '../errors/codes.ts'
import type { AddressBook } from './address-book.ts'
import type { Engine } from './engine.ts'
import { LibrarySocket } from './library-socket.ts'
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

export abstract class ShellSocket extends LibrarySocket {
  readonly host: ShellHost

  constructor(host: ShellHost, family: 4 | 6) {
    super(family, host.open)
    this.host = host
  }

  override get scheduler(): Scheduler {
    return this.host.scheduler
  }

  /** The stack is gone: nothing works any more. */
  abstract died(code: ErrorCode): void
  /** The address it speaks from was removed. */
  abstract abandon(address: IpAddress): void

  protected override isOurs(address: IpAddress): boolean {
    return this.host.book.isOurs(address)
  }
}

/** Whether a number can be the port of a peer. */
export function isPort(port: number, least: 0 | 1): boolean {
  return Number.isInteger(port) && port >= least && port <= 65535
}
