/**
 * The process of the default network's switch: `node switch-process.js DIR IDLE_MS private|shared`. It says one line on standard output when it is
 * ready, or why not, and ends when it has been idle for that long.
 *
 * @module
 */
import { createSwitch, isTaken } from '../switch/create-switch.ts'

const [dir = '', idleMs = '', access] = process.argv.slice(2)
process.title = `ioth-switch ${dir}`
// Whoever waited for the line may be gone by now.
process.stdout.on('error', () => {})

try {
  const running = await createSwitch({ dir, idleMs: Number(idleMs), private: access === 'private' })
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => void running.close(signal))
  say({ started: true })
} catch (error) {
  // Another starter was first: that is as good.
  say(isTaken(error) ? { started: false } : { error: (error as Error).message })
}

function say(words: object): void {
  process.stdout.write(`${JSON.stringify(words)}\n`)
}
