/**
 * The transmission control block (RFC 9293 3.3.1): all a connection is, as plain data with the RFC's names. Sequence numbers are signed
 * 32-bit integers; times are milliseconds, RTTs microseconds, both as 32-bit integers that wrap.
 *
 * @module
 */
import type { ErrorCode, IpAddress } from '@ioth/core'
import type { Network } from '../ip/network.ts'
import type { Path } from '../link/path.ts'
import type { CubicState } from './congestion/cubic.ts'
import { NONE } from './pieces.ts'
import type { Ahead } from './reassembly.ts'
import type { SackReport } from './sack-report.ts'
import type { Scoreboard } from './scoreboard.ts'
import { distance } from './seq.ts'
import { CLOSED } from './state.ts'
import type { Trace } from './trace.ts'

// ---------- flags ----------
/** The user sends no more: a FIN follows what is queued. */
export const FIN_QUEUED: number = 1 << 0
/** The peer's FIN has been taken: everything before it is in the receive queue. */
export const FIN_TAKEN: number = 1 << 1
/** A FIN beyond a gap is known; {@link Tcb.rcvFin} says where. */
export const FIN_AHEAD: number = 1 << 2
/** An acknowledgement is owed at the end of the batch. */
export const ACK_NOW: number = 1 << 3
/** The oldest segment must be sent again, whatever the window says (fast retransmit). */
export const RESEND_FIRST: number = 1 << 4
/** One octet goes out although the window forbids it (zero-window probe). */
export const PROBE_WINDOW: number = 1 << 5
/** Small segments go although Nagle or the window speak against it: their time is up. */
export const SEND_SMALL: number = 1 << 6
export const NO_DELAY: number = 1 << 7
export const KEEP_ALIVE: number = 1 << 8
/** A keep-alive probe must leave. */
export const PROBE_PEER: number = 1 << 9
/** Both SYNs carried timestamps (RFC 7323 3.2). */
export const TIMESTAMPS: number = 1 << 10
/** We offer timestamps. */
export const OFFER_TIMESTAMPS: number = 1 << 11
/** We offer window scaling; on the passive side: both did. */
export const OFFER_SCALE: number = 1 << 12
/** The user closed the socket: nobody reads what still comes. */
export const ORPHAN: number = 1 << 13
/** A segment is being timed (RFC 6298 3). */
export const TIMING: number = 1 << 14
/** The SYN had to be sent again (RFC 6298 5.7). */
export const SYN_RESENT: number = 1 << 15
/** A listener made it. */
export const PASSIVE: number = 1 << 16

/** Routers made us send smaller segments; the path is tried again from time to time. */
export const MTU_LOWERED: number = 1 << 17

export const WAS_ESTABLISHED: number = 1 << 18
/** Closed by its user, with octets or a FIN that are not acknowledged. */
export const LINGERING: number = 1 << 19
/** Closed, and the process waits for it. */
export const HOLDING: number = 1 << 20

/** We offer SACK. */
export const OFFER_SACK: number = 1 << 24
/** Both SYNs carried SACK-permitted (RFC 2018 2). */
export const SACK: number = 1 << 25
/** There is something to report by SACK. */
export const SACK_DUE: number = 1 << 26
/** A tail loss probe must leave. */
export const PROBE_TAIL: number = 1 << 27

/** The stack is short of memory: the window does not grow until the user has read what is there. */
export const SQUEEZED: number = 1 << 28

// ---------- loss recovery ----------
export const OPEN = 0
/** Fast recovery (RFC 6582). */
export const RECOVERY = 1
/** After a retransmission timeout: everything in flight counts as lost. */
export const LOSS = 2

// ---------- timers ----------
export const TIMER_RETRANSMIT = 1
export const TIMER_PERSIST = 2
export const TIMER_DELAYED_ACK = 4
export const TIMER_KEEP_ALIVE = 8
/** FIN-WAIT-2 of a closed socket, or a closed socket that makes no progress. */
export const TIMER_LINGER = 16
/** How long a closed socket may hold the process. */
export const TIMER_HOLD = 32
/** When a writer that found no memory may try again. */
export const TIMER_MEMORY = 64
/** Tail loss probe (RFC 8985 7). */
export const TIMER_TAIL = 128
/** When something may be lost that is only late so far (RFC 8985 6.3). */
export const TIMER_REORDER = 256

/** What most connections never need: it is made with the first thing that has to be written into it. */
export class TcbExtras {
  keepAliveAt = 0
  keepAliveProbes = 0
  keepAliveMs = 7_200_000
  lingerAt = 0
  holdAt = 0
  memoryAt = 0
  userTimeoutMs = 0
  /** When the last window probe left, and how many had been sent when the peer was heard after one. */
  probedAt = 0
  probesAnswered = 0
  /** Challenge ACKs left in this second (RFC 5961 7); -1: none was sent yet. */
  challengesLeft = -1
  challengesFrom = 0
  /** What ICMP said while the connection was being opened. */
  softError: ErrorCode | null = null
  /** What we tell by SACK; made with the first gap or duplicate. */
  sackReport: SackReport | null = null
  /** What CUBIC remembers; made when it first leaves slow start. */
  cubic: CubicState | null = null
  /** Segments sent again. */
  retransmitted = 0
  /** Who watches the connection. */
  trace: Trace | null = null
}

