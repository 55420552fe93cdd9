/**
 * TIME-WAIT (RFC 9293 3.6.1, RFC 1337): what is left of a connection for two maximum segment lifetimes, in one small object. A new
 * connection of the same four-tuple may take its place when timestamps or sequence numbers tell old from new (RFC 6191), in either
 * direction: without that, a client would run out of ports after 28 thousand connections a minute.
 *
 * @module
 */
import { type Clock, type IpAddress, type Random, TCP_ACK, TCP_FIN, TCP_RST, TCP_SYN, Timer } from '@ioth/core'
import type { Counters } from '../counters.ts'
import type { Network } from '../ip/network.ts'
import type { Packet } from '../ip/packet.ts'
import type { Emitter } from './emitter.ts'
import type { Segment } from './segment.ts'
import { distance } from './seq.ts'
import { type Tcb, TIMESTAMPS } from './tcb.ts'
import { type Tuple, TupleTable } from './tuple-table.ts'
import { advertise } from './window.ts'

/** Tuples kept at most; the oldest makes room. */
const MOST = 65536
/** What does not belong here is answered no more often than this: two sides in TIME-WAIT could answer each other for ever. */
const ANSWER_MS = 500

export class TimeWaitEntry implements Tuple {
  readonly network: Network
  readonly local: IpAddress
  readonly localPort: number
  readonly remote: IpAddress
  readonly remotePort: number
  readonly sndNxt: number
  readonly rcvNxt: number
  readonly window: number
  readonly hasTimestamps: boolean
  tsRecent: number
  readonly tsOffset: number
  /** When it ends, in milliseconds of the clock. */
  until: number
  /** When something else than the FIN was answered last. */
  answeredAt: number = -ANSWER_MS
  /** The list by age. */
  older: TimeWaitEntry | null = null
  newer: TimeWaitEntry | null = null

  constructor(tcb: Tcb, until: number) {
    this.network = tcb.network
    this.local = tcb.local
    this.localPort = tcb.localPort
    this.remote = tcb.remote
    this.remotePort = tcb.remotePort
    this.sndNxt = tcb.sndNxt
    this.rcvNxt = tcb.rcvNxt
    this.window = advertise(tcb)
    this.hasTimestamps = (tcb.flags & TIMESTAMPS) !== 0
    this.tsRecent = tcb.tsRecent
    this.tsOffset = tcb.tsOffset
    this.until = until
  }
}

export class TimeWaitTable extends Timer {
  private readonly clock: Clock
  private readonly emitter: Emitter
  private readonly durationMs: number
  private readonly takesTimestamps: boolean
  private readonly counters: Counters
  private readonly table: TupleTable<TimeWaitEntry>
  private oldest: TimeWaitEntry | null = null
  private newest: TimeWaitEntry | null = null

  /** @param takesTimestamps whether a new connection would agree to timestamps. */
  constructor(
    clock: Clock,
    random: Random,
    emitter: Emitter,
    counters: Counters,
    durationMs: number,
    takesTimestamps: boolean,
  ) {
    super()
    this.clock = clock
    this.emitter = emitter
    this.durationMs = durationMs
    this.takesTimestamps = takesTimestamps
    this.counters = counters
    this.table = new TupleTable(random, (entry) => entry)
  }

  get size(): number {
    return this.table.size
  }

  /** A connection enters TIME-WAIT. */
  enter(tcb: Tcb): void {
    if (this.durationMs === 0) return
    if (this.table.size >= MOST) this.remove(this.oldest as TimeWaitEntry)
    const entry = new TimeWaitEntry(tcb, this.deadline())
    const { network, local, localPort, remote, remotePort } = entry
    const replaced = this.table.holder(network, local, localPort, remote, remotePort)
    if (replaced !== null) this.remove(replaced)
    this.table.insert(entry)
    this.append(entry)
    if (!this.armed) this.clock.arm(this, entry.until * 1000)
  }

  find(packet: Packet, localPort: number, remotePort: number): TimeWaitEntry | null {
    return this.table.size === 0 ? null : this.table.find(packet, localPort, remotePort)
  }

  /** Who stands in the place of a tuple. */
  holder(
    network: Network,
    local: IpAddress,
    localPort: number,
    remote: IpAddress,
    remotePort: number,
  ): TimeWaitEntry | null {
    return this.table.size === 0 ? null : this.table.holder(network, local, localPort, remote, remotePort)
  }

