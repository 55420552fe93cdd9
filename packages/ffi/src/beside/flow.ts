/**
 * One TCP connection of a library, watched at the level of frames by whoever stands between the library and its link. It knows what the
 * library cannot be asked for (how much the peer acknowledged), and does what the library cannot do:
 *
 * - FIN while the library's own direction stays open: a FIN of ours after its last octet, repeated until it is acknowledged; the peer's
 *   acknowledgements reach the library lowered by that one octet, the library's segments leave raised by it, until the library closes.
 * - RST at once, to the peer and to the library, whatever state the library is in: a connect that blocks ends by it.
 *
 * @module
 */
import { type Clock, ETH_SOURCE, TCP_ACK, TCP_FIN, TCP_RST, TCP_SYN, Timer } from '@ioth/core'
import { Acceptance, type ConnectionNumbers } from './acceptance.ts'
import { type PacketView, SACK_PERMITTED } from './packet-view.ts'
import { DEFAULT_MSS, endsOf, makeSegment, reversed, type SegmentEnds } from './segment.ts'

/** Where frames of a flow's own go. */
export interface FlowWires {
  readonly clock: Clock
  /** Onto the link. */
  toPeer(frame: Uint8Array): void
  /** Into the library, as if it had come from the link. */
  toLibrary(frame: Uint8Array, flow: Flow): void
  /** The library takes no RST with an ACK once it knows its peer's numbers. */
  readonly bareResets?: boolean
}

/** Who wants to know what the peer did. */
export interface FlowObserver {
  /** The peer acknowledged more of what the library sent, or the FIN; or it takes more; or it reset the connection. */
  acknowledged(): void
}

/** Without a scale. */
const LARGEST_WINDOW = 65_535

/** First repetition of a FIN of ours, and how often it is repeated: at doubled intervals, half a minute in all. */
const FIN_REPEAT = 250_000
const FIN_REPEATS = 7

export class Flow implements ConnectionNumbers {
  observer: FlowObserver | null = null
  /** The library's SYN has left. */
  hasBegun = false
  /** The connection is established, as far as segments tell. */
  isEstablished = false
  /** A valid RST came from the peer. */
  wasReset = false
  /** How many octets the peer sent before its FIN, which has come; -1: it has not. */
  peerOctets = -1
  /** The peer acknowledged the FIN, ours or the library's. */
  finAcknowledged = false
  /** Everything that still comes or goes is dropped: it was reset from here. */
  isDead = false
  /** The program has closed it, and its end is acknowledged: octets that still come are nobody's, and draw a RST (RFC 1122 4.2.2.13). */
  isClosed = false
  /** A peer began it, and the program has not accepted it. */
  isPassive = false
  /** Segments with octets that came since the user of the library last read all; counted by whoever looks at frames. */
  unread = 0
  /** Which segments of the peer count, for whoever asks. */
  readonly acceptance: Acceptance
  /** The largest segment that the peer takes. */
  peerMss: number = DEFAULT_MSS[4]
  /** The largest that its path takes, as far as errors say. */
  pathMss: number = Number.POSITIVE_INFINITY
  /** The peer's SYN offers selective acknowledgements. */
  offersSack = false
  /** Where the peer's segments come from, or its router's: what libraries remember of neighbours may be old. */
  private readonly mac = new Uint8Array(6)
  private isLocated = false
  private readonly wires: FlowWires
  private readonly repeat: FinTimer
  private out: SegmentEnds | null = null
  /** Where the window ends that the peer announced last. */
  private peerEdge = 0
  private iss = 0
  private irs = 0
  /** The end of what the library sent so far. */
  private sndNxt = 0
  /** What the peer acknowledged, in the library's numbers. */
  sndUna = 0
  /** What the library acknowledged. */
  rcvNxt = 0
  private window = 0
  /** Up to here the program has read, and all of a buffer of this size is free; null: nothing is known. */
  private emptyAt: number | null = null
  private buffer = 0
  /** Where the window that was offered ends, once the library has acknowledged something. */
  rcvEdge: number | null = null
  /** The sequence number of our FIN, once the program has ended. */
  private finAt = 0
  private finWanted = false
  private finSent = false
  /** The library has sent a FIN of its own. */
  private libraryEnded = false
  /** The peer's SYN has come. */
  private isIrsKnown = false

  constructor(wires: FlowWires) {
    this.wires = wires
    this.acceptance = new Acceptance(wires.clock)
    this.repeat = new FinTimer(() => this.repeatFin())
  }

  /** What is left of the window that the peer announced last, from what it acknowledged. */
  get peerWindow(): number {
    return Math.max(0, (this.peerEdge - this.sndUna) | 0)
  }

