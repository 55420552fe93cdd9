/**
 * Starts the command again under options of Node (`ioth run --inspect app.js`), which only a new process can take.
 *
 * Where Node can replace the process (22.15 and later, not on Windows) it does, and nothing stands in between. Else the command waits for
 * the other process, hands signals on, and ends as it ends.
 *
 * @module
 */
import { spawn } from 'node:child_process'
import { constants } from 'node:os'

/** Signals that a user or a supervisor sends to a program. */
const FORWARDED: readonly NodeJS.Signals[] = [
  'SIGTERM',
  'SIGINT',
  'SIGHUP',
  'SIGQUIT',
  'SIGUSR1',
  'SIGUSR2',
  'SIGWINCH',
  'SIGCONT',
]

export function relaunch(nodeOptions: readonly string[], words: readonly string[]): void {
  const args = [...process.execArgv, ...nodeOptions, process.argv[1] as string, ...words]
  const { execve } = process as { execve?(file: string, args: string[], env: NodeJS.ProcessEnv): never }
  if (execve !== undefined && process.platform !== 'win32') {
    // Its warning that it is new would be the first thing the user sees.
    process.emitWarning = () => undefined
    execve.call(process, process.execPath, [process.execPath, ...args], process.env)
  }

  const child = spawn(process.execPath, args, { stdio: 'inherit' })
  for (const signal of FORWARDED) {
    if (!(signal in constants.signals)) continue
    process.on(signal, () => {
      // A terminal sends its signals to the whole group: the other process has this one already.
      if (!(process.stdin.isTTY && (signal === 'SIGINT' || signal === 'SIGQUIT' || signal === 'SIGWINCH')))
        child.kill(signal)
    })
  }
  child.on('exit', (code, signal) => {
    if (signal === null) process.exit(code as number)
    process.removeAllListeners(signal)
    process.kill(process.pid, signal)
  })
}
