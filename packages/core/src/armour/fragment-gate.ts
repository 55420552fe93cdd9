/**
 * Fragments wait here until their datagram is whole, and then pass together, in order. So a library in C never sees an overlap, a hole, a
 * second last fragment, or one that nobody will complete: of all reassembly bugs only the plain case is left to it.
 *
 * An overlap gives up the whole datagram (RFC 5722 for IPv6; the same here for IPv4), and what comes of it later. At most
 * {@link MOST_DATAGRAMS} datagrams wait, in at most {@link MOST_OCTETS} octets of slots, for {@link PATIENCE} at most; then the oldest of the
 * sender with the most have to go.
 *
 * @module
 */
import type { Clock } from '../contract/clock.ts'
import { Timer } from '../contract/clock.ts'
import type { FramePool } from '../contract/frame.ts'
import {
  IP4_FRAGMENT,
  IP4_FRAGMENT_OFFSET,
  IP4_ID,
  IP4_MORE_FRAGMENTS,
  IP4_PROTOCOL,
  IP4_SOURCE,
  IP6_HEADER,
  IP6_SOURCE,
  PROTO_ICMP,
  PROTO_ICMP6,
  PROTO_TCP,
  PROTO_UDP,
  UDP_CHECKSUM,
  UDP_LENGTH,
} from '../frame/offsets.ts'
import { checksumReason, type FrameInspector } from './inspect-frame.ts'
import { isEcho4 } from './inspect-icmp4.ts'
import { isEcho6 } from './inspect-icmp6.ts'
import { inspectTcp, inspectUdp } from './inspect-transport.ts'
import { areEqual, half, word } from './octets.ts'
import type { ArmourReason } from './reasons.ts'

/** Datagrams that wait at the same time. */
const MOST_DATAGRAMS = 32
/** Fragments of one datagram: 65535 octets in pieces of 552, the least that a network of today carries. */
const MOST_PIECES = 128
/** Octets of slots that wait. */
const MOST_OCTETS = 2 * 1024 * 1024
/** Microseconds; fixed from the first fragment on. Libraries wait as long or longer. */
const PATIENCE = 30_000_000
/** Octets behind the IPv4 header, at most: with a header of 20 octets, 65535 in all. Beyond it picoTCP writes past its memory. */
const LARGEST_4 = 65_515
const LARGEST_6 = 65_535
/** Of ICMP, what an echo needs. */
const ICMP_HEADER = 8
const FRAGMENT_ID = 4
const FRAGMENT_FIELD = 2
const NO_KEY = new Uint8Array(0)

/** Fragments of one datagram, in order. */
export class Datagram {
  readonly heads: number[] = []
  readonly lengths: number[] = []
  /** Where the octets of a fragment are in the frame. */
  readonly starts: number[] = []
  readonly offsets: number[] = []
  readonly ends: number[] = []
  /** Where in the first fragment the IP header, and the transport header are; -1 before it came. */
  network = -1
  transport = -1
  protocol = 0
  readonly isIp4: boolean
  /** A copy of what tells datagrams apart. */
  readonly key: Uint8Array
  /** Stands for the sender. */
  readonly source: number
  readonly expires: number
  /** Octets of the whole; -1: not known yet. */
  total = -1
  have = 0
  slots = 0
  /** Given up: what comes of it later goes the same way. */
  isGivenUp = false

  constructor(isIp4: boolean, key: Uint8Array, source: number, expires: number) {
    this.isIp4 = isIp4
    this.key = key
    this.source = source
    this.expires = expires
  }
}

export class FragmentGate {
  /** Frames that wait. */
  waiting = 0
  /** What the last fragment completed; its references are the taker's. */
  completed: Datagram | null = null
  /** Frames that will not pass any more, by reason. */
  private readonly lose: (reason: ArmourReason, frames: number) => void
  private readonly clock: Clock
  private readonly sums: boolean
  private readonly timer: Timer
  private readonly datagrams: Datagram[] = []
  private pool: FramePool | null = null
  private slots = 0
  private readonly scratch = new Uint8Array(36)

  constructor(clock: Clock, sums: boolean, lose: (reason: ArmourReason, frames: number) => void) {
    this.clock = clock
    this.sums = sums
    this.lose = lose
    this.timer = new Expiry(this)
  }

