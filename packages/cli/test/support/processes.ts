/**
 * Real processes for end-to-end tests: started, waited for by what they print, and gone when the test is over.
 *
 * @module
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { onTestFinished } from 'vitest'

export const root: string = fileURLToPath(new URL('../../../..', import.meta.url))
export const iothProgram: string = join(root, 'packages/cli/bin/ioth.js')
export const programs: string = fileURLToPath(new URL('../programs', import.meta.url))
export const examples: string = join(root, 'examples')

interface ProcessOptions {
  readonly cwd?: string
  readonly env?: Readonly<Record<string, string | undefined>>
  /** Written to standard input, which then ends. */
  readonly input?: string
  /** Standard input stays open for the test to write to. */
  readonly open?: boolean
}

/** A process whose output is kept. */
export class Running {
  readonly child: ChildProcess
  readonly command: string
  stdout = ''
  stderr = ''
  /** Resolves when it ended and all its output is here. */
  readonly ended: Promise<Running>
  private readonly waiting = new Set<() => void>()

  constructor(program: string, args: readonly string[], options: ProcessOptions) {
    this.command = [program, ...args].join(' ')
    this.child = spawn(program, args, {
      cwd: options.cwd ?? root,
      env: { ...cleanEnvironment(), ...options.env },
      stdio: [options.input === undefined && options.open !== true ? 'ignore' : 'pipe', 'pipe', 'pipe'],
    })
    if (options.input !== undefined) this.child.stdin?.end(options.input)
    this.child.stdout?.setEncoding('utf8').on('data', (text: string) => this.more('stdout', text))
    this.child.stderr?.setEncoding('utf8').on('data', (text: string) => this.more('stderr', text))
    this.ended = new Promise((resolve, reject) => {
      this.child.once('error', reject)
      this.child.once('close', () => {
        resolve(this)
        for (const check of this.waiting) check()
      })
    })
  }

  get exitCode(): number | null {
    return this.child.exitCode
  }

  get output(): string {
    return this.stdout + this.stderr
  }

  /** Waits until the output (from an offset on) matches; fails with the whole output when the process ends before. */
  async prints(pattern: RegExp, from = 0): Promise<RegExpExecArray> {
    const match = (): RegExpExecArray | null => pattern.exec(this.output.slice(from))
    if (match() === null) {
      await new Promise<void>((resolve, reject) => {
        const check = (): void => {
          const found = match() !== null
          const over = this.child.exitCode !== null || this.child.signalCode !== null
          if (!found && !over) return
          this.waiting.delete(check)
          if (found) resolve()
          else
            reject(
              new Error(
                `"${this.command}" ended (${this.child.signalCode ?? this.child.exitCode}) and never printed ${pattern}:\n${this.output}`,
              ),
            )
        }
        this.waiting.add(check)
      })
    }
    return match() as RegExpExecArray
  }

  /** Ends it, waits for that, and gives it back for a look at what it printed. */
  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<Running> {
    if (this.child.exitCode === null && this.child.signalCode === null) this.child.kill(signal)
    return this.ended
  }

  private more(stream: 'stdout' | 'stderr', text: string): void {
    this[stream] += text
    for (const check of this.waiting) check()
  }
}

/** Starts a program that is stopped at the end of the test if it is still there. */
export function start(program: string, args: readonly string[], options: ProcessOptions = {}): Running {
  const running = new Running(program, args, options)
  onTestFinished(async () => {
    await running.stop('SIGKILL')
  })
  return running
}

/** Starts `ioth` with these words. */
export function ioth(words: string | readonly string[], options: ProcessOptions = {}): Running {
  const args = typeof words === 'string' ? words.split(' ').filter((word) => word !== '') : words
  return start(process.execPath, [iothProgram, ...args], options)
}

/** Runs `ioth` to its end. */
export function iothEnds(words: string | readonly string[], options: ProcessOptions = {}): Promise<Running> {
  return ioth(words, options).ended
}

/** IPv4 addresses as they are, also where a socket that takes IPv4 and IPv6 writes ::ffff:10.0.0.1. */
export function bare(text: string): string {
  return text.replaceAll('::ffff:', '')
}

/** A folder that goes when the test is over. Its path is short: it holds Unix sockets. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'ioth-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

/** A switch process of the test's own. @returns the path for `-f`. */
export async function startSwitch(
  path: string = join(temporaryFolder(), 'sw'),
): Promise<{ path: string; process: Running }> {
  const running = ioth(['switch', path])
  await running.prints(/^ioth: switch at /m)
  return { path, process: running }
}

/** The environment without settings that a user may have. */
function cleanEnvironment(): Record<string, string | undefined> {
  const kept = Object.entries(process.env).filter(
    ([name]) => !/^(IOTH|PYCOTCP)_|^NODE_(OPTIONS|PATH)$|^VITEST|^NODE_ENV$/.test(name),
  )
  // Tests of root would give the machine interfaces; those that want one say so, in a namespace.
  return { ...Object.fromEntries(kept), IOTH_TAP: 'no' }
}
