/**
 * Checks one end of a TCP connection across segments, from what that end sent and what reached it: windows, acknowledgements, the end
 * of the stream, and that an octet once sent never changes (P-04, P-06, P-07; RFC 9293 3.8.6, RFC 2018 4, RFC 7323 2 and 3).
 *
 * @module
 */
import type { Findings } from './finding.ts'
import { SequenceRanges } from './sequence-ranges.ts'
import type { TcpSegment } from './tcp.ts'

/** A segment without MSS option means this much (RFC 9293 3.7.1). */
const DEFAULT_MSS_V4 = 536
const DEFAULT_MSS_V6 = 1220
/** An acknowledgement may be delayed by this much (RFC 9293 3.8.6.3), in microseconds. */
const LONGEST_ACK_DELAY = 500_000
/** A stack may look at its timers in steps. */
const TIMER_STEP = 20_000
/** Octets of a stream that are kept to compare retransmissions with. */
const KEPT_OCTETS = 4 * 1024 * 1024

/** Signed distance in sequence space. */
function distance(from: number, to: number): number {
  return (to - from) | 0
}

/** One end of one incarnation of a connection. All positions are octets from the initial sequence number (the SYN is 0, data begins at 1). */
export class TcpFlow {
  /** Our initial sequence number; null before our SYN. */
  iss: number | null = null
  /** The peer's; null before its SYN arrived. */
  irs: number | null = null

  private readonly family: 4 | 6
  /** One past the highest position sent. */
  private sentEnd = 0
  /** Position of our FIN. */
  private finAt = -1
  private sentReset = false
  private highestAck = -1
  /** Right edge of the window we offered, as a position of the peer's stream. */
  private offeredEdge = -1
  /** Right edge of the window the peer offered, as a position of our stream; widest so far. */
  private allowedEdge = 0
  private ourScale: number | null = null
  private peerScale: number | null = null
  private peerMss: number | null = null
  private ourSackPermitted = false
  private peerSackPermitted = false
  private ourTimestamps = false
  private peerTimestamps = false
  private lastTimestamp: number | null = null
  private readonly received = new SequenceRanges()
  /** Of those, what no rule allows to drop. */
  private readonly certain = new SequenceRanges()
  private peerTimestamp: number | null = null
  private octets = new Uint8Array(0)
  /** Since when in-order octets inside the offered window wait for an acknowledgement; -1: none do. */
  private waitingSince = -1

  constructor(family: 4 | 6) {
    this.family = family
  }

  /** Takes a segment that reached this end, with a right checksum. */
  arrived(segment: TcpSegment, now: number): void {
    if (segment.rst) {
      // Whether it is obeyed is not visible here; what waited may now wait for ever.
      this.waitingSince = -1
      return
    }
    if (segment.ack && this.iss !== null) {
      // An acknowledgement of what was never sent, or of another incarnation: the segment is not taken up.
      const ack = distance(this.iss, segment.acknowledgment)
      if (ack > this.sentEnd || (segment.syn && ack < 1)) return
    }
    if (segment.syn) {
      if (this.irs !== null && this.irs !== segment.sequence) return
      this.irs = segment.sequence
      this.peerMss = segment.options.maximumSegmentSize ?? null
      this.peerScale = segment.options.windowScale ?? null
      this.peerSackPermitted = segment.options.sackPermitted === true
      this.peerTimestamps = segment.options.timestamps !== undefined
    }
    if (this.irs === null) return
    if (segment.ack && this.iss !== null) {
      const edge = distance(this.iss, segment.acknowledgment) + this.windowOf(segment, this.peerScale)
      this.allowedEdge = Math.max(this.allowedEdge, edge)
    }
    const isOld = this.isOld(segment)
    const from = distance(this.irs, segment.sequence)
    const length = lengthOf(segment)
    if (length === 0 || from < 0) return
    this.received.add(from, from + length)
    if (from + length > this.offeredEdge && !segment.syn) return
    if (isOld) return
    const before = this.certain.contiguousEnd
    this.certain.add(from, from + length)
    // What it took up although it might have dropped it may be acknowledged already.
    const isOwed = this.certain.contiguousEnd > Math.max(before, this.highestAck)
    if (isOwed && !segment.syn && this.waitingSince === -1) this.waitingSince = now
  }

