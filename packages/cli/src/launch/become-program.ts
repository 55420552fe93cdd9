/**
 * Makes this very process the user's program, as if `node script arguments` had been typed: same process id, so that signals, job
 * control, standard input, the exit code and a debugger are the program's without anybody in between.
 *
 * `Module.runMain` is what Node itself calls for its main script; CommonJS, ES modules and whatever else this Node can run are its affair.
 *
 * @module
 */
import Module, { createRequire } from 'node:module'
import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { EXIT, Failure } from '../failure.ts'

/** Where Node would find the script. @throws Failure when it would not. */
export function findScript(script: string): string {
  const path = resolve(script)
  try {
    // As Node resolves its main script: with extensions, and a directory by its package.json or index.
    createRequire(pathToFileURL(`${process.cwd()}/`)).resolve(path)
  } catch (error) {
    if ((error as { code?: unknown }).code !== 'MODULE_NOT_FOUND') throw error
    throw new Failure(
      EXIT.noInput,
      `there is no script ${path}. Check the name; the script is the first word that is no option: ioth run app.js -a 10.40.0.32/24`,
    )
  }
  return path
}

/** Starts the program that `process.argv` names, in a task of its own, so that what it throws is its own uncaught exception. */
export function becomeProgram(): void {
  setImmediate(() => {
    ;(Module as unknown as { runMain(): void }).runMain()
  })
}
