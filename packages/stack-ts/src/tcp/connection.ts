/**
 * A connection carries out what the state machine decides: it owns the block, its one timer and its queues, and tells its user.
 *
 * @module
 */
import {
  type ByteSink,
  type ErrorCode,
  type EventQueue,
  type MovedConnection,
  NetError,
  type PortBinding,
  Timer,
} from '@ioth/core'
import type { Counters } from '../counters.ts'
import type { CongestionController } from './congestion/controller.ts'
import { adjustKeepAlive } from './keepalive.ts'
import type { TcpListener } from './listener.ts'
import { describe, isMovable } from './moving.ts'
import { clearKept, deliverKept, keep } from './reassembly.ts'
import { clearReceived, dequeue, enqueue, lend } from './receive-queue.ts'
import { fromEstimate } from './rto.ts'
import { forgetDelivered, keptAhead, noteOverlap } from './sack-report.ts'
import type { Segment } from './segment.ts'
import { segmentArrives } from './segment-arrives.ts'
import { acknowledge, transmit } from './send.ts'
import { append, clearSent, releaseSent, sendRoom } from './send-buffer.ts'
import type { SendEffects } from './send-effects.ts'
import { SMALL_SLOT } from './send-memory.ts'
import type { SentRecords } from './sent-records.ts'
import { add, distance, lessOrEqual, lessThan } from './seq.ts'
import { CLOSED, ESTABLISHED, SYN_RECEIVED, SYN_SENT, TIME_WAIT } from './state.ts'
import {
  ACK_NOW,
  extrasOf,
  FIN_TAKEN,
  HOLDING,
  LINGERING,
  ORPHAN,
  queuedOctets,
  type Tcb,
  TIMER_HOLD,
  TIMER_MEMORY,
  TIMER_PERSIST,
  TIMER_RETRANSMIT,
  WAS_ESTABLISHED,
} from './tcb.ts'
import type { Tcp } from './tcp.ts'
import { earliestDeadline, type TimeoutEffects, timeouts } from './timeouts.ts'
import { Trace, type TraceEvent } from './trace.ts'
import { abortCall, closeCall } from './user-calls.ts'
import { isUpdateDue } from './window.ts'

/** How long a closed socket holds the process for its FIN alone: time to send it again once or twice. */
const FIN_HOLD_MS = 500
/** How long a writer waits when the frame pool is exhausted. */
const MEMORY_MS = 10

/** Who uses a connection: a socket. */
export interface ConnectionUser {
  connected(): void
  /** Octets, or the end of them. */
  readable(): void
  /** Room in the send buffer. */
  writable(): void
  failed(code: ErrorCode): void
}

export class Connection extends Timer implements TimeoutEffects, SendEffects {
  readonly tcb: Tcb
  user: ConnectionUser | null = null
  /** The listener whose backlog it stands in. */
  listener: TcpListener | null = null
  /** The local port of a connection we opened. */
  binding: PortBinding | null = null
  /** Why it ended, if not orderly. */
  error: ErrorCode | null = null
  /** Whether it stands in the layer's list of those with something to send, and that list. */
  dirty = false
  nextDirty: Connection | null = null
  /** The listener's queues. */
  previousChild: Connection | null = null
  nextChild: Connection | null = null
  private readonly tcp: Tcp

  constructor(tcp: Tcp, tcb: Tcb) {
    super()
    this.tcp = tcp
    this.tcb = tcb
  }

  // ---------- what the network does ----------

  receive(segment: Segment): void {
    const { tcb } = this
    tcb.extras.trace?.arrived(segment)
    segmentArrives(tcb, segment, this, this.tcp.settings)
    tcb.extras.trace?.settled()
  }

  /** Sends what may be sent; false when it has to be called again. */
  output(): boolean {
    const { tcb } = this
    if (!tcb.path.valid && !this.findPath()) return true
    return transmit(tcb, this.tcp.emitter, this)
  }

  override fire(): void {
    timeouts(this.tcb, this, this.tcp.settings, this.tcp.elapsedMs)
    this.timersChanged()
    this.tcb.extras.trace?.settled()
  }