  /**
   * Looks at a fragment and keeps it, with a reference of its own, unless something is wrong with it. Its octets lie together.
   * @returns why it does not pass; null: it waits, or {@link completed} is what it completed.
   */
  take(pool: FramePool, head: number, look: FrameInspector): ArmourReason | null {
    this.pool = pool
    this.completed = null
    this.expire()
    const { bytes } = pool
    const ip = look.network
    const isIp4 = (bytes[ip] as number) >>> 4 === 4
    const field = isIp4 ? half(bytes, ip + IP4_FRAGMENT) : half(bytes, look.ip6.fragment + FRAGMENT_FIELD)
    const isLast = (field & (isIp4 ? IP4_MORE_FRAGMENTS : 1)) === 0
    const offset = isIp4 ? (field & IP4_FRAGMENT_OFFSET) * 8 : field & 0xfff8
    const start = look.transport
    const end = head + look.length
    const size = end - start
    if (size <= 0 || (!isLast && size % 8 !== 0)) return 'fragment-size'
    if (offset + size > (isIp4 ? LARGEST_4 : LARGEST_6)) return 'fragment-oversize'
    if (offset === 0 && isLast) return this.takeAtomic(pool, head, look, size)
    const datagram = this.find(bytes, ip, isIp4, look)
    if (datagram.isGivenUp) return 'fragment-overlap'
    if (offset === 0) {
      const wrong = this.inspectFirst(bytes, look, end, isLast)
      if (wrong !== null) return this.refuse(datagram, wrong)
      if (datagram.network < 0) {
        datagram.network = ip - head
        datagram.transport = look.transport - head
        datagram.protocol = look.protocol
      }
    }
    return this.insert(datagram, pool, head, look.length, start, offset, size, isLast)
  }

  /** A fragment that is all of its datagram stands for itself (RFC 6946). */
  private takeAtomic(pool: FramePool, head: number, look: FrameInspector, size: number): ArmourReason | null {
    const start = look.transport - head
    const wrong = this.inspectFirst(pool.bytes, look, head + look.length, true)
    if (wrong !== null) return wrong
    const datagram = new Datagram(false, NO_KEY, 0, 0)
    datagram.heads.push(head)
    datagram.lengths.push(look.length)
    datagram.starts.push(start)
    datagram.offsets.push(0)
    datagram.ends.push(size)
    datagram.total = size
    datagram.network = look.network - head
    datagram.transport = look.transport - head
    datagram.protocol = look.protocol
    const sum = this.inspectWhole(datagram, pool)
    if (sum !== null) return sum
    pool.retain(head)
    this.completed = datagram
    return null
  }

  /** Gives everything back. */
  clear(): void {
    for (const datagram of this.datagrams) this.drop(datagram, 'fragment-timeout')
    this.datagrams.length = 0
    this.clock.disarm(this.timer)
  }

  /** @internal what has waited too long goes. */
  expire(): void {
    const { datagrams, clock } = this
    while (datagrams.length > 0 && (datagrams[0] as Datagram).expires <= clock.now) this.forget(0, 'fragment-timeout')
    const [oldest] = datagrams
    if (oldest === undefined) clock.disarm(this.timer)
    else if (!this.timer.armed || this.timer.at !== oldest.expires) clock.arm(this.timer, oldest.expires)
  }

  private refuse(datagram: Datagram, reason: ArmourReason): ArmourReason {
    if (datagram.heads.length === 0) this.datagrams.splice(this.datagrams.indexOf(datagram), 1)
    return reason
  }

