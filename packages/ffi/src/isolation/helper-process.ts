/**
 * Starts the process in which a stack runs for a program, and hears of its end.
 *
 * The helper is a child of the program with one Unix socket to it. It outlives the program by nothing: its end of the socket ends, and the
 * system kills it when its parent dies. It is in a session of its own, so that an interrupt typed at the terminal reaches the program alone.
 *
 * @module
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { closeDescriptor, socketPair } from '../descriptor.ts'

export interface Helper {
  /** The program's end of the socket. */
  readonly fd: number
  readonly pid: number
  /** Settles with how it ended, in words: `exit code 1`, `SIGSEGV`. */
  readonly ended: Promise<string>
  kill(): void
}

/** Connects and blocking calls of the helper's library wait in threads of its pool. */
const THREADS = '16'

/**
 * @param module file of the backend.
 * @param variables of its environment, beside those of the program.
 * @throws NetError EMFILE, EAGAIN…
 */
export function startHelper(module: string, variables: Readonly<Record<string, string>> = {}): Helper {
  const [ours, theirs] = socketPair('stream')
  let child: ChildProcess
  try {
    // Options of the program's Node.js (an inspector, a preload) are not the helper's.
    const { NODE_OPTIONS: _, ...environment } = process.env
    child = spawn(process.execPath, [builtFile(import.meta.url, 'helper.js'), module], {
      stdio: ['ignore', 'inherit', 'inherit', theirs],
      env: { ...environment, UV_THREADPOOL_SIZE: THREADS, ...variables },
      detached: true,
    })
  } finally {
    closeDescriptor(theirs)
  }
  child.unref()
  const ended = new Promise<string>((resolve) => {
    child.once('error', (error) => resolve(error.message))
    child.once('exit', (code, signal) => resolve(signal ?? `exit code ${code}`))
  })
  return { fd: ours, pid: child.pid ?? 0, ended, kill: () => child.kill('SIGKILL') }
}

/** A built file of a package, also when the package runs from its sources, which Node.js cannot. */
export function builtFile(moduleUrl: string, name = 'index.js'): string {
  const [folder] = /^.*\/(?=(src|dist)\/)/.exec(moduleUrl) ?? [moduleUrl.slice(0, moduleUrl.lastIndexOf('/') + 1)]
  return fileURLToPath(new URL(`dist/${name}`, folder))
}
