/**
 * Putting fragments together, of both families (RFC 791 3.2, RFC 815, RFC 1858; RFC 8200 4.5, RFC 5722). Any order, exact duplicates;
 * whatever else overlaps discards the datagram and all that follows of it.
 *
 * Taking a fragment costs the same however many are there already: which octets have come is a bitmap, and the pieces are put in order only
 * when they are whole. Memory is bounded in all and for each source, by what fragments really hold; the time of a datagram runs from its
 * first fragment.
 *
 * @module
 */
import {
  type Clock,
  type FramePool,
  IP4_SOURCE,
  IP4_TRAFFIC_CLASS,
  IP6_SOURCE,
  PROTO_TCP,
  type Random,
  TCP_HEADER,
  Timer,
  UDP_HEADER,
} from '@ioth/core'
import type { Counters } from '../counters.ts'
import type { Packet } from './packet.ts'

const LARGEST_PAYLOAD = 65535
const LARGEST_SLOT = 65536
/** What a datagram costs beside its fragments. */
const OVERHEAD = 1024
/** RFC 3168 5: the codepoint "congestion experienced", and the bit that stands for it among those seen. */
const ECN_MASK = 3
const CE = 3
const SAW_NOT_CAPABLE = 1 << 0
const SAW_CE = 1 << CE

export interface ReassemblyLimits {
  /** @default 60 s */
  readonly timeoutMs: number
  /** Datagrams that wait for fragments. */
  readonly datagrams: number
  /** Memory that they hold. */
  readonly octets: number
}

export const REASSEMBLY_LIMITS: ReassemblyLimits = { timeoutMs: 60_000, datagrams: 512, octets: 4 * 1024 * 1024 }

/** What one source has of the memory. */
class Share {
  readonly key: number
  charged = 0
  /** Its datagrams, the oldest first. */
  readonly datagrams = new Set<Incomplete>()

  constructor(key: number) {
    this.key = key
  }
}

/** A datagram that is not complete. */
class Incomplete {
  readonly hash: number
  readonly family: 4 | 6
  /** Source and destination, as they stand in the header. */
  readonly addresses: Int32Array
  /** IPv6 tells datagrams apart without it, and takes it from the first fragment. */
  protocol: number
  readonly id: number
  readonly deadline: number
  readonly share: Share
  /** The next one of the same hash. */
  next: Incomplete | null = null
  /** Offset, length and position of each fragment, as they came. */
  readonly offsets: number[] = []
  readonly lengths: number[] = []
  readonly positions: number[] = []
  /** Where in these lists an offset is. */
  readonly byOffset = new Map<number, number>()
  /** Which blocks of eight octets have come, a bit each. It grows with what comes, to 1 KiB at most. */
  present = new Int32Array(8)
  received = 0
  /** End of the fragment that lies farthest behind. */
  farthest = 0
  /** Payload octets in all; -1 until the last fragment came. */
  total = -1
  /** The first fragment: its IP header, the octets before its payload, and how many of those the whole keeps; -1 until it came. */
  headerAt = -1
  headerLength = 0
  keep = 0
  /** ECN codepoints seen, a bit each. */
  ecn = 0
  charge = OVERHEAD
  /** Overlapped: whatever else comes for it is dropped until its time is over. */
  spoiled = false

  constructor(
    hash: number,
    family: 4 | 6,
    addresses: Int32Array,
    protocol: number,
    id: number,
    deadline: number,
    share: Share,
  ) {
    this.hash = hash
    this.family = family
    this.addresses = addresses
    this.protocol = protocol
    this.id = id
    this.deadline = deadline
    this.share = share
  }

  /** Whether some octet of these has come already. */
  overlaps(offset: number, end: number): boolean {
    const { present } = this
    const last = Math.min((end - 1) >>> 8, present.length - 1)
    for (let word = offset >>> 8; word <= last; word++) {
      if ((present[word]! & blocksIn(word, offset, end)) !== 0) return true
    }
    return false
  }

  mark(offset: number, end: number): void {
    const last = (end - 1) >>> 8
    if (last >= this.present.length) {
      let size = this.present.length
      while (size <= last) size *= 2
      const larger = new Int32Array(size)
      larger.set(this.present)
      this.present = larger
    }
    for (let word = offset >>> 8; word <= last; word++) this.present[word]! |= blocksIn(word, offset, end)
  }
}

/** The bits of one word (32 blocks, 256 octets) that stand for octets of a range. */
function blocksIn(word: number, offset: number, end: number): number {
  const first = Math.max(0, (offset >>> 3) - word * 32)
  const last = Math.min(31, ((end - 1) >>> 3) - word * 32)
  return (-1 >>> (31 - last)) & (-1 << first)
}

