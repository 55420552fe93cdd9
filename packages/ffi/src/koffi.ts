/**
 * koffi, the bridge to C. It is an optional dependency and is loaded on first use: what needs no C library runs without it.
 *
 * @module
 */
import { createRequire } from 'node:module'
import { NetError } from '@ioth/core'

/** The module koffi, as it is typed by its authors. */
export type Koffi = typeof import('koffi')
/** A library that is loaded. */
export type LibraryHandle = import('koffi').LibraryHandle

let loaded: Koffi | null = null

/** @throws NetError ERR_IOTH_BACKEND_UNUSABLE when koffi is not installed, or has no binary for this platform. */
export function koffi(): Koffi {
  loaded ??= load()
  return loaded
}

/** Under this name others in the process see that it is ioth who loads an add-on: `--strict` refuses those of the program. */
const LOADING = Symbol.for('@ioth/ffi/loading')

function load(): Koffi {
  const shared = globalThis as { [LOADING]?: boolean }
  shared[LOADING] = true
  try {
    return createRequire(import.meta.url)('koffi') as Koffi
  } catch (cause) {
    throw new NetError('ERR_IOTH_BACKEND_UNUSABLE', 'koffi', {
      message: `libraries written in C are called through koffi, which cannot be loaded here: ${firstLine(cause)}. Type: npm install koffi`,
      cause,
    })
  } finally {
    delete shared[LOADING]
  }
}

function firstLine(error: unknown): string {
  return String((error as Error).message).split('\n', 1)[0] as string
}
