/**
 * The frame pool: one slab of memory, cut into reference-counted slots.
 *
 * The slab is a WebAssembly memory, so that the SIMD checksum works in place; where WebAssembly is refused it is a plain ArrayBuffer.
 * It consists of 64 KiB pages. A page in use belongs to one slot size (256 octets, 2 KiB, 64 KiB), and a page table tells which, so any
 * position leads to its slot by two shifts. A page whose last slot is freed goes back to the free pages and may serve another size.
 * Fresh memory is not touched before use: an idle pool costs address space, not memory.
 *
 * @module
 */

import type { FramePool } from '../contract/frame.ts'
import { NetError } from '../errors/net-error.ts'
import { bindSum, type SumFunction, sumWords } from './checksum.ts'
import { type WasmMemory, webAssembly } from './web-assembly.ts'

export interface FramePoolOptions {
  /** Largest size of the slab, in octets; rounded up to 64 KiB. @default 268435456 (256 MiB) */
  readonly limit?: number
  /** Whether the slab may be a WebAssembly memory. @default true */
  readonly webAssembly?: boolean
}

/** Makes a frame pool. All stacks and links of a thread that exchange frames share one; see {@link defaultPool}. */
export function createFramePool(options: FramePoolOptions = {}): FramePool {
  return new SlabPool(options)
}

const PAGE_SHIFT = 16
const PAGE = 1 << PAGE_SHIFT
/** The smallest slot; reference counts and free lists are indexed by it. */
const GRANULE_SHIFT = 8
const DEFAULT_LIMIT = 256 * 1024 * 1024
/** Positions are int32. */
const LARGEST_LIMIT = 0x8000_0000
const FIRST_PAGES = 16
const LARGEST_GROWTH = 512
const NONE = -1

export class SlabPool implements FramePool {
  bytes: Uint8Array
  view: DataView
  used = 0

  private readonly memory: WasmMemory | null
  private readonly simd: SumFunction | null
  private words: Uint32Array
  private readonly maxPages: number
  private pages = 0

  /** References, by the first granule of a slot. */
  private counts = new Int32Array(0)
  /** The next free slot of the same page, by the first granule of a slot; valid while the slot is free. */
  private nextSlot = new Int32Array(0)
  /** log2 of the slot size of a page; 0: the page is free. */
  private pageShift = new Uint8Array(0)
  /** Slots of a page in use. */
  private pageUsed = new Int32Array(0)
  /** First freed slot of a page, or NONE. */
  private pageFreed = new Int32Array(0)
  /** Slots of a page that were never used since it got its size; they lie at its end. */
  private pageFresh = new Int32Array(0)
  /** Neighbours in the list of pages with room (of a size), or of free pages. */
  private nextPage = new Int32Array(0)
  private previousPage = new Int32Array(0)
  /** First page with room, by log2 of the slot size. */
  private readonly withRoom = new Int32Array(PAGE_SHIFT + 1).fill(NONE)
  private freePage = NONE

  constructor(options: FramePoolOptions = {}) {
    const limit = options.limit ?? DEFAULT_LIMIT
    if (!(limit >= PAGE && limit <= LARGEST_LIMIT)) {
      throw new NetError('EINVAL', 'pool', { message: `a frame pool has 65536 to 2147483648 octets, not ${limit}` })
    }
    this.maxPages = Math.ceil(limit / PAGE)
    this.memory = options.webAssembly === false ? null : reserve(this.maxPages)
    this.simd = this.memory === null ? null : bindSum(this.memory)
    this.bytes = new Uint8Array(0)
    this.view = new DataView(this.bytes.buffer)
    this.words = new Uint32Array(0)
    this.grow()
  }

  /** Whether {@link sum} is the WebAssembly one. */
  get usesSimd(): boolean {
    return this.simd !== null
  }

  take(size: number): number {
    const shift = size <= 256 ? 8 : size <= 2048 ? 11 : PAGE_SHIFT
    if (size > PAGE) return NONE
    let page = this.withRoom[shift] as number
    if (page === NONE) {
      page = this.dedicate(shift)
      if (page === NONE) return NONE
    }
    let at = this.pageFreed[page] as number
    if (at !== NONE) {
      this.pageFreed[page] = this.nextSlot[at >>> GRANULE_SHIFT] as number
    } else {
      const fresh = (this.pageFresh[page] as number) - 1
      this.pageFresh[page] = fresh
      at = ((page + 1) << PAGE_SHIFT) - ((fresh + 1) << shift)
    }
    this.pageUsed[page] = (this.pageUsed[page] as number) + 1
    if ((this.pageFreed[page] as number) === NONE && this.pageFresh[page] === 0) this.unlink(page, shift)
    this.counts[at >>> GRANULE_SHIFT] = 1
    this.used++
    return at
  }

  retain(at: number): void {
    const granule = this.granuleOf(at)
    this.counts[granule] = (this.counts[granule] as number) + 1
  }