/** What waits, by three orders. Made with the first fragment: most stacks of many never see one. */
class Tables {
  readonly byHash: Map<number, Incomplete> = new Map()
  /** In order of their deadlines: all wait equally long. */
  readonly waiting: Set<Incomplete> = new Set()
  readonly shares: Map<number, Share> = new Map()
}

/** Told of a datagram that did not come together in time: the first fragment's IP header, and the octets from there on. */
export type ReassemblyExpired = (family: 4 | 6, headerAt: number, length: number) => void

export class Reassembly extends Timer {
  /** ICMP's business; only called when the first fragment is here. */
  onExpired: ReassemblyExpired | null = null
  private readonly pool: FramePool
  private readonly clock: Clock
  private readonly counters: Counters
  private readonly limits: ReassemblyLimits
  /** So that nobody chooses datagrams that share a hash. */
  private readonly secret: number
  private tables: Tables | null = null
  private charged = 0

  constructor(
    pool: FramePool,
    clock: Clock,
    random: Random,
    counters: Counters,
    limits: ReassemblyLimits = REASSEMBLY_LIMITS,
  ) {
    super()
    this.pool = pool
    this.clock = clock
    this.counters = counters
    this.limits = limits
    this.secret = random.int32()
  }

  /** Datagrams that wait. */
  get size(): number {
    return this.tables?.waiting.size ?? 0
  }

  /**
   * Takes a fragment. When it completes its datagram, the packet stands for the whole: its header is the first fragment's, with the octets
   * before {@link Packet.at} that were to be kept; what the header says of lengths and fragments is the caller's business.
   * @param offset octets.
   * @param keep octets of the header that the whole keeps: less than there are when the last of them are a fragment header.
   * @returns a slot to release when the packet was worked off (and `packet.body`, if there is a body), or -1: there is nothing yet.
   */
  take(packet: Packet, id: number, offset: number, more: boolean, keep: number): number {
    const { counters } = this
    const length = packet.length
    const reason = refusal(packet, offset, length, more)
    if (reason !== null) {
      counters.drop(`reassembly.${reason}`)
      return -1
    }
    const datagram = this.find(packet, id) ?? this.open(packet, id)
    if (datagram.spoiled) {
      counters.drop('reassembly.overlap')
      return -1
    }
    if (!this.insert(datagram, packet, offset, length, more, keep)) return -1
    counters.fragmentsIn++
    return datagram.received === datagram.total ? this.join(datagram, packet) : -1
  }

  clear(): void {
    for (const datagram of [...(this.tables?.waiting ?? [])]) this.forget(datagram)
    this.clock.disarm(this)
  }

  override fire(): void {
    for (const datagram of this.table.waiting) {
      if (datagram.deadline > this.clock.now) {
        this.clock.arm(this, datagram.deadline)
        return
      }
      this.counters.lose('reassembly.timeout')
      const { family, headerAt, headerLength } = datagram
      if (headerAt >= 0) {
        const first = datagram.lengths[datagram.byOffset.get(0) as number]!
        this.onExpired?.(family, headerAt, headerLength + first)
      }
      this.forget(datagram)
    }
  }

  private find(packet: Packet, id: number): Incomplete | null {
    const { view } = this.pool
    const { family } = packet.network
    const at = packet.headerAt + (family === 4 ? IP4_SOURCE : IP6_SOURCE)
    let datagram = this.table.byHash.get(this.hashOf(packet, id)) ?? null
    for (; datagram !== null; datagram = datagram.next) {
      if (datagram.id !== id || datagram.family !== family) continue
      if (family === 4 && datagram.protocol !== packet.protocol) continue
      const { addresses } = datagram
      let word = 0
      while (word < addresses.length && view.getInt32(at + word * 4) === addresses[word]) word++
      if (word === addresses.length) return datagram
    }
    return null
  }

  private open(packet: Packet, id: number): Incomplete {
    const { clock, limits, pool } = this
    const { family } = packet.network
    const words = family === 4 ? 2 : 8
    const at = packet.headerAt + (family === 4 ? IP4_SOURCE : IP6_SOURCE)
    const addresses = Int32Array.from({ length: words }, (_, word) => pool.view.getInt32(at + word * 4))
    // Who has an IPv6 address has all of its network (64 bits).
    const share = this.shareOf(family === 4 ? addresses[0]! : addresses[0]! ^ Math.imul(addresses[1]!, 0x9e3779b1))
    if (share.datagrams.size * 2 >= limits.datagrams) this.evict(share.datagrams)
    if (this.table.waiting.size >= limits.datagrams) this.evict(this.table.waiting)
    const hash = this.hashOf(packet, id)
    const deadline = clock.now + limits.timeoutMs * 1000
    const datagram = new Incomplete(hash, family, addresses, packet.protocol, id, deadline, share)
    datagram.next = this.table.byHash.get(hash) ?? null
    this.table.byHash.set(hash, datagram)
    this.table.waiting.add(datagram)
    // It may have been the last one of its source that was evicted.
    this.table.shares.set(share.key, share)
    share.datagrams.add(datagram)
    this.account(datagram, OVERHEAD)
    if (!this.armed) clock.arm(this, deadline)
    return datagram
  }

