/**
 * Finds a C library and loads it: a path that was given, else the one in an environment variable, else the loader's own search by name.
 *
 * @module
 */
import { existsSync, realpathSync } from 'node:fs'
import { NetError, type Probe } from '@ioth/core'
import { mismatchOf } from './elf.ts'
import { koffi, type LibraryHandle } from './koffi.ts'
import { loadPrivateCopy } from './private-copy.ts'

export interface LibraryRequest {
  /** What the library is called, for messages. */
  readonly title: string
  /** File names for the loader, the most specific first: `liblwipv6.so.2`. */
  readonly names: readonly string[]
  /** The user's choice; nothing else is tried then. */
  readonly path?: string | undefined
  /** Environment variable with a path; when it is set, no name is tried. */
  readonly variable?: string
  /** What to type to get the library. */
  readonly install: string
  /** What to type for libraries that it needs, by the beginnings of their names. */
  readonly needs?: Readonly<Record<string, string>>
  /** Symbols are looked up at their first use, and one that is missing goes unnoticed until then. @default false */
  readonly lazy?: boolean
  /** The library's symbols serve the libraries that are loaded after it. @default false */
  readonly global?: boolean
  /** Whether it stays in memory when its last user has gone, for libraries with threads of their own. @default false */
  readonly pinned?: boolean
  /** What it must have, functions and variables: a library that lacks one is not the right one, and is not used. */
  readonly symbols?: readonly string[]
  /** Whether to load an instance that nobody else has, with variables of its own: see `private-copy.ts`. @default false */
  readonly privateCopy?: boolean
}

export interface Library {
  readonly handle: LibraryHandle
  /** Its file, where the system tells; else the name by which it was found. */
  readonly path: string
  /** All that was tried up to then. */
  readonly tried: readonly string[]
}

/**
 * Loads a library.
 * @throws NetError ERR_IOTH_BACKEND_UNUSABLE with all that was tried and what to install; also when a library was found and cannot be used.
 */
export function openLibrary(request: LibraryRequest): Library {
  const tried: string[] = []
  for (const [path, chosenBy] of candidates(request)) {
    tried.push(path)
    const found = tryLoad(path, chosenBy, request)
    if (found !== null) return { ...found, tried }
  }
  throw new LibraryError(`${request.title} is not installed`, request.install, undefined, `Tried ${tried.join(', ')}. `)
}

/** Whether a library can be loaded here. Loads it, and keeps it loaded. */
export function probeLibrary(request: LibraryRequest): Probe {
  const tried = Array.from(candidates(request), ([path]) => path)
  try {
    return { usable: true, path: openLibrary(request).path, tried }
  } catch (error) {
    if (error instanceof LibraryError) return { usable: false, tried, reason: error.reason, next: error.install }
    // Without koffi no library can be loaded: that is what is to be installed first.
    return { usable: false, tried, reason: (error as Error).message }
  }
}

type Found = Pick<Library, 'handle' | 'path'>

class LibraryError extends NetError {
  /** Without what was tried and what to type: a probe has fields for those. */
  readonly reason: string

  readonly install: string

  constructor(reason: string, install: string, cause?: unknown, tried = '') {
    const message = `${reason}. ${tried}Type: ${install}`
    super('ERR_IOTH_BACKEND_UNUSABLE', 'dlopen', cause === undefined ? { message } : { message, cause })
    this.reason = reason
    this.install = install
  }
}

/** Where to look, and who said so (null: nobody, it is the loader's search). */
function candidates({ path, variable, names }: LibraryRequest): [path: string, chosenBy: string | null][] {
  if (path !== undefined) return [[path, 'the path that was given']]
  const set = variable === undefined ? undefined : process.env[variable]
  if (set !== undefined && set !== '') return [[set, variable as string]]
  return names.map((name) => [name, null])
}

