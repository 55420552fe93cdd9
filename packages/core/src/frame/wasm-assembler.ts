/**
 * A WebAssembly assembler of the size one small function needs: names for the instructions used, the two LEB128 encodings, and the
 * sections of a module that imports a memory and exports functions (WebAssembly Core Specification 2.0, chapter 5, binary format).
 *
 * @module
 */

/** A piece of binary code. */
export type Code = readonly number[]

/** LEB128 of an unsigned integer (5.2.2). */
export function unsigned(value: number): Code {
  const low = value & 0x7f
  const rest = value >>> 7
  return rest === 0 ? [low] : [low | 0x80, ...unsigned(rest)]
}

/** LEB128 of a signed 32-bit integer (5.2.2). */
export function signed(value: number): Code {
  const low = value & 0x7f
  const rest = value >> 7
  const done = (rest === 0 && (low & 0x40) === 0) || (rest === -1 && (low & 0x40) !== 0)
  return done ? [low] : [low | 0x80, ...signed(rest)]
}

/** Value types (5.3.1, 5.3.2). */
export const I32 = 0x7f
export const V128 = 0x7b

/** A memory operand: no alignment promised, a constant offset. */
const memory = (offset: number): Code => [0x00, ...unsigned(offset)]
/** Vector instructions share the prefix 0xfd (5.4.8). */
const vector = (instruction: number): Code => [0xfd, ...unsigned(instruction)]

/** Instructions under the names of the text format (5.4). */
export const op = {
  block: [0x02, 0x40],
  loop: [0x03, 0x40],
  if: [0x04, 0x40],
  end: [0x0b],
  br: (depth: number): Code => [0x0c, ...unsigned(depth)],
  brIf: (depth: number): Code => [0x0d, ...unsigned(depth)],
  localGet: (local: number): Code => [0x20, ...unsigned(local)],
  localSet: (local: number): Code => [0x21, ...unsigned(local)],
  i32Const: (value: number): Code => [0x41, ...signed(value)],
  i32Load8U: (offset: number): Code => [0x2d, ...memory(offset)],
  i32Load16U: (offset: number): Code => [0x2f, ...memory(offset)],
  i32LtU: [0x49],
  i32Add: [0x6a],
  i32Sub: [0x6b],
  i32And: [0x71],
  i32Or: [0x72],
  i32Shl: [0x74],
  i32ShrU: [0x76],
  v128Load: (offset: number): Code => [...vector(0x00), ...memory(offset)],
  /** Four octets into the low lanes, zero above. */
  v128Load32Zero: (offset: number): Code => [...vector(0x5c), ...memory(offset)],
  /** Eight octets into the low lanes, zero above. */
  v128Load64Zero: (offset: number): Code => [...vector(0x5d), ...memory(offset)],
  i32x4ExtractLane: (lane: number): Code => [...vector(0x1b), lane],
  i32x4Add: vector(0xae) as Code,
  /** Adds neighbouring unsigned 16-bit lanes into 32-bit lanes. */
  i32x4ExtaddPairwiseI16x8U: vector(0x7f) as Code,
} as const

export interface WasmFunction {
  readonly name: string
  readonly params: Code
  readonly results: Code
  /** Types of the locals after the parameters. */
  readonly locals: Code
  readonly body: Code
}

/** The bytes of a module that imports its memory, of any size, as `env.memory` and exports one function. */
export function assemble(definition: WasmFunction): Uint8Array<ArrayBuffer> {
  const { name, params, results, locals, body } = definition
  const code = [...vec(locals.map((type) => [1, type])), ...body, ...op.end]
  return Uint8Array.from([
    ...[0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00],
    ...section(1, [[0x60, ...sized(params), ...sized(results)]]),
    ...section(2, [[...text('env'), ...text('memory'), 0x02, 0x00, 0x00]]),
    ...section(3, [[0]]),
    ...section(7, [[...text(name), 0x00, 0]]),
    ...section(10, [sized(code)]),
  ])
}

function sized(code: Code): Code {
  return [...unsigned(code.length), ...code]
}

function vec(items: readonly Code[]): Code {
  return [...unsigned(items.length), ...items.flat()]
}

function section(id: number, items: readonly Code[]): Code {
  return [id, ...sized(vec(items))]
}

function text(value: string): Code {
  return sized([...new TextEncoder().encode(value)])
}
