/**
 * The Internet checksum (RFC 1071): the SIMD module bound to a memory, and the plain form, which is its fall-back and its oracle.
 *
 * @module
 */
import { checksumModule } from './checksum-module.ts'
import { type WasmMemory, webAssembly } from './web-assembly.ts'

/** `sum(at, length, initial)` over one memory; see {@link FramePool.sum}. */
export type SumFunction = (at: number, length: number, initial: number) => number

const LITTLE_ENDIAN = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1

let compiled: object | null = null

/** The SIMD sum over this memory, or null where the host has no WebAssembly SIMD or a content policy refuses it. */
export function bindSum(memory: WasmMemory): SumFunction | null {
  if (webAssembly === undefined) return null
  try {
    compiled ??= new webAssembly.Module(checksumModule())
    return new webAssembly.Instance(compiled, { env: { memory } }).exports.sum as SumFunction
  } catch {
    return null
  }
}

/**
 * RFC 1071 sum of octets, not complemented, folded to 16 bits. Adds aligned 32-bit words as doubles, which are exact up to 2^53, and
 * folds once at the end: sections 2(A) (any order), 2(B) (any octet order) and 2(C) (any word size) of the RFC.
 * @param words the same memory as `bytes`, which begins at a multiple of 4.
 * @param initial a sum to go on from, below 2^31; an even number of octets lies before.
 */
export function sumWords(bytes: Uint8Array, words: Uint32Array, at: number, length: number, initial: number): number {
  const end = at + length
  let total = 0
  let here = at
  while ((here & 3) !== 0 && here < end) total += inLane(bytes[here] as number, here++)
  let word = here >>> 2
  for (const last = (end >>> 2) - 3; word < last; word += 4) {
    total +=
      (words[word] as number) + (words[word + 1] as number) + (words[word + 2] as number) + (words[word + 3] as number)
  }
  for (const last = end >>> 2; word < last; word++) total += words[word] as number
  for (here = Math.max(here, word << 2); here < end; here++) total += inLane(bytes[here] as number, here)
  const folded = fold(fold(total))
  // The lanes go by address. Network order has the first octet in the high lane.
  const swapped = LITTLE_ENDIAN === ((at & 1) === 0)
  return fold((swapped ? ((folded & 0xff) << 8) | (folded >>> 8) : folded) + initial)
}

/** An octet's share in a 16-bit word of the host's order. */
function inLane(octet: number, address: number): number {
  return ((address & 1) === 0) === LITTLE_ENDIAN ? octet : octet << 8
}

/** The ones' complement sum of the 16-bit words of a non-negative number below 2^53. */
function fold(total: number): number {
  const high = Math.floor(total / 0x1_0000_0000)
  const low = total - high * 0x1_0000_0000
  let sum = (high >>> 16) + (high & 0xffff) + (low >>> 16) + (low & 0xffff)
  sum = (sum >>> 16) + (sum & 0xffff)
  return (sum >>> 16) + (sum & 0xffff)
}
