/**
 * Octets on their way into the library. It counts segments, not octets: a thousand writes of one octet would fill it. So what a turn writes is
 * put together here, and given to it in large pieces.
 *
 * @module
 */

import type { Flow } from '../flows.ts'

/** What is certainly worth a segment. */
const SEGMENT = 1460
/** Octets of a block. */
const BLOCK = 16 * 1024

interface Block {
  readonly octets: Uint8Array
  start: number
  end: number
}

export class Outbox {
  /** Octets that wait. */
  length = 0
  private readonly blocks: Block[] = []

  /** Copies octets in. */
  push(from: Uint8Array, offset: number, length: number): void {
    for (let done = 0; done < length; ) {
      let last = this.blocks.at(-1)
      if (last === undefined || last.end === last.octets.length) {
        last = { octets: new Uint8Array(Math.max(BLOCK, Math.min(length - done, 4 * BLOCK))), start: 0, end: 0 }
        this.blocks.push(last)
      }
      const count = Math.min(length - done, last.octets.length - last.end)
      last.octets.set(from.subarray(offset + done, offset + done + count), last.end)
      last.end += count
      done += count
    }
    this.length += length
  }

  /** Gives octets to `take` as long as it takes all it is shown. */
  drain(take: (octets: Uint8Array) => number): void {
    for (let first = this.blocks[0]; first !== undefined; first = this.blocks[0]) {
      const taken = take(first.octets.subarray(first.start, first.end))
      if (taken <= 0) return
      first.start += taken
      this.length -= taken
      if (first.start < first.end) return
      this.blocks.shift()
    }
  }

  /**
   * Gives the library as much as the peer takes, in pieces worth sending (RFC 9293 3.8.6.2.1).
   * @param write gives octets to the library.
   */
  feed(flow: Flow | null, write: (octets: Uint8Array) => number): void {
    this.drain((octets) => {
      const allowance = flow?.allowance ?? octets.length
      const isWorth = allowance >= octets.length || allowance >= SEGMENT || (flow !== null && flow.unacknowledged === 0)
      if (!isWorth || allowance === 0) return 0
      const count = write(allowance < octets.length ? octets.subarray(0, allowance) : octets)
      if (count > 0 && flow !== null) flow.written += count
      return count
    })
    if (flow !== null) flow.isStalled = this.length > 0
  }

  clear(): void {
    this.blocks.length = 0
    this.length = 0
  }
}
