/**
 * What a library file says of itself before it is loaded: for which processor it was made, and how long it is. The loader's own words for a wrong
 * one do not say so, and one that is cut short ends the process by SIGBUS.
 *
 * Follows the System V ABI, "ELF Header" and "Program Header".
 *
 * @module
 */
import { closeSync, fstatSync, openSync, readSync } from 'node:fs'

/** `e_machine` by what Node calls the processor. */
const MACHINES: Readonly<Record<string, readonly [machine: number, bits: 32 | 64]>> = {
  x64: [62, 64],
  ia32: [3, 32],
  arm64: [183, 64],
  arm: [40, 32],
  riscv64: [243, 64],
  loong64: [258, 64],
  ppc64: [21, 64],
  s390x: [22, 64],
}

/** Octets up to and with `e_machine`, and of the whole header of 64 bits. */
const HEAD = 20
const WHOLE_HEAD = 64
const MAGIC = 0x7f454c46
const CLASS = 4
const DATA = 5
const BIG_ENDIAN = 2
const E_MACHINE = 18
/** Where the table of segments is told, and where a segment tells its place and its octets in the file, by the bits of the file. */
const SEGMENTS = {
  32: { table: 28, size: 42, count: 44, offset: 4, octets: 16 },
  64: { table: 32, size: 54, count: 56, offset: 8, octets: 32 },
} as const
const PT_LOAD = 1

/** Why a file cannot be loaded by this Node.js, in words; null when it looks as if it could, or when it is not there. */
export function mismatchOf(file: string, arch: string = process.arch): string | null {
  let fd: number
  try {
    fd = openSync(file, 'r')
  } catch {
    // Not there, or not to be read: the loader says that better.
    return null
  }
  try {
    const { size } = fstatSync(fd)
    if (fstatSync(fd).isDirectory()) return 'it is a directory'
    const head = new DataView(new ArrayBuffer(WHOLE_HEAD))
    if (readSync(fd, head, 0, WHOLE_HEAD, 0) < HEAD || head.getUint32(0) !== MAGIC) return 'it is no shared library'
    return processorMismatch(head, arch) ?? (size < lengthOf(fd, head) ? 'it is cut short' : null)
  } finally {
    closeSync(fd)
  }
}

const isLittle = (head: DataView): boolean => head.getUint8(DATA) !== BIG_ENDIAN
const bitsOf = (head: DataView): 32 | 64 => (head.getUint8(CLASS) === 1 ? 32 : 64)

/** Up to where its segments reach in the file: the loader maps them, whatever is there. */
function lengthOf(fd: number, head: DataView): number {
  const bits = bitsOf(head)
  const places = SEGMENTS[bits]
  const word = (view: DataView, at: number): number =>
    bits === 32 ? view.getUint32(at, isLittle(head)) : Number(view.getBigUint64(at, isLittle(head)))
  const size = head.getUint16(places.size, isLittle(head))
  const table = new DataView(new ArrayBuffer(size * head.getUint16(places.count, isLittle(head))))
  const at = word(head, places.table)
  let length = at + table.byteLength
  if (readSync(fd, table, 0, table.byteLength, at) < table.byteLength) return length
  for (let segment = 0; segment + size <= table.byteLength && size > 0; segment += size) {
    if (table.getUint32(segment, isLittle(head)) !== PT_LOAD) continue
    length = Math.max(length, word(table, segment + places.offset) + word(table, segment + places.octets))
  }
  return length
}

function processorMismatch(head: DataView, arch: string): string | null {
  const mine = MACHINES[arch]
  if (mine === undefined) return null
  const bits = bitsOf(head)
  const machine = head.getUint16(E_MACHINE, isLittle(head))
  if (machine === mine[0] && bits === mine[1]) return null
  const made = Object.entries(MACHINES).find(([, [number, width]]) => number === machine && width === bits)
  return `it is made for ${made?.[0] ?? `another processor (ELF machine ${machine}, ${bits} bits)`}, and this Node.js runs on ${arch}`
}
