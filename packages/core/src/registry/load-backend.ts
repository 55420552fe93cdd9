/**
 * Loads a backend by name, package or path.
 *
 * @module
 */
import { isAbsolute } from 'node:path'
import { nearestName } from '../config/nearest-name.ts'
import type { Backend } from '../contract/stack.ts'
import { NetError } from '../errors/net-error.ts'
import { importFile, resolveFile, resolvePackage, searchFolders } from './module-search.ts'

export interface SearchOptions {
  /** Folders to resolve names from, in this order. @default {@link searchFolders} */
  readonly from?: readonly string[]
}

/** The backends this project has. */
export const KNOWN_BACKENDS: readonly string[] = ['ts', 'picotcp', 'lwipv6', 'fdpicotcp']

/** The packages that may hold a backend of this name, in the order in which they are tried. */
export function packagesOf(name: string): string[] {
  if (isPath(name)) return []
  if (name.startsWith('@')) return [name]
  if (name === 'ts') return ['@ioth/stack-ts']
  return [`@ioth/backend-${name}`, `ioth-backend-${name}`]
}

/** A backend that was found, and its file. */
export interface LoadedBackend {
  readonly backend: Backend
  readonly path: string
}

/**
 * Loads a backend. NAME is looked for as the package `@ioth/backend-NAME`, then `ioth-backend-NAME`, then as a path; `ts` is
 * `@ioth/stack-ts`; a name with a scope is a package; a name that begins with `.` or `/`, or ends in `.js` or `.mjs`, is a path.
 * @throws NetError ERR_IOTH_BACKEND_NOT_FOUND with all that was tried and what to install; ERR_IOTH_BACKEND_UNUSABLE when what was found
 * cannot be loaded or is no backend.
 */
export async function loadBackend(name: string, options: SearchOptions = {}): Promise<Backend> {
  return (await locateBackend(name, options)).backend
}

/** As {@link loadBackend}, with the place where it was found. */
export async function locateBackend(name: string, options: SearchOptions = {}): Promise<LoadedBackend> {
  const folders = options.from ?? searchFolders()
  for (const packageName of packagesOf(name)) {
    for (const folder of folders) {
      const path = resolvePackage(packageName, folder)
      if (path !== null) return { backend: await importBackend(packageName, path), path }
    }
  }
  for (const folder of name.startsWith('@') ? [] : folders) {
    const path = resolveFile(name, folder)
    if (path !== null) return { backend: await importBackend(name, path), path }
  }
  throw notFound(name, folders)
}

async function importBackend(name: string, path: string): Promise<Backend> {
  let exported: Readonly<Record<string, unknown>>
  try {
    exported = await importFile(path)
  } catch (cause) {
    throw unusable(`the backend ${name} (${path}) cannot be loaded: ${(cause as Error).message}`, cause)
  }
  const backend = exported.backend ?? exported.default
  const missing = missingMember(backend)
  if (missing === null) return backend as Backend
  throw unusable(
    `${name} (${path}) is no backend: ${missing}. A backend is exported as "backend" or by default, with name, license, capabilities, probe() and createStack()`,
  )
}

const MEMBERS: Readonly<Record<keyof Backend, string>> = {
  name: 'string',
  license: 'string',
  capabilities: 'object',
  probe: 'function',
  createStack: 'function',
}

/** What a value lacks to be a backend; null: nothing. */
function missingMember(value: unknown): string | null {
  if (typeof value !== 'object' || value === null) return 'it exports none'
  for (const [member, type] of Object.entries(MEMBERS)) {
    const is = typeof (value as Record<string, unknown>)[member]
    if (is !== type) return `its "${member}" is ${is}, not ${type}`
  }
  return null
}

function notFound(name: string, folders: readonly string[]): NetError {
  const packages = packagesOf(name)
  const tried = isPath(name) ? name : [...packages, ...(name.startsWith('@') ? [] : [`the file ${name}`])].join(', ')
  const [first] = packages
  const meant = KNOWN_BACKENDS.includes(name) ? null : nearestName(name, KNOWN_BACKENDS)
  const next =
    first === undefined
      ? 'Check the path'
      : meant === null
        ? `Install it with: npm install ${first}. See what there is: ioth backends`
        : `Did you mean "${meant}"? See what there is: ioth backends`
  return new NetError('ERR_IOTH_BACKEND_NOT_FOUND', 'backend', {
    message: `there is no backend "${name}". Tried ${tried}, from ${folders.join(', ')}. ${next}`,
  })
}

function unusable(message: string, cause?: unknown): NetError {
  return new NetError('ERR_IOTH_BACKEND_UNUSABLE', 'backend', cause === undefined ? { message } : { message, cause })
}

function isPath(name: string): boolean {
  return name.startsWith('.') || isAbsolute(name) || /\.[cm]?[jt]s$/.test(name)
}
