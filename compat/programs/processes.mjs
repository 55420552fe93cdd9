/**
 * Processes of the programs: started, waited for by what they print, and gone in the end.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'

/** A program that takes longer is ended. */
const LIMIT_MS = 90_000

export class Running {
  output = ''
  #child
  #ended
  #limit

  constructor(command, args, { env = {}, cwd, owner = {}, limitMs = LIMIT_MS } = {}) {
    this.#child = spawn(command, args, {
      cwd,
      env: { ...cleanEnvironment(), ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
      ...owner,
    })
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream.setEncoding('utf8').on('data', (text) => {
        this.output += text
      })
    }
    this.#ended = once(this.#child, 'close')
    this.#limit = setTimeout(() => this.#child.kill('SIGKILL'), limitMs)
  }

  /** Waits until the output matches; fails with all of it when the process ends before. */
  async prints(pattern) {
    for (;;) {
      const match = pattern.exec(this.output)
      if (match !== null) return match
      const more = [once(this.#child.stdout, 'data'), once(this.#child.stderr, 'data'), this.#ended]
      if (this.#child.exitCode !== null || this.#child.signalCode !== null) {
        await this.#ended
        if (pattern.test(this.output)) continue
        throw new Error(
          `it ended (${this.#child.signalCode ?? this.#child.exitCode}) and never printed ${pattern}:\n${this.output}`,
        )
      }
      await Promise.race(more)
    }
  }

  /** @returns the exit code; null after a signal */
  async end() {
    const [code] = await this.#ended
    clearTimeout(this.#limit)
    return code
  }

  async stop(signal = 'SIGTERM') {
    if (this.#child.exitCode === null && this.#child.signalCode === null) this.#child.kill(signal)
    return this.end()
  }
}

/** The environment without settings that a user, or a test runner around us, may have. */
export function cleanEnvironment() {
  const ours = /^(IOTH|PYCOTCP|COMPAT|VITEST|npm)_|^(NODE_OPTIONS|NODE_PATH|NODE_ENV|VITEST|FORCE_COLOR)$/
  return { ...Object.fromEntries(Object.entries(process.env).filter(([name]) => !ours.test(name))), NO_COLOR: '1' }
}
