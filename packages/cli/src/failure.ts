/**
 * What goes wrong, told to people: one paragraph on standard error that ends with the next command to type, and an exit code of sysexits.
 *
 * @module
 */

/** Exit codes of sysexits(3), where one fits. */
export const EXIT = {
  usage: 64,
  noInput: 66,
  unavailable: 69,
  software: 70,
  cannotCreate: 73,
  noPermission: 77,
} as const

export type ExitCode = (typeof EXIT)[keyof typeof EXIT] | 1

/** A failure that is explained already. */
export class Failure extends Error {
  readonly exitCode: ExitCode

  constructor(exitCode: ExitCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.exitCode = exitCode
  }
}

/** Writes the paragraph and sets the exit code. An error that nobody explained is a fault of ours and keeps its stack. */
export function report(error: unknown): void {
  const failure = error instanceof Failure ? error : null
  const text = failure?.message ?? (error instanceof Error ? (error.stack ?? error.message) : String(error))
  process.stderr.write(`ioth: ${text}\n`)
  process.exitCode = failure?.exitCode ?? EXIT.software
}
