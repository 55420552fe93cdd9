/**
 * The TCP connections of a stack as they are seen on its frames. The library has no call to reset a connection, does not say what is
 * acknowledged, and answers segments for nobody in a way of its own: what is known here mends all three.
 *
 * @module
 */
import { type Clock, type IpAddress, TCP_ACK, TCP_FIN, TCP_RST, TCP_SYN } from '@ioth/core'
import {
  Acceptance,
  type ConnectionNumbers,
  mssOf,
  mssOn,
  type PacketView,
  SACK_PERMITTED,
  WINDOW_SCALE,
} from '@ioth/ffi'
import type { PicoDevice } from './device.ts'
import type { PortAliases } from './port-aliases.ts'

/** Connections that nobody holds: being opened by a peer, or not accepted yet. More than this many of them forget the oldest. */
const MOST_UNOWNED = 512

/** What a handshake may take when others wait for its place. */
const HANDSHAKE_TIME_US = 1_000_000

/** Whoever accounts for a connection. */
export interface FlowOwner {
  /** The peer acknowledged something. */
  acknowledgedMore?(): void
  /** The program has closed: octets are for nobody (RFC 9293 3.6.1). */
  readonly isDeaf?: boolean
}

/** What the SYN of a peer offered. */
interface Offer {
  readonly scale: number
  readonly hasScale: boolean
  /** The timestamp on it; null: it has none. */
  readonly timestamp: number | null
  readonly hasSack: boolean
  /** The largest segment that it takes. */
  readonly mss: number
}

const NO_OFFER: Offer = { scale: 0, hasScale: false, timestamp: null, hasSack: false, mss: Number.POSITIVE_INFINITY }

/** While nothing has left. */
const MSS_ON_ETHERNET = 1460
/** With two that fill it up (RFC 7323 3.2). */
const TIMESTAMPS_LENGTH = 12

export class Flow implements ConnectionNumbers {
  readonly family: 4 | 6
  readonly localPort: number
  readonly remotePort: number
  /** Words of the addresses. */
  readonly words: Int32Array
  /** The local port inside the library. */
  libraryPort: number
  /** Our address, where the library takes another of its own for it, which is known when its SYN leaves. */
  disguise: { readonly local: IpAddress; inside: IpAddress | null } | null = null
  /** Which segments of the peer count. */
  acceptance: Acceptance
  /** A segment of ours was seen: the numbers below are meaningful. */
  isSent = false
  /** Where our last segment left. */
  device: PicoDevice | null = null
  /** Its link header. */
  readonly linkHeader: Uint8Array = new Uint8Array(14)
  /** What we sent first. */
  iss = 0
  /** One beyond the last sequence number we sent. */
  sndNxt = 0
  /** What the peer acknowledged last. */
  sndUna = 0
  /** What we acknowledged last. */
  rcvNxt = 0
  /** What the peer takes beyond what it acknowledged, and by how many bits its window is shifted. */
  peerWindow = 0
  peerScale = 0
  /** What the peer's SYN offered. */
  offer: Offer = NO_OFFER
  /** The largest segment that its path takes, as far as errors say. */
  pathMss: number = Number.POSITIVE_INFINITY
  /** Octets wait here, for the peer takes too few; since when it is asked whether that is still so, and how often it was. */
  isStalled = false
  probedAt = 0
  probes = 0
  /** They have waited long enough: what the peer takes is sent, however little it is. */
  isOverdue = false
  /** Octets that the library was given. */
  written = 0
  /** All octets were written: the FIN leaves with the last of them, or behind it. */
  isEnding = false
  /** The sequence number of our FIN, once it left. */
  finAt: number | null = null
  /** When our FIN left last, and how often. */
  finSince = 0
  finCount = 0
  /** The peer's FIN came, and before ours had left: then the library forgets the connection as soon as ours is acknowledged. */
  peerEnded = false
  peerEndedFirst = false
  /** The sequence number of the peer's FIN, once one came that lies within what we take. */
  peerFinAt: number | null = null
  /** Timestamps of our last segment (RFC 7323 3), when they were agreed on. */
  hasTimestamps = false
  timestamp = 0
  /** That of our first SYN: the peer cannot have seen an older one. */
  firstTimestamp = 0
  /** What we said last that we take. */
  rcvWindow = 0
  /** One beyond the last sequence number that we ever said we take. */
  rcvEdge: number | null = null
  /** The peer answered our SYN, or acknowledged it. */
  isSynchronised = false
  /** A RST of the peer was let pass. */
  wasReset = false
  /** We reset it: the library's segments of it do not leave, the peer's are answered by RST. */
  isOver = false
  /** Nothing is known of it any more. */
  isForgotten = false
  /** When its first segment was seen, in microseconds of the stack's clock. */
  since = 0
  /** Whoever accounts for it. */
  owner: FlowOwner | null = null
  next: Flow | null = null

