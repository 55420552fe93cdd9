/**
 * A backend makes stacks; a stack has interfaces, addresses, routes and sockets.
 *
 * @module
 */
import type { IpAddress } from '../address/ip-address.ts'
import type { DhcpLease } from '../services/dhcp/lease.ts'
import type { Capabilities, Limits } from './capabilities.ts'
import type { FramePool } from './frame.ts'
import type { Link } from './link.ts'
import type { PortTable } from './ports.ts'
import type { Scheduler } from './scheduler.ts'
import type { Endpoint, TcpSocket, UdpSocket } from './socket.ts'

/** Whether a backend can be used here; when not: why, what was tried, and the next command to type. */
export interface Probe {
  readonly usable: boolean
  readonly reason?: string
  readonly tried: readonly string[]
  readonly next?: string
  readonly version?: string
  /** Where the library or package was found. */
  readonly path?: string
}

/** What a package exports (as `default` or as `backend`) to be loadable by name. */
export interface Backend {
  readonly name: string
  /** SPDX expression. */
  readonly license: string
  readonly capabilities: Capabilities
  probe(): Promise<Probe>
  /**
   * Settles when the stack can bind: library loaded, addresses usable (claimed, or past duplicate address detection, or leased).
   * @throws NetError EADDRINUSE when someone on the network has an address; EINVAL; ERR_IOTH_* of the backend.
   */
  createStack(options: StackOptions): Promise<Stack>
}

export interface InterfaceOptions {
  /** An open link, or a locator for backends that open links themselves (`capabilities.links` is `'vnl'`). */
  readonly link: Link | { readonly vnl: string }
  /** @default `'eth0'`, `'eth1'`, … */
  readonly name?: string
  /** CIDR notation: `10.0.0.1/24`, `fc00::1/64`. */
  readonly addresses?: readonly string[]
  /** `aa:bb:cc:dd:ee:ff`. @default a random locally administered address */
  readonly mac?: string
  /** Whether to get an IPv4 address by DHCP; the interface is ready when it is leased. @throws NetError ETIMEDOUT when no server answers. */
  readonly dhcp?: boolean
  readonly slaac?: boolean
}

export interface StackOptions {
  readonly scheduler: Scheduler
  readonly pool: FramePool
  readonly interfaces: readonly InterfaceOptions[]
  /** Host name, for people. */
  readonly name?: string
  /** Default gateways. */
  readonly gateways?: readonly string[]
  readonly nameServers?: readonly string[]
  /** Domains in which names without dots are looked up. */
  readonly searchDomains?: readonly string[]
  /** @default a table of the stack's own */
  readonly ports?: PortTable
  readonly limits?: Partial<Limits>
  /** Hears what happens to the stack by itself. Called in a turn, one event at a time; what it throws reaches the host as uncaught. */
  readonly onEvent?: (event: StackEvent) => void
  /** The backend's own options; unknown names are refused. */
  readonly settings?: Readonly<Record<string, unknown>>
}

/** Something that happened to a stack by itself, or because the network said so. */
export interface StackEvent {
  /**
   * - `address-added`, `address-removed`: an address became usable, or is no longer ours (configured, leased, autoconfigured).
   * - `address-conflict`: somebody else, `mac`, uses an address of ours; followed by `address-removed` when we gave it up.
   * - `router-added`, `router-removed`: a default router, by router advertisement or lease.
   * - `lease-obtained`, `lease-lost`: DHCP.
   */
  readonly kind:
    | 'address-added'
    | 'address-removed'
    | 'address-conflict'
    | 'router-added'
    | 'router-removed'
    | 'lease-obtained'
    | 'lease-lost'
  readonly interface: Interface
  readonly address: IpAddress
  /** Who else has the address, where that is known. */
  readonly mac?: string
}

/** An address of an interface. */
export interface InterfaceAddress {
  readonly address: IpAddress
  readonly prefixLength: number
}

export interface Interface {
  readonly index: number
  readonly name: string
  readonly mac: string
  readonly mtu: number
  readonly link: Link | null
  readonly addresses: readonly InterfaceAddress[]
  /** Settles when the address is usable; until then bind gives EADDRNOTAVAIL. @throws NetError EADDRINUSE, EEXIST, EINVAL. */
  addAddress(address: IpAddress, prefixLength: number): Promise<void>
  /** Connections from the address end with EADDRNOTAVAIL. @throws NetError EADDRNOTAVAIL. */
  removeAddress(address: IpAddress): void
  /** What a DHCP server lent this interface; null or absent: nothing. */
  readonly lease?: DhcpLease | null
  /**
   * Gets an IPv4 address by DHCP and keeps it renewed from now on; settles with the first lease. Absent where the backend has no DHCP client.
   * @param timeoutMs how long to wait for it; the client is stopped then. @default 30000
   * @throws NetError ETIMEDOUT, EALREADY (it runs already), ENETDOWN (the interface was removed).
   */
  dhcp?(timeoutMs?: number): Promise<DhcpLease>
  /**
   * Leaves DHCP and autoconfiguration to somebody else who goes on with them under the same hardware address: here they end, no lease is
   * given back, and what they configured stays.
   */
  leaveConfiguration?(): void
  /** Takes the interface out and closes its link. */
  remove(): Promise<void>
}

/** A route. `via` null: on link. */
export interface Route {
  readonly destination: IpAddress
  readonly prefixLength: number
  readonly via: IpAddress | null
  readonly interface: Interface
  readonly metric?: number
}

