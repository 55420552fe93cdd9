/**
 * The symbols of a library's file (System V ABI, "Symbol Table" and "Relocation"): what it defines, what it expects of others, and where it
 * keeps the addresses of functions that it calls. Read before anything of the library is called.
 *
 * @module
 */
import { readFileSync } from 'node:fs'
import { NetError } from '@ioth/core'

/** A library, as its file describes it. */
export interface LibrarySymbols {
  readonly path: string
  /** Names that others can use, with their offsets from the library's base. */
  readonly defined: ReadonlyMap<string, number>
  /** Names that the library expects from others. */
  readonly undefined: ReadonlySet<string>
  /** For each name that is looked up at its first call: where, from the library's base, its address is kept. */
  readonly callSlots: ReadonlyMap<string, number>
}

const SHT_RELA = 4
const SHT_DYNSYM = 11
const SHN_UNDEF = 0
/** R_X86_64_JUMP_SLOT, R_AARCH64_JUMP_SLOT. */
const JUMP_SLOTS: Readonly<Record<string, number>> = { x64: 7, arm64: 1026 }

/**
 * Reads the tables of a library of 64 bits and little-endian order.
 * @throws NetError ERR_IOTH_BACKEND_UNUSABLE: the file has no such tables.
 */
export function readSymbols(path: string): LibrarySymbols {
  const file = readFileSync(path)
  const isFitting = file.length >= 64 && file.readUInt32BE(0) === 0x7f454c46 && file[4] === 2 && file[5] === 1
  if (!isFitting) throw unusable(`${path} is no library of 64 bits, as this backend needs it`)
  try {
    return readTables(path, file)
  } catch (cause) {
    if (cause instanceof RangeError) throw unusable(`${path} is damaged: its tables lie outside of the file`, cause)
    throw cause
  }
}

interface Section {
  readonly type: number
  readonly offset: number
  readonly size: number
  readonly link: number
  readonly entry: number
}

function readTables(path: string, file: Buffer): LibrarySymbols {
  const sections = readSections(file)
  const symbols = sections.find(({ type }) => type === SHT_DYNSYM)
  if (symbols === undefined) throw unusable(`${path} is not a shared library: it has no dynamic symbols`)
  const names = sections[symbols.link] as Section
  const defined = new Map<string, number>()
  const missing = new Set<string>()
  const byIndex: string[] = []
  for (let at = symbols.offset; at + 24 <= symbols.offset + symbols.size; at += 24) {
    const name = textAt(file, names.offset + file.readUInt32LE(at))
    byIndex.push(name)
    if (name === '') continue
    if (file.readUInt16LE(at + 6) === SHN_UNDEF) missing.add(name)
    else defined.set(name, Number(file.readBigUInt64LE(at + 8)))
  }
  return { path, defined, undefined: missing, callSlots: readSlots(file, sections, byIndex) }
}

function readSections(file: Buffer): Section[] {
  const start = Number(file.readBigUInt64LE(0x28))
  const size = file.readUInt16LE(0x3a)
  const count = file.readUInt16LE(0x3c)
  return Array.from({ length: count }, (_, index) => {
    const at = start + index * size
    return {
      type: file.readUInt32LE(at + 4),
      offset: Number(file.readBigUInt64LE(at + 24)),
      size: Number(file.readBigUInt64LE(at + 32)),
      link: file.readUInt32LE(at + 40),
      entry: Number(file.readBigUInt64LE(at + 56)),
    }
  })
}

function readSlots(file: Buffer, sections: readonly Section[], names: readonly string[]): Map<string, number> {
  const slots = new Map<string, number>()
  for (const { type, offset, size, entry } of sections) {
    if (type !== SHT_RELA || entry < 24) continue
    for (let at = offset; at + 24 <= offset + size; at += entry) {
      if (file.readUInt32LE(at + 8) !== JUMP_SLOTS[process.arch]) continue
      const name = names[file.readUInt32LE(at + 12)]
      if (name !== undefined) slots.set(name, Number(file.readBigUInt64LE(at)))
    }
  }
  return slots
}

function textAt(file: Buffer, at: number): string {
  const end = file.indexOf(0, at)
  if (end === -1) throw new RangeError('a name has no end')
  return file.toString('latin1', at, end)
}

function unusable(message: string, cause?: unknown): NetError {
  return new NetError('ERR_IOTH_BACKEND_UNUSABLE', 'picotcp', cause === undefined ? { message } : { message, cause })
}
