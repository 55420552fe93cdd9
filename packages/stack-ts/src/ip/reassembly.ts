/**
 * Putting IPv4 fragments together (RFC 791 3.2, RFC 815, RFC 1858). Any order, exact duplicates; anything else that overlaps discards the
 * datagram. Memory is bounded by octets and by datagrams; the time of a datagram runs from its first fragment.
 *
 * @module
 */
import { type Clock, type FramePool, PROTO_TCP, TCP_HEADER, Timer, UDP_HEADER } from '@ioth/core'
import type { Counters } from '../counters.ts'
import type { Packet } from './packet.ts'

const MAX_PAYLOAD = 65535 - 20
/** What a waiting fragment is charged: the slot it pins. */
const SMALL_SLOT = 2048
const LARGE_SLOT = 65536

export interface ReassemblyLimits {
  /** @default 60 s */
  readonly timeoutMs: number
  readonly datagrams: number
  /** Memory pinned by fragments that wait. */
  readonly octets: number
}

export const REASSEMBLY_LIMITS: ReassemblyLimits = { timeoutMs: 60_000, datagrams: 64, octets: 4 * 1024 * 1024 }

/** A datagram that is not complete. Its fragments are sorted by offset. */
class Incomplete {
  readonly key: string
  readonly deadline: number
  /** Offset, length and position of each fragment. */
  readonly offsets: number[] = []
  readonly lengths: number[] = []
  readonly positions: number[] = []
  received = 0
  /** Payload octets in all; -1 until the last fragment came. */
  total = -1
  /** Position and length of the first fragment's IP header; -1 until it came. */
  headerAt = -1
  headerLength = 0
  charge = 0
  /** Overlapped: whatever else comes for it is dropped until its time is over. */
  spoiled = false

  constructor(key: string, deadline: number) {
    this.key = key
    this.deadline = deadline
  }

  /** Index of the first fragment at or behind an offset. */
  search(offset: number): number {
    let low = 0
    let high = this.offsets.length
    while (low < high) {
      const middle = (low + high) >> 1
      if (this.offsets[middle]! < offset) low = middle + 1
      else high = middle
    }
    return low
  }
}

/** Told of a datagram that did not come together in time: the first fragment's IP header, and the octets from there on. */
export type ReassemblyExpired = (headerAt: number, length: number) => void

export class Reassembly extends Timer {
  /** ICMP's business; only called when the first fragment is here. */
  onExpired: ReassemblyExpired | null = null
  private readonly pool: FramePool
  private readonly clock: Clock
  private readonly counters: Counters
  private readonly limits: ReassemblyLimits
  /** In order of their deadlines: all wait equally long. */
  private readonly waiting = new Map<string, Incomplete>()
  private charged = 0

  constructor(pool: FramePool, clock: Clock, counters: Counters, limits: ReassemblyLimits = REASSEMBLY_LIMITS) {
    super()
    this.pool = pool
    this.clock = clock
    this.counters = counters
    this.limits = limits
  }

  get size(): number {
    return this.waiting.size
  }

  /**
   * Takes a fragment. When it completes its datagram, the packet is made to be the whole.
   * @returns the position of the whole's slot, which the caller releases; -1 when it is not complete.
   */
  take(packet: Packet, id: number, offset: number, more: boolean): number {
    const { counters } = this
    const { length } = packet
    counters.fragmentsIn++
    const reason = this.refusal(packet, offset, length, more)
    if (reason !== null) {
      counters.drop(`reassembly.${reason}`)
      return -1
    }
    const key = `${packet.source},${packet.destination},${packet.protocol},${id}`
    let datagram = this.waiting.get(key)
    if (datagram === undefined) {
      if (this.waiting.size >= this.limits.datagrams) this.forget(this.waiting.values().next().value as Incomplete)
      datagram = new Incomplete(key, this.clock.now + this.limits.timeoutMs * 1000)
      this.waiting.set(key, datagram)
      if (!this.armed) this.clock.arm(this, datagram.deadline)
    }
    if (datagram.spoiled) {
      counters.drop('reassembly.overlap')
      return -1
    }
    this.insert(datagram, packet, offset, length, more)
    return datagram.total >= 0 && datagram.received === datagram.total && !datagram.spoiled
      ? this.join(datagram, packet)
      : -1
  }

  clear(): void {
    for (const datagram of [...this.waiting.values()]) this.forget(datagram)
    this.clock.disarm(this)
  }