  constructor(clock: Clock, family: 4 | 6, localPort: number, remotePort: number, words: Int32Array) {
    this.acceptance = new Acceptance(clock)
    this.family = family
    this.localPort = localPort
    this.remotePort = remotePort
    this.words = words
    this.libraryPort = localPort
  }

  get sndNext(): number {
    return this.sndNxt
  }

  /** Octets, SYN and FIN counted, that are out and not acknowledged. */
  get inFlight(): number {
    return this.isSent ? (this.sndNxt - this.sndUna) | 0 : 0
  }

  /** Whether a number is of what is out and not acknowledged. */
  isInFlight(sequence: number): boolean {
    const offset = (sequence - this.sndUna) | 0
    return offset >= 0 && offset < this.inFlight
  }

  /** Octets that fill a segment. */
  get fullSegment(): number {
    const { device, family, offer, pathMss } = this
    const mss = device === null ? MSS_ON_ETHERNET : Math.min(mssOn(device.mtu, family), offer.mss, pathMss)
    // Options count (RFC 6691).
    return mss - (this.hasTimestamps ? TIMESTAMPS_LENGTH : 0)
  }

  /** Octets the library was given and the peer has not acknowledged; 0 for what never reaches a wire. */
  get unacknowledged(): number {
    if (!this.isSent) return 0
    // The SYN counts one, and so does the FIN. Sequence numbers go round: what is on its way is always less than half of them.
    const left = (this.writtenEnd - this.sndUna) | 0
    return Math.max(0, Math.min(left, this.written))
  }

  /**
   * Octets that the library may be given now. It must never have more than the peer takes: with a window that is full it goes back to what
   * it sent first, and forgets where it was.
   */
  get allowance(): number {
    return this.isSent ? Math.max(0, this.peerWindow - this.unacknowledged) : Number.POSITIVE_INFINITY
  }

  /** One beyond the last sequence number of the octets that were written. */
  get writtenEnd(): number {
    return (this.iss + 1 + this.written) | 0
  }

  /** Whether the FIN may stand behind what was sent: that is all there is, and the peer takes one more. To a shut window a FIN is a probe. */
  get mayEnd(): boolean {
    const { inFlight } = this
    return this.isEnding && this.sndNxt === this.writtenEnd && (inFlight === 0 || inFlight < this.peerWindow)
  }

  /** The library has acknowledged the peer's FIN. */
  get hasTakenFin(): boolean {
    return this.peerFinAt !== null && this.rcvNxt === ((this.peerFinAt + 1) | 0)
  }

  /** Both sides have ended, and the peer knows. */
  get isComplete(): boolean {
    return this.finAt !== null && this.peerEnded && this.inFlight === 0
  }

  get key(): number {
    return this.localPort * 0x10000 + this.remotePort
  }
}

export class Flows {
  size = 0
  private readonly clock: Clock
  private readonly aliases: PortAliases
  private readonly byPorts = new Map<number, Flow>()
  private readonly unowned = new Set<Flow>()
  /** Of peers that sent a SYN, by address and ports. */
  private readonly asking = new Map<string, Offer>()
  /** Those whose address the library takes another for, by their ports inside it. */
  private readonly disguised = new Map<number, Flow>()
  /** Connections by local port. */
  private readonly ports = new Map<number, number>()

  constructor(clock: Clock, aliases: PortAliases) {
    this.clock = clock
    this.aliases = aliases
  }

  /** A connection that is about to be opened. */
  open(local: IpAddress, localPort: number, remote: IpAddress, remotePort: number, owner: FlowOwner): Flow {
    const words = Int32Array.of(local.w0, local.w1, local.w2, local.w3, remote.w0, remote.w1, remote.w2, remote.w3)
    const flow = this.add(new Flow(this.clock, remote.family, localPort, remotePort, words))
    flow.owner = owner
    return flow
  }