  release(at: number): void {
    const page = at >>> PAGE_SHIFT
    const shift = this.pageShift[page] as number
    const slot = (at >>> shift) << shift
    const granule = slot >>> GRANULE_SHIFT
    const left = (this.counts[granule] as number) - 1
    if (shift === 0 || left < 0) throw new Error(`frame pool: position ${at} is released more often than taken`)
    this.counts[granule] = left
    if (left > 0) return
    this.used--
    const full = (this.pageFreed[page] as number) === NONE && this.pageFresh[page] === 0
    this.nextSlot[granule] = this.pageFreed[page] as number
    this.pageFreed[page] = slot
    const used = (this.pageUsed[page] as number) - 1
    this.pageUsed[page] = used
    if (used === 0) {
      if (!full) this.unlink(page, shift)
      this.pageShift[page] = 0
      this.nextPage[page] = this.freePage
      this.freePage = page
    } else if (full) {
      this.link(page, shift)
    }
  }

  refs(at: number): number {
    return this.pageShift[at >>> PAGE_SHIFT] === 0 ? 0 : (this.counts[this.granuleOf(at)] as number)
  }

  slot(at: number): number {
    return 1 << (this.pageShift[at >>> PAGE_SHIFT] as number)
  }

  room(at: number): number {
    const size = this.slot(at)
    return size - (at & (size - 1))
  }

  sum(at: number, length: number, initial = 0): number {
    if (this.simd !== null) return this.simd(at, length, initial)
    return sumWords(this.bytes, this.words, at, length, initial)
  }

  private granuleOf(at: number): number {
    const shift = this.pageShift[at >>> PAGE_SHIFT] as number
    return (at >>> shift) << (shift - GRANULE_SHIFT)
  }

  /** Gives a free page to a slot size. */
  private dedicate(shift: number): number {
    if (this.freePage === NONE && !this.grow()) return NONE
    const page = this.freePage
    this.freePage = this.nextPage[page] as number
    this.pageShift[page] = shift
    this.pageFreed[page] = NONE
    this.pageFresh[page] = 1 << (PAGE_SHIFT - shift)
    this.link(page, shift)
    return page
  }

  private link(page: number, shift: number): void {
    const next = this.withRoom[shift] as number
    this.nextPage[page] = next
    this.previousPage[page] = NONE
    if (next !== NONE) this.previousPage[next] = page
    this.withRoom[shift] = page
  }

  private unlink(page: number, shift: number): void {
    const next = this.nextPage[page] as number
    const previous = this.previousPage[page] as number
    if (next !== NONE) this.previousPage[next] = previous
    if (previous !== NONE) this.nextPage[previous] = next
    else this.withRoom[shift] = next
  }

  /** Doubles the slab, by 32 MiB at most; false at the limit, or when the host has no more memory. */
  private grow(): boolean {
    const from = this.pages
    const pages = Math.min(this.maxPages, from + Math.min(Math.max(from, FIRST_PAGES), LARGEST_GROWTH))
    if (pages === from) return false
    try {
      this.resize(pages)
    } catch {
      return false
    }
    this.pages = pages
    for (let page = pages - 1; page >= from; page--) {
      this.nextPage[page] = this.freePage
      this.freePage = page
    }
    return true
  }

  private resize(pages: number): void {
    const buffer = this.memory === null ? moved(this.bytes.buffer, pages * PAGE) : grown(this.memory, pages)
    this.bytes = new Uint8Array(buffer)
    this.view = new DataView(buffer)
    this.words = new Uint32Array(buffer)
    const granules = pages << (PAGE_SHIFT - GRANULE_SHIFT)
    this.counts = enlarged(this.counts, new Int32Array(granules))
    this.nextSlot = enlarged(this.nextSlot, new Int32Array(granules))
    this.pageShift = enlarged(this.pageShift, new Uint8Array(pages))
    this.pageUsed = enlarged(this.pageUsed, new Int32Array(pages))
    this.pageFreed = enlarged(this.pageFreed, new Int32Array(pages))
    this.pageFresh = enlarged(this.pageFresh, new Int32Array(pages))
    this.nextPage = enlarged(this.nextPage, new Int32Array(pages))
    this.previousPage = enlarged(this.previousPage, new Int32Array(pages))
  }
}

/** An empty memory that can grow in place, or null where the host refuses. */
function reserve(maximum: number): WasmMemory | null {
  if (webAssembly === undefined) return null
  try {
    return new webAssembly.Memory({ initial: 0, maximum })
  } catch {
    return null
  }
}

/** Grows a WebAssembly memory in place; views of the old buffer are detached. */
function grown(memory: WasmMemory, pages: number): ArrayBuffer {
  memory.grow(pages - (memory.buffer.byteLength >>> PAGE_SHIFT))
  return memory.buffer
}

/** The same octets in a larger buffer; views of the old one are detached, as they are by {@link grown}. */
function moved(from: ArrayBufferLike, octets: number): ArrayBuffer {
  const into = new ArrayBuffer(octets)
  new Uint8Array(into).set(new Uint8Array(from))
  structuredClone(from, { transfer: [from as ArrayBuffer] })
  return into
}

function enlarged<T extends Int32Array | Uint8Array>(from: T, into: T): T {
  into.set(from)
  return into
}