  // ---------- what the user does ----------

  write(from: Uint8Array, offset: number, length: number): number {
    const { tcb, tcp } = this
    const taken = append(tcb, tcp.sendMemory, from, offset, length)
    if (taken > 0) this.wantOutput()
    return taken
  }

  read(into: Uint8Array, offset: number, length: number): number {
    const { tcb, tcp } = this
    const count = dequeue(tcb, tcp.memory, into, offset, length)
    if (count > 0) this.windowMoved()
    return count
  }

  lend(max: number, sink: ByteSink): number {
    const { tcb, tcp } = this
    try {
      return lend(tcb, tcp.memory, max, sink)
    } finally {
      this.windowMoved()
    }
  }

  shutdown(): void {
    closeCall(this.tcb, this)
    this.tcb.extras.trace?.settled()
  }

  /** The user is gone: the rest is sent, or with unread octets the peer is told so by a RST. */
  close(): void {
    const { tcb, tcp } = this
    this.user = null
    if (tcb.state === CLOSED || tcb.state === TIME_WAIT) {
      clearReceived(tcb, tcp.memory)
      return
    }
    tcb.flags |= ORPHAN
    if (tcb.rcvQueued > 0 || tcb.state === SYN_SENT) {
      abortCall(tcb, this)
      return
    }
    closeCall(tcb, this)
    tcb.extras.trace?.settled()
    if (!this.isAllAcknowledged()) this.beginLinger()
    else this.orphaned()
  }

  abort(): void {
    this.user = null
    this.tcb.flags |= ORPHAN
    abortCall(this.tcb, this)
    clearReceived(this.tcb, this.tcp.memory)
  }

  /** The user found no memory, though the buffer has room: it is told to try again. */
  awaitMemory(): void {
    this.tcb.timers |= TIMER_MEMORY
    extrasOf(this.tcb).memoryAt = add(this.nowMs, MEMORY_MS)
    this.timersChanged()
  }

  /** Whether the send buffer may grow; it has to wait for acknowledgements where all connections together hold too much. */
  get mayGrow(): boolean {
    return this.tcp.sendMemory.admits(this.tcb, SMALL_SLOT)
  }

  /** Octets the send buffer takes. */
  get sendRoom(): number {
    return sendRoom(this.tcb)
  }

  /** Whether the peer's end has been read, or is next. */
  get atEnd(): boolean {
    return this.tcb.rcvQueued === 0 && (this.tcb.flags & FIN_TAKEN) !== 0
  }

  /** The link is back: what waits for a timeout is sent now. The silence was no sign of congestion. */
  retry(): void {
    const { tcb } = this
    if ((tcb.timers & (TIMER_RETRANSMIT | TIMER_PERSIST)) === 0 || tcb.retries === 0) return
    fromEstimate(tcb, this.tcp.settings.minRtoMs)
    tcb.retransmitAt = this.nowMs
    this.timersChanged()
  }

  /** Tells what happens from now on. */
  traceTo(events: EventQueue<TraceEvent>): void {
    const trace = new Trace(this.tcb, events)
    extrasOf(this.tcb).trace = trace
    trace.settled()
  }

  setKeepAlive(): void {
    adjustKeepAlive(this.tcb, this.nowMs)
    this.timersChanged()
  }

  /** The error as a socket reports it. */
  toError(code: ErrorCode): NetError {
    const { tcb } = this
    if (tcb.state !== CLOSED || this.wasEstablished) return new NetError(code, 'read')
    return new NetError(code, 'connect', { address: tcb.remote.toString(), port: tcb.remotePort })
  }

  /** Takes it out of this stack, silently: another goes on with it. Its port stays taken here, so that no new connection gets its tuple. */
  moveOut(): MovedConnection | null {
    const { tcb, tcp } = this
    if (!isMovable(tcb)) return null
    const moved = describe(tcb, tcp.pieces, tcp.pool, tcp.elapsedMs)
    this.user = null
    this.binding = null
    this.leave()
    tcb.state = CLOSED
    clearSent(tcb, tcp.sendMemory)
    clearReceived(tcb, tcp.memory)
    return moved
  }

