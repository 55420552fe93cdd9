/**
 * What this backend can do, and what it cannot, each with its reason.
 *
 * | what | why |
 * |---|---|
 * | 160 sockets | its timers live in a heap of about a thousand places, of which a connection takes up to five; when it is full the library ends the process |
 * | backlog 64 | what waits in the library takes places of that heap, too |
 * | UDP `connected` | the descriptor calls have neither `sendto` nor `recvfrom` |
 * | datagrams of 1444 octets | one frame, over IPv6 as well: a longer one leaves in fragments whose UDP header has the length of the first |
 * | no fragments | those of others do not reach it: reassembly in this version corrupts its memory |
 * | half-close `shimmed` | there is no `shutdown`: the FIN is sent beside the library |
 * | reset `shimmed` | `close` always ends in order: the RST is sent beside the library |
 * | no multicast | there are no calls for it; pings are asked and answered beside the library |
 * | `keepAlive`, `ttl`, `trafficClass` | there is no `setsockopt`; `noDelay` is this side's business |
 *
 * @module
 */
import type { Capabilities, Limits } from '@ioth/core'

export const LIMITS: Limits = Object.freeze({
  sockets: 160,
  sendBuffer: 131_072,
  receiveBuffer: 131_072,
  maxDatagram: 1444,
  backlog: 64,
  closedHoldMs: 10_000,
})

export const CAPABILITIES: Capabilities = Object.freeze({
  ipv6: true,
  udp: 'connected',
  halfClose: 'shimmed',
  reset: 'shimmed',
  connectCancel: true,
  refusedVisible: true,
  noDelay: true,
  sack: true,
  rackTlp: false,
  ecn: false,
  multicast: false,
  superSegments: false,
  ping: true,
  dhcp: true,
  slaac: false,
  links: 'frames',
  // Each has a copy of the library of its own.
  stacksPerThread: Number.POSITIVE_INFINITY,
  virtualTime: false,
  teardown: 'full',
  limits: LIMITS,
})

/** Sockets that the library holds at once, those among them that it has not let go of yet. */
export const LIBRARY_SOCKETS = 200
/** Entries of the library's table of descriptors: it begins with 8 and is doubled once, and a descriptor beyond it writes outside. */
export const DESCRIPTORS = 4096
/** The library's buffers of a connection, each way (`PICO_DEFAULT_SOCKETQ`). */
export const LIBRARY_BUFFER = 16_384
