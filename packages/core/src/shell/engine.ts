/**
 * What a shell needs of a library, of the process a library runs in, or of whatever else carries octets. A shell keeps the contract: synchronous answers, readiness, buffers,
 * ports, addresses, errors. An engine carries octets and datagrams, and tells outcomes when they come.
 *
 * Nothing here calls back from inside a call, except where it says so: an engine tells its users from jobs of the scheduler.
 *
 * @module
 */
import type { IpAddress } from '../address/ip-address.ts'
import type { OptionName } from '../contract/socket.ts'
import type {
  Interface,
  InterfaceAddress,
  InterfaceOptions,
  Neighbor,
  PingOptions,
  PingReply,
  Route,
  Table,
} from '../contract/stack.ts'
import type { ErrorCode } from '../errors/codes.ts'
import { NetError } from '../errors/net-error.ts'
import type { ByteQueue } from './byte-queue.ts'

/** A socket as the engine of its connection sees it. */
export interface TcpUser {
  /** Octets for the peer, to be taken by {@link ByteQueue.drop}; then {@link drained} is called. */
  readonly outgoing: ByteQueue
  /** FIN comes after what is in {@link outgoing}. */
  readonly isEnding: boolean
  /** Octets that {@link received} takes now. The engine leaves others with the library, so that its window closes. */
  readonly room: number
  connected(): void
  received(bytes: Uint8Array, offset: number, length: number): void
  /** The peer's FIN: nothing more comes. */
  ended(): void
  failed(code: ErrorCode): void
  /** Octets were taken out of {@link outgoing}, or acknowledged by the peer. */
  drained(): void
  /** The library holds nothing of a closed connection any more. */
  gone(): void
}

/** One connection of an engine. */
export abstract class TcpLine {
  /** Set before anything is told. */
  user!: TcpUser
  /** Octets the library took, and the peer did not acknowledge, where that is known. */
  get inFlight(): number {
    return 0
  }
  /** The peer acknowledged the end of this direction, or it is not known whether it did. */
  get isEndAcknowledged(): boolean {
    return true
  }
  /** There are octets to be taken, or an end. Called from the stack's job. */
  abstract pump(): void
  /** The user has room again. */
  abstract resume(): void
  /** The program has closed: what waits in `outgoing` still goes, then FIN, then {@link TcpUser.gone}. What arrives is nobody's. */
  abstract finish(): void
  /** RST now; {@link TcpUser.gone} follows. */
  abstract reset(): void
  /** One of the options that the engine declares. @throws NetError EINVAL */
  set(name: OptionName, _value: number): void {
    throw new NetError('ERR_IOTH_NOT_IMPLEMENTED', name)
  }
}

/** Both ends of a connection. */
export interface Ends {
  readonly local: IpAddress
  readonly localPort: number
  readonly remote: IpAddress
  readonly remotePort: number
}

export interface ListenerUser {
  /** Connections that may wait, at most. */
  readonly backlog: number
  /** Connections that wait now. */
  readonly waiting: number
  /** A connection is there; its line has a user when this returns. */
  accepted(line: TcpLine, ends: Ends): void
  /** The library refused to listen. */
  failed(code: ErrorCode): void
}

export interface ListenLine {
  /** A connection was taken: there is room for another. */
  resume(): void
  set(name: OptionName, value: number): void
  close(): void
}

export interface UdpUser {
  /** @returns false when the socket takes no more until {@link UdpLine.resume}; this one is dropped. */
  datagram(
    bytes: Uint8Array,
    offset: number,
    length: number,
    from: IpAddress,
    port: number,
    to: IpAddress | undefined,
  ): boolean
  /** Whether it takes one more. */
  readonly hasRoom: boolean
  failed(code: ErrorCode): void
  writable(): void
}

export interface UdpLine {
  /** @returns false when it cannot be taken now; {@link UdpUser.writable} follows. */
  send(from: Uint8Array, offset: number, length: number, to: IpAddress, port: number): boolean
  /** Only this peer's datagrams are wanted; null: everybody's. */
  fix(remote: IpAddress | null, port: number): void
  resume(): void
  /** @throws NetError as `UdpSocket.join` */
  join(group: IpAddress, on: Interface | null, source?: IpAddress): void
  leave(group: IpAddress, on: Interface | null, source?: IpAddress): void
  set(name: OptionName, value: number): void
  close(): void
}

/** What an engine knows of an interface it made. */
export interface EngineInterface {
  readonly mac: string
  readonly mtu: number
  readonly addresses: readonly InterfaceAddress[]
}

/** Options that a socket of the engine knows, with the values they begin with. */
export type EngineOptions = Readonly<Partial<Record<OptionName, number>>>

export interface Engine {
  /** Whether connections to addresses of its own go through it; else the shell carries them. */
  readonly carriesLoopback: boolean
  /** Whether FIN can be sent while the other direction stays open; else the shell closes in its place, as `halfClose: 'on-close'` says. */
  readonly canHalfClose: boolean
  readonly tcpOptions: EngineOptions
  readonly udpOptions: EngineOptions
  readonly neighbors: Table<Neighbor>
  /** Settles when the addresses are usable. @throws NetError as `Stack.addInterface`. */
  addInterface(options: InterfaceOptions, index: number, name: string): Promise<EngineInterface>
  removeInterface(on: Interface): Promise<void>
  addAddress(on: Interface, address: IpAddress, prefixLength: number): Promise<void>
  removeAddress(on: Interface, address: IpAddress): void
  /** @throws NetError ERR_IOTH_NOT_IMPLEMENTED, EINVAL */
  addRoute(route: Readonly<Route>): void
  removeRoute(route: Readonly<Route>): void
  /** The outcome is told to the user of the line. */
  connect(ends: Ends, options: EngineOptions): TcpLine
  /** @param local a wildcard takes all addresses of its family; `isDual`: IPv4 too. */
  listen(user: ListenerUser, local: IpAddress, port: number, isDual: boolean, options: EngineOptions): ListenLine
  openUdp(user: UdpUser, local: IpAddress, port: number, isDual: boolean, options: EngineOptions): UdpLine
  ping(to: IpAddress, options: PingOptions): Promise<PingReply>
  counters(): Readonly<Record<string, number>>
  /** Connections that the shell has finished with, and the engine not: their octets are not acknowledged yet. */
  readonly lingering?: number
  /** As `Stack.flush`. */
  flush(): boolean
  /** All sockets are closed. Gives everything back; settles when the library does nothing more. */
  close(): Promise<void>
}
