/**
 * The armour: a link wrapper that lets only well-formed frames through to a stack that cannot be trusted to see others. Made for the
 * libraries in C, which an option of length 0 hangs and a short ICMPv6 message crashes.
 *
 * Every frame from the network ends in one of three ways: it passes, it is dropped for one reason, or it waits for the other fragments of
 * its datagram. So `armour.framesIn = armour.framesPassed + ` the sum of all `drop.armour.*` `+ waiting`. The usual frame costs one walk
 * over its headers and one checksum; nothing is allocated for it, and a batch of such frames passes as it is.
 *
 * @module
 */

import { CHECKSUM_VERIFIED, type FrameBatch, type FramePool, NO_OFFLOAD, type Offload } from '../contract/frame.ts'
import type { Link } from '../contract/link.ts'
import type { Scheduler } from '../contract/scheduler.ts'
import { NetError } from '../errors/net-error.ts'
import { copyEntry, createBatch, frameLength, pushFrame } from '../frame/batch.ts'
import {
  ARP_SENDER_IP,
  ETH_TYPE,
  ETHERNET_HEADER,
  ETHERTYPE_ARP,
  ETHERTYPE_IP4,
  ETHERTYPE_IP6,
  IP4_HEADER,
  IP4_PROTOCOL,
  IP6_HEADER,
  IP6_NEXT_HEADER,
  IP6_SOURCE,
  PROTO_ICMP,
  PROTO_ICMP6,
  PROTO_TCP,
  TCP_ACK,
  TCP_FLAGS,
  TCP_HEADER,
  TCP_SYN,
} from '../frame/offsets.ts'
import { LinkWrapper } from '../links/link-wrapper.ts'
import { defaultScheduler } from '../time/defaults.ts'
import { type Datagram, FragmentGate } from './fragment-gate.ts'
import { FrameInspector } from './inspect-frame.ts'
import { isFragment4 } from './inspect-ip4.ts'
import { SPLIT } from './inspect-transport.ts'
import { half, word } from './octets.ts'
import { type RateLimit, RecentKeys, TokenBucket } from './rate-limit.ts'
import type { ArmourReason } from './reasons.ts'
import { cutBehindUdp, findMss, setMss } from './rewrite.ts'

export interface ArmourOptions {
  /** Tells the time, and makes secrets. @default the thread's */
  readonly scheduler?: Scheduler
  /** Verify checksums: some builds of the libraries do not. @default true */
  readonly checksums?: boolean
  /**
   * `whole`: fragments wait for each other and pass together. `echo`: those of pings only, which are put together and answered beside a library
   * that takes none. `drop`: none. @default `'whole'`
   */
  readonly fragments?: 'whole' | 'echo' | 'drop'
  /** Hold the maximum segment size of SYNs, both ways, to what the link carries without fragments. @default false */
  readonly clampMss?: boolean
  /** What the library carries, where that is less than the link does: longer packets do not reach it. @default the link's */
  readonly mtu?: number
  /** Let router advertisements pass: the library forms addresses from them. @default false */
  readonly routerAdvertisements?: boolean
  /** Connections that may be asked for; more SYNs are dropped, and come again a second later. @default 1024, 512 a second */
  readonly syns?: RateLimit
  /** Neighbours never heard of that may introduce themselves. Known ones always may. @default 64, 32 a second */
  readonly neighbors?: RateLimit
}

/** A link with the armour in front of its taker. */
export interface ArmouredLink extends Link {
  /** Fragments that wait for the rest of their datagram. */
  readonly waiting: number
  /** `armour.framesIn`, `armour.framesPassed`, `armour.mssChanged`, and `drop.armour.<reason>`; none ever decreases. */
  counters(): Record<string, number>
}

const OPTIONS: Readonly<Record<keyof ArmourOptions, true>> = {
  scheduler: true,
  checksums: true,
  fragments: true,
  clampMss: true,
  mtu: true,
  routerAdvertisements: true,
  syns: true,
  neighbors: true,
}
const SYNS: RateLimit = { burst: 1024, perSecond: 512 }
const NEIGHBORS: RateLimit = { burst: 64, perSecond: 32 }
/** No peer of today wants smaller segments; a hostile one does, for each costs as much as a large one. */
const SMALLEST_MSS = 88

/**
 * Puts the armour in front of a stack.
 * @param link frames from it are inspected; what the stack sends passes, but for the MSS of SYNs when that is asked for.
 */