  /** The library takes another address of ours for the one that a connection has. */
  disguise(flow: Flow, local: IpAddress): void {
    flow.disguise = { local, inside: null }
    this.disguised.set(flow.libraryPort, flow)
  }

  /** Gives a segment of the library's the address that its connection has. */
  undisguise(packet: PacketView): void {
    const flow = this.disguised.get(packet.sourcePort)
    if (flow?.disguise == null) return
    flow.disguise.inside ??= packet.sourceAddress
    packet.sourceAddress = flow.disguise.local
  }

  find(local: IpAddress, localPort: number, remote: IpAddress, remotePort: number): Flow | null {
    let flow = this.byPorts.get(localPort * 0x10000 + remotePort) ?? null
    for (; flow !== null; flow = flow.next) {
      const { words } = flow
      if (
        words[3] === local.w3 &&
        words[7] === remote.w3 &&
        words[0] === local.w0 &&
        words[1] === local.w1 &&
        words[2] === local.w2 &&
        words[4] === remote.w0 &&
        words[5] === remote.w1 &&
        words[6] === remote.w2
      )
        return flow
    }
    return null
  }

  /** The connection of a segment: ours when `isOurs`, else one that arrived. */
  of(packet: PacketView, isOurs: boolean): Flow | null {
    const { sourcePort, destinationPort } = packet
    const key = isOurs ? sourcePort * 0x10000 + destinationPort : destinationPort * 0x10000 + sourcePort
    let flow = this.byPorts.get(key) ?? null
    for (; flow !== null; flow = flow.next) if (isOf(flow, packet, isOurs)) return flow
    return null
  }

  /** Somebody holds the connection from now on. */
  own(flow: Flow, owner: FlowOwner): void {
    flow.owner = owner
    this.unowned.delete(flow)
  }

  get unownedCount(): number {
    return this.unowned.size
  }

  get oldestUnowned(): Flow | null {
    for (const flow of this.unowned) return flow
    return null
  }

  /** Whether a handshake has had its time. */
  isOld({ since }: Flow): boolean {
    return this.clock.now - since > HANDSHAKE_TIME_US
  }

  /** Handshakes of a port that nobody holds yet. */
  openingOn(port: number): number {
    let count = 0
    for (const flow of this.unowned) if (flow.localPort === port) count++
    return count
  }

  /** Handshakes that began before an instant came to nothing: the library gave them up long ago. */
  forgetBefore(since: number): void {
    for (const flow of this.unowned) {
      if (flow.since >= since) return
      this.remove(flow)
    }
  }

  *all(): Iterable<Flow> {
    for (const first of this.byPorts.values())
      for (let flow: Flow | null = first; flow !== null; flow = flow.next) yield flow
  }

  /** Whether a local port has connections. */
  isBusy(port: number): boolean {
    return this.ports.has(port)
  }

  /**
   * Notes a segment that leaves, as it is on the wire.
   * @param libraryPort its source port inside the library.
   * @returns its connection, which a SYN makes; null when there is none.
   */
  sent(packet: PacketView, frame: Uint8Array, at: number, linkHeader: number, libraryPort: number): Flow | null {
    const { flags } = packet
    let flow = this.of(packet, true)
    if (flow === null) {
      if ((flags & TCP_SYN) === 0) return null
      flow = this.add(new Flow(this.clock, packet.family, packet.sourcePort, packet.destinationPort, wordsOf(packet)))
      this.unowned.add(flow)
      flow.libraryPort = libraryPort
      const key = askedBy(packet.destinationAddress, flow.remotePort, flow.localPort)
      this.noteOffer(flow, this.asking.get(key) ?? NO_OFFER)
      this.asking.delete(key)
      this.aliases.retain(libraryPort)
      this.forgetOldest()
    }
    if (flow.finAt !== null) afterFin(flow.finAt, packet)
    if (flow.isSent) keepPlace(flow, packet)
    const { sequence } = packet
    const end = (sequence + packet.sequenceLength) | 0
    if (!flow.isSent || (flags & TCP_SYN) !== 0) {
      flow.isSent = true
      flow.acceptance = new Acceptance(this.clock)
      if (flow.offer.timestamp !== null) flow.acceptance.noteStamp(flow.offer.timestamp)
      flow.iss = sequence
      flow.sndUna = sequence
      flow.sndNxt = end
    } else if (((end - flow.sndNxt) | 0) > 0) flow.sndNxt = end
    if ((flags & TCP_ACK) !== 0) {
      keepAcknowledgment(flow, packet)
      flow.acceptance.given.acknowledged(flow.rcvNxt)
      keepEdge(flow, packet)
    }
    this.noteTimestamps(flow, packet)
    for (let i = 0; i < linkHeader; i++) flow.linkHeader[i] = frame[at + i] as number
    return flow
  }

