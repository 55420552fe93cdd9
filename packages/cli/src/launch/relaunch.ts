/**
 * Starts the command again under options of Node (`ioth run --inspect app.js`), which only a new process can take.
 *
 * Where Node can replace the process (22.15 and later, not on Windows) it does, and nothing stands in between. Else the command waits for
 * the other process, hands signals on, and ends as it ends.
 *
 * @module
 */
import { spawn } from 'node:child_process'
import { attend } from './attend.ts'

export function relaunch(nodeOptions: readonly string[], words: readonly string[]): void {
  const args = [...process.execArgv, ...nodeOptions, process.argv[1] as string, ...words]
  const { execve } = process as { execve?(file: string, args: string[], env: NodeJS.ProcessEnv): never }
  if (execve !== undefined && process.platform !== 'win32') {
    // Its warning that it is new would be the first thing the user sees.
    process.emitWarning = () => undefined
    execve.call(process, process.execPath, [process.execPath, ...args], process.env)
  }

  attend(spawn(process.execPath, args, { stdio: 'inherit' }))
}