  get isSynchronised(): boolean {
    return this.isEstablished
  }

  /** One beyond what was sent, a FIN of ours counted. */
  get sndNext(): number {
    return this.finSent ? (this.finAt + 1) | 0 : this.sndNxt
  }

  /** Whether a number is of what is sent and not acknowledged. */
  isInFlight(sequence: number): boolean {
    return ((sequence - this.sndUna) | 0) >= 0 && ((this.sndNext - sequence) | 0) > 0
  }

  /** Octets of the program's that the peer acknowledged. */
  get acknowledgedOctets(): number {
    return this.isEstablished ? Math.max(0, (this.sndUna - this.iss - 1) | 0) : 0
  }

  /** Ended in order from here, and the peer has not ended yet. */
  get awaitsPeer(): boolean {
    return this.finAcknowledged && this.peerOctets < 0 && !this.wasReset && !this.isDead
  }

  /** Both sides have ended, and each knows that the other knows. */
  private get isComplete(): boolean {
    return this.finAcknowledged && this.peerOctets >= 0 && this.rcvNxt === ((this.irs + this.peerOctets + 2) | 0)
  }

  /** A segment leaves the library. @returns whether it goes onto the link. */
  leaving(frame: PacketView): boolean {
    const { flags } = frame
    if (this.isLocated) frame.bytes.set(this.mac, frame.at)
    this.out ??= endsOf(frame)
    if (this.isDead) {
      // Reset before its SYN had left: the library, which waits for an answer, has one now.
      if ((flags & TCP_SYN) !== 0) {
        this.iss = frame.sequence
        this.resetLibrary()
      }
      return false
    }
    if ((flags & TCP_SYN) !== 0) {
      this.hasBegun = true
      this.iss = frame.sequence
      this.sndNxt = (frame.sequence + 1) | 0
      this.sndUna = frame.sequence
    }
    if ((flags & TCP_ACK) !== 0) {
      this.rcvNxt = frame.acknowledgment
      this.acceptance.given.acknowledged(this.rcvNxt)
      this.holdWindow(frame)
    }
    this.window = frame.window
    const end = (frame.sequence + frame.sequenceLength) | 0
    if (((end - this.sndNxt) | 0) > 0) this.sndNxt = end
    if ((flags & TCP_FIN) !== 0) {
      this.libraryEnded = true
      if (!this.finWanted) this.finAt = (end - 1) | 0
      if (this.finSent && this.finAcknowledged) {
        // The peer has had this FIN already, and said so: the library hears it from us.
        this.answerLibrary()
        return false
      }
      this.wires.clock.disarm(this.repeat)
      return true
    }
    if (this.finSent && frame.dataLength === 0 && frame.sequence === this.finAt && !this.libraryEnded) {
      frame.sequence = (frame.sequence + 1) | 0
    } else this.raise(frame)
    if (this.finWanted && !this.finSent) this.sendFinIfDue()
    return true
  }

  /**
   * An acknowledgement says what comes next (RFC 9293 3.10.7.4): a library that has repeated a segment says what came behind that (lwIP's
   * `tcp_output`), which the peer takes for a segment of old and does not read. One number less is a probe, and stays.
   */
  private raise(frame: PacketView): void {
    if (frame.dataLength > 0 || (frame.flags & (TCP_SYN | TCP_RST)) !== 0) return
    if (((this.sndNext - frame.sequence) | 0) > 1) frame.sequence = this.sndNext
  }

  /** What was offered is not taken back (RFC 9293 3.8.6): libraries offer less when octets come out of order. */
  private holdWindow(frame: PacketView): void {
    // The window of a RST says nothing, and what it acknowledges may be of an older connection.
    if ((frame.flags & TCP_RST) !== 0) return
    // It was on its way while the program read.
    const isRead = this.emptyAt !== null && ((this.emptyAt - frame.acknowledgment) | 0) >= 0
    if (isRead && frame.window < this.buffer) frame.window = this.buffer
    const edge = (frame.acknowledgment + frame.window) | 0
    if (this.rcvEdge === null || ((edge - this.rcvEdge) | 0) >= 0) this.rcvEdge = edge
    else frame.window = Math.min((this.rcvEdge - frame.acknowledgment) | 0, LARGEST_WINDOW)
  }

