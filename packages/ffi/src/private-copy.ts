/**
 * Private copies of a library: the loader gives a file that it has loaded already, with all its variables, to the next who asks. A library
 * whose state is global serves one stack only; a copy of its file, under another inode, is another instance of it.
 *
 * @module
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { closeDescriptor } from './descriptor.ts'
import { koffi, type LibraryHandle } from './koffi.ts'

const MFD_CLOEXEC = 1

/**
 * Loads a copy of a library's file that nobody else has. The copy needs no name once it is loaded: it lives in memory where the system can
 * do that (Linux, also where temporary folders forbid programs), else it is removed at once.
 * @param file an absolute path.
 * @throws Error of the loader.
 */
export function loadPrivateCopy(file: string, load: (path: string) => LibraryHandle): LibraryHandle {
  const octets = readFileSync(file)
  const fd = memoryFile()
  if (fd === null) return loadTemporary(octets, load)
  try {
    for (let written = 0; written < octets.length; ) written += writeSync(fd, octets, written)
    return load(newName(fd))
  } finally {
    closeDescriptor(fd)
  }
}

let loads = 0

/**
 * A path of a descriptor that was not used before: the loader knows what it loaded by name as well, and descriptors are used again.
 * Each load spells the path in another way: the digits of its number are steps that lead nowhere.
 */
function newName(fd: number): string {
  const detours = (loads++).toString(2).replaceAll('0', './').replaceAll('1', '../fd/')
  return `/proc/self/fd/${detours}${fd}`
}

function loadTemporary(octets: Uint8Array, load: (path: string) => LibraryHandle): LibraryHandle {
  const folder = mkdtempSync(join(tmpdir(), 'ioth-library-'))
  try {
    const copy = join(folder, 'library.so')
    writeFileSync(copy, octets, { mode: 0o700 })
    return load(copy)
  } finally {
    rmSync(folder, { recursive: true })
  }
}

function memoryFile(): number | null {
  if (process.platform !== 'linux') return null
  const fd = koffi().load(null).func('int memfd_create(const char *, unsigned int)')('ioth-library', MFD_CLOEXEC)
  return fd < 0 ? null : fd
}
