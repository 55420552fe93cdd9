/**
 * What TCP can be told: the backend's settings under `tcp`, with their defaults.
 *
 * @module
 */
import type { Patience } from './timeouts.ts'

/** The user's part. Unknown names are refused. */
export interface TcpOptions {
  /** Floor of the retransmission timeout; RFC 6298 says 1000. @default 200 */
  readonly minRtoMs?: number
  /** Retransmissions of a SYN: 6 are about 127 seconds. @default 6 */
  readonly synRetries?: number
  /** @default 60000 */
  readonly timeWaitMs?: number
  /** RFC 9438, or RFC 5681 with RFC 6582. @default 'cubic' */
  readonly congestion?: 'cubic' | 'newreno'
  /** RFC 7323 timestamps. @default true */
  readonly timestamps?: boolean
  /** RFC 7323 window scaling. @default true */
  readonly windowScale?: boolean
  /** Selective acknowledgements (RFC 2018), and with them loss detection by time (RFC 8985). @default true */
  readonly sack?: boolean
  /** Retransmissions of data before ETIMEDOUT: 15 are about 15 minutes. @default 15 */
  readonly retries?: number
  /** @default 75000 */
  readonly keepAliveIntervalMs?: number
  /** @default 9 */
  readonly keepAliveProbes?: number
  /** How long a closed socket waits for the peer's FIN. @default 60000 */
  readonly finWait2Ms?: number
  /** Octets of memory that unread input of all connections may hold before each gets an equal share only. @default 33554432 */
  readonly receiveMemory?: number
  /** Octets of memory that octets not acknowledged may hold, of all connections, before each gets half of an equal share only. @default 67108864 */
  readonly sendMemory?: number
}

/** All that the layer needs to know. */
export interface TcpSettings extends Patience {
  readonly initialRtoMs: number
  readonly timeWaitMs: number
  readonly timestamps: boolean
  readonly windowScale: boolean
  readonly sack: boolean
  readonly closedHoldMs: number
  /** The largest receive buffer a socket may ask for: the window scale is chosen by it. */
  readonly largestWindow: number
  readonly connections: number
  readonly receiveMemory: number
  readonly sendMemory: number
}
