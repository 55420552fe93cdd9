/**
 * The segment in the stack's hands (RFC 9293 3.3.1, "current segment variables"). One object per stack, filled again for each arrival.
 *
 * @module
 */
import {
  TCP_ACKNOWLEDGMENT,
  TCP_DATA_OFFSET,
  TCP_DESTINATION,
  TCP_FIN,
  TCP_FLAGS,
  TCP_HEADER,
  TCP_SEQUENCE,
  TCP_SOURCE,
  TCP_SYN,
  TCP_WINDOW,
} from '@ioth/core'
import type { Packet } from '../ip/packet.ts'
import {
  ALIGNED_TIMESTAMPS,
  ALIGNED_TIMESTAMPS_LENGTH,
  clearOptions,
  type OptionSink,
  readOptions,
} from '../wire/tcp-option.ts'

/** What a header has room for. */
const MOST_SACK_BLOCKS = 4

export class Segment implements OptionSink {
  sourcePort = 0
  destinationPort = 0
  seq = 0
  ack = 0
  flags = 0
  wnd = 0
  /** Payload: octets at `at` in the head piece, then octets at `body`. Trimmed as it is processed. */
  at = 0
  length = 0
  body = 0
  bodyLength = 0

  mss = 0
  windowScale = -1
  sackPermitted = false
  hasTimestamps = false
  timestampValue = 0
  timestampEcho = 0
  sackAt = 0
  sackBlocks = 0
  /** Left and right edges of the blocks, as they came. */
  readonly sack: Int32Array = new Int32Array(2 * MOST_SACK_BLOCKS)

  /** Payload octets. */
  get textLength(): number {
    return this.length + this.bodyLength
  }

  /** SEG.LEN: payload octets, and one each for SYN and FIN. */
  get sequenceLength(): number {
    const { flags } = this
    return this.length + this.bodyLength + ((flags & TCP_SYN) !== 0 ? 1 : 0) + (flags & TCP_FIN)
  }

  /** Reads the header of a packet. @returns why it is no segment, or null. */
  parse(view: DataView, packet: Packet): string | null {
    const { at, length } = packet
    if (length < TCP_HEADER) return 'short'
    const header = (view.getUint8(at + TCP_DATA_OFFSET) >>> 4) * 4
    if (header < TCP_HEADER || header > length) return 'data-offset'
    this.sourcePort = view.getUint16(at + TCP_SOURCE)
    this.destinationPort = view.getUint16(at + TCP_DESTINATION)
    this.seq = view.getInt32(at + TCP_SEQUENCE)
    this.ack = view.getInt32(at + TCP_ACKNOWLEDGMENT)
    this.flags = view.getUint8(at + TCP_FLAGS)
    this.wnd = view.getUint16(at + TCP_WINDOW)
    this.at = at + header
    this.length = length - header
    this.body = packet.body
    this.bodyLength = packet.bodyLength
    this.parseOptions(view, at + TCP_HEADER, header - TCP_HEADER)
    return null
  }

  private parseOptions(view: DataView, at: number, length: number): void {
    if (length === ALIGNED_TIMESTAMPS_LENGTH && view.getInt32(at) === ALIGNED_TIMESTAMPS) {
      this.mss = 0
      this.windowScale = -1
      this.sackPermitted = false
      this.sackBlocks = 0
      this.hasTimestamps = true
      this.timestampValue = view.getInt32(at + 4)
      this.timestampEcho = view.getInt32(at + 8)
    } else if (length === 0) {
      clearOptions(this)
    } else {
      readOptions(view, at, at + length, this)
      for (let edge = 0; edge < 2 * this.sackBlocks; edge++) this.sack[edge] = view.getInt32(this.sackAt + 4 * edge)
    }
  }

  /** Cuts octets off the front of the payload, the SYN first. */
  trimLeft(octets: number): void {
    let left = octets
    if ((this.flags & TCP_SYN) !== 0 && left > 0) {
      this.flags &= ~TCP_SYN
      left--
    }
    this.seq = (this.seq + octets) | 0
    const fromHead = Math.min(left, this.length)
    this.at += fromHead
    this.length -= fromHead
    left -= fromHead
    this.body += left
    this.bodyLength -= left
  }

  /** Cuts the payload to a length, and the FIN with it when anything is cut. */
  trimTo(octets: number): void {
    if (octets >= this.textLength) return
    this.flags &= ~TCP_FIN
    if (octets <= this.length) {
      this.length = octets
      this.bodyLength = 0
    } else {
      this.bodyLength = octets - this.length
    }
  }
}
