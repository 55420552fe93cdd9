/**
 * The port table: who owns which local port. Every backend asks the same table, so bind and listen answer at once and alike.
 * A table may be handed in: the processes of one node share one.
 *
 * @module
 */
import type { IpAddress } from '../address/ip-address.ts'
import type { BindFlags } from './socket.ts'

/** IP protocol numbers. */
export type Transport = 6 | 17

/** A local port that is held. */
export interface PortBinding {
  readonly transport: Transport
  readonly address: IpAddress
  readonly port: number
  /** Marks a TCP binding as listening: from now on a second listener on it is EADDRINUSE. */
  listen(): void
  /** Gives the port back. Idempotent. */
  release(): void
}

export interface PortTable {
  /**
   * Holds a local port. Wildcards conflict with every address of their family; `::` without ipv6Only with IPv4 too.
   * A TCP port conflicts with listeners only, as where SO_REUSEADDR is set (Node sets it): two sockets may be bound to it, one may listen.
   * @param port 0: an unpredictable free port of the ephemeral range (RFC 6056).
   * @throws NetError EADDRINUSE.
   */
  bind(transport: Transport, address: IpAddress, port: number, flags?: BindFlags): PortBinding
  /**
   * Holds an ephemeral port for a connection to one destination (RFC 6056 3.3.3). Ports are shared between destinations.
   * @param free tells whether the four-tuple with this local port is free in the stack.
   * @throws NetError EADDRNOTAVAIL when all are taken.
   */
  bindFor(
    transport: Transport,
    address: IpAddress,
    remote: IpAddress,
    remotePort: number,
    free: (port: number) => boolean,
  ): PortBinding
  /** Bindings held, for tests of leaks. */
  readonly size: number
}
