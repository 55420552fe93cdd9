/**
 * Octets on their way into a stream socket: a bounded queue of chunks from a store of the thread, written one batch at a time.
 * What is appended while a write is under way leaves with the next one. No allocation per frame; an idle outbox holds no memory.
 *
 * @module
 */
import { writeSync } from 'node:fs'
import type { Socket } from 'node:net'
import { MAX_RECORD, RECORD_HEADER, writeControlHeader } from './record.ts'

/** A chunk holds four super-segments. */
const CHUNK_SIZE = 262_144
/** Chunks the thread keeps for reuse; more are left to the garbage collector. */
const STORE_LIMIT = 24

class Chunk {
  readonly bytes: Buffer = Buffer.allocUnsafeSlow(CHUNK_SIZE)
  readonly view: DataView = new DataView(this.bytes.buffer, this.bytes.byteOffset, CHUNK_SIZE)
  used = 0
}

// Spare memory of the thread. Last in, first out: the chunk that is still in the processor's cache goes first.
const store: Chunk[] = []

/** A queue of octets in front of a socket. */
export class Outbox {
  /** The chunk that {@link reserve} gives positions in. */
  bytes: Uint8Array = EMPTY
  /** The same memory, for fields in network order. */
  view: DataView = EMPTY_VIEW
  /** Octets not yet taken by the kernel, those of a write under way included. */
  octets = 0
  private readonly limit: number
  private readonly onWritten: () => void
  private socket: Socket | null
  private waiting: Chunk[] = []
  private writing: Chunk[] = []
  private last: Chunk | null = null
  /** What {@link writeSync} took over and did not get rid of. */
  private readonly rest: Uint8Array[] = []
  private spoilt = false
  private outstanding = 0
  private readonly done: (error?: Error | null) => void

  /**
   * @param limit octets it takes; see {@link room}.
   * @param onWritten called when a write has been taken by the kernel, before the next one begins.
   */
  constructor(socket: Socket, limit: number, onWritten: () => void) {
    this.socket = socket
    this.limit = limit
    this.onWritten = onWritten
    this.done = (error) => this.finishWrite(error ?? null)
  }

  /** Whether so many octets more are within the limit. */
  room(octets: number): boolean {
    return this.octets + octets <= this.limit && this.socket !== null
  }

  /** Whether the kernel has not yet taken what {@link write} gave it. */
  get busy(): boolean {
    return this.outstanding > 0
  }

  /** Final: takes nothing more, and what was queued is lost. A write that the socket still holds keeps its memory. */
  close(): void {
    this.socket = null
    for (const chunk of this.waiting) giveBack(chunk)
    this.waiting = []
    this.writing = []
    this.last = null
    this.outstanding = 0
    this.octets = 0
  }

  /** Copies octets to the end of the queue. The caller has asked for {@link room}. */
  append(from: Uint8Array, start: number, end: number): void {
    this.octets += end - start
    for (let at = start; at < end; ) {
      const chunk = this.last !== null && this.last.used < CHUNK_SIZE ? this.last : this.grow()
      const length = Math.min(end - at, CHUNK_SIZE - chunk.used)
      chunk.bytes.set(from.subarray(at, at + length), chunk.used)
      chunk.used += length
      at += length
    }
  }

  /**
   * Makes place for octets in one piece (at most a record) at the end of the queue.
   * @returns where in {@link bytes} and {@link view} the caller writes them, before the next call.
   */
  reserve(octets: number): number {
    const chunk = this.last !== null && this.last.used + octets <= CHUNK_SIZE ? this.last : this.grow()
    const at = chunk.used
    chunk.used += octets
    this.octets += octets
    this.bytes = chunk.bytes
    this.view = chunk.view
    return at
  }

  /** Queues a control message. */
  control(message: object): void {
    this.text(JSON.stringify(message), true)
  }

  /** Queues text, as it is or as a control record. */
  text(text: string, record: boolean): void {
    const octets = Buffer.from(text)
    if (record) {
      const at = this.reserve(RECORD_HEADER + octets.length)
      writeControlHeader(this.view, at, octets.length)
      this.bytes.set(octets, at + RECORD_HEADER)
    } else {
      this.append(octets, 0, octets.length)
    }
  }

