/**
 * The process of a switch with a TAP interface: `node tap-switch-process.js DIR TAP IDLE_MS`. It makes the interface (or takes the one that
 * is there), says one line on standard output when both are joined, or why not, and ends when it is told to, or when nobody but the host
 * was on the switch for so long. The interface goes with it, unless it was there before.
 *
 * @module
 */
import { createInterface } from 'node:readline'
import { defaultPool, parseCidr } from '@ioth/core'
import { createSwitch, isTaken } from '../switch/create-switch.ts'
import type { Switch } from '../switch/switch.ts'
import { openVnl } from '../vnl/open-vnl.ts'
import { joinLinks } from './patch-cable.ts'
import { removeRecord } from './record.ts'

const [dir = '', tap = '', idleMs = '0'] = process.argv.slice(2)
process.title = `ioth-switch ${dir} ${tap}`
// Whoever waited for the line may be gone by now.
process.stdout.on('error', () => {})

try {
  const running = await createSwitch({ dir })
  try {
    await serve(running)
  } catch (error) {
    await running.close()
    throw error
  }
} catch (error) {
  say({ taken: isTaken(error), error: (error as Error).message })
}

async function serve(running: Switch): Promise<void> {
  const outer = await openVnl(`tap://${tap}`)
  const inner = await openVnl(`stream://${dir}`, { name: `host ${tap}` })
  const { broken } = joinLinks(outer, inner, defaultPool())
  const stop = async (reason: string): Promise<void> => {
    clearInterval(watch)
    await outer.close()
    await inner.close()
    await running.close(reason)
  }
  const watch = setInterval(() => {
    if (Number(idleMs) === 0) return
    quietSince = running.ports().length > 1 ? performance.now() : quietSince
    if (performance.now() - quietSince < Number(idleMs)) return
    removeRecord(dir)
    void stop('nobody is left')
  }, 500)
  let quietSince = performance.now()
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => void stop(signal))
  // Somebody deleted the interface.
  void broken.then(() => stop(`${tap} is gone`))
  say({ started: true })
  // The host's addresses, as soon as they are given: the switch's register keeps others from taking them.
  for await (const line of createInterface({ input: process.stdin })) {
    const { address, mac } = JSON.parse(line) as { address: string; mac: string }
    try {
      await inner.claim?.(parseCidr(address).address, mac)
      say({ claimed: address })
    } catch (error) {
      say({ error: (error as Error).message })
    }
  }
}

function say(words: object): void {
  process.stdout.write(`${JSON.stringify(words)}\n`)
}
