/**
 * Stands by while another process is the program: hands signals on, and ends as it ends.
 *
 * @module
 */
import type { ChildProcess } from 'node:child_process'
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

export function attend(child: ChildProcess): void {
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
