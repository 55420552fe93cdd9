/**
 * Which octets of its peer a library was given that it has not acknowledged. picoTCP keeps segments that come before their turn as they are:
 * of two that overlap it finds only one when their turn comes, and reads beyond the end of what it has passed over (pico_tcp.c, pico_tcp_read).
 * So no octet is given twice.
 *
 * @module
 */

/** From a sequence number, and up to another. */
export type Piece = readonly [from: number, to: number]

/** Pieces with gaps between them: a peer that makes more is not heard until some are closed. */
const MOST_PIECES = 256

export class GivenOctets {
  /** In order, none touching another. */
  private readonly pieces: Piece[] = []

  /** The library acknowledges up to here: what it does not acknowledge although it begins here it does not have. */
  acknowledged(upTo: number): void {
    const { pieces } = this
    let done = 0
    while (done < pieces.length && (((pieces[done] as Piece)[0] - upTo) | 0) <= 0) done++
    if (done === pieces.length) pieces.length = 0
    else if (done > 0) pieces.splice(0, done)
  }

  /** As {@link give}, for what nearly all segments are. @returns false, and notes nothing, when they do not lie behind all that was given. */
  append(from: number, to: number): boolean {
    const { pieces } = this
    const last = pieces.length - 1
    if (last >= 0 && (pieces[last] as Piece)[1] !== from) return false
    pieces[Math.max(0, last)] = [last < 0 ? from : (pieces[last] as Piece)[0], to]
    return true
  }

  /** Where the octets end that follow on a number without a gap. */
  endBehind(start: number): number {
    for (const [from, to] of this.pieces) if (((from - start) | 0) <= 0 && ((to - start) | 0) > 0) return to
    return start
  }

  /** Notes that octets are given. @returns those of them that were not before, in pieces. */
  give(from: number, to: number): readonly Piece[] {
    const { pieces } = this
    let first = 0
    while (first < pieces.length && (((pieces[first] as Piece)[1] - from) | 0) < 0) first++
    const fresh: Piece[] = []
    let at = from
    let [start, end] = [from, to]
    let behind = first
    for (; behind < pieces.length; behind++) {
      const [left, right] = pieces[behind] as Piece
      if (((left - to) | 0) > 0) break
      if (((left - at) | 0) > 0) fresh.push([at, left])
      if (((right - at) | 0) > 0) at = right
      if (((left - start) | 0) < 0) start = left
      if (((right - end) | 0) > 0) end = right
    }
    if (((to - at) | 0) > 0) fresh.push([at, to])
    if (behind === first && pieces.length >= MOST_PIECES) return []
    pieces.splice(first, behind - first, [start, end])
    return fresh
  }
}