  /** Notes a segment that arrived. */
  arrived(flow: Flow, packet: PacketView): void {
    const { flags } = packet
    if ((flags & TCP_RST) !== 0) flow.wasReset = true
    if ((flags & TCP_FIN) !== 0 && !flow.peerEnded) {
      flow.peerEnded = true
      flow.peerEndedFirst = flow.finAt === null
    }
    if ((flags & TCP_ACK) === 0 || !flow.isSent) return
    const { acknowledgment } = packet
    const progress = (acknowledgment - flow.sndUna) | 0
    if (progress < 0 || ((acknowledgment - flow.sndNxt) | 0) > 0 || (flags & TCP_RST) !== 0) return
    if ((flags & TCP_SYN) !== 0) {
      this.noteOffer(flow, offerOf(packet))
    }
    const window = (flags & TCP_SYN) !== 0 ? packet.window : packet.window << flow.peerScale
    if (flow.acceptance.takesWindow(packet, window)) flow.peerWindow = window
    // The answer to a probe that says that there is still no room is no news.
    if (progress > 0 || flow.peerWindow > 0) flow.probes = 0
    flow.sndUna = acknowledgment
    if (progress > 0) flow.isSynchronised = true
    flow.owner?.acknowledgedMore?.()
  }

  /** Ours, of a segment that leaves. The library offers them on its SYNs whatever the peer says. */
  private noteTimestamps(flow: Flow, packet: PacketView): void {
    const at = packet.timestampsAt
    if ((packet.flags & TCP_SYN) === 0) flow.hasTimestamps = at !== -1
    if (at === -1) return
    if (flow.timestamp === 0) flow.firstTimestamp = packet.word32(at)
    // A segment that waited bears the time of its making; what left meanwhile was later (RFC 7323 5.3).
    const isBack = flow.timestamp !== 0 && ((packet.word32(at) - flow.timestamp) | 0) < 0
    if (isBack) packet.write32(at, flow.timestamp)
    else flow.timestamp = packet.word32(at)
    // The library echoes what came last, in order or not.
    const { recentStamp } = flow.acceptance
    if (recentStamp !== null && packet.word32(at + 4) !== recentStamp) packet.write32(at + 4, recentStamp)
  }

  private noteOffer(flow: Flow, offer: Offer): void {
    flow.offer = offer
    flow.peerScale = offer.scale
    flow.hasTimestamps = offer.timestamp !== null
    if (offer.timestamp !== null) flow.acceptance.noteStamp(offer.timestamp)
  }

  /** Notes what the SYN of a peer offers. */
  asked(packet: PacketView): void {
    const key = askedBy(packet.sourceAddress, packet.sourcePort, packet.destinationPort)
    this.asking.set(key, offerOf(packet))
    // SYNs that came to nothing are forgotten, oldest first.
    if (this.asking.size <= MOST_UNOWNED) return
    for (const oldest of this.asking.keys()) {
      this.asking.delete(oldest)
      return
    }
  }

  /** Our FIN leaves, behind all that the library sent. */
  ended(flow: Flow): void {
    flow.finAt = flow.sndNxt
    flow.finSince = this.clock.now
    flow.finCount = 1
    flow.sndNxt = (flow.sndNxt + 1) | 0
  }

