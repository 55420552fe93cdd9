/**
 * Octets of a stream as they arrive: every stream of the thread reads into the same memory, and what is left of a record at its end
 * is kept aside until the rest comes. So a quiet connection holds no buffer, and no read allocates.
 *
 * @module
 */
import { MAX_RECORD } from './record.ts'

/** How much one read takes at most. A Unix stream socket rarely holds more. */
const READ_SIZE = 262_144
/** Where a read puts its first octet: the room before it is for what was kept of the read before. */
const READ_AT = MAX_RECORD

// Scratch memory of the thread, not state: full between the call of read(2) and the end of the callback that follows it at once.
const memory = Buffer.allocUnsafeSlow(READ_AT + READ_SIZE)

/** The memory that {@link StreamInput.begin} gives positions in. */
export const inputBytes: Uint8Array = memory
/** The same, for fields in network order. */
export const inputView: DataView = new DataView(memory.buffer, memory.byteOffset, memory.length)
/** What sockets read into. */
export const readInto: Buffer = memory.subarray(READ_AT)

/** Octets that a read may put behind {@link inputEnd} of 0. */
export const inputRoom: number = READ_SIZE

/** The input side of one stream. */
export class StreamInput {
  private kept: Uint8Array = EMPTY
  private keptLength = 0

  /** Joins what was kept with a read that has just been made. @returns where the input begins; it ends at {@link inputEnd}. */
  begin(): number {
    const from = READ_AT - this.keptLength
    if (this.keptLength > 0) inputBytes.set(this.kept.subarray(0, this.keptLength), from)
    return from
  }

  /** Keeps an incomplete record for the next read. */
  keep(from: number, to: number): void {
    const length = to - from
    this.keptLength = length
    if (length > this.kept.length) this.kept = new Uint8Array(1 << (32 - Math.clz32(length - 1)))
    if (length > 0) this.kept.set(inputBytes.subarray(from, to))
  }

  /** Octets kept. */
  get length(): number {
    return this.keptLength
  }
}

const EMPTY = new Uint8Array(0)

/** Where the input of a read of so many octets ends. */
export function inputEnd(octets: number): number {
  return READ_AT + octets
}
