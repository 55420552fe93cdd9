/**
 * Building segments: header, options and checksum into a slot of their own, the payload by reference to the send buffer. Nothing that was
 * sent is ever written to again, so a frame that somebody still holds stays as it was; only small payloads are copied behind the header.
 *
 * @module
 */
import {
  CHECKSUM_MISSING,
  type Clock,
  type FramePool,
  type IpAddress,
  PROTO_TCP,
  SEGMENT_ME,
  TCP_ACK,
  TCP_CHECKSUM,
  TCP_DATA_OFFSET,
  TCP_HEADER,
  TCP_RST,
  TCP_SYN,
} from '@ioth/core'
import type { Counters } from '../counters.ts'
import type { Network } from '../ip/network.ts'
import type { Path } from '../link/path.ts'
import { ackSent } from './delayed-ack.ts'
import { optionsLength, writeOptions } from './options.ts'
import type { Pieces } from './pieces.ts'
import { sackLength, writeSack } from './sack-report.ts'
import { advance, locate, type Place } from './send-buffer.ts'
import { add, distance, lessOrEqual } from './seq.ts'
import { SACK_DUE, type Tcb } from './tcb.ts'
import { advertise } from './window.ts'

/** The smallest slot: header and payload together fit into it or not. */
const SMALL_SLOT = 256

export class Emitter {
  private readonly pool: FramePool
  private readonly pieces: Pieces
  private readonly clock: Clock
  private readonly counters: Counters
  private readonly place: Place = { node: -1, skip: 0 }

  constructor(pool: FramePool, pieces: Pieces, clock: Clock, counters: Counters) {
    this.pool = pool
    this.pieces = pieces
    this.clock = clock
    this.counters = counters
  }

  /** Octets that lie in one piece from `sequence` on. */
  contiguous(tcb: Tcb, sequence: number): number {
    this.find(tcb, sequence)
    const { node, skip } = this.place
    return node < 0 ? 0 : this.pieces.length[node]! - skip
  }

  /**
   * Sends a segment with `length` octets of the send buffer from `sequence` on.
   * @returns false when there is no memory for it.
   */
  send(tcb: Tcb, sequence: number, flags: number, length: number): boolean {
    const { pool, pieces, place } = this
    const { network, path } = tcb
    const { offload } = path
    let optionLength = optionsLength(tcb, flags)
    const sackOctets = (tcb.flags & SACK_DUE) === 0 ? 0 : sackLength(tcb, optionLength, tcb.mss - length)
    optionLength += sackOctets
    const tcpLength = TCP_HEADER + optionLength
    const headLength = network.headroom + tcpLength
    let inline = length > 0 && headLength + length <= SMALL_SLOT
    if (length > 0) this.find(tcb, sequence)
    // A segment across the border of two slots is gathered into one.
    if (length > 0 && !inline) inline = this.pieces.length[place.node]! - place.skip < length
    const at = pool.take(inline ? headLength + length : headLength)
    if (at < 0) {
      this.counters.lose('tcp.pool')
      return false
    }
    let body = 0
    let bodyLength = 0
    let total = headLength
    if (inline) {
      this.copy(at + headLength, length)
      total += length
    } else if (length > 0) {
      body = pieces.at[place.node]! + place.skip
      bodyLength = length
      pool.retain(body)
      advance(pieces, place, length)
    }
    const end = add(sequence, length)
    if (length > 0 && lessOrEqual(tcb.sndNxt, end)) {
      tcb.sndNode = place.node
      tcb.sndNodeSkip = place.skip
    }
    const tcp = at + network.headroom
    const { view } = pool
    view.setInt32(tcp, (tcb.localPort << 16) | tcb.remotePort)
    view.setInt32(tcp + 4, sequence)
    view.setInt32(tcp + 8, (flags & TCP_ACK) !== 0 ? tcb.rcvNxt : 0)
    const window = (flags & TCP_SYN) !== 0 ? Math.min(distance(tcb.rcvNxt, tcb.rcvAdv), 0xffff) : advertise(tcb)
    view.setInt32(tcp + TCP_DATA_OFFSET, (tcpLength << 26) | (flags << 16) | window)
    view.setInt32(tcp + TCP_CHECKSUM, 0)
    if (optionLength > 0) writeOptions(view, tcp + TCP_HEADER, tcb, flags, this.timestamp(tcb))
    if (sackOctets > 0) writeSack(view, tcp + tcpLength - sackOctets, tcb, sackOctets)
    if ((flags & TCP_ACK) !== 0) ackSent(tcb)
    if (tcb.extras.trace !== null) tcb.extras.trace.left(sequence, flags, length, window)
    const isSuper = length > tcb.mss
    this.finish(
      network,
      path,
      tcb.local,
      tcb.remote,
      tcb.pseudoSum,
      tcb.ttl,
      tcb.trafficClass,
      at,
      total,
      body,
      bodyLength,
      isSuper ? SEGMENT_ME : 0,
      isSuper ? tcb.mss : 0,
      offload.checksum,
    )
    return true
  }

