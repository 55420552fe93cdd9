/**
 * The memory that received octets hold until the user reads them, counted in slots of the frame pool: a segment of one octet can pin two
 * kilobytes. A connection that holds more than its buffer is worth has its octets copied together; when the stack as a whole holds too
 * much, each connection has to be content with an equal share, so that readers that are slow, or hostile, starve nobody else. What all
 * hold together grows no more than with the logarithm of their number from there on.
 *
 * @module
 */
import type { FramePool } from '@ioth/core'
import { NONE, type Pieces } from './pieces.ts'
import { SQUEEZED, type Tcb } from './tcb.ts'

/** Pieces up to this size are copied together when others wait already. */
const COALESCE = 512
const SMALL_SLOT = 256
const SLOT = 2048
const LARGE_SLOT = 65536

export class ReceiveMemory {
  readonly pieces: Pieces
  readonly pool: FramePool
  /** Octets of slots held by all connections. */
  held = 0
  /** Set by {@link place}: octets free behind the octets of the node it gave. */
  room = 0
  private holders = 0
  private readonly most: number

  /** @param most octets of slots held by all connections together before they have to share. */
  constructor(pieces: Pieces, pool: FramePool, most: number) {
    this.pieces = pieces
    this.pool = pool
    this.most = most
  }

  get isShort(): boolean {
    return this.held > this.most
  }

  /** Whether the connection may hold more. One that holds nothing always may: who reads what comes is never refused. */
  admits(tcb: Tcb): boolean {
    if (this.held <= this.most) return true
    tcb.flags |= SQUEEZED
    return tcb.rcvHeld * this.holders < this.most
  }

  /**
   * Whether the connection holds more than its buffer is worth, and not because its queue is full: a reader that keeps the window just full
   * has much in it, and all that comes would be copied. Ethernet's segments in slots of their own hold 1.4 times their octets.
   */
  isMuch(tcb: Tcb): boolean {
    const { rcvHeld, rcvQueued } = tcb
    return rcvHeld > tcb.rcvLimit + LARGE_SLOT && rcvHeld > rcvQueued + (rcvQueued >> 1) + 2 * LARGE_SLOT
  }

  /**
   * Holds octets that lie in somebody else's slot, behind those of the last node of a queue: by reference, or copied.
   * @param tail the last node, or {@link NONE}; `room` octets are free in it.
   * @returns the node they end in: `tail`, or a new one, to be linked behind it; {@link NONE} when there is no memory.
   */
  place(tcb: Tcb, tail: number, room: number, at: number, length: number): number {
    const { pieces, pool } = this
    const slot = pool.slot(at)
    // Next to each other in one slot, as segments of one write are that never left memory: slots begin at multiples of their size.
    if (tail !== NONE && (at & (slot - 1)) !== 0 && pieces.at[tail]! + pieces.length[tail]! === at) {
      pieces.length[tail] = pieces.length[tail]! + length
      this.room = 0
      return tail
    }
    const isTooMuch = this.isMuch(tcb) || this.isShort
    if (isTooMuch || (tail !== NONE && length <= COALESCE)) {
      const node = this.copy(tcb, tail, room, at, length)
      if (node !== NONE || isTooMuch) return node
    }
    pool.retain(at)
    this.room = 0
    return this.hold(tcb, at, length, slot)
  }

  /** Gives a node back, and its reference. */
  release(tcb: Tcb, node: number): void {
    this.pool.release(this.pieces.at[node]!)
    this.forget(tcb, node)
  }

  /** Gives a node back; its reference passes to the caller. */
  forget(tcb: Tcb, node: number): void {
    const { pieces } = this
    const octets = pieces.charge[node]!
    this.held -= octets
    tcb.rcvHeld -= octets
    if (tcb.rcvHeld === 0) {
      this.holders--
      tcb.flags &= ~SQUEEZED
    }
    pieces.release(node)
  }

  private copy(tcb: Tcb, tail: number, room: number, at: number, length: number): number {
    const { pieces, pool } = this
    const rest = length - Math.min(room, length)
    const size = rest > SLOT ? LARGE_SLOT : tail === NONE && rest <= SMALL_SLOT ? SMALL_SLOT : SLOT
    const slot = rest === 0 ? NONE : pool.take(size)
    if (rest > 0 && slot < 0) return NONE
    const fits = length - rest
    if (fits > 0) {
      pool.bytes.copyWithin(pieces.at[tail]! + pieces.length[tail]!, at, at + fits)
      pieces.length[tail] = pieces.length[tail]! + fits
    }
    if (rest === 0) {
      this.room = room - length
      return tail
    }
    pool.bytes.copyWithin(slot, at + fits, at + length)
    this.room = size - rest
    return this.hold(tcb, slot, rest, size)
  }

  private hold(tcb: Tcb, at: number, length: number, slot: number): number {
    if (tcb.rcvHeld === 0) this.holders++
    tcb.rcvHeld += slot
    this.held += slot
    return this.pieces.take(at, length, slot)
  }
}
