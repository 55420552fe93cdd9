/**
 * A queue of octets between a program and a library: what is written waits for the library to take it, what arrived waits to be read.
 *
 * @module
 */
import type { ByteSink } from '../contract/socket.ts'

interface Chunk {
  readonly bytes: Uint8Array
  start: number
  end: number
}

/** Small writes share a chunk of this size; larger ones have their own. */
const SHARED = 16_384

export class ByteQueue {
  /** Octets that wait. */
  length = 0
  private chunks: Chunk[] = []
  /** A chunk is being shown: it must not be written to. */
  private isLent = false

  /** Copies octets to the end. */
  push(from: Uint8Array, offset: number, length: number): void {
    this.length += length
    let last = this.chunks[this.chunks.length - 1]
    let done = 0
    while (done < length) {
      if (last === undefined || last.end === last.bytes.length) {
        last = { bytes: new Uint8Array(Math.max(SHARED, length - done)), start: 0, end: 0 }
        this.chunks.push(last)
      }
      const count = Math.min(length - done, last.bytes.length - last.end)
      last.bytes.set(from.subarray(offset + done, offset + done + count), last.end)
      last.end += count
      done += count
    }
  }

  /** The first octets that lie together, `max` at most; they stay. Empty when there are none. */
  front(max: number): Uint8Array {
    const first = this.chunks[0]
    if (first === undefined) return NOTHING
    return first.bytes.subarray(first.start, Math.min(first.end, first.start + max))
  }

  /** The first `count` octets, copied together where they do not lie together; they stay. */
  peek(count: number): Uint8Array {
    const first = this.front(count)
    if (first.length === count || first.length === this.length) return first
    const together = new Uint8Array(Math.min(count, this.length))
    let at = 0
    for (const { bytes, start, end } of this.chunks) {
      if (at === together.length) break
      const piece = bytes.subarray(start, Math.min(end, start + together.length - at))
      together.set(piece, at)
      at += piece.length
    }
    return together
  }

  /** Takes the first octets away. */
  drop(count: number): void {
    this.length -= count
    let left = count
    while (left > 0) {
      const first = this.chunks[0] as Chunk
      const here = Math.min(left, first.end - first.start)
      first.start += here
      left -= here
      if (first.start < first.end) return
      // A chunk that others may still fill is used again from its beginning.
      if (this.chunks.length === 1 && first.bytes.length === SHARED && !this.isLent) {
        first.start = 0
        first.end = 0
        return
      }
      this.chunks.shift()
    }
  }

  /** Copies the first octets out and takes them away. @returns how many. */
  shift(into: Uint8Array, offset: number, length: number): number {
    const count = Math.min(length, this.length)
    let done = 0
    while (done < count) {
      const piece = this.front(count - done)
      into.set(piece, offset + done)
      done += piece.length
      this.drop(piece.length)
    }
    return count
  }

  /** Shows the first octets piece by piece; what was shown is taken away, also when the sink throws. @returns how many. */
  lend(max: number, sink: ByteSink): number {
    let shown = 0
    while (shown < max && this.length > 0) {
      const { bytes, start, end } = this.chunks[0] as Chunk
      const count = Math.min(end - start, max - shown)
      shown += count
      // Taken away first: the sink may read, close, or have octets arrive.
      this.isLent = true
      let wantsMore = false
      try {
        this.drop(count)
        wantsMore = sink.bytes(bytes, start, count)
      } finally {
        this.isLent = false
      }
      if (!wantsMore) break
    }
    return shown
  }

  clear(): void {
    this.length = 0
    this.chunks = []
  }
}

const NOTHING = new Uint8Array(0)
