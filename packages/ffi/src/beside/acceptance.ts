/**
 * Whether a segment counts (RFC 9293 3.10.7.3 and 3.10.7.4, RFC 5961), asked in front of a library that does not ask: picoTCP takes
 * acknowledgements of anything, from segments of any number, and resets connections for flags that it does not expect.
 *
 * @module
 */
import { type Clock, TCP_ACK, TCP_RST, TCP_SYN } from '@ioth/core'
import { GivenOctets, type Piece } from './given-octets.ts'
import type { PacketView } from './packet-view.ts'

/** Of a connection, as its segments on the wire show it. */
export interface ConnectionNumbers {
  /** Our SYN was acknowledged. */
  readonly isSynchronised: boolean
  /** What the peer acknowledged last, and one beyond the last number that was sent. */
  readonly sndUna: number
  readonly sndNext: number
  /** What we acknowledged last. */
  readonly rcvNxt: number
  /** One beyond what we ever said that we take; null: we have acknowledged nothing. */
  readonly rcvEdge: number | null
  /** Both SYNs had timestamps. @default false */
  readonly hasTimestamps?: boolean
}

/**
 * `take`: it counts. `drop`: it does not. `answer`: it does not, and draws an acknowledgement. `refuse`: it does not, and draws the RST that a
 * segment for nobody draws.
 */
export type Verdict = 'take' | 'drop' | 'answer' | 'refuse'

/** Answers to segments that bring nothing, for each connection and second (RFC 5961 7). */
const MOST_ANSWERS = 10
const SECOND = 1_000_000
/** A timestamp that is as old says nothing any more (RFC 7323 5.5). */
const STALE = 24 * 86_400 * SECOND

export class Acceptance {
  /** What the library was given, and has not acknowledged. */
  readonly given: GivenOctets = new GivenOctets()
  private readonly clock: Clock
  /** The newest timestamp that came in order (TS.Recent, RFC 7323 4.3), and when. */
  private stamp: number | null = null
  private stampAt = 0
  /** The widest window that the peer ever offered (MAX.SND.WND). */
  widestWindow = 0
  private hasWindow = false
  /** The segment that the window is of (SND.WL1 and SND.WL2). */
  private windowSequence = 0
  private windowAcknowledgment = 0
  private answersSince = Number.NEGATIVE_INFINITY
  private answers = 0

  constructor(clock: Clock) {
    this.clock = clock
  }

  /** What a timestamp of ours echoes; null: none has come. */
  get recentStamp(): number | null {
    return this.stamp
  }

  /** A timestamp has come in order, or on a SYN. */
  noteStamp(value: number): void {
    this.stamp = value
    this.stampAt = this.clock.now
  }

  /** Judges a segment of a connection whose SYN has left. */
  judge(segment: PacketView, numbers: ConnectionNumbers): Verdict {
    const at = numbers.hasTimestamps === true ? segment.timestampsAt : -1
    if (at === -1) return this.judgeNumbers(segment, numbers)
    const value = segment.word32(at)
    const { stamp } = this
    const isOld = stamp !== null && ((value - stamp) | 0) < 0 && this.clock.now - this.stampAt < STALE
    // RFC 7323 5.3, R1.
    if (isOld && (segment.flags & (TCP_RST | TCP_SYN)) === 0)
      return segment.dataLength > 0 ? 'answer' : this.challenge()
    const verdict = this.judgeNumbers(segment, numbers)
    const isInOrder = numbers.rcvEdge !== null && ((segment.sequence - numbers.rcvNxt) | 0) <= 0
    if (verdict === 'take' && isInOrder && (segment.flags & TCP_RST) === 0) this.noteStamp(value)
    return verdict
  }