/** A table that can be listed and changed. */
export interface Table<Entry> {
  list(): Iterable<Readonly<Entry>>
  /** @throws NetError EEXIST, EINVAL, ERR_IOTH_NOT_IMPLEMENTED. */
  add(entry: Readonly<Entry>): void
  /** @throws NetError ESRCH, ERR_IOTH_NOT_IMPLEMENTED. */
  remove(entry: Readonly<Entry>): void
}

export interface Neighbor {
  readonly address: IpAddress
  readonly mac: string
  readonly state: string
  readonly interface: Interface
}

export interface PingOptions {
  /** Data octets. @default 56 */
  readonly size?: number
  /** @default 1000 */
  readonly timeoutMs?: number
  readonly ttl?: number
  readonly signal?: AbortSignal
}

export interface PingReply {
  /** Round trip time. */
  readonly microseconds: number
  readonly ttl: number
  /** Octets of ICMP data that came back. */
  readonly size: number
  readonly from: IpAddress
}

/** What a router said about a ping that it did not pass on: the `cause` of the error, whose `address` is the router's. */
export interface PingRefusal {
  /** `time-exceeded`: its time to live was over there, as `traceroute` wants it. */
  readonly kind: 'time-exceeded' | 'unreachable'
  readonly from: IpAddress
}

/** One socket as `Stack.sockets()` lists it. */
export interface SocketInfo {
  readonly endpoint: Endpoint
  readonly transport: 'tcp' | 'udp'
  /** RFC 9293 state, `'LISTEN'`, or `''` for UDP. */
  readonly state: string
  /** What TCP knows about the connection; of backends that can say. */
  readonly tcp?: TcpInfo
}

/** One connection in numbers. Octets and microseconds. */
export interface TcpInfo {
  /** Congestion window. */
  readonly congestionWindow: number
  readonly slowStartThreshold: number
  /** Smoothed round-trip time (RFC 6298); 0 before the first sample. */
  readonly smoothedRtt: number
  readonly rttVariation: number
  readonly retransmissionTimeout: number
  readonly inFlight: number
  /** What the peer lets us send beyond what it acknowledged. */
  readonly sendWindow: number
  readonly receiveWindow: number
  readonly maximumSegment: number
  readonly octetsSent: number
  readonly octetsReceived: number
  readonly segmentsRetransmitted: number
}

/** A connection on its way from one stack to another of the same node. What `state` says is the backend's own affair. */
export interface MovedConnection {
  readonly local: string
  readonly localPort: number
  readonly remote: string
  readonly remotePort: number
  readonly state: Readonly<Record<string, number>>
  /** Written and not acknowledged. */
  readonly sent: Uint8Array
  /** Received and not read. */
  readonly received: Uint8Array
}

/**
 * One host of a network. What gives a promise, here and on its interfaces, keeps the process alive until that is settled: see `holdDuring`.
 */
export interface Stack extends AsyncDisposable {
  readonly backend: string
  readonly name: string
  readonly capabilities: Capabilities
  readonly scheduler: Scheduler
  readonly interfaces: readonly Interface[]
  readonly routes: Table<Route>
  readonly neighbors: Table<Neighbor>
  /** Whom names are asked from. Leases fill it while it is empty. */
  nameServers: readonly IpAddress[]
  /** Domains in which names without dots are looked up. Leases fill it while it is empty. */
  searchDomains: readonly string[]
  /** Resolves when the stack has been closed; rejects with the cause when it died by itself. */
  readonly closed: Promise<void>
  /** Closed sockets whose octets are not acknowledged yet. */
  readonly lingering: number
  /** @throws NetError as `createStack`. */
  addInterface(options: InterfaceOptions): Promise<Interface>
  /** Which address of ours speaks to this destination; null is ENETUNREACH. */
  sourceFor(destination: IpAddress): IpAddress | null
  /** @throws NetError EMFILE at the limit, EAFNOSUPPORT, ENETDOWN when the stack is closed. */
  openTcp(family: 4 | 6): TcpSocket
  /** @throws NetError as {@link openTcp}. */
  openUdp(family: 4 | 6): UdpSocket
  /**
   * @throws NetError ETIMEDOUT, EHOSTUNREACH (no such neighbour, or told so by a router: see {@link PingRefusal}), ENETUNREACH, EMSGSIZE,
   * EINVAL; AbortError.
   */
  ping(to: IpAddress, options?: PingOptions): Promise<PingReply>
  /** All counters, drop reasons among them as `drop.<layer>.<reason>`. None decreases. */
  counters(): Readonly<Record<string, number>>
  sockets(): Iterable<SocketInfo>
  /** Synchronous: hands the links all that the windows allow; true when nothing is left. For exit handlers. */
  flush(): boolean
  /**
   * Takes a connection out, silently: the socket is CLOSED, and segments that still come here for it go back to the node. Absent where
   * connections stay where they are.
   * @returns null when it is not established, or has announced its end.
   */
  moveOut?(socket: TcpSocket): MovedConnection | null
  /**
   * Goes on with a connection that another stack of the node took out. @param family that of the socket it was.
   * @throws NetError EADDRINUSE when it is here already; ENETUNREACH; ENOBUFS.
   */
  moveIn?(moved: MovedConnection, family: 4 | 6): TcpSocket
  /** Graceful: closes all sockets (lingering ones within `closedHoldMs`), then the links. Idempotent. */
  close(): Promise<void>
}