  /** @returns whether the fragment was taken. */
  private insert(
    datagram: Incomplete,
    packet: Packet,
    offset: number,
    length: number,
    more: boolean,
    keep: number,
  ): boolean {
    const { counters, pool } = this
    const end = offset + length
    const known = datagram.byOffset.get(offset)
    if (known !== undefined && datagram.lengths[known] === length) {
      const isLast = datagram.total === end
      if (isLast !== more && this.isSame(datagram.positions[known]!, packet.at, length)) {
        counters.drop('reassembly.duplicate')
        return false
      }
    }
    const { total, farthest } = datagram
    const endsTwice = more ? total >= 0 && end > total : total >= 0 || farthest > end
    if (endsTwice || datagram.overlaps(offset, end)) {
      counters.drop('reassembly.overlap')
      this.release(datagram)
      datagram.spoiled = true
      return false
    }
    const headerLength = packet.at - packet.headerAt
    const headerAt = this.hold(packet.headerAt, headerLength + length)
    if (headerAt < 0) {
      counters.drop('reassembly.pool')
      return false
    }
    const charge = slotSize(pool, headerAt)
    if (!this.makeRoom(datagram, charge)) {
      counters.drop('reassembly.memory')
      pool.release(headerAt)
      return false
    }
    this.account(datagram, charge)
    datagram.charge += charge
    datagram.byOffset.set(offset, datagram.offsets.length)
    datagram.offsets.push(offset)
    datagram.lengths.push(length)
    datagram.positions.push(headerAt + headerLength)
    datagram.mark(offset, end)
    datagram.received += length
    datagram.farthest = Math.max(farthest, end)
    datagram.ecn |= 1 << (packet.trafficClass & ECN_MASK)
    if (!more) datagram.total = end
    if (offset === 0) {
      datagram.protocol = packet.protocol
      datagram.headerAt = headerAt
      datagram.headerLength = headerLength
      datagram.keep = keep
    }
    return true
  }

  /** Keeps a fragment: where it lies, or in a smaller slot if it fits one. @returns where, or -1. */
  private hold(headerAt: number, length: number): number {
    const { pool } = this
    if (slotFor(length) >= slotSize(pool, headerAt)) {
      pool.retain(headerAt)
      return headerAt
    }
    const copy = pool.take(length)
    if (copy >= 0) pool.bytes.copyWithin(copy, headerAt, headerAt + length)
    return copy
  }

  /** Makes room for a fragment at the cost of older datagrams, of its own source first. */
  private makeRoom(datagram: Incomplete, charge: number): boolean {
    const { octets } = this.limits
    const { share } = datagram
    while ((share.charged + charge) * 2 > octets) if (!this.evict(share.datagrams, datagram)) return false
    while (this.charged + charge > octets) if (!this.evict(this.table.waiting, datagram)) return false
    return true
  }

  /** Gives up the oldest of some datagrams; false when that is the one to spare. */
  private evict(among: Set<Incomplete>, spare: Incomplete | null = null): boolean {
    for (const oldest of among) {
      if (oldest === spare) continue
      this.counters.lose('reassembly.evicted')
      this.forget(oldest)
      return true
    }
    return false
  }