/** The defaults, shared by all connections that have none of their own. */
const NO_EXTRAS: TcbExtras = Object.freeze(new TcbExtras())

export class Tcb {
  state: number = CLOSED
  flags = 0

  // ---------- who ----------
  network: Network
  path: Path
  local: IpAddress
  remote: IpAddress
  localPort: number
  remotePort: number
  /** Sum of the pseudo-header without the length. */
  pseudoSum: number
  ttl = 64
  trafficClass = 0

  // ---------- send sequence space ----------
  iss = 0
  sndUna = 0
  /** Behind the highest octet ever sent. */
  sndNxt = 0
  /** What goes next: {@link sndNxt}, or behind it while something is sent again. */
  sndCursor = 0
  /** Behind the last queued octet: where the FIN stands. */
  sndEnd = 0
  sndWnd = 0
  sndWl1 = 0
  sndWl2 = 0
  maxSndWnd = 0
  sndScale = 0
  /** Payload of a full segment: what peer and path take, less our options. */
  mss = 536
  /** What the peer's MSS option allows. */
  peerMss = 536

  // ---------- send buffer ----------
  sndLimit: number
  /** Octets of slots it holds; see `send-memory.ts`. */
  sndHeld = 0
  /** First node and the octets of it that are acknowledged. */
  sndHead: number = NONE
  sndHeadSkip = 0
  sndTail: number = NONE
  /** Octets free in the last node's slot. */
  sndTailRoom = 0
  /** Where {@link sndNxt} stands in the buffer: node, and octets of it that were sent. */
  sndNode: number = NONE
  sndNodeSkip = 0
  /** What is in flight, record by record (`sent-records.ts`), when SACK was agreed. */
  sentHead: number = NONE
  sentTail: number = NONE
  sentCount = 0

  // ---------- receive sequence space ----------
  irs = 0
  rcvNxt = 0
  /** Right edge of the window last advertised; never moves left. */
  rcvAdv = 0
  rcvScale = 0
  rcvFin = 0
  /** Last acknowledgement number sent. */
  lastAckSent = 0

  // ---------- receive queue ----------
  rcvLimit: number
  rcvHead: number = NONE
  rcvTail: number = NONE
  rcvQueued = 0
  /** Octets free in the last node's slot, when it is a slot of our own. */
  rcvTailRoom = 0
  /** Octets behind a gap; null: none. */
  ahead: Ahead | null = null
  /** Octets of memory that all of it holds. */
  rcvHeld = 0

  // ---------- counts ----------
  octetsAcknowledged = 0
  octetsReceived = 0

  // ---------- timestamps ----------
  tsOffset = 0
  tsRecent = 0
  /** In seconds. */
  tsRecentAt = 0

  // ---------- round trip time, in microseconds; RTO in milliseconds ----------
  srtt = 0
  rttvar = 0
  /** Of all round trips so far. */
  minRtt = 0
  rto = 1000
  timedSequence = 0
  timedAt = 0
  /** Expiries since the last progress. */
  retries = 0
  /** When the oldest unacknowledged octet began to wait. */
  waitingSince = 0
  lastSentAt = 0
  lastHeardAt = 0

  // ---------- congestion ----------
  cwnd = 0
  ssthresh = 0x7fffffff
  recovery: number = OPEN
  recover = 0
  duplicateAcks = 0
  /** Octets acknowledged towards the next step of congestion avoidance. */
  cwndCredit = 0
  /** What SACK and the clock say about the octets in flight; made with the first thing out of the ordinary. */
  board: Scoreboard | null = null

  // ---------- timers ----------
  timers = 0
  retransmitAt = 0
  /** Of the tail loss probe, or of the reordering timer. */
  probeAt = 0
  delayedAckAt = 0

  /** What most connections never need. To write, see {@link extrasOf}. */
  extras: TcbExtras = NO_EXTRAS

  constructor(
    network: Network,
    path: Path,
    local: IpAddress,
    localPort: number,
    remote: IpAddress,
    remotePort: number,
    pseudoSum: number,
    sendLimit: number,
    receiveLimit: number,
  ) {
    this.network = network
    this.path = path
    this.local = local
    this.localPort = localPort
    this.remote = remote
    this.remotePort = remotePort
    this.pseudoSum = pseudoSum
    this.sndLimit = sendLimit
    this.rcvLimit = receiveLimit
  }
}

/** The connection's own extras, to be written. */
export function extrasOf(tcb: Tcb): TcbExtras {
  if (tcb.extras === NO_EXTRAS) tcb.extras = new TcbExtras()
  return tcb.extras
}

/** Octets in the send buffer: queued, sent or not, and not acknowledged. */
export function queuedOctets(tcb: Tcb): number {
  // While the SYN is on its way, nothing is queued and the space begins behind it.
  return tcb.sndHead === NONE ? 0 : distance(tcb.sndUna, tcb.sndEnd)
}

/** Octets in flight: sent, and neither acknowledged nor believed lost (RFC 6675 2, "pipe"). */
export function pipe(tcb: Tcb): number {
  const { board } = tcb
  const span = distance(tcb.sndUna, tcb.sndCursor)
  return board === null ? span : span - board.sacked - board.lost
}

/** Octets of sequence space sent and not acknowledged. */
export function flightSize(tcb: Tcb): number {
  return distance(tcb.sndUna, tcb.sndNxt)
}