  override fire(): void {
    for (const datagram of this.waiting.values()) {
      if (datagram.deadline > this.clock.now) {
        this.clock.arm(this, datagram.deadline)
        return
      }
      this.counters.drop('reassembly.timeout')
      if (datagram.headerAt >= 0 && !datagram.spoiled) {
        this.onExpired?.(datagram.headerAt, datagram.headerLength + datagram.lengths[0]!)
      }
      this.forget(datagram)
    }
  }

  private refusal(packet: Packet, offset: number, length: number, more: boolean): string | null {
    if (length === 0) return 'empty'
    if (more && length % 8 !== 0) return 'length'
    if (offset + length > MAX_PAYLOAD) return 'oversize'
    // RFC 3128: no transport header may begin in one fragment and end in another.
    const header = packet.protocol === PROTO_TCP ? TCP_HEADER : UDP_HEADER
    if (offset === 0 ? length < header : offset < header) return 'tiny'
    return null
  }

  private insert(datagram: Incomplete, packet: Packet, offset: number, length: number, more: boolean): void {
    const { offsets, lengths, positions } = datagram
    const index = datagram.search(offset)
    if (offsets[index] === offset && lengths[index] === length && this.isSame(positions[index]!, packet.at, length)) {
      this.counters.drop('reassembly.duplicate')
      return
    }
    const end = offset + length
    const overlapsBefore = index > 0 && offsets[index - 1]! + lengths[index - 1]! > offset
    const overlapsAfter = index < offsets.length && offsets[index]! < end
    const last = offsets.length - 1
    const farthest = last < 0 ? 0 : offsets[last]! + lengths[last]!
    const endsTwice = more ? datagram.total >= 0 && end > datagram.total : datagram.total >= 0 || farthest > end
    if (overlapsBefore || overlapsAfter || endsTwice) {
      this.counters.drop('reassembly.overlap')
      this.release(datagram)
      datagram.spoiled = true
      return
    }
    const charge = length > SMALL_SLOT ? LARGE_SLOT : SMALL_SLOT
    while (this.charged + charge > this.limits.octets && this.waiting.size > 1) {
      const oldest = this.waiting.values().next().value as Incomplete
      if (oldest === datagram) break
      this.counters.drop('reassembly.memory')
      this.forget(oldest)
    }
    if (this.charged + charge > this.limits.octets) {
      this.counters.drop('reassembly.memory')
      return
    }
    this.charged += charge
    datagram.charge += charge
    offsets.splice(index, 0, offset)
    lengths.splice(index, 0, length)
    positions.splice(index, 0, packet.at)
    this.pool.retain(packet.at)
    datagram.received += length
    if (!more) datagram.total = end
    if (offset === 0) {
      datagram.headerAt = packet.headerAt
      datagram.headerLength = packet.at - packet.headerAt
    }
  }

  private join(datagram: Incomplete, packet: Packet): number {
    const { pool } = this
    const { headerAt, headerLength, total } = datagram
    const whole = pool.take(headerLength + total)
    if (whole < 0) {
      this.counters.drop('reassembly.pool')
      this.forget(datagram)
      return -1
    }
    const { bytes } = pool
    bytes.copyWithin(whole, headerAt, headerAt + headerLength)
    for (let i = 0; i < datagram.offsets.length; i++) {
      const from = datagram.positions[i]!
      bytes.copyWithin(whole + headerLength + datagram.offsets[i]!, from, from + datagram.lengths[i]!)
    }
    packet.headerAt = whole
    packet.at = whole + headerLength
    packet.length = total
    packet.bodyLength = 0
    packet.flags = 0
    this.forget(datagram)
    this.counters.reassembled++
    return whole
  }

  private isSame(a: number, b: number, length: number): boolean {
    const { bytes } = this.pool
    for (let i = 0; i < length; i++) if (bytes[a + i] !== bytes[b + i]) return false
    return true
  }

  private release(datagram: Incomplete): void {
    for (const at of datagram.positions) this.pool.release(at)
    this.charged -= datagram.charge
    datagram.charge = 0
    datagram.offsets.length = 0
    datagram.lengths.length = 0
    datagram.positions.length = 0
  }

  private forget(datagram: Incomplete): void {
    this.release(datagram)
    this.waiting.delete(datagram.key)
    if (this.waiting.size === 0) this.clock.disarm(this)
  }
}