  private insert(
    datagram: Datagram,
    pool: FramePool,
    head: number,
    length: number,
    start: number,
    offset: number,
    size: number,
    isLast: boolean,
  ): ArmourReason | null {
    const { offsets, ends, heads } = datagram
    const end = offset + size
    let place = offsets.length
    while (place > 0 && (offsets[place - 1] as number) >= offset) place--
    if (this.isDuplicate(datagram, place, pool, start, offset, end)) return 'fragment-duplicate'
    if (
      (place > 0 && (ends[place - 1] as number) > offset) ||
      (place < offsets.length && (offsets[place] as number) < end)
    ) {
      this.drop(datagram, 'fragment-overlap')
      datagram.isGivenUp = true
      return 'fragment-overlap'
    }
    if (isLast ? datagram.total >= 0 || place < offsets.length : datagram.total >= 0 && end >= datagram.total) {
      return this.refuse(datagram, 'fragment-end')
    }
    if (heads.length === MOST_PIECES) {
      this.drop(datagram, 'fragment-flood')
      datagram.isGivenUp = true
      return 'fragment-flood'
    }
    pool.retain(head)
    heads.splice(place, 0, head)
    datagram.lengths.splice(place, 0, length)
    datagram.starts.splice(place, 0, start - head)
    offsets.splice(place, 0, offset)
    ends.splice(place, 0, end)
    if (isLast) datagram.total = end
    datagram.have += size
    const slot = pool.slot(head)
    datagram.slots += slot
    this.slots += slot
    this.waiting++
    if (datagram.have === datagram.total) return this.complete(datagram, pool)
    while (this.slots > MOST_OCTETS && this.datagrams.length > 1) {
      const index = this.oldestOfTheBusiest()
      if (this.datagrams[index] === datagram) break
      this.forget(index, 'fragment-flood')
    }
    if (this.slots <= MOST_OCTETS) return null
    this.drop(datagram, 'fragment-flood', 1)
    datagram.isGivenUp = true
    return 'fragment-flood'
  }

  private isDuplicate(
    { offsets, ends, heads, starts }: Datagram,
    place: number,
    pool: FramePool,
    start: number,
    offset: number,
    end: number,
  ): boolean {
    if (place >= offsets.length || offsets[place] !== offset || ends[place] !== end) return false
    return areEqual(pool.bytes, start, (heads[place] as number) + (starts[place] as number), end - offset)
  }

  private complete(datagram: Datagram, pool: FramePool): ArmourReason | null {
    this.datagrams.splice(this.datagrams.indexOf(datagram), 1)
    const wrong = this.inspectWhole(datagram, pool)
    if (wrong !== null) {
      // The last one is counted by who gave it.
      this.drop(datagram, wrong, 1)
      return wrong
    }
    this.slots -= datagram.slots
    this.waiting -= datagram.heads.length
    this.completed = datagram
    return null
  }

  /** The first fragment holds the whole chain and the transport header (RFC 7112, RFC 1858), and is of a kind that may be fragmented. */
  private inspectFirst(bytes: Uint8Array, look: FrameInspector, end: number, isWhole: boolean): ArmourReason | null {
    const { ip6 } = look
    if ((bytes[look.network] as number) >>> 4 === 6) {
      const wrong = ip6.walk(bytes, end)
      if (wrong !== null) return wrong === 'ip6-chain' || wrong === 'split' ? 'fragment-header' : wrong
      look.transport = ip6.transport
      look.protocol = ip6.protocol
    }
    const { transport, protocol } = look
    const whole = isWhole ? end : transport + LARGEST_6
    if (protocol === PROTO_TCP || protocol === PROTO_UDP) {
      const wrong =
        protocol === PROTO_TCP ? inspectTcp(bytes, transport, whole, end) : inspectUdp(bytes, transport, whole, end)
      return wrong === 'split' ? 'fragment-header' : wrong
    }
    if (transport + ICMP_HEADER > end) return 'fragment-header'
    if (protocol === PROTO_ICMP) return isEcho4(bytes, transport) ? null : 'icmp4-type'
    if (protocol === PROTO_ICMP6) return isEcho6(bytes, transport) ? null : 'icmp6-type'
    return 'ip4-protocol'
  }