export function armour(link: Link, options: ArmourOptions = {}): ArmouredLink {
  for (const name of Object.keys(options)) {
    if (name in OPTIONS) continue
    throw new NetError('EINVAL', 'armour', {
      message: `the armour has no option "${name}", but ${Object.keys(OPTIONS).join(', ')}`,
    })
  }
  return new Armour(link, options)
}

class Armour extends LinkWrapper implements ArmouredLink {
  private readonly look: FrameInspector
  private readonly gate: FragmentGate
  private readonly scheduler: Scheduler
  private readonly fragments: 'whole' | 'echo' | 'drop'
  private readonly clamps: boolean
  private readonly mostMtu: number
  private readonly syns: TokenBucket
  private readonly newcomers: TokenBucket
  private readonly known: RecentKeys
  private readonly drops = new Map<ArmourReason, number>()
  private framesIn = 0
  private framesPassed = 0
  private mssChanged = 0
  /** What passes when not all of a batch does. */
  private kept: FrameBatch | null = null
  /** Slots of frames in `kept` whose references are ours. */
  private readonly owned: number[] = []

  constructor(link: Link, options: ArmourOptions) {
    super(link)
    const { scheduler = defaultScheduler(), checksums = true, fragments = 'whole', clampMss = false } = options
    this.scheduler = scheduler
    this.fragments = fragments
    this.clamps = clampMss
    this.mostMtu = options.mtu ?? link.mtu
    this.look = new FrameInspector(link.type, this.mtu, options.routerAdvertisements ?? false, checksums)
    this.gate = new FragmentGate(scheduler.clock, checksums, (reason, frames) => this.count(reason, frames))
    this.syns = new TokenBucket(options.syns ?? SYNS)
    this.newcomers = new TokenBucket(options.neighbors ?? NEIGHBORS)
    this.known = new RecentKeys(scheduler.random)
  }

  override get mtu(): number {
    return Math.min(super.mtu, this.mostMtu)
  }

  /** The libraries take complete frames only. */
  override get accepts(): Offload {
    return NO_OFFLOAD
  }

  get waiting(): number {
    return this.gate.waiting
  }

  counters(): Record<string, number> {
    const { framesIn, framesPassed, mssChanged } = this
    const record: Record<string, number> = {
      'armour.framesIn': framesIn,
      'armour.framesPassed': framesPassed,
      'armour.mssChanged': mssChanged,
    }
    for (const [reason, count] of this.drops) record[`drop.armour.${reason}`] = count
    return record
  }

  override close(): Promise<void> {
    this.gate.clear()
    return super.close()
  }

  frames(batch: FrameBatch): void {
    this.framesIn += batch.count
    let index = 0
    while (index < batch.count && this.passesAsIs(batch, index)) index++
    if (index === batch.count) {
      this.framesPassed += index
      this.sink?.frames(batch)
      return
    }
    const kept = (this.kept ??= createBatch(batch.pool))
    for (let passed = 0; passed < index; passed++) this.keep(batch, passed, frameLength(batch, passed))
    for (; index < batch.count; index++) this.admit(batch, index)
    this.deliver(kept)
  }

  protected sendFrames(batch: FrameBatch): void {
    if (this.clamps) for (let index = 0; index < batch.count; index++) this.clampOutgoing(batch, index)
    this.outbox.send(batch)
  }

  /** Whether a frame passes without anything else to be done about it. */
  private passesAsIs(batch: FrameBatch, index: number): boolean {
    return (
      this.inspect(batch, index) === null &&
      this.look.aspect === 'plain' &&
      this.look.length === frameLength(batch, index)
    )
  }

  private inspect(batch: FrameBatch, index: number): ReturnType<FrameInspector['inspect']> {
    return this.look.inspect(
      batch.pool,
      batch.head[index] as number,
      batch.headLength[index] as number,
      batch.body[index] as number,
      batch.bodyLength[index] as number,
      ((batch.flags[index] as number) & CHECKSUM_VERIFIED) !== 0,
    )
  }

  /** Lets a frame pass, keeps it, or drops it. */
  private admit(batch: FrameBatch, index: number): void {
    const { look } = this
    let verdict = this.inspect(batch, index)
    const isSplit = (batch.bodyLength[index] as number) > 0
    if (verdict === SPLIT || (verdict === null && isSplit && look.aspect === 'fragment')) {
      this.admitCopy(batch, index)
      return
    }
    const head = batch.head[index] as number
    verdict ??= this.admitAspect(batch.pool, head)
    if (verdict !== null) this.count(verdict as ArmourReason, 1)
    else if (look.aspect === 'fragment') this.keepCompleted(batch.pool)
    else if (this.needsChange(batch.pool)) this.keepChanged(batch, index)
    else this.keep(batch, index, look.length)
  }

