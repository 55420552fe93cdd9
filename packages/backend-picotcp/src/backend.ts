/**
 * The backend `picotcp`.
 *
 * @module
 */
import {
  type Backend,
  type Capabilities,
  furnish,
  type NetError,
  type Probe,
  type Stack,
  type StackOptions,
} from '@ioth/core'
import { probeLibrary } from '@ioth/ffi'
import { type FoundLibrary, findLibrary, libraryRequest } from './library.ts'
import { capabilitiesWith, LIMITS } from './limits.ts'
import { type PicoSettings, readSettings } from './settings.ts'
import { PicoStack } from './stack.ts'

/** Options of {@link createStack}: the contract's, with this backend's settings. */
export interface PicoStackOptions extends Omit<StackOptions, 'settings'> {
  readonly settings?: PicoSettings
}

const found = new Map<string, FoundLibrary>()

/** As `findLibrary`, remembered: reading the library's symbols takes milliseconds. */
function known(path: string | undefined): FoundLibrary {
  const key = `${path ?? ''}\n${libraryRequest().variable}=${process.env[libraryRequest().variable as string] ?? ''}`
  const library = found.get(key) ?? findLibrary(path)
  found.set(key, library)
  return library
}

/**
 * Makes a stack on a copy of the library of its own; settles when its addresses are usable.
 * @throws NetError ERR_IOTH_BACKEND_UNUSABLE: the library is not there, or not of a kind that is known; EADDRINUSE; EINVAL; ENETUNREACH
 * for a gateway outside of every network.
 */
export async function createStack(options: PicoStackOptions): Promise<Stack> {
  const { library, quiet = true } = readSettings(options.settings as StackOptions['settings'])
  const stack = new PicoStack(options as StackOptions, known(library), quiet)
  return await furnish(stack, options)
}

async function probe(): Promise<Probe> {
  const request = libraryRequest()
  try {
    const { path, abi, tried } = known(undefined)
    return { usable: true, path, tried, version: VERSIONS[abi.generation] }
  } catch (error) {
    const looked = probeLibrary(request)
    if (!looked.usable) return looked
    return { usable: false, tried: looked.tried, reason: (error as NetError).message, next: request.install }
  }
}

/** No picoTCP tells its version; its kind is all that is known. */
const VERSIONS = { upstream: 'picoTCP', ng: 'picoTCP-NG', 'ng-tickless': 'picoTCP-NG, tickless' } as const

/** Asked before the library is known to be there: then it is taken to be a complete one. */
function capabilities(): Capabilities {
  try {
    return capabilitiesWith(LIMITS, known(undefined).abi.hasIpv6)
  } catch {
    return capabilitiesWith(LIMITS, true)
  }
}

export const backend: Backend = Object.freeze({
  name: 'picotcp',
  license: 'MIT AND (GPL-2.0-only OR GPL-3.0-only)',
  get capabilities() {
    return capabilities()
  },
  probe,
  createStack: (options: StackOptions) => createStack(options as PicoStackOptions),
})