  private inspectWhole(datagram: Datagram, pool: FramePool): ArmourReason | null {
    const { bytes } = pool
    const first = datagram.heads[0] as number
    const { protocol } = datagram
    const ip = first + datagram.network
    const transport = first + datagram.transport
    const chain = datagram.transport - (datagram.starts[0] as number)
    const length = datagram.total - chain
    if (protocol === PROTO_UDP) {
      if (half(bytes, transport + UDP_LENGTH) !== length) return 'udp-length'
      if (half(bytes, transport + UDP_CHECKSUM) === 0) return datagram.isIp4 ? null : 'udp-checksum'
    }
    if (!this.sums) return null
    const addresses = datagram.isIp4 ? ip + IP4_SOURCE : ip + IP6_SOURCE
    let sum = protocol === PROTO_ICMP ? 0 : pool.sum(addresses, datagram.isIp4 ? 8 : 32, protocol + length)
    for (let index = 0; index < datagram.heads.length; index++) {
      const skip = index === 0 ? chain : 0
      const from = (datagram.heads[index] as number) + (datagram.starts[index] as number) + skip
      sum = pool.sum(from, (datagram.ends[index] as number) - (datagram.offsets[index] as number) - skip, sum)
    }
    return sum === 0xffff ? null : checksumReason(protocol)
  }

  /** The datagram of a fragment; a new one when there is none. */
  private find(bytes: Uint8Array, ip: number, isIp4: boolean, look: FrameInspector): Datagram {
    const { scratch, datagrams } = this
    const length = readKey(bytes, ip, isIp4, look, scratch)
    for (const datagram of datagrams) {
      if (datagram.isIp4 === isIp4 && isSame(datagram.key, scratch, length)) return datagram
    }
    if (datagrams.length === MOST_DATAGRAMS) this.forget(this.oldestOfTheBusiest(), 'fragment-flood')
    const datagram = new Datagram(isIp4, scratch.slice(0, length), sourceOf(scratch, isIp4), this.clock.now + PATIENCE)
    datagrams.push(datagram)
    if (!this.timer.armed) this.clock.arm(this.timer, datagram.expires)
    return datagram
  }

  /** Whoever has most datagrams waiting makes room first: a flood from one sender pushes nobody else out. */
  private oldestOfTheBusiest(): number {
    const { datagrams } = this
    let busiest = 0
    let most = 0
    for (let index = 0; index < datagrams.length; index++) {
      const { source } = datagrams[index] as Datagram
      let count = 0
      for (let other = index; other < datagrams.length; other++)
        if ((datagrams[other] as Datagram).source === source) count++
      if (count <= most) continue
      most = count
      busiest = index
    }
    return busiest
  }

  private forget(index: number, reason: ArmourReason): void {
    const [datagram] = this.datagrams.splice(index, 1)
    if (datagram !== undefined) this.drop(datagram, reason)
  }

  /** Gives the fragments of a datagram back. @param uncounted how many of them somebody else counts. */
  private drop(datagram: Datagram, reason: ArmourReason, uncounted = 0): void {
    const { heads } = datagram
    for (const head of heads) this.pool?.release(head)
    this.lose(reason, heads.length - uncounted)
    this.waiting -= heads.length
    this.slots -= datagram.slots
    datagram.slots = 0
    heads.length = 0
    datagram.offsets.length = 0
    datagram.ends.length = 0
  }
}

class Expiry extends Timer {
  private readonly gate: FragmentGate

  constructor(gate: FragmentGate) {
    super()
    this.gate = gate
  }

  fire(): void {
    this.gate.expire()
  }
}

/** Source, destination and identification; of IPv4 the protocol, too. @returns octets of the key. */
function readKey(bytes: Uint8Array, ip: number, isIp4: boolean, look: FrameInspector, into: Uint8Array): number {
  if (isIp4) {
    for (let index = 0; index < 8; index++) into[index] = bytes[ip + IP4_SOURCE + index] as number
    into[8] = bytes[ip + IP4_ID] as number
    into[9] = bytes[ip + IP4_ID + 1] as number
    into[10] = bytes[ip + IP4_PROTOCOL] as number
    return 11
  }
  for (let index = 0; index < 32; index++) into[index] = bytes[ip + IP6_SOURCE + index] as number
  for (let index = 0; index < 4; index++) into[32 + index] = bytes[look.ip6.fragment + FRAGMENT_ID + index] as number
  return IP6_HEADER - 4
}

function sourceOf(key: Uint8Array, isIp4: boolean): number {
  let source = 0
  for (let at = 0; at < (isIp4 ? 4 : 16); at += 4) source = Math.imul(source, 31) ^ word(key, at)
  return source
}

function isSame(key: Uint8Array, other: Uint8Array, length: number): boolean {
  for (let index = 0; index < length; index++) if (key[index] !== other[index]) return false
  return true
}