  remove(flow: Flow): void {
    flow.isForgotten = true
    const first = this.byPorts.get(flow.key) ?? null
    if (first === flow) {
      if (flow.next === null) this.byPorts.delete(flow.key)
      else this.byPorts.set(flow.key, flow.next)
    } else {
      let before = first
      while (before !== null && before.next !== flow) before = before.next
      if (before === null) return
      before.next = flow.next
    }
    this.size--
    this.unowned.delete(flow)
    this.aliases.release(flow.libraryPort)
    if (flow.disguise !== null) this.disguised.delete(flow.libraryPort)
    const count = (this.ports.get(flow.localPort) as number) - 1
    if (count === 0) this.ports.delete(flow.localPort)
    else this.ports.set(flow.localPort, count)
  }

  private add(flow: Flow): Flow {
    flow.since = this.clock.now
    flow.next = this.byPorts.get(flow.key) ?? null
    this.byPorts.set(flow.key, flow)
    this.size++
    this.ports.set(flow.localPort, (this.ports.get(flow.localPort) ?? 0) + 1)
    return flow
  }

  private forgetOldest(): void {
    if (this.unowned.size <= MOST_UNOWNED) return
    for (const oldest of this.unowned) {
      this.remove(oldest)
      return
    }
  }
}

/**
 * The library counts octets that came before their turn against its window, and so takes back what it offered. It has room for them, as they
 * lie within the offer, which therefore stands (RFC 9293 3.8.6).
 */
function keepEdge(flow: Flow, packet: PacketView): void {
  // A SYN begins another connection, perhaps where one was.
  if ((packet.flags & TCP_SYN) !== 0) flow.rcvEdge = null
  const edge = (flow.rcvNxt + packet.window) | 0
  const shrunk = ((flow.rcvEdge ?? edge) - edge) | 0
  // More than a window can say was never offered by this connection.
  if (shrunk > 0 && packet.window + shrunk <= 0xffff) packet.window += shrunk
  flow.rcvWindow = packet.window
  flow.rcvEdge = (flow.rcvNxt + flow.rcvWindow) | 0
}

/** A segment that waited bears the acknowledgement of its making; what left meanwhile said more. */
function keepAcknowledgment(flow: Flow, packet: PacketView): void {
  const isNew = flow.rcvEdge === null || (packet.flags & TCP_SYN) !== 0
  if (isNew || ((packet.acknowledgment - flow.rcvNxt) | 0) >= 0) flow.rcvNxt = packet.acknowledgment
  else packet.acknowledgment = flow.rcvNxt
}

/**
 * When the library has repeated a segment, it takes the end of that one for its place, also when all behind it was acknowledged; and of what
 * comes from before its window a peer takes nothing, no acknowledgement either (RFC 9293 3.10.7.4). One octet before the end asks whether
 * the peer is there (3.8.4).
 */
function keepPlace({ sndNxt }: Flow, packet: PacketView): void {
  if ((packet.flags & (TCP_SYN | TCP_RST)) !== 0 || packet.sequenceLength > 0) return
  if (((sndNxt - packet.sequence) | 0) > 1) packet.sequence = sndNxt
}

/** The library knows nothing of our FIN: what it sends afterwards is acknowledgements, whose number is one more. */
function afterFin(finAt: number, packet: PacketView): void {
  if (((packet.sequence - finAt) | 0) >= 0) packet.sequence = (finAt + 1) | 0
}

function offerOf(syn: PacketView): Offer {
  const at = syn.timestampsAt
  return {
    scale: syn.windowScale,
    hasScale: syn.hasOption(WINDOW_SCALE),
    timestamp: at === -1 ? null : syn.word32(at),
    hasSack: syn.hasOption(SACK_PERMITTED),
    mss: mssOf(syn),
  }
}

function isOf({ words }: Flow, packet: PacketView, isOurs: boolean): boolean {
  for (let word = 3; word >= 0; word--) {
    const local = isOurs ? packet.source(word) : packet.destination(word)
    const remote = isOurs ? packet.destination(word) : packet.source(word)
    if (words[word] !== local || words[4 + word] !== remote) return false
    if (packet.family === 4) return true
  }
  return true
}

function wordsOf(packet: PacketView): Int32Array {
  return Int32Array.from({ length: 8 }, (_, word) => (word < 4 ? packet.source(word) : packet.destination(word - 4)))
}

function askedBy(remote: IpAddress, remotePort: number, localPort: number): string {
  return `${remote} ${remotePort} ${localPort}`
}