  /** Whether our own next connection may use the tuple: its timestamps will be later than all the peer has seen. */
  isReusable(entry: TimeWaitEntry): boolean {
    return entry.hasTimestamps && entry.until - this.durationMs < this.nowMs()
  }

  remove(entry: TimeWaitEntry): void {
    this.table.remove(entry)
    this.unlink(entry)
    if (this.oldest === null) this.clock.disarm(this)
  }

  /** Whether a segment begins a new connection of the tuple (RFC 6191 2). */
  isNewConnection(entry: TimeWaitEntry, segment: Segment): boolean {
    if ((segment.flags & (TCP_SYN | TCP_ACK | TCP_RST | TCP_FIN)) !== TCP_SYN) return false
    const isAhead = distance(entry.rcvNxt, segment.seq) > 0
    if (!segment.hasTimestamps || !this.takesTimestamps) return isAhead
    if (!entry.hasTimestamps) return true
    const later = distance(entry.tsRecent, segment.timestampValue)
    return later > 0 || (later === 0 && isAhead)
  }

  /** RFC 9293 3.10.7.4 for TIME-WAIT. */
  arrives(entry: TimeWaitEntry, segment: Segment): void {
    const { flags } = segment
    // RFC 1337: a RST does not shorten it.
    if ((flags & TCP_RST) !== 0) {
      this.counters.drop('tcp.reset')
      return
    }
    const ahead = distance(entry.rcvNxt, segment.seq)
    const later = entry.hasTimestamps && segment.hasTimestamps ? distance(entry.tsRecent, segment.timestampValue) : 0
    const isFin = (flags & (TCP_FIN | TCP_SYN)) === TCP_FIN && ahead + segment.sequenceLength === 0 && later >= 0
    if (isFin) {
      // Again: our ACK was lost. The time starts anew.
      if (later > 0) entry.tsRecent = segment.timestampValue
      this.unlink(entry)
      entry.until = this.deadline()
      this.append(entry)
      this.acknowledge(entry)
      return
    }
    this.counters.drop('tcp.time-wait')
    if (segment.sequenceLength === 0 && ahead === 0) return
    const now = this.nowMs()
    if (now - entry.answeredAt < ANSWER_MS) return
    entry.answeredAt = now
    this.acknowledge(entry)
  }

  /** The entries, the oldest first. */
  *list(): Iterable<TimeWaitEntry> {
    for (let entry = this.oldest; entry !== null; entry = entry.newer) yield entry
  }

  clear(): void {
    while (this.oldest !== null) this.remove(this.oldest)
  }

  override fire(): void {
    const now = this.clock.now
    while (this.oldest !== null && this.oldest.until * 1000 <= now) this.remove(this.oldest)
    if (this.oldest !== null) this.clock.arm(this, this.oldest.until * 1000)
  }

  private acknowledge(entry: TimeWaitEntry): void {
    const { network, local, localPort, remote, remotePort } = entry
    const path = network.findPath(remote)
    if (path === null) return
    const value = (Math.floor(this.clock.now / 1000) + entry.tsOffset) | 0
    const timestamps = entry.hasTimestamps ? { value, echo: entry.tsRecent } : null
    this.emitter.sendBare(
      network,
      path,
      local,
      localPort,
      remote,
      remotePort,
      entry.sndNxt,
      entry.rcvNxt,
      TCP_ACK,
      entry.window,
      timestamps,
    )
  }

  private nowMs(): number {
    return Math.floor(this.clock.now / 1000)
  }

  private deadline(): number {
    return Math.ceil(this.clock.now / 1000) + this.durationMs
  }

  private append(entry: TimeWaitEntry): void {
    entry.older = this.newest
    entry.newer = null
    if (this.newest === null) this.oldest = entry
    else this.newest.newer = entry
    this.newest = entry
  }

  private unlink(entry: TimeWaitEntry): void {
    if (entry.older === null) this.oldest = entry.newer
    else entry.older.newer = entry.newer
    if (entry.newer === null) this.newest = entry.older
    else entry.newer.older = entry.older
    entry.older = null
    entry.newer = null
  }
}