function tryLoad(name: string, chosenBy: string | null, request: LibraryRequest): Found | null {
  const said = chosenBy === null ? '' : `, ${chosenBy},`
  const refuse = (what: string, cause?: unknown, install = request.install): LibraryError =>
    new LibraryError(`${request.title}: ${name}${said} ${what}`, install, cause)
  // Before the loader looks at it, which one that is cut short does not survive.
  const mismatch = name.includes('/') ? mismatchOf(name) : null
  if (mismatch !== null) throw refuse(`cannot be loaded: ${mismatch}`)
  let handle: LibraryHandle
  try {
    handle = load(name, request)
  } catch (cause) {
    const why = (cause as Error).message
    const lacking = lackingOf(why)
    if (lacking !== null && lacking !== name) {
      const [, install] = Object.entries(request.needs ?? {}).find(([needed]) => lacking.startsWith(needed)) ?? []
      throw refuse(`cannot be loaded: it needs ${lacking}, which is not here`, cause, install)
    }
    if (chosenBy === null && isMissing(why)) return null
    throw refuse(`cannot be loaded: ${name.includes('/') && !existsSync(name) ? 'there is no such file' : why}`, cause)
  }
  const missing = (request.symbols ?? []).filter((symbol) => !hasSymbol(handle, symbol))
  if (missing.length > 0) {
    throw refuse(`is not what is needed: it lacks ${listed(missing)}. It is another library, or another version of it`)
  }
  const [symbol] = request.symbols ?? []
  const path = (symbol === undefined ? null : fileOf(handle, symbol)) ?? name
  if (request.privateCopy !== true) return { handle, path }
  try {
    return { handle: loadPrivateCopy(realpathSync(path), (copy) => load(copy, request)), path }
  } catch (cause) {
    throw refuse(`cannot be copied for a stack of its own: ${(cause as Error).message}`, cause)
  }
}

function load(path: string, request: LibraryRequest): LibraryHandle {
  if (request.pinned === true) pin(path, request)
  return koffi().load(path, { lazy: request.lazy ?? false, global: request.global ?? false })
}

function hasSymbol(handle: LibraryHandle, symbol: string): boolean {
  try {
    return handle.symbol(symbol) !== null
  } catch {
    return false
  }
}

function listed(symbols: readonly string[]): string {
  const shown = symbols.slice(0, 3).join(', ')
  return symbols.length > 3 ? `${shown} and ${symbols.length - 3} more` : shown
}

/** The file that holds a symbol, by the loader's own account; null where that cannot be asked. */
function fileOf(handle: LibraryHandle, symbol: string): string | null {
  const { load, decode } = koffi()
  try {
    const info = new BigUint64Array(4)
    const dladdr = load(null).func('int dladdr(void *, void *)')
    if (dladdr(handle.symbol(symbol), info) === 0) return null
    return decode(info[0] as bigint, 'char', -1) as string
  } catch {
    return null
  }
}

/** The file that the loader of Linux looked for in vain; null: its message is about something else. */
function lackingOf(message: string): string | null {
  return /(\S*\.so\S*): cannot open shared object file: No such file/.exec(message)?.[1] ?? null
}

/** What koffi says when the loader knows no such file, as opposed to one that it cannot use. */
function isMissing(message: string): boolean {
  return /cannot open shared object file|no such file|not found|could not be found/i.test(message)
}

const RTLD_LAZY = 1
const RTLD_NOW = 2
/** glibc and musl. */
const RTLD_NODELETE = 0x1000

/**
 * A reference that is never given back. koffi unloads its libraries when the thread that loaded them ends, and a library whose own threads
 * still run takes the process with it.
 */
function pin(path: string, { lazy = false }: LibraryRequest): void {
  if (process.platform !== 'linux') return
  const dlopen = koffi().load(null).func('void *dlopen(const char *, int)')
  dlopen(path, (lazy ? RTLD_LAZY : RTLD_NOW) | RTLD_NODELETE)
}