  /** A frame whose headers lie in both pieces: once more, with all of it together. */
  private admitCopy(batch: FrameBatch, index: number): void {
    const { look } = this
    const { pool } = batch
    const length = frameLength(batch, index)
    const copy = copyFrame(batch, index)
    if (copy === -1) {
      this.count('memory', 1)
      return
    }
    const isSummed = ((batch.flags[index] as number) & CHECKSUM_VERIFIED) !== 0
    let verdict = look.inspect(pool, copy, length, 0, 0, isSummed)
    verdict ??= this.admitAspect(pool, copy)
    if (verdict !== null || look.aspect === 'fragment') {
      pool.release(copy)
      if (verdict !== null) this.count(verdict as ArmourReason, 1)
      else this.keepCompleted(pool)
      return
    }
    if (this.needsChange(pool)) this.change(pool, copy)
    this.keepOwn(copy, look.length, batch.flags[index] as number)
  }

  /** What is to be done about a well-formed frame of this kind. @returns why it does not pass after all. */
  private admitAspect(pool: FramePool, head: number): ArmourReason | null {
    const { look } = this
    switch (look.aspect) {
      case 'fragment':
        return this.isWanted(pool.bytes) ? this.gate.take(pool, head, look) : 'fragment-unwanted'
      case 'syn':
        return isFirstSyn(pool.bytes, look.transport) && !this.syns.take(this.scheduler.clock.now) ? 'syn-flood' : null
      case 'neighbor':
        return this.isWelcome(pool.bytes) ? null : 'neighbor-flood'
      default:
        return null
    }
  }

  /** Whether a fragment is of a kind that passes. */
  private isWanted(bytes: Uint8Array): boolean {
    const { fragments, look } = this
    if (fragments !== 'echo') return fragments === 'whole'
    const { network } = look
    if ((bytes[network] as number) >>> 4 === 4) return bytes[network + IP4_PROTOCOL] === PROTO_ICMP
    // Nothing stands in front of the fragment header, or between it and the message.
    const { fragment } = look.ip6
    return fragment === network + IP6_HEADER && bytes[fragment] === PROTO_ICMP6
  }

  /** Whether the sender is known, or there is room for one more. */
  private isWelcome(bytes: Uint8Array): boolean {
    const { look, known } = this
    let key: number
    if (look.protocol === 0) {
      key = word(bytes, look.network + ARP_SENDER_IP)
    } else {
      const source = look.network + IP6_SOURCE
      key = 0
      for (let at = source; at < source + 16; at += 4) key = known.mix(key, word(bytes, at))
    }
    if (known.has(key)) return true
    if (!this.newcomers.take(this.scheduler.clock.now)) return false
    known.note(key)
    return true
  }

  private needsChange({ bytes }: FramePool): boolean {
    const { look } = this
    if (look.aspect === 'syn') {
      const mss = findMss(bytes, look.transport)
      return mss >= 0 && this.rightMss(bytes, mss) !== half(bytes, mss)
    }
    return look.aspect === 'tail'
  }

  private rightMss(bytes: Uint8Array, at: number): number {
    const value = Math.max(SMALLEST_MSS, half(bytes, at))
    if (!this.clamps) return value
    return Math.min(value, this.largestMss(bytes, this.look.network))
  }

  private largestMss(bytes: Uint8Array, ip: number): number {
    return this.mtu - ((bytes[ip] as number) >>> 4 === 4 ? IP4_HEADER : IP6_HEADER) - TCP_HEADER
  }

  /** Changes a frame of our own, as {@link needsChange} said. */
  private change(pool: FramePool, head: number): void {
    const { look } = this
    if (look.aspect === 'syn') {
      const mss = findMss(pool.bytes, look.transport)
      setMss(pool, look.transport, mss, this.rightMss(pool.bytes, mss))
      this.mssChanged++
    } else {
      look.length = look.network - head + cutBehindUdp(pool, look.network, look.transport)
    }
  }

  private keepChanged(batch: FrameBatch, index: number): void {
    const copy = copyFrame(batch, index)
    if (copy === -1) {
      this.count('memory', 1)
      return
    }
    const { look } = this
    const moved = copy - (batch.head[index] as number)
    look.network += moved
    look.transport += moved
    this.change(batch.pool, copy)
    this.keepOwn(copy, look.length, batch.flags[index] as number)
  }

  /** Takes a frame of the batch over as it is, but for the padding of the link. */
  private keep(batch: FrameBatch, index: number, length: number): void {
    const kept = this.roomIn(batch.pool)
    copyEntry(batch, index, kept)
    const place = kept.count - 1
    const headLength = Math.min(kept.headLength[place] as number, length)
    kept.headLength[place] = headLength
    kept.bodyLength[place] = length - headLength
  }