  /** A segment comes from the peer. @returns whether it goes into the library. */
  arriving(frame: PacketView): boolean {
    const { flags } = frame
    this.locate(frame.bytes, frame.at + ETH_SOURCE)
    if (this.isDead) {
      if ((flags & TCP_RST) === 0) this.refuse(frame)
      return false
    }
    if ((flags & TCP_RST) !== 0) {
      // Both have ended, and the peer has forgotten the connection: the library would throw away what it received and nobody has read.
      if (this.finAcknowledged && this.peerOctets >= 0) return false
      if (this.isAcceptableReset(frame)) {
        this.wasReset = true
        this.observer?.acknowledged()
      }
      return true
    }
    if (this.isClosed && this.hasNews(frame)) {
      this.reset()
      return false
    }
    if (this.isClosed && this.isComplete) {
      // The library may have forgotten it, and would answer by a RST.
      this.late(frame)
      return false
    }
    if ((flags & TCP_SYN) !== 0) this.arrivingSyn(frame)
    if ((flags & TCP_FIN) !== 0) this.peerOctets = (frame.sequence + frame.dataLength - this.irs - 1) | 0
    if ((flags & TCP_ACK) === 0) return true
    const { peerEdge } = this
    if (this.acceptance.takesWindow(frame, frame.window)) this.peerEdge = (frame.acknowledgment + frame.window) | 0
    let ack = frame.acknowledgment
    const isOfOurs = ((ack - this.iss) | 0) > 0 && ((ack - this.sndNxt) | 0) <= 0
    if (!this.isEstablished && isOfOurs) this.isEstablished = this.hasBegun
    const hasFin = this.finSent || this.libraryEnded
    if (hasFin && ack === ((this.finAt + 1) | 0)) {
      if (!this.finAcknowledged) {
        this.finAcknowledged = true
        this.wires.clock.disarm(this.repeat)
        this.observer?.acknowledged()
      }
      if (!this.libraryEnded) {
        ack = this.finAt
        frame.acknowledgment = ack
      }
    }
    if (((ack - this.sndUna) | 0) > 0 && ((ack - this.sndNxt) | 0) <= 0) {
      this.sndUna = ack
      this.observer?.acknowledged()
    } else if (((this.peerEdge - peerEdge) | 0) > 0) this.observer?.acknowledged()
    return true
  }

  /** Where its segments go: a hardware address. */
  locate(octets: Uint8Array, at = 0): void {
    const { mac } = this
    let isOther = !this.isLocated
    for (let i = 0; i < 6 && !isOther; i++) isOther = mac[i] !== octets[at + i]
    if (!isOther) return
    this.isLocated = true
    mac.set(octets.subarray(at, at + 6))
    this.out?.linkHeader.set(mac)
  }

  private arrivingSyn(frame: PacketView): void {
    this.peerMss = frame.mss || DEFAULT_MSS[frame.family]
    this.offersSack = frame.hasOption(SACK_PERMITTED)
    this.irs = frame.sequence
    this.isIrsKnown = true
    this.rcvNxt = (frame.sequence + 1) | 0
    const isAnswer = (frame.flags & TCP_ACK) !== 0 && frame.acknowledgment === ((this.iss + 1) | 0)
    // The library lets the peer wait for the end of the handshake, up to a quarter of a second.
    if (this.hasBegun && isAnswer && !this.isEstablished) this.emit(TCP_ACK, frame.acknowledgment, this.rcvNxt)
  }

  /**
   * The program has ended its direction after so many octets: FIN goes when the library has sent them all.
   * @param octets all that the library was given.
   */
  end(octets: number): void {
    if (this.finWanted || this.isDead) return
    this.finWanted = true
    this.finAt = (this.iss + 1 + octets) | 0
    this.sendFinIfDue()
  }

  /** RST to both sides. From now on the flow is dead. */
  reset(): void {
    if (this.isDead) return
    this.isDead = true
    this.wires.clock.disarm(this.repeat)
    if (this.out === null) return
    if (this.isEstablished) this.emit(TCP_RST | TCP_ACK, this.sndNext, this.rcvNxt)
    this.resetLibrary()
  }

  /** The host goes: a peer that has not ended learns that nobody will hear it any more, and waits for no answer to its own end. */
  abandon(): void {
    if (!this.awaitsPeer) return
    this.isDead = true
    this.emit(TCP_RST | TCP_ACK, this.sndNext, this.rcvNxt)
  }

  /** RST to the library alone, as if the peer had sent it. */
  resetLibrary(): void {
    if (this.out === null) return
    const { bareResets = false } = this.wires
    const numbers =
      bareResets && this.isIrsKnown
        ? { flags: TCP_RST, sequence: this.rcvNxt }
        : this.isEstablished
          ? { flags: TCP_RST | TCP_ACK, sequence: this.rcvNxt, acknowledgment: this.sndNxt }
          : { flags: TCP_RST | TCP_ACK, sequence: 0, acknowledgment: (this.iss + 1) | 0 }
    this.wires.toLibrary(makeSegment(reversed(this.out), numbers), this)
  }

