/**
 * The memory that written octets hold until the peer acknowledges them, in slots of the frame pool. A peer that asks for much and takes
 * nothing costs as much as the send buffer allows; many of them could take the pool from all others. So when the connections of a stack
 * together hold much, each may take only half of an equal share; the smallest share is one slot, so that nobody is stopped for good.
 *
 * @module
 */
import type { FramePool } from '@ioth/core'
import { NONE, type Pieces } from './pieces.ts'
import type { Tcb } from './tcb.ts'

export const SMALL_SLOT = 256
export const MEDIUM_SLOT = 2048
export const LARGE_SLOT = 65536

export class SendMemory {
  readonly pieces: Pieces
  readonly pool: FramePool
  /** Octets of slots held by all connections. */
  held = 0
  private holders = 0
  private readonly most: number

  /** @param most octets of slots held by all connections together before they have to share. */
  constructor(pieces: Pieces, pool: FramePool, most: number) {
    this.pieces = pieces
    this.pool = pool
    this.most = most
  }

  /** Whether the connection may take one more slot of a size. */
  admits(tcb: Tcb, size: number): boolean {
    if (this.held + size <= this.most) return true
    return tcb.sndHeld + size <= Math.max(this.most / this.holders / 2, MEDIUM_SLOT)
  }

  /**
   * A node with a slot of the size, or of a smaller one where that is too much.
   * @returns the node, its `charge` the slot's octets; {@link NONE} when there is no memory, or what is held has to be acknowledged first.
   */
  take(tcb: Tcb, size: number): number {
    for (let octets = size; octets >= SMALL_SLOT; octets = octets === LARGE_SLOT ? MEDIUM_SLOT : octets >> 3) {
      if (!this.admits(tcb, octets)) continue
      const at = this.pool.take(octets)
      if (at < 0) continue
      if (tcb.sndHeld === 0) this.holders++
      tcb.sndHeld += octets
      this.held += octets
      return this.pieces.take(at, 0, octets)
    }
    return NONE
  }

  release(tcb: Tcb, node: number): void {
    const { pieces } = this
    const octets = pieces.charge[node]!
    this.pool.release(pieces.at[node]!)
    this.held -= octets
    tcb.sndHeld -= octets
    if (tcb.sndHeld === 0) this.holders--
    pieces.release(node)
  }
}