  private join(datagram: Incomplete, packet: Packet): number {
    const { pool, counters } = this
    const { headerAt, keep, total, ecn } = datagram
    if ((ecn & SAW_NOT_CAPABLE) !== 0 && ecn !== SAW_NOT_CAPABLE) {
      // RFC 3168 5.3: some routers were told that it may be marked, others that it may not.
      counters.drop('reassembly.ecn')
      this.forget(datagram)
      return -1
    }
    // An IPv6 packet may be larger than a slot: then the transport header lies apart from what follows it.
    const head = keep + total <= LARGEST_SLOT ? total : UDP_HEADER
    const whole = pool.take(keep + head)
    const rest = head === total || whole < 0 ? 0 : pool.take(total - head)
    if (whole < 0 || rest < 0) {
      counters.drop('reassembly.pool')
      if (whole >= 0) pool.release(whole)
      this.forget(datagram)
      return -1
    }
    const { bytes, view } = pool
    bytes.copyWithin(whole, headerAt, headerAt + keep)
    for (let i = 0; i < datagram.offsets.length; i++) {
      const from = datagram.positions[i]!
      const offset = datagram.offsets[i]!
      const end = offset + datagram.lengths[i]!
      const split = Math.max(offset, Math.min(end, head))
      if (offset < split) bytes.copyWithin(whole + keep + offset, from, from + split - offset)
      if (split < end) bytes.copyWithin(rest + split - head, from + split - offset, from + end - offset)
    }
    packet.headerAt = whole
    packet.at = whole + keep
    packet.length = head
    packet.body = rest
    packet.bodyLength = total - head
    packet.flags = 0
    packet.protocol = datagram.protocol
    if ((ecn & SAW_CE) !== 0) {
      // One router's mark is the mark of the whole.
      if (datagram.family === 4) view.setUint8(whole + IP4_TRAFFIC_CLASS, view.getUint8(whole + IP4_TRAFFIC_CLASS) | CE)
      else view.setUint16(whole, view.getUint16(whole) | (CE << 4))
    }
    this.forget(datagram)
    counters.reassembled++
    return whole
  }

  private isSame(a: number, b: number, length: number): boolean {
    const { bytes } = this.pool
    for (let i = 0; i < length; i++) if (bytes[a + i] !== bytes[b + i]) return false
    return true
  }

  // ---------- accounts ----------

  private get table(): Tables {
    this.tables ??= new Tables()
    return this.tables
  }

  private account({ share }: Incomplete, charge: number): void {
    share.charged += charge
    this.charged += charge
  }

  private shareOf(key: number): Share {
    return this.table.shares.get(key) ?? new Share(key)
  }

  /** Lets its fragments go; it stays, to spoil what else comes for it. */
  private release(datagram: Incomplete): void {
    for (const at of datagram.positions) this.pool.release(at)
    this.account(datagram, OVERHEAD - datagram.charge)
    datagram.charge = OVERHEAD
    datagram.offsets.length = 0
    datagram.lengths.length = 0
    datagram.positions.length = 0
    datagram.byOffset.clear()
    datagram.headerAt = -1
  }

  private forget(datagram: Incomplete): void {
    this.release(datagram)
    this.account(datagram, -OVERHEAD)
    const { hash, share } = datagram
    const first = this.table.byHash.get(hash) as Incomplete
    if (first !== datagram) {
      let before = first
      while (before.next !== datagram) before = before.next as Incomplete
      before.next = datagram.next
    } else if (datagram.next === null) this.table.byHash.delete(hash)
    else this.table.byHash.set(hash, datagram.next)
    this.table.waiting.delete(datagram)
    share.datagrams.delete(datagram)
    if (share.datagrams.size === 0) this.table.shares.delete(share.key)
    if (this.table.waiting.size === 0) this.clock.disarm(this)
  }

  private hashOf(packet: Packet, id: number): number {
    const { view } = this.pool
    const isV4 = packet.network.family === 4
    const at = packet.headerAt + (isV4 ? IP4_SOURCE : IP6_SOURCE)
    let hash = mix(this.secret, id)
    if (isV4) hash = mix(hash, packet.protocol)
    for (let word = isV4 ? 1 : 7; word >= 0; word--) hash = mix(hash, view.getInt32(at + word * 4))
    return hash
  }
}

function mix(hash: number, word: number): number {
  const mixed = Math.imul(hash ^ word, 0x9e3779b1)
  return mixed ^ (mixed >>> 15)
}

function refusal(packet: Packet, offset: number, length: number, more: boolean): string | null {
  if (length === 0) return 'empty'
  if (more && length % 8 !== 0) return 'length'
  const isV4 = packet.network.family === 4
  const header = isV4 ? packet.at - packet.headerAt : 0
  if (header + offset + length > LARGEST_PAYLOAD) return 'oversize'
  if (!isV4) return null
  // RFC 3128: no transport header may begin in one fragment and end in another. IPv6 asks for more (RFC 7112), and elsewhere.
  const least = packet.protocol === PROTO_TCP ? TCP_HEADER : UDP_HEADER
  return offset === 0 ? (length < least ? 'tiny' : null) : offset < least ? 'tiny' : null
}

/** Octets of the slot that a position near its beginning lies in. */
function slotSize(pool: FramePool, at: number): number {
  return slotFor(pool.room(at))
}

/** Octets of the smallest slot for so many. */
function slotFor(length: number): number {
  return length <= 256 ? 256 : length <= 2048 ? 2048 : LARGEST_SLOT
}
