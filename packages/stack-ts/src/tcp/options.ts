/**
 * The options of a connection: what is offered, what was agreed, and writing it in front of the payload (RFC 7323, RFC 9293 3.7.1).
 *
 * @module
 */
import { TCP_SYN } from '@ioth/core'
import {
  ALIGNED_TIMESTAMPS,
  ALIGNED_TIMESTAMPS_LENGTH,
  OPTION_MSS,
  OPTION_NOP,
  OPTION_SACK_PERMITTED,
  OPTION_TIMESTAMPS,
  OPTION_WINDOW_SCALE,
} from '../wire/tcp-option.ts'
import type { Segment } from './segment.ts'
import { MTU_LOWERED, OFFER_SACK, OFFER_SCALE, OFFER_TIMESTAMPS, SACK, type Tcb, TIMESTAMPS } from './tcb.ts'

export const TCP_HEADER_LENGTH = 20
/** RFC 7323 2.3 */
const LARGEST_SHIFT = 14
/** A peer that claims less gets segments of this size nevertheless: work per octet stays bounded (RFC 9293 3.7.1 names no floor). */
const SMALLEST_MSS = 88
/** Kind and length. */
const SACK_PERMITTED = (OPTION_SACK_PERMITTED << 8) | 2

/** The shift that lets a window of this many octets be told. */
export function shiftFor(octets: number): number {
  let shift = 0
  while (shift < LARGEST_SHIFT && octets >>> shift > 0xffff) shift++
  return shift
}

/** Octets of options on a segment with these flags. */
export function optionsLength(tcb: Tcb, flags: number): number {
  if ((flags & TCP_SYN) === 0) return (tcb.flags & TIMESTAMPS) !== 0 ? ALIGNED_TIMESTAMPS_LENGTH : 0
  let length = 4
  if ((tcb.flags & OFFER_SCALE) !== 0) length += 4
  if ((tcb.flags & OFFER_TIMESTAMPS) !== 0) length += ALIGNED_TIMESTAMPS_LENGTH
  else if ((tcb.flags & OFFER_SACK) !== 0) length += 4
  return length
}

export function writeOptions(view: DataView, at: number, tcb: Tcb, flags: number, tsNow: number): void {
  if ((flags & TCP_SYN) !== 0) {
    writeOffers(view, at, tcb, tsNow)
  } else if ((tcb.flags & TIMESTAMPS) !== 0) {
    view.setInt32(at, ALIGNED_TIMESTAMPS)
    view.setInt32(at + 4, tsNow)
    view.setInt32(at + 8, tcb.tsRecent)
  }
}

/** The options of a SYN. */
function writeOffers(view: DataView, at: number, tcb: Tcb, tsNow: number): void {
  view.setInt32(at, (OPTION_MSS << 24) | (4 << 16) | offeredMss(tcb))
  at += 4
  if ((tcb.flags & OFFER_SCALE) !== 0) {
    view.setInt32(at, (OPTION_NOP << 24) | (OPTION_WINDOW_SCALE << 16) | (3 << 8) | tcb.rcvScale)
    at += 4
  }
  const offersSack = (tcb.flags & OFFER_SACK) !== 0
  if ((tcb.flags & OFFER_TIMESTAMPS) === 0) {
    if (offersSack) view.setInt32(at, (OPTION_NOP << 24) | (OPTION_NOP << 16) | SACK_PERMITTED)
    return
  }
  // SACK-permitted has room where the timestamps are padded.
  view.setInt32(at, offersSack ? (SACK_PERMITTED << 16) | (OPTION_TIMESTAMPS << 8) | 10 : ALIGNED_TIMESTAMPS)
  view.setInt32(at + 4, tsNow)
  view.setInt32(at + 8, tcb.tsRecent)
}

/** What we can receive: the path's MTU less both headers without options. */
function offeredMss(tcb: Tcb): number {
  return Math.min(tcb.path.mtu, 65535) - tcb.network.headerLength - TCP_HEADER_LENGTH
}

/** Takes the options of the peer's SYN. A thing counts as agreed only when we offer it too. */
export function agree(tcb: Tcb, segment: Segment, nowS: number): void {
  tcb.peerMss = Math.max(segment.mss === 0 ? tcb.network.defaultMss : segment.mss, SMALLEST_MSS)
  if (segment.windowScale >= 0 && (tcb.flags & OFFER_SCALE) !== 0) {
    tcb.sndScale = Math.min(segment.windowScale, LARGEST_SHIFT)
  } else {
    tcb.flags &= ~OFFER_SCALE
    tcb.sndScale = 0
    tcb.rcvScale = 0
  }
  if (segment.hasTimestamps && (tcb.flags & OFFER_TIMESTAMPS) !== 0) {
    tcb.flags |= TIMESTAMPS
    tcb.tsRecent = segment.timestampValue
    tcb.tsRecentAt = nowS
  } else {
    tcb.flags &= ~OFFER_TIMESTAMPS
  }
  if (segment.sackPermitted && (tcb.flags & OFFER_SACK) !== 0) tcb.flags |= SACK
  else tcb.flags &= ~OFFER_SACK
  fitSegments(tcb)
}

/** Sets the payload of a full segment by what the peer takes and the way to it carries. */
export function fitSegments(tcb: Tcb): void {
  const { network, path } = tcb
  const mtu = network.mtuTowards(tcb.remote, path)
  if (mtu < path.mtu) tcb.flags |= MTU_LOWERED
  else tcb.flags &= ~MTU_LOWERED
  const carried = mtu - network.headerLength - TCP_HEADER_LENGTH
  tcb.mss = Math.max(Math.min(tcb.peerMss, offeredMss(tcb), carried) - optionsLength(tcb, 0), 1)
}
