/**
 * What all sockets of a stack share: who made them, and how the library's are made.
 *
 * @module
 */
import {
  type ErrorCode,
  type FramePool,
  fromBytes,
  type IpAddress,
  type Limits,
  NetError,
  type OptionName,
  type PortTable,
  type Scheduler,
  toBytes,
} from '@ioth/core'
import { LibrarySocket } from '@ioth/core/shell'
import { NET_IPV4, NET_IPV6, type Pico, type Pointer } from '../bindings.ts'
import type { DatagramMarks } from '../datagram-marks.ts'
import type { Engine, PicoUser } from '../engine.ts'
import { EADDRINUSE, EINVAL, picoError } from '../errno.ts'
import type { Flow, Flows } from '../flows.ts'
import type { GroupDatagrams } from '../group-datagrams.ts'
import type { PicoInterface } from '../interface.ts'
import type { PortAliases } from '../port-aliases.ts'
import type { LibraryPorts } from './library-port.ts'
import type { ListenerSocket } from './listener-socket.ts'

/** What sockets need of their stack. */
export interface SocketHost {
  readonly scheduler: Scheduler
  readonly pool: FramePool
  readonly pico: Pico
  readonly engine: Engine
  readonly flows: Flows
  readonly tcpAliases: PortAliases
  readonly udpAliases: PortAliases
  readonly libraryPorts: LibraryPorts
  readonly ports: PortTable
  readonly limits: Limits
  /** Open sockets; the limit is checked by who opens one. */
  readonly openSockets: Set<PicoSocket>
  /** Those who listen, by port. */
  readonly listeners: Map<number, Set<ListenerSocket>>
  /** Closed sockets that the library still has. */
  readonly remains: Set<PicoUser>
  /** Into this library calls read; its octets are good until the next one. */
  readonly scratch: Uint8Array
  /** What the library is given in the place of datagrams. */
  readonly marks: DatagramMarks
  isOurs(address: IpAddress): boolean
  /** The library's port of who listens there; null: nobody does. */
  insideListenerPort(address: IpAddress, port: number): number | null
  udpReported(localPort: number, to: IpAddress, port: number, code: ErrorCode): void
  isBroadcast(address: IpAddress): boolean
  readonly interfaces: readonly PicoInterface[]
  readonly groups: GroupDatagrams
  /** By which one a group is spoken to when nobody says otherwise; null: there is none. */
  groupInterface(group: IpAddress): PicoInterface | null
  sourceFor(destination: IpAddress): IpAddress | null
  /** The same address with the scope a link-local one needs, by name or by default. @throws NetError EINVAL */
  scoped(address: IpAddress, syscall: string): IpAddress
  /** Ends a connection by RST, on both sides. @returns false when nothing of it was seen on the wire. */
  reset(flow: Flow, isSilent?: boolean): boolean
  /** Ends our side of a connection. @returns false when nothing of it was seen on the wire. */
  sendFin(flow: Flow): boolean
  /** Tells the peer that it may send again. */
  openWindow(flow: Flow, window: number): void
  /** Calls when the library has room for one more socket; at once if it has. */
  whenRoom(begin: () => void): void
}

export abstract class PicoSocket extends LibrarySocket {
  readonly host: SocketHost

  constructor(host: SocketHost, family: 4 | 6) {
    super(family, host.openSockets)
    this.host = host
  }

  override get scheduler(): Scheduler {
    return this.host.scheduler
  }

  /** An address is no longer ours. */
  abstract addressRemoved(address: IpAddress): void

  protected override isOurs(address: IpAddress): boolean {
    return this.host.isOurs(address)
  }

  protected override scoped(address: IpAddress, syscall: string): IpAddress {
    return address.family === 4 ? address : this.host.scoped(address, syscall)
  }
}

/** A socket of the library. @throws NetError EMFILE when it gives none. */
export function openPico({ pico, engine }: SocketHost, family: 4 | 6, protocol: number): Pointer {
  const socket = pico.open(family === 4 ? NET_IPV4 : NET_IPV6, protocol, engine.wakeup)
  if (socket === null) throw new NetError('EMFILE', 'socket')
  return socket
}

/** Binds a socket of the library. @returns false when the library has somebody there already. @throws NetError EADDRNOTAVAIL… */
export function bindPico(
  { pico }: SocketHost,
  socket: Pointer,
  address: IpAddress,
  port: number,
  syscall: string,
): boolean {
  const networkOrder = Uint8Array.of(port >>> 8, port & 0xff)
  if (pico.bind(socket, toBytes(address), networkOrder) === 0) return true
  const number = pico.error()
  if (number === EADDRINUSE) return false
  const where = { address: address.toString(), port }
  throw number === EINVAL ? new NetError('EADDRNOTAVAIL', syscall, where) : picoError(number, syscall, where)
}

/** What the library wrote as an address and a port. */
export function addressFrom(octets: Uint8Array, family: 4 | 6): IpAddress {
  return fromBytes(octets, 0, family === 4 ? 4 : 16)
}

export function notImplemented(call: string): NetError {
  return new NetError('ERR_IOTH_NOT_IMPLEMENTED', call, { message: `the stack "picotcp" does not implement ${call}` })
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

/** The value of an option as the library takes it. */
export function optionValue(value: number): Uint8Array {
  const octets = Buffer.alloc(8)
  octets.writeUInt32LE(value >>> 0)
  return octets
}
