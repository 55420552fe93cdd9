/**
 * The backend `fdpicotcp`.
 *
 * @module
 */
import type { Backend, Probe, Stack, StackOptions } from '@ioth/core'
import { createIsolatedStack, probeLibrary, remoteCapabilities } from '@ioth/ffi'
import { REQUEST, startLibrary } from './bindings.ts'
import { FdPicoEngine } from './engine.ts'
import { CAPABILITIES } from './limits.ts'
import type { FdPicoSettings } from './settings.ts'

const NAME = 'fdpicotcp'

/** What the library does not get to see: fragments, for putting them together corrupts its memory, and segments longer than a frame. */
const STATION = { armour: { fragments: 'echo', clampMss: true } } as const

/** Options of {@link createStack}: the contract's, with this backend's settings. */
export interface FdPicoStackOptions extends Omit<StackOptions, 'settings'> {
  readonly settings?: FdPicoSettings
}

/**
 * Makes a stack of fd_picoTCP.
 * @throws NetError ERR_IOTH_BACKEND_UNUSABLE without the library; EINVAL; EADDRINUSE; ENETUNREACH for a gateway outside of every network.
 */
export async function createStack(options: FdPicoStackOptions): Promise<Stack> {
  const { pool } = options
  return await createIsolatedStack({
    backend: NAME,
    capabilities: CAPABILITIES,
    moduleUrl: import.meta.url,
    stack: options as StackOptions,
    station: STATION,
    engine: (shell, library) => new FdPicoEngine({ pool, library: startLibrary(library) }, shell),
  })
}

/** The library tells no version: there is one. */
async function probe(): Promise<Probe> {
  const found = probeLibrary(REQUEST)
  return found.usable ? { ...found, version: 'fd_picoTCP' } : found
}

export const backend: Backend = Object.freeze({
  name: NAME,
  license: 'MIT AND (GPL-2.0-only OR GPL-3.0-only)',
  capabilities: remoteCapabilities(CAPABILITIES),
  probe,
  createStack: (options: StackOptions) => createStack(options as FdPicoStackOptions),
})
