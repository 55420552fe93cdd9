/**
 * Connections on their way from one member to another: their frames wait in the hub, so that none is lost.
 *
 * @module
 */
import { createBatch, type FrameBatch, type FramePool, FrameQueue, retainFrame } from '@ioth/core'
import type { HubConnection } from './connection-table.ts'

/** Frames that wait for one connection; its peer sends others again. */
const MOST_FRAMES = 256
/** Seconds that a connection may be on its way. */
const PATIENCE_SECONDS = 10

export class Transit<Owner> {
  private readonly pool: FramePool
  private readonly waiting = new Map<HubConnection<Owner>, { readonly since: number; readonly frames: FrameQueue }>()

  constructor(pool: FramePool) {
    this.pool = pool
  }

  begin(connection: HubConnection<Owner>, now: number): void {
    this.waiting.set(connection, { since: now, frames: new FrameQueue(this.pool, MOST_FRAMES) })
  }

  /** @returns whether the connection is on its way, so that the frame waits (or, beyond the limit, is lost). */
  hold(connection: HubConnection<Owner>, batch: FrameBatch, index: number): boolean {
    const waiting = this.waiting.get(connection)
    if (waiting === undefined) return false
    if (waiting.frames.room > 0) {
      retainFrame(batch, index)
      waiting.frames.push(batch, index)
    }
    return true
  }

  /** The connection has arrived. @param take gets what waited. */
  end(connection: HubConnection<Owner>, take: (batch: FrameBatch) => void): void {
    const frames = this.waiting.get(connection)?.frames
    if (frames === undefined) return
    this.waiting.delete(connection)
    const batch = createBatch(this.pool, MOST_FRAMES)
    for (let place = 0; place < frames.length; place++) frames.copyTo(batch, place)
    if (batch.count > 0) take(batch)
    frames.release(frames.length)
  }

  /** Connections that nobody went on with. */
  overdue(now: number): HubConnection<Owner>[] {
    return [...this.waiting].filter(([, { since }]) => now - since > PATIENCE_SECONDS).map(([connection]) => connection)
  }
}
