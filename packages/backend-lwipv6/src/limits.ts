/**
 * What this backend can do, and what it cannot, each with its reason.
 *
 * | what | why |
 * |---|---|
 * | 120 sockets | a socket is 5 descriptors, a listener 7, and the library's mailboxes `select()` on them: one numbered 1024 or more writes beyond an `fd_set` |
 * | backlog 64 | the library has none; SYNs beyond it are dropped before they reach it |
 * | 9 addresses in one process | the library's table of neighbours has ten entries, for all stacks of a process |
 * | datagrams of 1452 octets | a packet with the headers of IPv6 in one frame: the library's fragments corrupt its heap |
 * | no options of TCP | `TCP_NODELAY` sets a wrong field, buffer sizes are not looked at |
 * | no multicast | the library has neither IGMP nor MLD |
 * | ping | asked and answered beside the library, which takes no fragments |
 * | half-close `shimmed` | `lwip_shutdown` does nothing: the FIN is sent beside the library |
 * | reset `shimmed` | `lwip_close` always ends in order: the RST is sent beside the library |
 * | routes | of IPv4 and IPv6, as added; the library does not list them, so the shell does |
 * | teardown `process` | its threads end with the process only |
 *
 * @module
 */
import type { Capabilities, Limits } from '@ioth/core'

export const LIMITS: Limits = Object.freeze({
  sockets: 120,
  sendBuffer: 262_144,
  receiveBuffer: 262_144,
  maxDatagram: 1452,
  backlog: 64,
  closedHoldMs: 10_000,
})

export const CAPABILITIES: Capabilities = Object.freeze({
  ipv6: true,
  udp: 'full',
  halfClose: 'shimmed',
  reset: 'shimmed',
  connectCancel: true,
  refusedVisible: true,
  noDelay: false,
  sack: false,
  rackTlp: false,
  ecn: false,
  multicast: false,
  superSegments: false,
  ping: true,
  dhcp: true,
  slaac: false,
  links: 'frames',
  stacksPerThread: 16,
  virtualTime: false,
  teardown: 'process',
  limits: LIMITS,
})

/** Addresses in one process: each has an entry of the library's table of ten neighbours (`lwipopts.h`, ARP_TABLE_SIZE) for good. */
export const MOST_ADDRESSES = 9
/** Descriptors from here on cannot be waited for by the library, which opens up to seven for a socket. */
export const DESCRIPTOR_LIMIT: number = 1024 - 8
/** The library's send buffer (`lwipopts.h`, TCP_SND_BUF): what it takes without waiting. */
export const SEND_WINDOW = 32_768
/**
 * Octets of all connections together that may be under way: what the library sends is lost when it is more than its wire holds, on Debian some
 * 400 KiB of memory, of which a frame of full size takes 2.5.
 */
export const WIRE_WINDOW = 131_072
/** Segments it queues (TCP_SND_QUEUELEN, 88), with a margin. */
export const SEND_SEGMENTS = 80
/** Octets of one send: the larger, the fewer the chances of its semaphore's use after free (`api_lib.c`, netconn_write and sent_tcp). */
export const SEND_CHUNK = 16_384
/** Segments of a connection that nobody reads: its mailbox, a pipe, holds 8192 and then stops the whole library. */
export const UNREAD_SEGMENTS = 4096
