/**
 * What is in flight, as runs of octets: when each was sent last, and what became of it. The list of a connection covers exactly the octets
 * from `sndUna` to `sndCursor`; each record ends where the next begins. What leaves in one turn is one record, so that super-segments and
 * bursts cost one node; the records of all connections of a stack lie in a few typed arrays, and an idle connection has none.
 *
 * Bounded: a connection has at most {@link MOST_RECORDS}. Beyond that sendings are taken together, and a SACK block that would split a
 * record is not believed for that part (CVE-2019-11477, CVE-2019-11478).
 *
 * @module
 */
import { NONE } from './pieces.ts'
import { distance, lessOrEqual, lessThan } from './seq.ts'
import type { Tcb } from './tcb.ts'

/** In flight. */
export const SENT = 0
/** The peer says that it has it (RFC 2018). It may still change its mind, so the octets stay in the send buffer. */
export const SACKED = 1
/** Believed lost, and not sent again yet. */
export const LOST = 2
/** The part of a state that says one of the three. */
export const FATE = 3
/** A bit beside them: it was sent more than once, so that an acknowledgement does not tell which sending arrived. */
export const RESENT = 4

/** Records of one connection, at most. */
export const MOST_RECORDS = 1024
/** From this many on what is sent within a sixteenth of a round trip is one record. */
const COARSE_FROM = 512
const FIRST_CAPACITY = 32
/** Until the first of them: many stacks never have one. */
const NOTHING = new Int32Array(0)

export class SentRecords {
  next: Int32Array = NOTHING
  /** Behind the last octet. */
  end: Int32Array = NOTHING
  /** When it was sent last, in microseconds. */
  sentAt: Int32Array = NOTHING
  state: Int32Array = NOTHING
  /** Records in use, for tests of leaks. */
  used = 0
  private free = NONE
  private fresh = 0

  /** The octets from `sndCursor` to `end` leave now. @param state {@link SENT}, or with {@link RESENT} when they left before. */
  append(tcb: Tcb, end: number, nowUs: number, state: number): void {
    const tail = tcb.sentTail
    if (tail !== NONE && this.state[tail] === state) {
      const age = distance(this.sentAt[tail]!, nowUs)
      if (age === 0 || (tcb.sentCount >= COARSE_FROM && (age < tcb.srtt >> 4 || tcb.sentCount >= MOST_RECORDS))) {
        this.end[tail] = end
        this.sentAt[tail] = nowUs
        return
      }
    }
    const node = this.take(end, nowUs, state)
    if (tail === NONE) tcb.sentHead = node
    else this.next[tail] = node
    tcb.sentTail = node
    tcb.sentCount++
  }

  /** `sndUna` has moved: forgets what lies before it. For connections without a scoreboard; see `scoreboard.ts` for the others. */
  release(tcb: Tcb): void {
    const { sndUna } = tcb
    while (tcb.sentHead !== NONE && lessOrEqual(this.end[tcb.sentHead]!, sndUna)) this.shift(tcb)
  }

  clear(tcb: Tcb): void {
    while (tcb.sentHead !== NONE) this.shift(tcb)
  }

  /** Takes the first record out. */
  shift(tcb: Tcb): void {
    const node = tcb.sentHead
    tcb.sentHead = this.next[node]!
    if (tcb.sentHead === NONE) tcb.sentTail = NONE
    this.drop(tcb, node)
  }

  /** Cuts a record in two. @returns false when the connection has too many. */
  split(tcb: Tcb, node: number, at: number): boolean {
    if (tcb.sentCount >= MOST_RECORDS) return false
    const second = this.take(this.end[node]!, this.sentAt[node]!, this.state[node]!)
    this.end[node] = at
    this.next[second] = this.next[node]!
    this.next[node] = second
    if (tcb.sentTail === node) tcb.sentTail = second
    tcb.sentCount++
    return true
  }

  /** Makes one record of two that follow each other; the later time counts. */
  join(tcb: Tcb, first: number, second: number): void {
    this.end[first] = this.end[second]!
    this.next[first] = this.next[second]!
    if (lessThan(this.sentAt[first]!, this.sentAt[second]!)) this.sentAt[first] = this.sentAt[second]!
    if (tcb.sentTail === second) tcb.sentTail = first
    this.drop(tcb, second)
  }

  private drop(tcb: Tcb, node: number): void {
    this.next[node] = this.free
    this.free = node
    this.used--
    tcb.sentCount--
  }

  private take(end: number, sentAt: number, state: number): number {
    let node = this.free
    if (node !== NONE) this.free = this.next[node]!
    else {
      if (this.fresh === this.next.length) this.grow()
      node = this.fresh++
    }
    this.used++
    this.next[node] = NONE
    this.end[node] = end
    this.sentAt[node] = sentAt
    this.state[node] = state
    return node
  }

  private grow(): void {
    const capacity = Math.max(this.next.length * 2, FIRST_CAPACITY)
    this.next = enlarged(this.next, capacity)
    this.end = enlarged(this.end, capacity)
    this.sentAt = enlarged(this.sentAt, capacity)
    this.state = enlarged(this.state, capacity)
  }
}

function enlarged(from: Int32Array, capacity: number): Int32Array {
  const into = new Int32Array(capacity)
  into.set(from)
  return into
}