  private keepOwn(head: number, length: number, flags: number): void {
    const kept = this.roomIn((this.kept as FrameBatch).pool)
    pushFrame(kept, head, length, 0, 0, flags, 0, this.look.transport - head)
    this.owned.push(head)
  }

  private keepCompleted(pool: FramePool): void {
    const { completed } = this.gate
    if (completed === null) return
    this.gate.completed = null
    const { heads, lengths } = completed as Datagram
    for (let index = 0; index < heads.length; index++) {
      const kept = this.roomIn(pool)
      pushFrame(kept, heads[index] as number, lengths[index] as number)
      this.owned.push(heads[index] as number)
    }
  }

  private roomIn(pool: FramePool): FrameBatch {
    const kept = (this.kept ??= createBatch(pool))
    if (kept.count === kept.capacity) this.deliver(kept)
    return kept
  }

  private deliver(kept: FrameBatch): void {
    this.framesPassed += kept.count
    try {
      if (kept.count > 0) this.sink?.frames(kept)
    } finally {
      for (const head of this.owned) kept.pool.release(head)
      this.owned.length = 0
      kept.count = 0
    }
  }

  private count(reason: ArmourReason, frames: number): void {
    if (frames === 0) return
    this.drops.set(reason, (this.drops.get(reason) ?? 0) + frames)
  }

  /** A SYN of the stack's own that promises more than the link carries. */
  private clampOutgoing(batch: FrameBatch, index: number): void {
    const { pool } = batch
    const head = batch.head[index] as number
    const ip = head + (this.type === 'ethernet' ? ETHERNET_HEADER : 0)
    const seen = head + (batch.headLength[index] as number)
    const tcp = synAt(pool.bytes, head, ip, seen, this.type)
    if (tcp < 0) return
    const mss = findMss(pool.bytes, tcp)
    const most = this.largestMss(pool.bytes, ip)
    if (mss < 0 || half(pool.bytes, mss) <= most) return
    let own = head
    if (pool.refs(head) > 1) {
      own = pool.take(seen - head)
      if (own === -1) return
      pool.bytes.copyWithin(own, head, seen)
      batch.head[index] = own
      pool.release(head)
    }
    setMss(pool, own + tcp - head, own + mss - head, most)
    this.mssChanged++
  }
}

/** A whole frame in a slot of its own; -1: no slot is free. */
function copyFrame(batch: FrameBatch, index: number): number {
  const { pool } = batch
  const headLength = batch.headLength[index] as number
  const bodyLength = batch.bodyLength[index] as number
  const copy = pool.take(Math.max(1, headLength + bodyLength))
  if (copy === -1) return -1
  const head = batch.head[index] as number
  const body = batch.body[index] as number
  pool.bytes.copyWithin(copy, head, head + headLength)
  if (bodyLength > 0) pool.bytes.copyWithin(copy + headLength, body, body + bodyLength)
  return copy
}

/** The SYN that begins a connection, not the one that answers it. */
function isFirstSyn(bytes: Uint8Array, tcp: number): boolean {
  return ((bytes[tcp + TCP_FLAGS] as number) & (TCP_SYN | TCP_ACK)) === TCP_SYN
}

/** Where the TCP header of a SYN is, in a frame whose headers lie together; -1: it is none. */
function synAt(bytes: Uint8Array, head: number, ip: number, seen: number, link: 'ethernet' | 'ip'): number {
  if (seen < ip + IP4_HEADER + TCP_HEADER) return -1
  const type = link === 'ethernet' ? half(bytes, head + ETH_TYPE) : 0
  if (type === ETHERTYPE_ARP) return -1
  const version = (bytes[ip] as number) >>> 4
  let tcp = -1
  if (version === 4 && type !== ETHERTYPE_IP6) {
    if (bytes[ip + IP4_PROTOCOL] === PROTO_TCP && !isFragment4(bytes, ip)) tcp = ip + ((bytes[ip] as number) & 15) * 4
  } else if (version === 6 && type !== ETHERTYPE_IP4 && bytes[ip + IP6_NEXT_HEADER] === PROTO_TCP) {
    tcp = ip + IP6_HEADER
  }
  if (tcp < 0 || tcp + TCP_HEADER > seen || ((bytes[tcp + TCP_FLAGS] as number) & TCP_SYN) === 0) return -1
  return tcp + ((bytes[tcp + 12] as number) >>> 4) * 4 <= seen ? tcp : -1
}
