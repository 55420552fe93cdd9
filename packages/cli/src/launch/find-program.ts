/**
 * What the first word of a program means: a script that Node runs, or another program (a shell, a binary) that may start Node itself.
 *
 * @module
 */
import { accessSync, closeSync, constants, openSync, readSync, realpathSync, statSync } from 'node:fs'
import { createRequire } from 'node:module'
import { delimiter, dirname, extname, join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { EXIT, Failure } from '../failure.ts'

export interface FoundProgram {
  readonly kind: 'script' | 'command'
  readonly path: string
}

/**
 * A script as Node would find it; else a binary of a package (`node_modules/.bin`, as npx does), else a program of the path.
 * @throws Failure when there is none.
 */
export function findProgram(word: string): FoundProgram {
  const path = resolve(word)
  const script = resolveScript(path)
  if (script !== null) return { kind: isForeign(script) ? 'command' : 'script', path }
  for (const folder of word.includes('/') ? [] : folders()) {
    const file = join(folder, word)
    if (isExecutable(file)) return { kind: isForeign(realpathSync(file)) ? 'command' : 'script', path: file }
  }
  throw new Failure(
    EXIT.noInput,
    `there is no script ${path}. Check the name; the script is the first word that is no option: ioth run app.js -a 10.40.0.32/24`,
  )
}

/** As Node resolves its main script: with extensions, and a directory by its package.json or index. */
function resolveScript(path: string): string | null {
  try {
    return createRequire(pathToFileURL(`${process.cwd()}/`)).resolve(path)
  } catch (error) {
    if ((error as { code?: unknown }).code !== 'MODULE_NOT_FOUND') throw error
    return null
  }
}

/** Where programs are looked for by name alone: the binaries of packages from here upwards, then the path. */
function* folders(): Iterable<string> {
  for (let folder = process.cwd(); ; folder = dirname(folder)) {
    yield join(folder, 'node_modules/.bin')
    if (dirname(folder) === folder) break
  }
  yield* (process.env.PATH ?? '').split(delimiter).filter((folder) => folder !== '')
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK)
    return statSync(file).isFile()
  } catch {
    return false
  }
}

/** A binary, or a script of another interpreter. What has an ending is what it says. */
function isForeign(file: string): boolean {
  if (/^\.(?:[cm]?[jt]sx?|json|node|wasm)$/.test(extname(file))) return false
  const first = firstLine(file)
  if (first.startsWith('#!')) return !/\bnode\b/.test(first)
  return first.startsWith('\x7fELF') || /^(?:\xcf\xfa\xed\xfe|\xca\xfe\xba\xbe)/.test(first)
}

function firstLine(file: string): string {
  const start = Buffer.alloc(256)
  const fd = openSync(file, 'r')
  try {
    return start.toString('latin1', 0, readSync(fd, start)).split('\n', 1)[0] as string
  } finally {
    closeSync(fd)
  }
}