  private judgeNumbers(segment: PacketView, numbers: ConnectionNumbers): Verdict {
    const { flags, sequence, dataLength } = segment
    const { rcvNxt, rcvEdge } = numbers
    if (rcvEdge === null) return numbers.isSynchronised ? 'take' : judgeAnswer(segment, numbers)
    const isReset = (flags & TCP_RST) !== 0
    const isSyn = (flags & TCP_SYN) !== 0
    // The answer to it was lost.
    if (!numbers.isSynchronised && isSyn && !isReset && sequence === ((rcvNxt - 1) | 0)) return 'take'
    const isInside = ((sequence + dataLength - rcvNxt) | 0) >= 0 && ((rcvEdge - sequence) | 0) >= 0
    // Octets that are there already say nothing new (first).
    const isRepeated = dataLength > 0 && ((sequence + segment.sequenceLength - rcvNxt) | 0) <= 0
    if (isReset) {
      if (!isInside) return 'drop'
      return sequence === this.given.endBehind(rcvNxt) ? 'take' : this.challenge()
    }
    if (!isInside || isRepeated) return dataLength > 0 && !isSyn ? 'answer' : this.challenge()
    if (isSyn) return this.challenge()
    if ((flags & TCP_ACK) === 0) return 'drop'
    const { sndUna, sndNext } = numbers
    const ahead = (segment.acknowledgment - sndNext) | 0
    const progress = (segment.acknowledgment - sndUna) | 0
    if (!numbers.isSynchronised) return ahead <= 0 && progress > 0 ? 'take' : 'refuse'
    return ahead <= 0 && progress >= -this.widestWindow ? 'take' : this.challenge()
  }

  /** Whether the window of a segment that counts is newer than what is known (RFC 9293 3.10.7.4, fifth). @param window in octets. */
  takesWindow({ flags, sequence, acknowledgment }: PacketView, window: number): boolean {
    if (this.hasWindow && (flags & TCP_SYN) === 0) {
      const newer = (sequence - this.windowSequence) | 0
      if (newer < 0 || (newer === 0 && ((acknowledgment - this.windowAcknowledgment) | 0) < 0)) return false
    }
    this.hasWindow = true
    this.windowSequence = sequence
    this.windowAcknowledgment = acknowledgment
    this.widestWindow = Math.max(this.widestWindow, window)
    return true
  }

  /** Whether a segment, which counts, ends within what its sender was ever told that we take. */
  isWithin({ sequence, dataLength }: PacketView, { rcvEdge }: ConnectionNumbers): boolean {
    return rcvEdge === null || ((sequence + dataLength - rcvEdge) | 0) <= 0
  }

  /**
   * Notes that the library is given the octets of a segment: those of them that are in what we take, and that it was not given before.
   * @returns their sequence numbers, in pieces; null: all of them, as they are.
   */
  give(segment: PacketView, numbers: ConnectionNumbers): readonly Piece[] | null {
    const { given } = this
    const { sequence, dataLength } = segment
    const { rcvNxt, rcvEdge } = numbers
    const end = (sequence + dataLength) | 0
    const from = ((rcvNxt - sequence) | 0) > 0 ? rcvNxt : sequence
    const to = rcvEdge === null || this.isWithin(segment, numbers) ? end : rcvEdge
    if (from === rcvNxt) given.acknowledged(rcvNxt)
    const isWhole = from === sequence && to === end
    if (isWhole && given.append(from, to)) return null
    const pieces = ((to - from) | 0) > 0 ? given.give(from, to) : []
    return isWhole && pieces[0]?.[0] === from && pieces[0][1] === to ? null : pieces
  }

  private challenge(): Verdict {
    const { now } = this.clock
    if (now - this.answersSince >= SECOND) {
      this.answersSince = now
      this.answers = 0
    }
    return this.answers++ < MOST_ANSWERS ? 'answer' : 'drop'
  }
}

/** RFC 9293 3.10.7.3. */
function judgeAnswer({ flags, acknowledgment }: PacketView, { sndNext }: ConnectionNumbers): Verdict {
  const isRight = (flags & TCP_ACK) !== 0 && acknowledgment === sndNext
  if ((flags & TCP_RST) !== 0) return isRight ? 'take' : 'drop'
  if ((flags & TCP_ACK) !== 0 && !isRight) return 'refuse'
  return (flags & TCP_SYN) !== 0 ? 'take' : 'drop'
}
