/**
 * The loopback path: packets to an address of the stack itself, 127.0.0.0/8 among them. They wait for the stack's next job, so that
 * no call delivers to itself.
 *
 * @module
 */
import {
  CHECKSUM_MISSING,
  CHECKSUM_VERIFIED,
  createBatch,
  type FrameBatch,
  type FramePool,
  type Offload,
  pushFrame,
  releaseAll,
  releaseFrame,
} from '@ioth/core'
import type { Counters } from '../counters.ts'
import type { NetInterface } from '../ip/interface.ts'
import { LINK_HEADROOM, Path } from './path.ts'

const CAPACITY = 256

/** Who takes a looped packet; the positions are those of the IP header. */
export interface LoopbackTaker {
  /** @param on the interface that a group packet went out by; null for packets to ourselves. */
  looped(at: number, length: number, body: number, bodyLength: number, flags: number, on: NetInterface | null): void
}

/** Takes looped packets that are for another process of the node. */
export interface LoopbackBeyond {
  /** @returns whether it took the packet, with its references. */
  passOn(
    at: number,
    headLength: number,
    body: number,
    bodyLength: number,
    flags: number,
    segmentSize: number,
    transportAt: number,
  ): boolean
}

export class Loopback extends Path {
  /** The largest packet that fits a slot of the pool with the headroom of a link before it. */
  readonly mtu: number = 65536 - LINK_HEADROOM
  /** A packet never leaves memory: nothing is summed. Segments need no cutting at this MTU. */
  readonly offload: Offload = { checksum: true, segment: false, maxSegment: 0 }
  readonly valid: boolean = true
  readonly unresolved: boolean = false
  beyond: LoopbackBeyond | null = null
  private readonly pool: FramePool
  private readonly counters: Counters
  private readonly queued: () => void
  private filling: FrameBatch | null = null
  private draining: FrameBatch | null = null
  /** Interfaces of the group packets in the batches; ordinary packets have none. */
  private fillingOn: (NetInterface | null)[] = []
  private drainingOn: (NetInterface | null)[] = []

  /** @param queued called when a packet was queued. */
  constructor(pool: FramePool, counters: Counters, queued: () => void) {
    super()
    this.pool = pool
    this.counters = counters
    this.queued = queued
  }

  override get room(): number {
    return this.filling === null ? CAPACITY : CAPACITY - this.filling.count
  }

  override get isBusy(): boolean {
    return this.room === 0
  }

  get isEmpty(): boolean {
    return this.filling === null || this.filling.count === 0
  }

  override transmit(
    at: number,
    headLength: number,
    body: number,
    bodyLength: number,
    flags: number,
    segmentSize: number,
    transportAt: number,
  ): void {
    this.push(null, at, headLength, body, bodyLength, flags, segmentSize, transportAt)
  }

  /** A copy of a packet to a group, for ourselves. */
  copy(on: NetInterface, at: number, headLength: number, body: number, bodyLength: number, flags: number): void {
    this.push(on, at, headLength, body, bodyLength, flags, 0, 0)
  }

  private push(
    on: NetInterface | null,
    at: number,
    headLength: number,
    body: number,
    bodyLength: number,
    flags: number,
    segmentSize: number,
    transportAt: number,
  ): void {
    this.filling ??= createBatch(this.pool, CAPACITY)
    const { count } = this.filling
    if (count === CAPACITY) {
      this.counters.lose('loopback.full')
      this.pool.release(at)
      if (bodyLength !== 0) this.pool.release(body)
      return
    }
    this.fillingOn[count] = on
    pushFrame(this.filling, at, headLength, body, bodyLength, flags, segmentSize, transportAt)
    this.queued()
  }

  /** Delivers what was queued before this call. */
  deliver(taker: LoopbackTaker): void {
    const batch = this.filling
    if (batch === null || batch.count === 0) return
    const origins = this.fillingOn
    this.filling = this.draining
    this.fillingOn = this.drainingOn
    this.draining = null
    for (let i = 0; i < batch.count; i++) {
      if (this.beyond !== null && origins[i] === null && this.passOn(batch, i, this.beyond)) continue
      const flags = (batch.flags[i]! & ~CHECKSUM_MISSING) | CHECKSUM_VERIFIED
      const length = batch.headLength[i]! - LINK_HEADROOM
      this.counters.packetLoops(length + batch.bodyLength[i]!)
      const on = origins[i] as NetInterface | null
      taker.looped(batch.head[i]! + LINK_HEADROOM, length, batch.body[i]!, batch.bodyLength[i]!, flags, on)
      this.counters.frameEnds()
      releaseFrame(batch, i)
    }
    batch.count = 0
    this.draining = batch
    this.drainingOn = origins
  }

  private passOn(batch: FrameBatch, i: number, beyond: LoopbackBeyond): boolean {
    const { head, headLength, body, bodyLength, flags, segmentSize, transportAt } = batch
    return beyond.passOn(
      head[i]!,
      headLength[i]!,
      body[i]!,
      bodyLength[i]!,
      flags[i]!,
      segmentSize[i]!,
      transportAt[i]!,
    )
  }

  clear(): void {
    if (this.filling !== null) releaseAll(this.filling)
  }
}