  /** Takes a segment this end sends. */
  sent(segment: TcpSegment, now: number, findings: Findings): void {
    this.checkDelay(now, findings)
    if (segment.rst) {
      // Ours when it stands at the end of what we sent. Others answer stray segments and change nothing (RFC 9293 3.5.2).
      if (this.iss !== null && distance(this.iss, segment.sequence) === this.sentEnd) this.sentReset = true
      this.waitingSince = -1
      return
    }
    findings.expect(!this.sentReset, 'tcp.after-reset', 'a segment after this end sent RST')
    if (segment.syn) this.sentSyn(segment, findings)
    if (this.iss === null) return
    this.checkSequence(segment, findings)
    this.checkContent(segment, findings)
    if (segment.ack && this.irs !== null) this.checkAcknowledgment(segment, findings)
    this.checkOptions(segment, findings)
  }

  /** Looks whether an acknowledgement is overdue at this time. */
  checkDelay(now: number, findings: Findings): void {
    if (this.waitingSince === -1 || now - this.waitingSince <= LONGEST_ACK_DELAY + TIMER_STEP) return
    const waited = Math.round((now - this.waitingSince) / 1000)
    findings.add('tcp.ack-delay', `received octets are not acknowledged after ${waited} ms`)
    this.waitingSince = -1
  }

  /** Whether what overtook this segment made its timestamp an old one: then it may be dropped (RFC 7323 5). */
  private isOld(segment: TcpSegment): boolean {
    const stamp = segment.options.timestamps?.value
    if (stamp === undefined) return false
    if (this.peerTimestamp !== null && distance(this.peerTimestamp, stamp) < 0) return true
    this.peerTimestamp = stamp
    return false
  }

  private get isScaled(): boolean {
    return this.ourScale !== null && this.peerScale !== null
  }

  private windowOf(segment: TcpSegment, scale: number | null): number {
    return segment.syn || !this.isScaled ? segment.window : segment.window * 2 ** Math.min(scale as number, 14)
  }

  private sentSyn(segment: TcpSegment, findings: Findings): void {
    findings.expect(segment.window > 0, 'tcp.syn-window', 'a SYN that offers no window')
    this.iss = segment.sequence
    this.ourScale = segment.options.windowScale ?? null
    this.ourSackPermitted = segment.options.sackPermitted === true
    this.ourTimestamps = segment.options.timestamps !== undefined
  }

  private checkSequence(segment: TcpSegment, findings: Findings): void {
    const from = distance(this.iss as number, segment.sequence)
    const length = lengthOf(segment)
    const end = from + length
    findings.expect(
      from <= this.sentEnd,
      'tcp.sequence-gap',
      `begins at ${from}, but only ${this.sentEnd} octets were sent before it`,
    )
    if (this.finAt !== -1) {
      const beyond = end > this.finAt + 1 || (segment.data.length > 0 && from + segment.data.length > this.finAt)
      findings.expect(!beyond, 'tcp.after-fin', `reaches ${end}, the FIN stood at ${this.finAt}`)
    }
    if (segment.fin) {
      const at = end - 1
      if (this.finAt !== -1)
        findings.expect(at === this.finAt, 'tcp.fin-moved', `the FIN was at ${this.finAt}, now at ${at}`)
      else
        findings.expect(
          at >= this.sentEnd,
          'tcp.fin-early',
          `the FIN is at ${at}, but ${this.sentEnd} octets were sent`,
        )
      this.finAt = at
    }
    if (segment.syn) findings.expect(segment.data.length === 0, 'tcp.syn-data', 'a SYN with data')
    else if (length > 0) this.checkWindow(end, findings)
    if (segment.data.length > 0) this.checkSize(segment, findings)
    this.sentEnd = Math.max(this.sentEnd, end)
  }

  /** P-04: nothing beyond the window, a probe of one octet excepted. */
  private checkWindow(end: number, findings: Findings): void {
    findings.expect(
      end <= this.allowedEdge + 1,
      'tcp.window',
      `reaches ${end}, the peer's window ends at ${this.allowedEdge}`,
    )
  }

  /** RFC 6691: options are counted within the peer's maximum segment size. */
  private checkSize(segment: TcpSegment, findings: Findings): void {
    // 0 may stand for none.
    const limit = this.peerMss || (this.family === 4 ? DEFAULT_MSS_V4 : DEFAULT_MSS_V6)
    const size = segment.data.length + segment.headerLength - 20
    // Absurd values are raised to a floor by the sender (H-14).
    findings.expect(size <= Math.max(limit, 88), 'tcp.mss', `${size} octets with options; the peer takes ${limit}`)
  }