  /** Begins to write what is queued, unless a write is under way: then it follows by itself. */
  write(): void {
    const socket = this.socket
    if (socket === null || this.outstanding > 0 || this.octets === 0) return
    const chunks = this.waiting
    this.waiting = this.writing
    this.writing = chunks
    this.last = null
    this.outstanding = chunks.length
    if (chunks.length === 1) {
      socket.write(filled(chunks[0] as Chunk), this.done)
      return
    }
    // Corked chunks leave in one system call.
    socket.cork()
    for (const chunk of chunks) socket.write(filled(chunk), this.done)
    socket.uncork()
  }

  /**
   * Writes what is queued at once, waiting for the kernel for up to `patienceMs` without progress. For exit handlers, and as often as they
   * like: when a write was under way, the socket would repeat part of it, so the caller must destroy the socket should the event loop go on.
   * @returns whether nothing is left, and whether the socket is spoilt.
   */
  writeSync(patienceMs: number): { empty: boolean; spoilt: boolean } {
    const { rest } = this
    if (this.octets === 0 && rest.length === 0) return { empty: true, spoilt: this.spoilt }
    const handle = (this.socket as { _handle?: { fd?: number; writeQueueSize?: number } } | null)?._handle
    const fd = handle?.fd ?? -1
    if (fd < 0 || this.socket?.connecting === true) return { empty: false, spoilt: this.spoilt }
    // Of the write under way, the kernel has all but what libuv still queues: that is taken over, once.
    const pending = this.outstanding > 0 ? (handle?.writeQueueSize ?? 0) : 0
    if (pending > 0 && !this.spoilt) {
      this.spoilt = true
      let skip = this.writing.reduce((sum, chunk) => sum + chunk.used, 0) - pending
      for (const chunk of this.writing) {
        const from = Math.min(skip, chunk.used)
        skip -= from
        if (from < chunk.used) rest.push(chunk.bytes.subarray(from, chunk.used))
      }
    }
    for (const chunk of this.waiting) {
      rest.push(chunk.bytes.subarray(0, chunk.used))
      this.octets -= chunk.used
    }
    this.waiting = []
    this.last = null
    while (rest.length > 0) {
      const piece = rest[0] as Uint8Array
      const written = writeAll(fd, piece, patienceMs)
      if (written < piece.length) {
        rest[0] = piece.subarray(written)
        this.spoilt = true
        return { empty: false, spoilt: true }
      }
      rest.shift()
    }
    return { empty: true, spoilt: this.spoilt }
  }

  private grow(): Chunk {
    const chunk = store.pop() ?? new Chunk()
    chunk.used = 0
    this.waiting.push(chunk)
    this.last = chunk
    return chunk
  }

  private finishWrite(error: Error | null): void {
    // An error is the socket's to tell; after close() the callbacks of its writes still come.
    if (this.socket === null || error !== null) return
    if (--this.outstanding > 0) return
    for (const chunk of this.writing) {
      this.octets -= chunk.used
      giveBack(chunk)
    }
    this.writing.length = 0
    this.onWritten()
    this.write()
  }
}

const EMPTY = new Uint8Array(0)
const EMPTY_VIEW = new DataView(EMPTY.buffer)

function filled(chunk: Chunk): Uint8Array {
  return chunk.bytes.subarray(0, chunk.used)
}

function giveBack(chunk: Chunk): void {
  if (store.length < STORE_LIMIT) store.push(chunk)
}

/** Writes to a non-blocking descriptor, sleeping a millisecond at a time while the kernel takes nothing. @returns how much it took. */
function writeAll(fd: number, bytes: Uint8Array, patienceMs: number): number {
  let patience = patienceMs
  let at = 0
  while (at < bytes.length) {
    try {
      at += writeSync(fd, bytes, at, bytes.length - at)
      patience = patienceMs
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN' || patience-- <= 0) return at
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1)
    }
  }
  return at
}

/** Smallest sensible limit: one record of the largest size beside one under way. */
export const LEAST_LIMIT: number = 2 * MAX_RECORD
