/**
 * What a stack can do: frozen, asked instead of the backend's name, and checked by the suite.
 *
 * @module
 */

/** Resource limits of a stack. Each is enforced with the error its name suggests. */
export interface Limits {
  /** Open sockets; beyond it EMFILE. */
  readonly sockets: number
  /** Send buffer of a TCP socket, in octets. */
  readonly sendBuffer: number
  /** Receive buffer of a TCP socket, in octets: the largest window offered. */
  readonly receiveBuffer: number
  /** Largest UDP payload, in octets; beyond it EMSGSIZE. */
  readonly maxDatagram: number
  /** Connections waiting in a listener, at most, whatever backlog is asked for. */
  readonly backlog: number
  /** How long a closed socket with unsent octets may hold the process, in milliseconds. */
  readonly closedHoldMs: number
}

/** Each `false` is asked for by the suite: the call must throw ERR_IOTH_NOT_IMPLEMENTED, or behave as the word says. */
export interface Capabilities {
  readonly ipv6: boolean
  readonly udp: 'full' | 'connected' | 'none'
  /** `native`; `shimmed`: done beside the library; `on-close`: what is queued is sent, the rest of the peer's stream is waited for briefly, then the socket closes. */
  readonly halfClose: 'native' | 'shimmed' | 'on-close'
  /** How `reset()` is done; `close`: as a close. */
  readonly reset: 'native' | 'shimmed' | 'close'
  /** A connect in progress can be given up at once. */
  readonly connectCancel: boolean
  /** A refused connection is told from one that timed out. */
  readonly refusedVisible: boolean
  readonly noDelay: boolean
  /** TCP offers selective acknowledgements (RFC 2018); else it recovers by duplicate acknowledgements alone (RFC 6582). */
  readonly sack: boolean
  /** TCP finds losses by time and probes for those at the end of a flight (RFC 8985). */
  readonly rackTlp: boolean
  /** TCP can negotiate explicit congestion notification (RFC 3168). */
  readonly ecn: boolean
  readonly multicast: boolean
  readonly superSegments: boolean
  readonly ping: boolean
  /** Gets addresses by DHCP: `InterfaceOptions.dhcp` and `Interface.dhcp`. */
  readonly dhcp: boolean
  /** Forms IPv6 addresses from what routers advertise: `InterfaceOptions.slaac`. @default false */
  readonly slaac?: boolean
  readonly links: 'frames' | 'vnl'
  readonly stacksPerThread: number
  readonly virtualTime: boolean
  readonly teardown: 'full' | 'process'
  readonly limits: Limits
}

/** What is claimed when a manifest says nothing. */
const LEAST: Capabilities = {
  ipv6: false,
  udp: 'none',
  halfClose: 'on-close',
  reset: 'close',
  connectCancel: false,
  refusedVisible: false,
  noDelay: false,
  sack: false,
  rackTlp: false,
  ecn: false,
  multicast: false,
  superSegments: false,
  ping: false,
  dhcp: false,
  slaac: false,
  links: 'frames',
  stacksPerThread: 1,
  virtualTime: false,
  teardown: 'process',
  limits: {
    sockets: 1024,
    sendBuffer: 65_536,
    receiveBuffer: 65_536,
    maxDatagram: 1472,
    backlog: 128,
    closedHoldMs: 10_000,
  },
}

/** A manifest of what a stack can do; what is not claimed is not there. */
export function createCapabilities(
  claims: Partial<Omit<Capabilities, 'limits'>> & { readonly limits?: Partial<Limits> },
): Capabilities {
  const limits = Object.freeze({ ...LEAST.limits, ...claims.limits })
  return Object.freeze({ ...LEAST, ...claims, limits })
}
