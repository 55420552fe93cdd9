/**
 * Which backends there are, and which of them can be used here.
 *
 * @module
 */
import type { Backend, Probe } from '../contract/stack.ts'
import { hasCode } from '../errors/net-error.ts'
import { KNOWN_BACKENDS, locateBackend, packagesOf, type SearchOptions } from './load-backend.ts'
import { installedPackages, searchFolders } from './module-search.ts'

/** A backend by name, and whether it can be used here. */
export interface FoundBackend {
  readonly name: string
  /** Null: not installed, or not loadable. */
  readonly backend: Backend | null
  readonly probe: Probe
}

const PREFIXES = ['@ioth/backend-', 'ioth-backend-']

/** The backends of this project and all others that are installed, each asked whether it can be used. Never throws. */
export async function findBackends(options: SearchOptions = {}): Promise<FoundBackend[]> {
  const from = options.from ?? searchFolders()
  const names = new Set(KNOWN_BACKENDS)
  for (const folder of from) {
    for (const found of installedPackages(folder, (name) => PREFIXES.some((prefix) => name.startsWith(prefix)))) {
      names.add(found.slice((PREFIXES.find((prefix) => found.startsWith(prefix)) as string).length))
    }
  }
  return Promise.all([...names].map((name) => examine(name, from)))
}

async function examine(name: string, from: readonly string[]): Promise<FoundBackend> {
  try {
    const { backend, path } = await locateBackend(name, { from })
    return { name, backend, probe: { path, ...(await backend.probe()) } }
  } catch (error) {
    const tried = packagesOf(name)
    const probe: Probe = hasCode(error, 'ERR_IOTH_BACKEND_NOT_FOUND')
      ? { usable: false, tried, reason: 'not installed', next: `npm install ${tried[0]}` }
      : { usable: false, tried, reason: (error as Error).message }
    return { name, backend: null, probe }
  }
}
