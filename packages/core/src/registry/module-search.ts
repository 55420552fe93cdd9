/**
 * Finds packages and files by name from several folders: the program's first, then the working directory's, then the caller's own.
 *
 * @module
 */
import { existsSync, readdirSync, readFileSync, realpathSync, statSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'

/**
 * The folders from which names are resolved: the program's, the working directory, then the given ones, then this package's own.
 * @param own folders of those who ask, as the command's own.
 */
export function searchFolders(...own: string[]): string[] {
  const program = process.argv[1]
  const folders = [process.cwd(), ...own, dirname(fileURLToPath(import.meta.url))]
  if (program !== undefined) folders.unshift(dirname(realPath(resolve(program))))
  return [...new Set(folders)]
}

/** The file that `import(name)` would load in a folder, or null when the package is not installed for it. */
export function resolvePackage(name: string, folder: string): string | null {
  try {
    return createRequire(join(folder, 'noop.js')).resolve(name)
  } catch (error) {
    const { code } = error as { code?: string }
    // The package is there, but only for `import`: createRequire cannot see it.
    if (code === 'ERR_PACKAGE_PATH_NOT_EXPORTED') return importEntry(name, folder)
    if (code === 'MODULE_NOT_FOUND') return null
    throw error
  }
}

/** A file by its path relative to a folder, with or without its ending; null when there is none. */
export function resolveFile(path: string, folder: string): string | null {
  const base = resolve(folder, path)
  for (const file of [base, `${base}.js`, `${base}.mjs`, join(base, 'index.js'), join(base, 'index.mjs')]) {
    if (isFile(file)) return realPath(file)
  }
  return null
}

/** Loads a module by its file's path. */
export async function importFile(file: string): Promise<Readonly<Record<string, unknown>>> {
  return (await import(/* @vite-ignore */ pathToFileURL(file).href)) as Record<string, unknown>
}

/** The names of packages that are installed for a folder and match. */
export function installedPackages(folder: string, matches: (name: string) => boolean): string[] {
  const found = new Set<string>()
  for (const modules of modulesFolders(folder)) {
    for (const entry of entriesOf(modules)) {
      const names = entry.startsWith('@') ? entriesOf(join(modules, entry)).map((name) => `${entry}/${name}`) : [entry]
      for (const name of names) if (matches(name)) found.add(name)
    }
  }
  return [...found]
}

function importEntry(name: string, folder: string): string | null {
  for (const modules of modulesFolders(folder)) {
    const manifest = join(modules, name, 'package.json')
    if (!existsSync(manifest)) continue
    const { exports } = JSON.parse(readFileSync(manifest, 'utf8')) as { exports?: Conditions }
    const root = typeof exports === 'object' && exports !== null && '.' in exports ? exports['.'] : exports
    const target = chooseTarget(root)
    return target === null ? null : join(modules, name, target)
  }
  return null
}

type Conditions = string | null | undefined | { readonly [condition: string]: Conditions }

/** The target of the first condition that holds for an `import` in Node. */
function chooseTarget(conditions: Conditions): string | null {
  if (typeof conditions !== 'object' || conditions === null) return conditions ?? null
  for (const [condition, inner] of Object.entries(conditions)) {
    if (condition !== 'import' && condition !== 'node' && condition !== 'default') continue
    const target = chooseTarget(inner)
    if (target !== null) return target
  }
  return null
}

/** The node_modules folders that are looked into from a folder, nearest first. */
function modulesFolders(folder: string): string[] {
  return createRequire(join(folder, 'noop.js')).resolve.paths('package') ?? []
}

function entriesOf(folder: string): string[] {
  try {
    return readdirSync(folder)
  } catch {
    // Most of the node_modules folders that are looked into do not exist.
    return []
  }
}

function isFile(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isFile() ?? false
}

function realPath(path: string): string {
  return existsSync(path) ? realpathSync(path) : path
}
