/**
 * A frame of the pool as a record in an outbox: one copy of each piece.
 *
 * @module
 */
import { type FramePool, SEGMENT_ME } from '@ioth/core'
import { RECORD_HEADER, UNFINISHED, writeFrameHeader } from './record.ts'

/** What makes place for records. */
export interface RecordSpace {
  /** Makes place for one record. @returns where in {@link bytes} and {@link view} it is to be written, before the next call. */
  reserve(octets: number): number
  readonly bytes: Uint8Array
  readonly view: DataView
}

/** Appends a frame record. The caller has asked the outbox for room. */
export function writeFrame(
  outbox: RecordSpace,
  pool: FramePool,
  head: number,
  headLength: number,
  body: number,
  bodyLength: number,
  flags: number,
  segmentSize: number,
  transportAt: number,
): void {
  const length = headLength + bodyLength
  const at = outbox.reserve(RECORD_HEADER + length)
  const { bytes } = outbox
  // Of a finished frame the other side needs neither.
  if ((flags & UNFINISHED) === 0) writeFrameHeader(outbox.view, at, length, flags, 0, 0)
  else writeFrameHeader(outbox.view, at, length, flags, (flags & SEGMENT_ME) === 0 ? 0 : segmentSize, transportAt)
  const from = pool.bytes
  bytes.set(from.subarray(head, head + headLength), at + RECORD_HEADER)
  if (bodyLength !== 0) bytes.set(from.subarray(body, body + bodyLength), at + RECORD_HEADER + headLength)
}
