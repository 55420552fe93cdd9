/**
 * The two switches that a host can be plugged into: ours, and Debian's `vde_switch`. Each is started with a TAP interface, as a process that
 * outlives the command.
 *
 * @module
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface, type Interface } from 'node:readline'
import type { Readable, Writable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import { networkError } from '../vnl/switch-directory.ts'

/** A switch's process that stands. */
export interface StartedEngine {
  readonly pid: number
  /** Tells the switch which addresses the host has, so that it refuses them to others. */
  claim(address: string, mac: string): Promise<void>
  /** From now on it is on its own. */
  release(): void
}

/** How long `vde_switch` may take to listen, in milliseconds. */
const PATIENCE_MS = 10_000
const LOOK_MS = 20

/** @throws NetError ERR_IOTH_NETWORK */
export async function startOwnEngine(dir: string, tap: string, idleMs: number): Promise<StartedEngine> {
  const child = spawn(process.execPath, [processFile(), dir, tap, String(idleMs)], {
    cwd: '/',
    detached: true,
    env: plainEnvironment(),
    stdio: ['pipe', 'pipe', 'ignore'],
  })
  const lines = createInterface({ input: child.stdout as Readable })
  const answers = answersOf(child, lines)
  const first = await answers()
  if (first.started !== true) {
    child.kill()
    throw networkError(first.error ?? 'the process of the switch ended without a word')
  }
  return {
    pid: child.pid as number,
    async claim(address, mac) {
      ;(child.stdin as Writable).write(`${JSON.stringify({ address, mac })}\n`)
      const { error } = await answers()
      if (error !== undefined) throw networkError(error)
    },
    release() {
      lines.close()
      child.stdin?.end()
      child.stdout?.destroy()
      child.unref()
    },
  }
}

/**
 * In the foreground `vde_switch` ends with its standard input, so it goes into the background itself, and says by a file who it is.
 * @throws NetError ERR_IOTH_NETWORK when it is not installed, or does not start.
 */
export async function startVdeSwitch(dir: string, tap: string): Promise<StartedEngine> {
  const folder = mkdtempSync(join(tmpdir(), 'ioth-'))
  const pidFile = join(folder, 'pid')
  try {
    const words = ['-tap', tap, '-s', dir, '-m', '600', '-n', '256', '-d', '-p', pidFile]
    const child = spawn('vde_switch', words, { cwd: '/', detached: true, stdio: ['ignore', 'ignore', 'pipe'] })
    let said = ''
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      said += text
    })
    let isMissing = false
    child.once('error', () => {
      isMissing = true
    })
    const until = performance.now() + PATIENCE_MS
    for (;;) {
      if (isMissing) throw networkError('vde_switch is not installed. Type: apt-get install vde2')
      const pid = existsSync(join(dir, 'ctl')) ? readPid(pidFile) : null
      if (pid !== null) {
        child.stderr.destroy()
        return { pid, claim: async () => {}, release: () => child.unref() }
      }
      if ((child.exitCode ?? 0) !== 0 || performance.now() > until) {
        child.kill()
        throw networkError(
          `vde_switch did not start: ${said.trim() || 'it says nothing'}. Try without --engine vde_switch`,
        )
      }
      await new Promise((settle) => setTimeout(settle, LOOK_MS))
    }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** @returns null: not written yet. */
function readPid(path: string): number | null {
  if (!existsSync(path)) return null
  const pid = Number(readFileSync(path, 'utf8'))
  return pid > 0 ? pid : null
}

interface Answer {
  readonly started?: boolean
  readonly error?: string
}

/** The lines of a child, one at each call; its end is an error. */
function answersOf(child: ChildProcess, lines: Interface): () => Promise<Answer> {
  const heard: Answer[] = []
  let waiting: ((answer: Answer) => void) | null = null
  const tell = (answer: Answer): void => {
    if (waiting === null) heard.push(answer)
    else waiting(answer)
    waiting = null
  }
  lines.on('line', (line) => tell(JSON.parse(line) as Answer))
  const over = (): void => tell({ error: 'the process of the switch ended' })
  child.once('error', over).once('exit', () => lines.once('close', over))
  return () =>
    new Promise((settle) => {
      const next = heard.shift()
      if (next === undefined) waiting = settle
      else settle(next)
    })
}

/** The entry of the switch's process, in `dist`. */
function processFile(): string {
  const here = fileURLToPath(import.meta.url)
  return here.endsWith('.ts')
    ? join(here, '../../../dist/tap-switch-process.js')
    : join(here, '../tap-switch-process.js')
}

/** Without what would make the switch a program on the network itself. */
function plainEnvironment(): NodeJS.ProcessEnv {
  const env = { ...process.env }
  for (const name of Object.keys(env)) {
    if (name === 'NODE_OPTIONS' || (name.startsWith('IOTH_') && name !== 'IOTH_STATE_DIR')) delete env[name]
  }
  return env
}
