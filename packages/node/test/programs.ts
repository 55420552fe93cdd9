/**
 * Runs small programs in processes of their own, on nodes made by the preload. What is run is the built package, as users have it.
 *
 * @module
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const PRELOAD: string = fileURLToPath(new URL('../dist/preload.cjs', import.meta.url))

export interface Outcome {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly stdout: string
  readonly stderr: string
}

export interface Program {
  readonly child: ChildProcess
  readonly ended: Promise<Outcome>
  /** Resolves when standard output contains the word; rejects when the program ends first. */
  said(word: string): Promise<void>
}

export interface ProgramOptions {
  /** `IOTH_CONFIG`; null: no node. @default a node 10.0.0.1 on a network without anybody else */
  readonly config?: string | null
  readonly env?: Readonly<Record<string, string>>
  /** Options of Node. */
  readonly node?: readonly string[]
  readonly args?: readonly string[]
  /** The name of the script. @default `program.mjs` */
  readonly name?: string
}

/** A folder of scripts, gone with the test. */
export class Folder implements Disposable {
  readonly path: string = mkdtempSync(join(tmpdir(), 'ioth node-'))

  write(name: string, source: string): string {
    const path = join(this.path, name)
    writeFileSync(path, source)
    return path
  }

  [Symbol.dispose](): void {
    rmSync(this.path, { recursive: true, force: true })
  }
}

/** Starts a script under the preload. */
export function start(folder: Folder, source: string, options: ProgramOptions = {}): Program {
  const { config = 'ip=10.0.0.1/24,vnl=null://', env = {}, node = [], args = [], name = 'program.mjs' } = options
  const child = spawn(process.execPath, ['--require', PRELOAD, ...node, folder.write(name, source), ...args], {
    cwd: folder.path,
    env: { ...cleanEnvironment(), ...(config === null ? {} : { IOTH_CONFIG: config }), ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let stdout = ''
  let stderr = ''
  let heard = (): void => {}
  child.stdout?.setEncoding('utf8').on('data', (text) => {
    stdout += text
    heard()
  })
  child.stderr?.setEncoding('utf8').on('data', (text) => (stderr += text))
  const ended = new Promise<Outcome>((resolve) =>
    child.on('close', (code, signal) => resolve({ code, signal, stdout, stderr })),
  )
  return {
    child,
    ended,
    said: (word) =>
      new Promise((resolve, reject) => {
        heard = () => stdout.includes(word) && resolve()
        heard()
        void ended.then((outcome) => reject(new Error(`it ended without saying "${word}": ${JSON.stringify(outcome)}`)))
      }),
  }
}

/** Runs a script to its end. */
export function run(folder: Folder, source: string, options?: ProgramOptions): Promise<Outcome> {
  return start(folder, source, options).ended
}

/** The environment without what a test runner, or an ioth around it, put there. */
function cleanEnvironment(): NodeJS.ProcessEnv {
  return Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !/^(IOTH_|PYCOTCP_|VITEST|NODE_OPTIONS$|NODE_ENV$)/.test(name)),
  )
}
