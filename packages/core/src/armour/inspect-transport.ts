/**
 * TCP and UDP headers (RFC 9293 3.1, RFC 768): lengths, ports, flags and the list of options.
 *
 * @module
 */
import {
  TCP_ACK,
  TCP_DATA_OFFSET,
  TCP_DESTINATION,
  TCP_FIN,
  TCP_FLAGS,
  TCP_HEADER,
  TCP_RST,
  TCP_SOURCE,
  TCP_SYN,
  UDP_DESTINATION,
  UDP_HEADER,
  UDP_LENGTH,
  UDP_SOURCE,
} from '../frame/offsets.ts'
import { half, word } from './octets.ts'
import type { ArmourReason } from './reasons.ts'

/** The verdict needs octets that lie in the other piece of the frame. */
export const SPLIT = 'split'
/** Null: nothing is wrong. */
export type Verdict = ArmourReason | typeof SPLIT | null

export const OPTION_END = 0
export const OPTION_NOP = 1
export const OPTION_MSS = 2
const OPTION_WINDOW_SCALE = 3
const OPTION_SACK_PERMITTED = 4
const OPTION_SACK = 5
const OPTION_TIMESTAMPS = 8
const TIMESTAMPS_LENGTH = 10
const SACK_BLOCK = 8
/** With NOP, NOP and timestamps: what nearly every segment has. */
const USUAL_HEADER = TCP_HEADER + 12

/** @param end of the segment. @param seen end of the octets that lie together. */
export function inspectTcp(bytes: Uint8Array, tcp: number, end: number, seen: number): Verdict {
  if (end - tcp < TCP_HEADER) return 'tcp-short'
  if (seen - tcp < TCP_HEADER) return SPLIT
  const header = ((bytes[tcp + TCP_DATA_OFFSET] as number) >>> 4) * 4
  if (header < TCP_HEADER || header > end - tcp) return 'tcp-offset'
  if (header > seen - tcp) return SPLIT
  if (half(bytes, tcp + TCP_SOURCE) === 0 || half(bytes, tcp + TCP_DESTINATION) === 0) return 'tcp-port'
  const flags = bytes[tcp + TCP_FLAGS] as number
  if ((flags & (TCP_SYN | TCP_RST | TCP_ACK)) === 0) return 'tcp-flags'
  if ((flags & TCP_SYN) !== 0 && (flags & (TCP_FIN | TCP_RST)) !== 0) return 'tcp-flags'
  if (header === TCP_HEADER) return null
  const options = tcp + TCP_HEADER
  if (header === USUAL_HEADER && word(bytes, options) === 0x0101_080a) return null
  return inspectOptions(bytes, options, tcp + header, (flags & TCP_SYN) !== 0)
}

function inspectOptions(bytes: Uint8Array, from: number, end: number, isSyn: boolean): Verdict {
  let at = from
  while (at < end) {
    const kind = bytes[at] as number
    // What follows the end is padding, whatever stands there; but some libraries read on.
    if (kind === OPTION_END) return isPadding(bytes, at, end) ? null : 'tcp-options'
    if (kind === OPTION_NOP) {
      at++
      continue
    }
    if (at + 2 > end) return 'tcp-options'
    const length = bytes[at + 1] as number
    if (length < 2 || at + length > end) return 'tcp-options'
    const wrong = inspectOption(bytes, at, kind, length, isSyn)
    if (wrong !== null) return wrong
    at += length
  }
  return null
}

function isPadding(bytes: Uint8Array, from: number, end: number): boolean {
  for (let at = from; at < end; at++) if ((bytes[at] as number) > OPTION_NOP) return false
  return true
}

function inspectOption(bytes: Uint8Array, at: number, kind: number, length: number, isSyn: boolean): Verdict {
  switch (kind) {
    case OPTION_MSS:
      return length === 4 ? null : 'tcp-options'
    case OPTION_WINDOW_SCALE:
      return length === 3 ? null : 'tcp-options'
    case OPTION_SACK_PERMITTED:
      return length === 2 ? null : 'tcp-options'
    case OPTION_TIMESTAMPS:
      return length === TIMESTAMPS_LENGTH ? null : 'tcp-options'
    case OPTION_SACK:
      return isSyn ? 'tcp-options' : inspectSack(bytes, at, length)
    default:
      return null
  }
}

/** RFC 2018 3: one to four blocks, each from its first octet to the one behind its last. */
function inspectSack(bytes: Uint8Array, at: number, length: number): Verdict {
  if (length < 2 + SACK_BLOCK || (length - 2) % SACK_BLOCK !== 0) return 'tcp-options'
  for (let block = at + 2; block < at + length; block += SACK_BLOCK) {
    if (((word(bytes, block + 4) - word(bytes, block)) | 0) <= 0) return 'tcp-sack'
  }
  return null
}

/** @param end of the packet. @param seen end of the octets that lie together. */
export function inspectUdp(bytes: Uint8Array, udp: number, end: number, seen: number): Verdict {
  if (end - udp < UDP_HEADER) return 'udp-short'
  if (seen - udp < UDP_HEADER) return SPLIT
  const length = half(bytes, udp + UDP_LENGTH)
  if (length < UDP_HEADER || length > end - udp) return 'udp-length'
  if (half(bytes, udp + UDP_SOURCE) === 0 || half(bytes, udp + UDP_DESTINATION) === 0) return 'udp-port'
  return null
}
