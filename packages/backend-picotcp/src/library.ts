/**
 * Finds the library, tells which one it is before anything of it is called, and loads a copy of it for each stack.
 *
 * @module
 */
import { realpathSync } from 'node:fs'
import { NetError } from '@ioth/core'
import { koffi, type LibraryHandle, type LibraryRequest, openLibrary, silence } from '@ioth/ffi'
import { type Abi, abiOf, NEEDED } from './abi.ts'
import { bindPico, type Pico } from './bindings.ts'
import { type LibrarySymbols, readSymbols } from './library-symbols.ts'

export const LIBRARY_VARIABLE = 'IOTH_PICOTCP_LIB'

const REQUEST: LibraryRequest = {
  title: 'picoTCP',
  names: ['libpicotcp.so', 'libpicotcp.so.2', '/usr/local/lib/libpicotcp.so', '/usr/local/lib/libpicotcp.so.2'],
  variable: LIBRARY_VARIABLE,
  install: `export ${LIBRARY_VARIABLE}=/path/to/libpicotcp.so, once picoTCP is built as a shared library (https://github.com/virtualsquare/picotcp)`,
  // A build that leaves pico_rand to its program loads only so. What it lacks is looked at before any call.
  lazy: true,
  symbols: NEEDED,
}

/** The library as it was found, and what it is. Nothing of it has been called. */
export interface FoundLibrary {
  readonly path: string
  readonly abi: Abi
  readonly symbols: LibrarySymbols
  readonly tried: readonly string[]
}

/**
 * @param path the user's choice; nothing else is tried then.
 * @throws NetError ERR_IOTH_BACKEND_UNUSABLE with what was tried, and what to do.
 */
export function findLibrary(path?: string): FoundLibrary {
  const { path: found, tried } = openLibrary(path === undefined ? REQUEST : { ...REQUEST, path })
  const symbols = readSymbols(realpathSync(found))
  return { path: found, abi: abiOf(symbols), symbols, tried }
}

/** What is asked of the loader, for a probe. */
export function libraryRequest(path?: string): LibraryRequest {
  return path === undefined ? REQUEST : { ...REQUEST, path }
}

/** A library of a stack's own. */
export interface LoadedLibrary {
  readonly pico: Pico
  readonly handle: LibraryHandle
}

/** Loads a copy of the library, all of whose state is its own, and makes its stack. @throws NetError ERR_IOTH_BACKEND_UNUSABLE. */
export function loadLibrary({ path, abi, symbols }: FoundLibrary, quiet: boolean): LoadedLibrary {
  const { handle } = openLibrary({ ...REQUEST, path, lazy: abi.needsRandom, privateCopy: true })
  if (abi.needsRandom) provideRandom(handle, symbols)
  if (quiet) silence()
  return { handle, pico: bindPico(handle, abi) }
}

/** Unpredictable numbers for a build that expects `pico_rand` of its program: the C library has a function of the same shape. */
function provideRandom(handle: LibraryHandle, { path, defined, callSlots }: LibrarySymbols): void {
  const { load, encode } = koffi()
  let random: bigint
  try {
    random = load(null).symbol('arc4random') as bigint
  } catch (cause) {
    throw new NetError('ERR_IOTH_BACKEND_UNUSABLE', 'picotcp', {
      message: `${path} expects pico_rand from its program, and this C library has no arc4random to take its place; install a build that defines pico_rand`,
      cause,
    })
  }
  const known = 'pico_stack_tick'
  const base = (handle.symbol(known) as bigint) - BigInt(defined.get(known) as number)
  encode(base + BigInt(callSlots.get('pico_rand') as number), 'void *', random)
}
