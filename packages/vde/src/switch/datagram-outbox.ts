/**
 * Frames on their way into a datagram socket, one a message. The kernel takes about ten before their reader has read any: so frames are
 * sent at once while it takes them, and what it does not take waits in a bounded queue until the socket is writable.
 *
 * @module
 */
import { WOULD_BLOCK } from '@ioth/core'
import { lengthOf, RECORD_HEADER } from '../stream/record.ts'
import { inputBytes } from '../stream/stream-input.ts'
import type { PortOutbox } from './port.ts'

type Ffi = Pick<typeof import('@ioth/ffi'), 'addressOf' | 'sendAt'>

/** A chunk holds many frames of a wire's size, and one super-segment. */
const CHUNK_OCTETS = 131_072
/** Chunks the thread keeps for reuse. */
const STORE_LIMIT = 16

class Chunk {
  readonly bytes: Buffer = Buffer.allocUnsafeSlow(CHUNK_OCTETS)
  readonly view: DataView = new DataView(this.bytes.buffer, this.bytes.byteOffset, CHUNK_OCTETS)
  readonly address: number
  /** Where records that were not sent begin, and where they end. */
  from = 0
  used = 0

  constructor(address: (bytes: Uint8Array) => number) {
    this.address = address(this.bytes)
  }
}

// Spare memory of the thread, for it is taken and given back many times a second.
const store: Chunk[] = []
let inputAddress = 0

export class DatagramOutbox implements PortOutbox {
  octets = 0
  bytes: Uint8Array = EMPTY
  view: DataView = EMPTY_VIEW
  private readonly ffi: Ffi
  private readonly fd: number
  private readonly limit: number
  private readonly counters: { 'drop.out.refused': number }
  private readonly fullness: (full: boolean) => void
  private chunks: Chunk[] = []
  /** The kernel takes nothing at the moment. */
  private full = false
  private isOpen = true

  /** @param fullness called when frames begin to wait for the socket to be writable, and when none waits any more. */
  constructor(
    ffi: Ffi,
    fd: number,
    limit: number,
    counters: { 'drop.out.refused': number },
    fullness: (full: boolean) => void,
  ) {
    this.ffi = ffi
    this.fd = fd
    this.limit = limit
    this.counters = counters
    this.fullness = fullness
    if (inputAddress === 0) inputAddress = ffi.addressOf(inputBytes)
  }

  room(octets: number): boolean {
    return this.isOpen && this.octets + octets <= this.limit
  }

  append(from: Uint8Array, start: number, end: number): void {
    let at = start
    // Its reader may have made room meanwhile: it must not starve while we are busy with those who send.
    if (this.chunks.length > 0) this.write()
    // Straight from the memory they were received in.
    if (this.chunks.length === 0 && from === inputBytes) at = this.send(inputAddress, from, start, end)
    while (at < end) {
      const next = at + RECORD_HEADER + recordLength(from, at)
      const chunk = this.chunkFor(next - at)
      chunk.bytes.set(from.subarray(at, next), chunk.used)
      chunk.used += next - at
      this.octets += next - at
      at = next
    }
    if (this.octets > 0) this.setFull(true)
  }

  reserve(octets: number): number {
    const chunk = this.chunkFor(octets)
    const at = chunk.used
    chunk.used += octets
    this.octets += octets
    this.bytes = chunk.bytes
    this.view = chunk.view
    return at
  }

  write(): void {
    while (this.isOpen && this.chunks.length > 0) {
      const chunk = this.chunks[0] as Chunk
      const sent = this.send(chunk.address, chunk.bytes, chunk.from, chunk.used)
      this.octets -= sent - chunk.from
      chunk.from = sent
      if (sent < chunk.used) {
        this.setFull(true)
        return
      }
      this.chunks.shift()
      giveBack(chunk)
    }
    this.setFull(false)
  }

  close(): void {
    this.isOpen = false
    for (const chunk of this.chunks) giveBack(chunk)
    this.chunks = []
    this.octets = 0
  }

  /** Sends records until the kernel takes no more. @returns where the first one begins that was not sent. */
  private send(address: number, bytes: Uint8Array, from: number, end: number): number {
    const { ffi, fd } = this
    for (let at = from; at < end; ) {
      const length = recordLength(bytes, at)
      try {
        if (ffi.sendAt(fd, address + at + RECORD_HEADER, length) === WOULD_BLOCK) return at
      } catch {
        this.counters['drop.out.refused']++
      }
      at += RECORD_HEADER + length
    }
    return end
  }

  private chunkFor(octets: number): Chunk {
    const last = this.chunks.at(-1)
    if (last !== undefined && last.used + octets <= CHUNK_OCTETS) return last
    const chunk = store.pop() ?? new Chunk(this.ffi.addressOf)
    chunk.from = 0
    chunk.used = 0
    this.chunks.push(chunk)
    return chunk
  }

  private setFull(full: boolean): void {
    if (full === this.full || !this.isOpen) return
    this.full = full
    this.fullness(full)
  }
}

const EMPTY = new Uint8Array(0)
const EMPTY_VIEW = new DataView(EMPTY.buffer)

function recordLength(bytes: Uint8Array, at: number): number {
  return lengthOf(((bytes[at + 5] as number) << 16) | ((bytes[at + 6] as number) << 8) | (bytes[at + 7] as number))
}

function giveBack(chunk: Chunk): void {
  if (store.length < STORE_LIMIT) store.push(chunk)
}
