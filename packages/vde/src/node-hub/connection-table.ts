/**
 * Which member of a node has which connection. The table learns from the segments that pass, as a switch learns from frames: a segment
 * that a member sends shows that the connection is its own. A connection that came to a port which several members share stands in it from
 * its SYN on, so that no second member answers.
 *
 * @module
 */
import { TCP_ACK, TCP_FIN, TCP_RST, TCP_SYN } from '@ioth/core'
import type { FrameView } from './frame-view.ts'
import { Tuple } from './tuple.ts'

/** Seconds that a SYN nobody answers is remembered. */
const UNANSWERED_SECONDS = 75
/** Seconds that a closed connection is remembered: twice what TIME-WAIT lasts. */
const CLOSED_SECONDS = 120

/** One connection as the hub knows it. */
export class HubConnection<Owner> extends Tuple {
  /** Null: on its way to another member. */
  owner: Owner | null
  /** The hardware address of the other side. */
  macHigh = 0
  macLow = 0
  /** The octet that the owner sends next, and the one it expects, as far as seen. */
  sndNxt = 0
  rcvNxt = 0
  /** Whether those two are known. */
  hasNumbers = false
  isAnswered = false
  finSent = false
  finReceived = false
  isReset = false
  /** When it was seen last, in the hub's seconds. */
  seen = 0
  next: HubConnection<Owner> | null = null

  constructor(owner: Owner | null) {
    super()
    this.owner = owner
  }

  /** Nothing more is to come but repetitions. */
  get isOver(): boolean {
    return this.isReset || (this.finSent && this.finReceived)
  }

  /** What its owner says of it, unless its segments said it. */
  place(sndNxt: number, rcvNxt: number): void {
    if (this.hasNumbers) return
    this.sndNxt = sndNxt
    this.rcvNxt = rcvNxt
    this.hasNumbers = true
  }
}

export class ConnectionTable<Owner> {
  size = 0
  /** Connections that found no place: their segments are found by their port alone. */
  refused = 0
  /** The hub's count of seconds. */
  now = 0
  private readonly limit: number
  private readonly entries = new Map<number, HubConnection<Owner>>()
  private last: HubConnection<Owner> | null = null

  constructor(limit: number) {
    this.limit = limit
  }

  find(tuple: Tuple): HubConnection<Owner> | null {
    if (this.last?.equals(tuple)) return this.last
    let entry = this.entries.get(tuple.key) ?? null
    while (entry !== null && !entry.equals(tuple)) entry = entry.next
    if (entry !== null) this.last = entry
    return entry
  }

  /** A connection that is not in the table yet. @returns null when there is no place. */
  add(tuple: Tuple, owner: Owner): HubConnection<Owner> | null {
    if (this.size >= this.limit) this.sweep(true)
    if (this.size >= this.limit) {
      this.refused++
      return null
    }
    const entry = new HubConnection(owner)
    entry.copy(tuple)
    entry.seen = this.now
    entry.next = this.entries.get(tuple.key) ?? null
    this.entries.set(tuple.key, entry)
    this.size++
    return entry
  }

  /**
   * A connection that a member says is established. Its handshake may never have passed here: then what the table knows of its ports is of
   * an older one. @returns null when there is no place, or one of these ports is on its way between members.
   */
  claim(tuple: Tuple, owner: Owner): HubConnection<Owner> | null {
    const entry = this.find(tuple) ?? this.add(tuple, owner)
    if (entry === null || entry.owner === null) return null
    if (entry.owner !== owner || entry.isOver) {
      entry.owner = owner
      entry.finSent = entry.finReceived = entry.isReset = entry.hasNumbers = false
    }
    entry.isAnswered = true
    entry.seen = this.now
    return entry
  }

  remove(entry: HubConnection<Owner>): void {
    const { key } = entry
    let other = this.entries.get(key) ?? null
    if (other === entry) {
      if (entry.next === null) this.entries.delete(key)
      else this.entries.set(key, entry.next)
    } else {
      while (other !== null && other.next !== entry) other = other.next
      if (other === null) return
      other.next = entry.next
    }
    this.size--
    if (this.last === entry) this.last = null
  }

  /** A member sent a segment. @param tuple as the member sees it. */
  sent(view: FrameView, tuple: Tuple, owner: Owner): void {
    const { tcpFlags } = view
    let entry = this.find(tuple)
    if (entry === null) {
      if ((tcpFlags & TCP_RST) !== 0) return
      entry = this.add(tuple, owner)
      if (entry === null) return
    }
    // A late word of the member that had it before.
    if (entry.owner !== owner) return
    entry.seen = this.now
    entry.macHigh = view.destinationHigh
    entry.macLow = view.destinationLow
    const end = (view.sequence + view.sequenceLength) | 0
    if (!entry.hasNumbers || (tcpFlags & TCP_SYN) !== 0 || ((end - entry.sndNxt) | 0) > 0) entry.sndNxt = end
    entry.isAnswered = true
    entry.hasNumbers = true
    if ((tcpFlags & TCP_ACK) !== 0) entry.rcvNxt = view.acknowledgment
    if ((tcpFlags & TCP_FIN) !== 0) entry.finSent = true
    if ((tcpFlags & TCP_RST) !== 0) entry.isReset = true
    if ((tcpFlags & TCP_SYN) !== 0) entry.finSent = entry.finReceived = entry.isReset = false
  }

  /** A segment came for a connection. */
  received(entry: HubConnection<Owner>, { tcpFlags }: FrameView): void {
    entry.seen = this.now
    if ((tcpFlags & TCP_FIN) !== 0) entry.finReceived = true
    if ((tcpFlags & TCP_RST) !== 0) entry.isReset = true
  }

  /** All connections of a member, and takes them out. */
  take(owner: Owner): HubConnection<Owner>[] {
    const found = this.all().filter((entry) => entry.owner === owner)
    for (const entry of found) this.remove(entry)
    return found
  }

  /** A second went by. */
  tick(): void {
    this.now++
    if (this.now % 10 === 0) this.sweep(false)
  }

  private sweep(hasToMakeRoom: boolean): void {
    for (const entry of this.all()) {
      const age = this.now - entry.seen
      if (entry.isOver ? hasToMakeRoom || age > CLOSED_SECONDS : !entry.isAnswered && age > UNANSWERED_SECONDS) {
        this.remove(entry)
      }
    }
  }

  private all(): HubConnection<Owner>[] {
    const all: HubConnection<Owner>[] = []
    for (const first of this.entries.values()) {
      for (let entry: HubConnection<Owner> | null = first; entry !== null; entry = entry.next) all.push(entry)
    }
    return all
  }
}