  /** Whether the handshake was complete at some time. */
  get wasEstablished(): boolean {
    return (this.tcb.flags & WAS_ESTABLISHED) !== 0
  }

  // ---------- Effects ----------

  get nowMs(): number {
    return this.tcp.nowMs
  }

  get nowUs(): number {
    return this.tcp.nowUs
  }

  get nowS(): number {
    return this.tcp.nowS
  }

  get counters(): Counters {
    return this.tcp.counters
  }

  get records(): SentRecords {
    return this.tcp.records
  }

  get congestion(): CongestionController {
    return this.tcp.settings.congestion
  }

  wantOutput(): void {
    if (!this.dirty) this.tcp.wantOutput(this)
  }

  acknowledge(): void {
    const { tcb } = this
    if (!tcb.path.valid && !this.findPath()) return
    tcb.flags &= ~ACK_NOW
    acknowledge(tcb, this.tcp.emitter)
  }

  challenge(): void {
    const { tcb, tcp } = this
    const extras = extrasOf(tcb)
    if (distance(extras.challengesFrom, this.nowMs) >= 1000 || extras.challengesLeft < 0) {
      extras.challengesFrom = this.nowMs
      extras.challengesLeft = tcp.challengeAllowance()
    }
    if (extras.challengesLeft === 0) {
      tcp.counters.tcpChallengesHeld++
      return
    }
    extras.challengesLeft--
    tcp.counters.tcpChallengeAcks++
    this.acknowledge()
  }

  refuse(segment: Segment): void {
    const { tcb } = this
    this.tcp.refuse(tcb.network, tcb.local, tcb.remote, segment)
  }

  sendReset(): void {
    const { tcb } = this
    if (!tcb.path.valid && !this.findPath()) return
    this.tcp.sendReset(tcb)
  }

  releaseSent(octets: number): void {
    this.tcb.octetsAcknowledged += octets
    releaseSent(this.tcb, this.tcp.sendMemory, octets)
    if ((this.tcb.flags & HOLDING) !== 0) this.allTextAcknowledged()
  }

  deliver(segment: Segment): number {
    const { tcb, tcp } = this
    const { memory } = tcp
    const { length, bodyLength } = segment
    if (!memory.admits(tcb) || !enqueue(tcb, memory, segment.at, length)) return 0
    const hasBody = enqueue(tcb, memory, segment.body, bodyLength)
    this.user?.readable()
    return hasBody ? length + bodyLength : length
  }

  keepAhead(segment: Segment): void {
    const { tcb, tcp } = this
    const { seq, length } = segment
    const end = add(seq, segment.textLength)
    tcp.counters.tcpOutOfOrder++
    noteOverlap(tcb, seq, end)
    if (length > 0) keep(tcb, tcp.memory, seq, segment.at, length)
    if (segment.bodyLength > 0) keep(tcb, tcp.memory, add(seq, length), segment.body, segment.bodyLength)
    keptAhead(tcb, seq, end)
  }

  deliverAhead(): void {
    deliverKept(this.tcb, this.tcp.memory)
    forgetDelivered(this.tcb)
  }

  timersChanged(): void {
    // A timer that is no longer needed, or comes too early, fires once for nothing: cheaper than moving it at each acknowledgement.
    if (this.tcb.timers === 0) return
    const earliest = earliestDeadline(this.tcb)
    if (this.armed && lessOrEqual(this.armedFor, earliest)) return
    this.armedFor = earliest
    const { clock } = this.tcp
    const now = clock.now
    const at = now - (now % 1000) + ((earliest - this.tcp.elapsedMs) | 0) * 1000
    clock.arm(this, Math.max(at, now))
  }

  established(): void {
    this.tcb.flags |= WAS_ESTABLISHED
    this.tcp.counters.tcpEstablished++
    adjustKeepAlive(this.tcb, this.nowMs)
    if (this.listener !== null) this.listener.childEstablished(this)
    else this.user?.connected()
  }

  endReceived(): void {
    this.user?.readable()
  }

  writable(): void {
    this.user?.writable()
  }

  allAcknowledged(): void {
    this.endLinger()
  }

