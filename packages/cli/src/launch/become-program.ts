/**
 * Makes this very process the user's program, as if `node script arguments` had been typed: same process id, so that signals, job
 * control, standard input, the exit code and a debugger are the program's without anybody in between.
 *
 * `Module.runMain` is what Node itself calls for its main script; CommonJS, ES modules and whatever else this Node can run are its affair.
 *
 * @module
 */
import Module from 'node:module'

/** Starts the program that `process.argv` names, in a task of its own, so that what it throws is its own uncaught exception. */
export function becomeProgram(): void {
  setImmediate(() => {
    ;(Module as unknown as { runMain(): void }).runMain()
  })
}
