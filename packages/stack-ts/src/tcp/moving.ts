/**
 * A connection that goes from one stack to another of the same node, as a descriptor that one process sends to another: its block as plain
 * data, with what is queued in both directions. What lay behind a gap is not taken along (RFC 2018 8 allows it), nor what was learnt of
 * the path but round trip times; the congestion window begins anew.
 *
 * @module
 */
import type { FramePool, MovedConnection } from '@ioth/core'
import { openWindow } from './congestion/controller.ts'
import { fitSegments } from './options.ts'
import { NONE, type Pieces } from './pieces.ts'
import type { ReceiveMemory } from './receive-memory.ts'
import { enqueue } from './receive-queue.ts'
import { append } from './send-buffer.ts'
import type { SendMemory } from './send-memory.ts'
import { CLOSE_WAIT, ESTABLISHED } from './state.ts'
import {
  ACK_NOW,
  FIN_TAKEN,
  KEEP_ALIVE,
  NO_DELAY,
  OFFER_SACK,
  OFFER_SCALE,
  OFFER_TIMESTAMPS,
  PASSIVE,
  SACK,
  type Tcb,
  TIMESTAMPS,
  WAS_ESTABLISHED,
} from './tcb.ts'

/** What of the flags is the connection's, and not of the moment. */
const LASTING =
  FIN_TAKEN |
  NO_DELAY |
  KEEP_ALIVE |
  TIMESTAMPS |
  OFFER_TIMESTAMPS |
  OFFER_SCALE |
  OFFER_SACK |
  SACK |
  PASSIVE |
  WAS_ESTABLISHED

/** Variables that mean the same in every stack. */
const PLAIN = [
  'iss',
  'sndUna',
  'sndNxt',
  'sndWnd',
  'sndWl1',
  'sndWl2',
  'maxSndWnd',
  'sndScale',
  'peerMss',
  'irs',
  'rcvNxt',
  'rcvAdv',
  'rcvScale',
  'lastAckSent',
  'tsRecent',
  'srtt',
  'rttvar',
  'minRtt',
  'rto',
  'ttl',
  'trafficClass',
  'sndLimit',
  'rcvLimit',
] as const satisfies readonly (keyof Tcb)[]

/** Whether a connection can go: it is established, and its own end has not been announced. */
export function isMovable({ state }: Tcb): boolean {
  return state === ESTABLISHED || state === CLOSE_WAIT
}

/** @param elapsedMs the stack's count of milliseconds, of which timestamps are made. */
export function describe(tcb: Tcb, pieces: Pieces, pool: FramePool, elapsedMs: number): MovedConnection {
  return {
    local: tcb.local.toString(),
    localPort: tcb.localPort,
    remote: tcb.remote.toString(),
    remotePort: tcb.remotePort,
    state: {
      ...Object.fromEntries(PLAIN.map((name) => [name, tcb[name]])),
      flags: tcb.flags & LASTING,
      hasEnded: tcb.state === CLOSE_WAIT ? 1 : 0,
      timestamp: (elapsedMs + tcb.tsOffset) | 0,
    },
    sent: octetsFrom(pieces, pool, tcb.sndHead, tcb.sndHeadSkip),
    received: octetsFrom(pieces, pool, tcb.rcvHead, 0),
  }
}

/** Fills a block that was made for the tuple. @returns false when there is no memory for what is queued. */
export function restore(
  tcb: Tcb,
  moved: MovedConnection,
  memory: { readonly receive: ReceiveMemory; readonly send: SendMemory; readonly pool: FramePool },
  now: { readonly elapsedMs: number; readonly seconds: number },
): boolean {
  const { state } = moved
  for (const name of PLAIN) tcb[name] = (state[name] ?? 0) | 0
  tcb.flags = ((state.flags ?? 0) & LASTING) | ACK_NOW
  tcb.state = state.hasEnded === 1 ? CLOSE_WAIT : ESTABLISHED
  tcb.tsOffset = ((state.timestamp ?? 0) - now.elapsedMs) | 0
  tcb.tsRecentAt = now.seconds
  tcb.sndEnd = tcb.sndUna
  tcb.sndCursor = tcb.sndUna
  tcb.recover = tcb.sndNxt
  fitSegments(tcb)
  openWindow(tcb)
  const { sent, received } = moved
  if (append(tcb, memory.send, sent, 0, sent.length) < sent.length) return false
  return enqueueCopy(tcb, memory.receive, memory.pool, received)
}

function enqueueCopy(tcb: Tcb, memory: ReceiveMemory, pool: FramePool, octets: Uint8Array): boolean {
  for (let from = 0; from < octets.length; ) {
    const count = Math.min(octets.length - from, 2048)
    const slot = pool.take(count)
    if (slot < 0) return false
    pool.bytes.set(octets.subarray(from, from + count), slot)
    const isTaken = enqueue(tcb, memory, slot, count)
    pool.release(slot)
    if (!isTaken) return false
    from += count
  }
  return true
}

function octetsFrom(pieces: Pieces, pool: FramePool, first: number, skip: number): Uint8Array {
  let total = -skip
  for (let node = first; node !== NONE; node = pieces.next[node]!) total += pieces.length[node]!
  const octets = new Uint8Array(Math.max(total, 0))
  let filled = 0
  for (let node = first, from = skip; node !== NONE; node = pieces.next[node]!, from = 0) {
    const at = pieces.at[node]!
    octets.set(pool.bytes.subarray(at + from, at + pieces.length[node]!), filled)
    filled += pieces.length[node]! - from
  }
  return octets
}
