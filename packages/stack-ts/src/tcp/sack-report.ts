/**
 * What we tell the peer by SACK (RFC 2018 3 and 4): up to four blocks of octets that wait behind a gap, the newest first, and once for
 * each duplicate the octets that came twice (D-SACK, RFC 2883). Blocks are read off the reassembly queue, so that they never cover what
 * is not held.
 *
 * @module
 */
import { OPTION_NOP, OPTION_SACK } from '../wire/tcp-option.ts'
import { add, later, lessOrEqual, lessThan } from './seq.ts'
import { extrasOf, SACK, SACK_DUE, type Tcb } from './tcb.ts'

/** What the option has room for without timestamps. */
const MOST_BLOCKS = 4
/** Two NOPs, kind and length. */
const OPTION_HEAD = 4
const BLOCK = 8
/** Octets of options in the largest TCP header. */
const OPTION_SPACE = 40

/** Made for a connection with its first gap or duplicate. */
export class SackReport {
  /** Left and right edges, the newest block first. */
  readonly edges: Int32Array = new Int32Array(2 * MOST_BLOCKS)
  count = 0
  /** Octets that came again and were not reported yet; both edges alike: none. */
  duplicateLeft = 0
  duplicateRight = 0
}

function reportOf(tcb: Tcb): SackReport {
  const extras = extrasOf(tcb)
  if (extras.sackReport === null) extras.sackReport = new SackReport()
  return extras.sackReport
}

/** Octets from `left` to `right` arrived that we have, or had, already. */
export function duplicateArrived(tcb: Tcb, left: number, right: number): void {
  if ((tcb.flags & SACK) === 0 || !lessThan(left, right)) return
  const report = reportOf(tcb)
  report.duplicateLeft = left
  report.duplicateRight = right
  tcb.flags |= SACK_DUE
}

/** Octets that lie ahead of `rcvNxt` are about to be kept: those that are kept already come again. */
export function noteOverlap(tcb: Tcb, left: number, right: number): void {
  const { ahead } = tcb
  if ((tcb.flags & SACK) === 0 || ahead === null) return
  const range = ahead.find(add(left, 1))
  if (range === ahead.count || !lessThan(ahead.left(range), right)) return
  const end = ahead.right(range)
  duplicateArrived(tcb, later(left, ahead.left(range)), lessThan(right, end) ? right : end)
}

/** Octets from `left` to `right` have been kept behind a gap, or some of them: the block they belong to goes first (RFC 2018 4). */
export function keptAhead(tcb: Tcb, left: number, right: number): void {
  const { ahead } = tcb
  if ((tcb.flags & SACK) === 0 || ahead === null) return
  const range = ahead.find(add(left, 1))
  if (range === ahead.count || !lessThan(ahead.left(range), right)) return
  putFirst(reportOf(tcb), ahead.left(range), ahead.right(range))
  tcb.flags |= SACK_DUE
}

/** `rcvNxt` has moved: what lies before it is acknowledged. */
export function forgetDelivered(tcb: Tcb): void {
  const report = tcb.extras.sackReport
  if (report === null || report.count === 0) return
  const { edges } = report
  let kept = 0
  for (let i = 0; i < report.count; i++) {
    if (lessOrEqual(edges[2 * i + 1]!, tcb.rcvNxt)) continue
    edges[2 * kept] = edges[2 * i]!
    edges[2 * kept + 1] = edges[2 * i + 1]!
    kept++
  }
  report.count = kept
  if (kept === 0 && report.duplicateLeft === report.duplicateRight) tcb.flags &= ~SACK_DUE
}

/** Octets of the option on a segment with `used` octets of other options, where `room` octets can be added. */
export function sackLength(tcb: Tcb, used: number, room: number): number {
  const report = tcb.extras.sackReport
  if (report === null) return 0
  const wanted = report.count + (report.duplicateLeft === report.duplicateRight ? 0 : 1)
  const most = Math.floor((Math.min(OPTION_SPACE - used, room) - OPTION_HEAD) / BLOCK)
  const count = Math.min(wanted, most, MOST_BLOCKS)
  return count > 0 ? OPTION_HEAD + count * BLOCK : 0
}

/** Writes an option of the length that {@link sackLength} gave. A duplicate is reported once (RFC 2883 4). */
export function writeSack(view: DataView, at: number, tcb: Tcb, length: number): void {
  const report = tcb.extras.sackReport!
  const end = at + length
  view.setInt32(at, (OPTION_NOP << 24) | (OPTION_NOP << 16) | (OPTION_SACK << 8) | (length - 2))
  at += OPTION_HEAD
  if (report.duplicateLeft !== report.duplicateRight) {
    view.setInt32(at, report.duplicateLeft)
    view.setInt32(at + 4, report.duplicateRight)
    report.duplicateLeft = report.duplicateRight
    if (report.count === 0) tcb.flags &= ~SACK_DUE
    at += BLOCK
  }
  for (let edge = 0; at < end; at += 4) view.setInt32(at, report.edges[edge++]!)
}

/** Puts a block in front, in place of those it contains; the oldest goes when there are too many. */
function putFirst(report: SackReport, left: number, right: number): void {
  const { edges } = report
  let kept = 0
  for (let i = 0; i < report.count; i++) {
    const blockLeft = edges[2 * i]!
    const blockRight = edges[2 * i + 1]!
    if (lessOrEqual(left, blockLeft) && lessOrEqual(blockRight, right)) continue
    edges[2 * kept] = blockLeft
    edges[2 * kept + 1] = blockRight
    kept++
  }
  if (kept === MOST_BLOCKS) kept--
  edges.copyWithin(2, 0, 2 * kept)
  edges[0] = left
  edges[1] = right
  report.count = kept + 1
}
