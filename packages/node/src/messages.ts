/**
 * What ioth itself says: lines on standard error, `ioth:` first. Standard output belongs to the program.
 *
 * @module
 */
import { writeSync } from 'node:fs'

let silent = false

/** Silences {@link say}; failures are told all the same. */
export function setQuiet(quiet: boolean): void {
  silent = quiet
}

/** One line, unless the user asked for silence. */
export function say(text: string): void {
  if (!silent) write(text)
}

/** One line that is always printed. */
export function write(text: string): void {
  try {
    // Not process.stderr: loading it costs the start-up, and it may be a pipe that is written too late at exit.
    writeSync(2, `ioth: ${text}\n`)
  } catch {
    // Standard error is closed or full: nothing can be told.
  }
}
