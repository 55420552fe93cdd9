/**
 * Sockets: non-blocking Berkeley calls with readiness. Every call returns at once; none emits a frame or runs user code before it returns.
 * Data calls give numbers and never throw expected outcomes; the other calls throw a {@link NetError}.
 *
 * @module
 */
import type { IpAddress } from '../address/ip-address.ts'
import type { NetError } from '../errors/net-error.ts'
import type { Pollable } from './readiness.ts'
import type { Interface } from './stack.ts'

/** Takes bytes lent by a stack: read-only, and only during the call. Returns false to get no further piece. */
export interface ByteSink {
  bytes(memory: Uint8Array, offset: number, length: number): boolean
}

/** Takes datagrams lent by a stack, each whole, read-only, and only during the call. Returns false to get no further one. */
export interface DatagramSink {
  /** @param to the address it was sent to: one of ours, or a group; undefined where the backend cannot say. */
  datagram(memory: Uint8Array, offset: number, length: number, from: IpAddress, port: number, to?: IpAddress): boolean
}

export type OptionName =
  | 'noDelay'
  | 'keepAlive'
  /** Seconds of idleness before the first keep-alive probe. */
  | 'keepAliveDelay'
  /** Octets. */
  | 'sendBuffer'
  /** Octets. */
  | 'receiveBuffer'
  | 'ttl'
  | 'broadcast'
  | 'multicastTtl'
  | 'multicastLoop'
  /** {@link Interface.index} of the interface that datagrams to groups leave by; 0: as the routes say. */
  | 'multicastInterface'
  /** Milliseconds data may stay unacknowledged (RFC 5482); 0: the default. */
  | 'userTimeout'
  | 'trafficClass'

export interface BindFlags {
  /** UDP: several sockets may share the port. TCP listeners may always be bound beside old connections of their port. */
  readonly reuse?: boolean
  /** TCP: listeners that all say so may share the port, and get its new connections in turn, as with SO_REUSEPORT. */
  readonly reusePort?: boolean
  /** A socket bound to `::` does not take IPv4. */
  readonly ipv6Only?: boolean
}

/** What TCP sockets, listeners and UDP sockets have in common. */
export interface Endpoint extends Pollable {
  /** Null until bound or connected. */
  readonly localAddress: IpAddress | null
  /** Known when `bind` or `listen` returned, and when `connect` was called; 0 before. */
  readonly localPort: number
  readonly remoteAddress: IpAddress | null
  readonly remotePort: number
  /** Why the socket failed; made once. */
  readonly error: NetError | null
  /**
   * Takes a local address and port (0: the stack chooses, at once).
   * @throws NetError EADDRINUSE, EADDRNOTAVAIL (not an address of this stack), EINVAL (bound already, or closed).
   */
  bind(address: IpAddress, port: number, flags?: BindFlags): void
  /** @throws NetError ERR_IOTH_NOT_IMPLEMENTED, EINVAL (value out of range). */
  setOption(name: OptionName, value: number): void
  /** @throws NetError ERR_IOTH_NOT_IMPLEMENTED. */
  getOption(name: OptionName): number
  /**
   * Idempotent. TCP: with unread octets the peer gets a RST (RFC 9293 3.6.1), else queued octets and FIN linger in the stack. Then CLOSED.
   */
  close(): void
}

/** A TCP socket: a connection, or one to be. */
export interface TcpSocket extends Endpoint {
  /** The state by its name in RFC 9293: `'SYN-SENT'`, `'ESTABLISHED'`, … */
  readonly state: string
  /** Octets taken by the send buffer and not acknowledged yet. */
  readonly bytesQueued: number
  /**
   * Accepts SYNs from now on. The binding passes to the listener; this socket is used up.
   * A socket not bound is bound to the wildcard address and a port of the stack's choice.
   * @throws NetError EADDRINUSE, EINVAL.
   */
  listen(backlog: number): Listener
  /**
   * Starts a connection; {@link WRITABLE} or {@link ERROR} tells the outcome.
   * @throws NetError at once: ENETUNREACH, EADDRNOTAVAIL, EISCONN, EALREADY, EINVAL, EAFNOSUPPORT.
   */
  connect(address: IpAddress, port: number): void
  /** Copies received octets. @returns a count > 0, or {@link WOULD_BLOCK}, {@link END}, {@link FAILED}: data first, then END if FIN came, then FAILED. */
  read(into: Uint8Array, offset: number, length: number): number
  /** As {@link read}, lending the stack's memory for the sink's calls. What was shown is consumed, also when the sink throws. */
  lend(max: number, sink: ByteSink): number
  /** Copies octets into the send buffer. @returns how many it took, {@link WOULD_BLOCK} or {@link FAILED}. What one turn writes leaves together at its end. */
  write(from: Uint8Array, offset: number, length: number): number
  /** No more writes: FIN after the queued octets (see {@link Capabilities.halfClose}). Idempotent. */
  shutdown(): void
  /** RST, queued octets dropped, CLOSED. Idempotent. */
  reset(): void
}

/** A passive socket. READABLE while a connection waits. `close` resets the connections nobody accepted. */
export interface Listener extends Endpoint {
  /** The next connection, or null. */
  accept(): TcpSocket | null
}

export interface UdpSocket extends Endpoint {
  /** Fixes the peer: only its datagrams are received, and its ICMP errors are reported. @throws NetError as for TCP. */
  connect(address: IpAddress, port: number): void
  /**
   * Without a peer again. A port that was asked for stays; one of the stack's choice is given back, and {@link localPort} is 0 until the
   * next `send` or `connect` takes another. What has arrived can still be received.
   * @throws NetError ENOTCONN.
   */
  disconnect(): void
  /**
   * @param to the destination, or null on a connected socket.
   * @returns `length`, {@link WOULD_BLOCK}, or {@link FAILED} with {@link Endpoint.error} set (EMSGSIZE, ENETUNREACH, ECONNREFUSED, EACCES for broadcast…); the next call starts anew.
   */
  send(from: Uint8Array, offset: number, length: number, to: IpAddress | null, port: number): number
  /** Lends up to `max` datagrams to the sink. @returns how many, {@link WOULD_BLOCK} when there is none, or {@link FAILED} (a pending ICMP error, told once). */
  receive(max: number, sink: DatagramSink): number
  /**
   * Listens to a group on an interface (null: as the routes say), from one source or from all. Datagrams reach every socket of the port
   * that is bound to the group or to the wildcard.
   * @throws NetError ERR_IOTH_NOT_IMPLEMENTED, EINVAL, EADDRINUSE (joined already), ENODEV (no interface), ENOBUFS.
   */
  join(group: IpAddress, on: Interface | null, source?: IpAddress): void
  /** Without a source: leaves the group altogether. @throws NetError ERR_IOTH_NOT_IMPLEMENTED, EADDRNOTAVAIL (not joined). */
  leave(group: IpAddress, on: Interface | null, source?: IpAddress): void
}
