/**
 * Batches of frames, and what is done with one frame of a batch.
 *
 * @module
 */
import type { FrameBatch, FramePool, Offload } from '../contract/frame.ts'
import { CHECKSUM_MISSING, SEGMENT_ME } from '../contract/frame.ts'

/** An empty batch. @param capacity frames it holds at most. */
export function createBatch(pool: FramePool, capacity = 64): FrameBatch {
  const column = new ArrayBuffer(7 * 4 * capacity)
  const int32 = (index: number): Int32Array => new Int32Array(column, index * 4 * capacity, capacity)
  return {
    pool,
    capacity,
    count: 0,
    head: int32(0),
    headLength: int32(1),
    body: int32(2),
    bodyLength: int32(3),
    flags: int32(4),
    segmentSize: int32(5),
    transportAt: int32(6),
  }
}

/**
 * Appends a frame; the caller's references pass to the batch.
 * @returns its index. The caller looks that there is room: `batch.count < batch.capacity`.
 */
export function pushFrame(
  batch: FrameBatch,
  head: number,
  headLength: number,
  body = 0,
  bodyLength = 0,
  flags = 0,
  segmentSize = 0,
  transportAt = 0,
): number {
  const index = batch.count++
  batch.head[index] = head
  batch.headLength[index] = headLength
  batch.body[index] = body
  batch.bodyLength[index] = bodyLength
  batch.flags[index] = flags
  batch.segmentSize[index] = segmentSize
  batch.transportAt[index] = transportAt
  return index
}

/** Copies one entry to the end of another batch. References are not touched. */
export function copyEntry(from: FrameBatch, index: number, into: FrameBatch): void {
  pushFrame(
    into,
    from.head[index] as number,
    from.headLength[index] as number,
    from.body[index],
    from.bodyLength[index],
    from.flags[index],
    from.segmentSize[index],
    from.transportAt[index],
  )
}

/** Octets of a whole frame. */
export function frameLength(batch: FrameBatch, index: number): number {
  return (batch.headLength[index] as number) + (batch.bodyLength[index] as number)
}

/** One more reference to the pieces of a frame. */
export function retainFrame(batch: FrameBatch, index: number): void {
  batch.pool.retain(batch.head[index] as number)
  if (batch.bodyLength[index] !== 0) batch.pool.retain(batch.body[index] as number)
}

/** One reference less to the pieces of a frame. */
export function releaseFrame(batch: FrameBatch, index: number): void {
  batch.pool.release(batch.head[index] as number)
  if (batch.bodyLength[index] !== 0) batch.pool.release(batch.body[index] as number)
}

/** Releases all frames and empties the batch. */
export function releaseAll(batch: FrameBatch): void {
  discardFrames(batch)
  batch.count = 0
}

/** Takes all frames of a batch, as `send` takes them, and drops them: what a closed link does. @returns how many. */
export function discardFrames(batch: FrameBatch): number {
  for (let index = 0; index < batch.count; index++) releaseFrame(batch, index)
  return batch.count
}

/** Takes the first `count` entries out, as after a `send` that took them. References are not touched. */
export function removeFirst(batch: FrameBatch, count: number): void {
  if (count === 0) return
  const end = batch.count
  batch.count = end - count
  if (batch.count === 0) return
  batch.head.copyWithin(0, count, end)
  batch.headLength.copyWithin(0, count, end)
  batch.body.copyWithin(0, count, end)
  batch.bodyLength.copyWithin(0, count, end)
  batch.flags.copyWithin(0, count, end)
  batch.segmentSize.copyWithin(0, count, end)
  batch.transportAt.copyWithin(0, count, end)
}

/** Copies a whole frame into ordinary memory. @returns how many octets it has. */
export function readFrame(batch: FrameBatch, index: number, into: Uint8Array, offset = 0): number {
  const { bytes } = batch.pool
  const head = batch.head[index] as number
  const headLength = batch.headLength[index] as number
  const bodyLength = batch.bodyLength[index] as number
  into.set(bytes.subarray(head, head + headLength), offset)
  if (bodyLength !== 0) {
    const body = batch.body[index] as number
    into.set(bytes.subarray(body, body + bodyLength), offset + headLength)
  }
  return headLength + bodyLength
}

/** Whether a taker can have frames with these flags as they are. */
export function isAccepted(flags: number, accepts: Offload): boolean {
  return ((flags & CHECKSUM_MISSING) === 0 || accepts.checksum) && ((flags & SEGMENT_ME) === 0 || accepts.segment)
}

/** What both takers can take. */
export function intersectOffload(a: Offload, b: Offload): Offload {
  if (a === b) return a
  const segment = a.segment && b.segment
  return {
    checksum: a.checksum && b.checksum,
    segment,
    maxSegment: segment ? Math.min(a.maxSegment, b.maxSegment) : 0,
  }
}