  /** An octet once sent never changes. */
  private checkContent(segment: TcpSegment, findings: Findings): void {
    const { data } = segment
    const from = distance(this.iss as number, segment.sequence)
    const end = from + data.length
    if (segment.syn || data.length === 0 || from < 1 || end > KEPT_OCTETS) return
    const known = Math.min(this.keptEnd, end)
    for (let at = from; at < known; at++) {
      if (this.octets[at] !== data[at - from]) {
        findings.add('tcp.content-changed', `octet ${at} is not what was sent there before`)
        return
      }
    }
    if (end <= this.keptEnd || from > this.keptEnd) return
    if (end > this.octets.length) {
      const larger = new Uint8Array(Math.max(4096, end * 2))
      larger.set(this.octets)
      this.octets = larger
    }
    this.octets.set(data, from)
    this.keptEnd = end
  }

  /** Octets of the stream up to here are kept, without a gap. */
  private keptEnd = 1

  private checkAcknowledgment(segment: TcpSegment, findings: Findings): void {
    const ack = distance(this.irs as number, segment.acknowledgment)
    findings.expect(
      ack <= this.received.contiguousEnd,
      'tcp.ack-unreceived',
      `acknowledges ${ack}, only ${this.received.contiguousEnd} arrived in order`,
    )
    findings.expect(ack >= this.highestAck, 'tcp.ack-back', `acknowledges ${ack} after ${this.highestAck}`)
    const edge = ack + this.windowOf(segment, this.ourScale)
    const rounding = this.isScaled && !segment.syn ? 2 ** (this.ourScale as number) - 1 : 0
    findings.expect(
      edge + rounding >= this.offeredEdge,
      'tcp.window-shrunk',
      `the window ended at ${this.offeredEdge}, now at ${edge}`,
    )
    if (ack > this.highestAck || ack >= this.certain.contiguousEnd) this.waitingSince = -1
    this.highestAck = Math.max(this.highestAck, ack)
    this.offeredEdge = Math.max(this.offeredEdge, edge)
    this.checkSack(segment, ack, findings)
  }

  private checkSack(segment: TcpSegment, ack: number, findings: Findings): void {
    const { sackBlocks } = segment.options
    if (sackBlocks === undefined) return
    const negotiated = this.ourSackPermitted && this.peerSackPermitted
    findings.expect(negotiated, 'tcp.sack', 'SACK blocks, but SACK was not negotiated')
    const seen: { left: number; right: number }[] = []
    for (const [index, block] of sackBlocks.entries()) {
      const left = distance(this.irs as number, block.left)
      const right = distance(this.irs as number, block.right)
      const text = `SACK block ${left}–${right}`
      findings.expect(left < right, 'tcp.sack', `${text} is empty or reversed`)
      findings.expect(this.received.covers(left, right), 'tcp.sack-unreceived', `${text} covers octets that never came`)
      // RFC 2883: the first block may report a duplicate, below the acknowledgement or inside the second block.
      if (index > 0) {
        findings.expect(left > ack, 'tcp.sack', `${text} is not above the acknowledgement ${ack}`)
        const overlaps = seen.slice(1).some((other) => left < other.right && other.left < right)
        findings.expect(!overlaps, 'tcp.sack', `${text} overlaps another`)
      }
      seen.push({ left, right })
    }
  }

  private checkOptions(segment: TcpSegment, findings: Findings): void {
    const { timestamps } = segment.options
    if (segment.syn) {
      this.lastTimestamp = timestamps?.value ?? null
      return
    }
    const negotiated = this.ourTimestamps && this.peerTimestamps
    if (negotiated !== (timestamps !== undefined)) {
      const text = negotiated ? 'a segment without timestamps, which were negotiated' : 'timestamps were not negotiated'
      findings.add('tcp.timestamps', text)
    }
    if (timestamps === undefined) return
    if (this.lastTimestamp !== null)
      findings.expect(
        distance(this.lastTimestamp, timestamps.value) >= 0,
        'tcp.timestamp-back',
        `timestamp ${timestamps.value} after ${this.lastTimestamp}`,
      )
    this.lastTimestamp = timestamps.value
  }
}

/** Sequence numbers a segment takes. */
function lengthOf(segment: TcpSegment): number {
  return segment.data.length + (segment.syn ? 1 : 0) + (segment.fin ? 1 : 0)
}