  timeWait(): void {
    const { tcb, tcp } = this
    // The ACK of the peer's FIN leaves before the connection is forgotten.
    if ((tcb.flags & ACK_NOW) !== 0) this.acknowledge()
    tcp.timeWait.enter(tcb)
    tcb.state = TIME_WAIT
    tcb.extras.trace?.settled()
    this.leave()
  }

  ended(error: ErrorCode | null): void {
    const { tcb, tcp, listener, user } = this
    if (tcb.state === CLOSED) return
    this.error = error
    const before = tcb.state
    if (before === SYN_SENT || before === SYN_RECEIVED) tcp.counters.tcpAttemptFails++
    if (before !== TIME_WAIT) this.leave()
    tcb.state = CLOSED
    tcb.extras.trace?.settled()
    clearSent(tcb, tcp.sendMemory)
    if (listener !== null) {
      listener.childEnded(this)
      clearReceived(tcb, tcp.memory)
    } else if (user === null) {
      clearReceived(tcb, tcp.memory)
    } else if (error !== null) {
      user.failed(error)
    } else {
      user.readable()
    }
  }

  releaseHold(): void {
    this.tcb.timers &= ~TIMER_HOLD
    if ((this.tcb.flags & HOLDING) === 0) return
    this.tcb.flags &= ~HOLDING
    this.tcp.scheduler.release()
  }

  /** The deadline the timer is armed for, in milliseconds. */
  private armedFor = 0

  // ---------- inside ----------

  /** Takes the connection out of everything that leads to it; its receive queue stays for its user. */
  private leave(): void {
    const { tcb, tcp } = this
    tcp.forget(this)
    tcp.records.clear(tcb)
    // No gap will be filled any more; a peer can have sent octets beyond its own FIN.
    clearKept(tcb, tcp.memory)
    tcb.timers = 0
    tcp.clock.disarm(this)
    this.binding?.release()
    this.binding = null
    this.endLinger()
  }

  private findPath(): boolean {
    const path = this.tcb.network.findPath(this.tcb.remote)
    if (path === null) return false
    this.tcb.path = path
    return true
  }

  private windowMoved(): void {
    const { tcb } = this
    if (tcb.state < ESTABLISHED || tcb.state === TIME_WAIT || (tcb.flags & FIN_TAKEN) !== 0) return
    if (!isUpdateDue(tcb)) return
    tcb.flags |= ACK_NOW
    this.wantOutput()
  }

  private isAllAcknowledged(): boolean {
    const { tcb } = this
    return tcb.state !== SYN_RECEIVED && lessThan(tcb.sndEnd, tcb.sndUna)
  }

  /** Closed, but not all has arrived: the process stays for a while. */
  private beginLinger(): void {
    const { tcb, tcp } = this
    tcb.flags |= LINGERING | HOLDING
    tcp.lingering++
    tcp.scheduler.hold()
    this.holdFor(tcp.settings.closedHoldMs)
    this.allTextAcknowledged()
  }

  /** A FIN alone is nothing to wait long for: what the user wrote has arrived. */
  private allTextAcknowledged(): void {
    const { tcb, tcp } = this
    if ((tcb.flags & HOLDING) === 0 || tcb.state <= SYN_RECEIVED || queuedOctets(tcb) > 0) return
    this.holdFor(Math.min(FIN_HOLD_MS, tcp.settings.closedHoldMs))
  }

  private holdFor(ms: number): void {
    const { tcb } = this
    tcb.timers |= TIMER_HOLD
    extrasOf(tcb).holdAt = add(this.nowMs, ms)
    this.timersChanged()
  }

  private endLinger(): void {
    if ((this.tcb.flags & LINGERING) === 0) return
    this.tcb.flags &= ~LINGERING
    this.tcp.lingering--
    this.releaseHold()
    if (this.tcp.lingering === 0) this.tcp.onLingerEnd?.()
  }

  /** Closed after the FIN had been acknowledged: the peer's is awaited for a bounded time. */
  private orphaned(): void {
    this.tcp.awaitPeersFin(this.tcb, this)
  }
}