  /** Sends a segment that belongs to no connection: a RST, or an ACK of TIME-WAIT. */
  sendBare(
    network: Network,
    path: Path,
    local: IpAddress,
    localPort: number,
    remote: IpAddress,
    remotePort: number,
    sequence: number,
    acknowledgment: number,
    flags: number,
    window = 0,
    timestamps: { readonly value: number; readonly echo: number } | null = null,
  ): void {
    const { pool } = this
    const tcpLength = TCP_HEADER + (timestamps === null ? 0 : 12)
    const at = pool.take(network.headroom + tcpLength)
    if (at < 0) {
      this.counters.lose('tcp.pool')
      return
    }
    const tcp = at + network.headroom
    const { view } = pool
    view.setInt32(tcp, (localPort << 16) | remotePort)
    view.setInt32(tcp + 4, sequence)
    view.setInt32(tcp + 8, acknowledgment)
    view.setInt32(tcp + TCP_DATA_OFFSET, (tcpLength << 26) | (flags << 16) | window)
    view.setInt32(tcp + TCP_CHECKSUM, 0)
    if (timestamps !== null) {
      view.setInt32(tcp + 20, 0x0101080a)
      view.setInt32(tcp + 24, timestamps.value)
      view.setInt32(tcp + 28, timestamps.echo)
    }
    if ((flags & TCP_RST) !== 0) this.counters.tcpResetsOut++
    const sum = network.pseudoSum(local, remote, PROTO_TCP)
    const length = network.headroom + tcpLength
    this.finish(network, path, local, remote, sum, network.hopLimit, 0, at, length, 0, 0, 0, 0, path.offload.checksum)
  }

  private finish(
    network: Network,
    path: Path,
    local: IpAddress,
    remote: IpAddress,
    pseudoSum: number,
    ttl: number,
    trafficClass: number,
    at: number,
    headLength: number,
    body: number,
    bodyLength: number,
    flags: number,
    segmentSize: number,
    offloaded: boolean,
  ): void {
    const { pool } = this
    this.counters.tcpOut++
    if (offloaded) {
      flags |= CHECKSUM_MISSING
    } else {
      const tcp = at + network.headroom
      const length = headLength - network.headroom
      let sum = pool.sum(tcp, length, pseudoSum + length + bodyLength)
      if (bodyLength > 0) sum = pool.sum(body, bodyLength, sum)
      pool.view.setUint16(tcp + TCP_CHECKSUM, ~sum & 0xffff)
    }
    network.send(
      path,
      local,
      remote,
      PROTO_TCP,
      ttl,
      trafficClass,
      at,
      headLength,
      body,
      bodyLength,
      flags,
      segmentSize,
    )
  }

  /** The clock of this connection's timestamps: milliseconds and an offset. */
  private timestamp(tcb: Tcb): number {
    return (Math.floor(this.clock.now / 1000) + tcb.tsOffset) | 0
  }

  /** Finds the octet with a sequence number; the next unsent one is at hand. */
  private find(tcb: Tcb, sequence: number): void {
    const { place } = this
    if (sequence === tcb.sndNxt && tcb.sndNode >= 0) {
      place.node = tcb.sndNode
      place.skip = tcb.sndNodeSkip
      advance(this.pieces, place, 0)
    } else {
      locate(tcb, this.pieces, distance(tcb.sndUna, sequence), place)
    }
  }

  /** Copies from the found place on, across slots. */
  private copy(into: number, length: number): void {
    const { pool, pieces, place } = this
    let copied = 0
    while (copied < length) {
      const count = Math.min(length - copied, pieces.length[place.node]! - place.skip)
      const from = pieces.at[place.node]! + place.skip
      pool.bytes.copyWithin(into + copied, from, from + count)
      copied += count
      advance(pieces, place, count)
    }
  }
}
