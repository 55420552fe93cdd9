/**
 * What a library file says of itself before it is loaded: for which processor it was made. The loader's own words for a wrong one do not say so.
 *
 * Follows the System V ABI, "ELF Header".
 *
 * @module
 */
import { closeSync, openSync, readSync } from 'node:fs'

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

/** Octets up to and with `e_machine`. */
const HEAD = 20
const MAGIC = 0x7f454c46
const CLASS = 4
const DATA = 5
const BIG_ENDIAN = 2
const E_MACHINE = 18

/** Why a file cannot be loaded by this Node.js, in words; null when it looks as if it could, or when it is not there. */
export function mismatchOf(file: string, arch: string = process.arch): string | null {
  const head = new DataView(new ArrayBuffer(HEAD))
  try {
    const fd = openSync(file, 'r')
    try {
      if (readSync(fd, head, 0, HEAD, 0) < HEAD || head.getUint32(0) !== MAGIC) return 'it is no shared library'
    } finally {
      closeSync(fd)
    }
  } catch {
    // Not there, or not to be read: the loader says that better.
    return null
  }
  const mine = MACHINES[arch]
  if (mine === undefined) return null
  const bits = head.getUint8(CLASS) === 1 ? 32 : 64
  const machine = head.getUint16(E_MACHINE, head.getUint8(DATA) !== BIG_ENDIAN)
  if (machine === mine[0] && bits === mine[1]) return null
  const made = Object.entries(MACHINES).find(([, [number, width]]) => number === machine && width === bits)
  return `it is made for ${made?.[0] ?? `another processor (ELF machine ${machine}, ${bits} bits)`}, and this Node.js runs on ${arch}`
}
