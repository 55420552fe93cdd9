/**
 * The Internet checksum (RFC 1071) as a WebAssembly SIMD function over an imported memory, written in the assembler's words.
 *
 * WebAssembly loads are little-endian, so the sum is made of octet-swapped words; RFC 1071 section 2(B) lets the result be swapped
 * once at the end instead. Sixteen octets make eight unsigned words, added pairwise into four 32-bit lanes; 64 KiB cannot overflow
 * them, nor their total.
 *
 * @module
 */
import { assemble, type Code, I32, op, V128 } from './wasm-assembler.ts'

// Parameters and locals.
const AT = 0
const LENGTH = 1
const INITIAL = 2
const EVEN = 3
const ODD = 4
const TOTAL = 5

const addVector = (lanes: number, load: Code): Code => [
  ...op.localGet(lanes),
  ...op.localGet(AT),
  ...load,
  ...op.i32x4ExtaddPairwiseI16x8U,
  ...op.i32x4Add,
  ...op.localSet(lanes),
]

const addScalar = (load: Code): Code => [
  ...op.localGet(TOTAL),
  ...op.localGet(AT),
  ...load,
  ...op.i32Add,
  ...op.localSet(TOTAL),
]

const advance = (octets: number): Code => [...op.localGet(AT), ...op.i32Const(octets), ...op.i32Add, ...op.localSet(AT)]

/** Runs the code when the length has this bit, then steps over as many octets. */
const rest = (octets: number, code: Code): Code => [
  ...op.localGet(LENGTH),
  ...op.i32Const(octets),
  ...op.i32And,
  ...op.if,
  ...code,
  ...advance(octets),
  ...op.end,
]

/** Two accumulators, so that consecutive additions do not wait for each other. */
const sixtyFourOctets: Code = [
  ...addVector(EVEN, op.v128Load(0)),
  ...addVector(ODD, op.v128Load(16)),
  ...addVector(EVEN, op.v128Load(32)),
  ...addVector(ODD, op.v128Load(48)),
]

const wholeRounds: Code = [
  ...op.block,
  ...op.loop,
  ...op.localGet(LENGTH),
  ...op.i32Const(64),
  ...op.i32LtU,
  ...op.brIf(1),
  ...sixtyFourOctets,
  ...advance(64),
  ...op.localGet(LENGTH),
  ...op.i32Const(64),
  ...op.i32Sub,
  ...op.localSet(LENGTH),
  ...op.br(0),
  ...op.end,
  ...op.end,
]

const lane = (index: number): Code => [
  ...op.localGet(EVEN),
  ...op.localGet(ODD),
  ...op.i32x4Add,
  ...op.i32x4ExtractLane(index),
]

const totalOfLanes: Code = [
  ...lane(0),
  ...lane(1),
  ...op.i32Add,
  ...lane(2),
  ...op.i32Add,
  ...lane(3),
  ...op.i32Add,
  ...op.localSet(TOTAL),
]

/** total = (total & 0xffff) + (total >>> 16) */
const fold: Code = [
  ...op.localGet(TOTAL),
  ...op.i32Const(0xffff),
  ...op.i32And,
  ...op.localGet(TOTAL),
  ...op.i32Const(16),
  ...op.i32ShrU,
  ...op.i32Add,
  ...op.localSet(TOTAL),
]

/** total = (total & 0xff) << 8 | total >>> 8, then the initial sum, which is in network order already. */
const swapAndAddInitial: Code = [
  ...op.localGet(TOTAL),
  ...op.i32Const(0xff),
  ...op.i32And,
  ...op.i32Const(8),
  ...op.i32Shl,
  ...op.localGet(TOTAL),
  ...op.i32Const(8),
  ...op.i32ShrU,
  ...op.i32Or,
  ...op.localGet(INITIAL),
  ...op.i32Add,
  ...op.localSet(TOTAL),
]

/** `sum(at, length, initial)`: as {@link FramePool.sum}; `length` at most 128 KiB, `initial` below 2^31. */
export function checksumModule(): Uint8Array<ArrayBuffer> {
  return assemble({
    name: 'sum',
    params: [I32, I32, I32],
    results: [I32],
    locals: [V128, V128, I32],
    body: [
      ...wholeRounds,
      ...rest(32, [...addVector(EVEN, op.v128Load(0)), ...addVector(ODD, op.v128Load(16))]),
      ...rest(16, addVector(EVEN, op.v128Load(0))),
      ...rest(8, addVector(ODD, op.v128Load64Zero(0))),
      ...rest(4, addVector(EVEN, op.v128Load32Zero(0))),
      ...totalOfLanes,
      ...rest(2, addScalar(op.i32Load16U(0))),
      ...rest(1, addScalar(op.i32Load8U(0))),
      ...fold,
      ...fold,
      ...swapAndAddInitial,
      ...fold,
      ...fold,
      ...op.localGet(TOTAL),
    ],
  })
}
