/**
 * What this library cannot do, and the limits that keep it from what it does not survive. Each has its reason.
 *
 * @module
 */
import type { Capabilities, Limits } from '@ioth/core'

/** Sockets of the library at once, closed ones that it still remembers among them. */
export const LIBRARY_SOCKETS = 200
/**
 * The library's timers live in a heap of 1056 places (`heap.h`); when it is full the library fails in ways that end the process. A timer that
 * was taken back keeps its place until it would have been due: of a connection that is over, two places for a second.
 */
export const TIMERS = 900
export const TIMERS_OF_SOCKET = 3
export const TIMERS_OF_DEAD = 2
export const DEAD_US = 1_100_000
/** Open sockets of programs: some places stay for connections that are ending. */
const SOCKETS = 160
/** What IPv4 carries. Fragments are made beside the library. */
const LARGEST_DATAGRAM = 65_507
const SEND_BUFFER = 128 * 1024
/** What a window can say without a scale: the library changes its scale during a connection, which nobody else understands. */
const RECEIVE_BUFFER = 65_535

export const LIMITS: Limits = Object.freeze({
  sockets: SOCKETS,
  sendBuffer: SEND_BUFFER,
  receiveBuffer: RECEIVE_BUFFER,
  maxDatagram: LARGEST_DATAGRAM,
  backlog: 128,
  closedHoldMs: 10_000,
})

/** How long a finished connection is remembered (TIME-WAIT). Longer would keep timers for each; see {@link LIBRARY_SOCKETS}. */
export const TIME_WAIT_MS = 500
/** The library itself gives up after 62 seconds, and without saying why. */
export const CONNECT_TIMEOUT_MS = 60_000
/** A neighbour that did not answer by then is not there. */
export const NEIGHBOR_TIMEOUT_MS = 3_000
/** Data that nobody acknowledges: the library goes on for ever. */
export const USER_TIMEOUT_MS = 120_000
/** A closed connection whose peer does not close is reset after this. */
export const HALF_CLOSED_MS = 60_000

/** @param hasIpv6 whether the library was built with it. */
export function capabilitiesWith(limits: Limits, hasIpv6: boolean): Capabilities {
  return Object.freeze({
    ipv6: hasIpv6,
    udp: 'full',
    halfClose: 'native',
    // The library has no call for it: the RST is made beside it.
    reset: 'shimmed',
    connectCancel: true,
    refusedVisible: true,
    noDelay: true,
    sack: true,
    rackTlp: false,
    ecn: false,
    // Beside the library: see `group-datagrams.ts`.
    multicast: true,
    superSegments: false,
    ping: true,
    dhcp: true,
    // The library forms an address from an advertisement, but does not say so, nor when it gives it up; and name servers, the other lifetimes and a
    // choice of routers are not its business. Of the stack in TypeScript that does all this, routes and neighbours are a part.
    slaac: false,
    links: 'frames',
    // Each stack has a copy of the library of its own; what bounds them is memory.
    stacksPerThread: Number.POSITIVE_INFINITY,
    // The library asks the host for the time.
    virtualTime: false,
    teardown: 'full',
    limits,
  })
}