  /**
   * The program has read all that the library had: the peer hears that there is room again, when it was told of less than half of it; libraries
   * may tell only of the end of none. What they have acknowledged before, and has not left yet, tells of it, too.
   * @param octets all that was read.
   * @param buffer all that the library holds.
   */
  announceRoom(octets: number, buffer: number): void {
    this.emptyAt = (this.irs + 1 + octets) | 0
    this.buffer = buffer
    if (this.isDead || !this.isEstablished || this.peerOctets >= 0 || this.window * 2 >= buffer) return
    this.window = buffer
    this.rcvEdge = (this.rcvNxt + buffer) | 0
    this.acknowledge()
  }

  /** Says again what was said. */
  acknowledge(): void {
    this.emit(TCP_ACK, this.sndNext, this.rcvNxt)
  }

  /** Asks the peer for its window (RFC 9293 3.8.6.1): a segment that it must answer, of what it has already. */
  probe(): void {
    this.emit(TCP_ACK, (this.sndUna - 1) | 0, this.rcvNxt)
  }

  /** A segment for a connection that the library has forgotten: the peer's end is acknowledged, and what else it sends is refused. */
  late(frame: PacketView): void {
    const { flags } = frame
    if ((flags & TCP_RST) !== 0) return
    if (this.isDead) {
      this.refuse(frame)
      return
    }
    const end = (frame.sequence + frame.sequenceLength) | 0
    if (this.hasNews(frame)) {
      this.isDead = true
      this.refuse(frame)
    } else if (frame.sequenceLength > 0) {
      if ((flags & TCP_FIN) !== 0) this.rcvNxt = end
      this.emit(TCP_ACK, (this.finAt + 1) | 0, this.rcvNxt)
    }
  }

  /** Whether it brings octets that the library has not acknowledged. */
  private hasNews({ sequence, dataLength }: PacketView): boolean {
    return dataLength > 0 && ((sequence + dataLength - this.rcvNxt) | 0) > 0
  }

  /** Nothing is repeated any more. */
  forget(): void {
    this.observer = null
    this.wires.clock.disarm(this.repeat)
  }

  /** As a closed connection answers (RFC 9293 3.10.7.1). */
  private refuse({ flags, acknowledgment }: PacketView): void {
    if ((flags & TCP_ACK) !== 0) this.emit(TCP_RST, acknowledgment, 0)
  }

  private sendFinIfDue(): void {
    if (this.finSent || this.repeat.armed || this.libraryEnded || !this.isEstablished) return
    if (this.sndNxt !== this.finAt) return
    this.repeat.count = 0
    // Behind the segment that is leaving now.
    this.wires.clock.arm(this.repeat, this.wires.clock.now)
  }

  private repeatFin(): void {
    const { clock } = this.wires
    if (this.finAcknowledged || this.libraryEnded || this.isDead) return
    this.finSent = true
    this.emit(TCP_FIN | TCP_ACK, this.finAt, this.rcvNxt)
    if (this.repeat.count >= FIN_REPEATS) return
    clock.arm(this.repeat, clock.now + FIN_REPEAT * 2 ** this.repeat.count)
    this.repeat.count++
  }

  /** The library's FIN is acknowledged by us: the peer has acknowledged it long ago. */
  private answerLibrary(): void {
    if (this.out === null) return
    const numbers = { flags: TCP_ACK, sequence: this.rcvNxt, acknowledgment: (this.finAt + 1) | 0, window: 0xffff }
    this.wires.toLibrary(makeSegment(reversed(this.out), numbers), this)
  }

  private emit(flags: number, seq: number, ack: number): void {
    if (this.out === null) return
    const window = (flags & TCP_RST) === 0 ? this.window : 0
    this.wires.toPeer(makeSegment(this.out, { flags, sequence: seq, acknowledgment: ack, window }))
  }

  /** RFC 9293 3.10.7.3 and 3.10.7.4: one that the library will believe. */
  private isAcceptableReset({ sequence: seq, acknowledgment: ack, flags }: PacketView): boolean {
    if (!this.isIrsKnown) return (flags & TCP_ACK) !== 0 && ack === ((this.iss + 1) | 0)
    // The library may have received more than it acknowledged so far.
    const offset = (seq - this.rcvNxt) | 0
    return offset >= 0 && offset <= 0xffff
  }
}

class FinTimer extends Timer {
  count = 0
  private readonly due: () => void

  constructor(due: () => void) {
    super()
    this.due = due
  }

  override fire(): void {
    this.due()
  }
}
