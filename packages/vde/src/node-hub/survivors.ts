/**
 * Processes that belong to a node and have not joined it, such as shells: their environment names the node's hub.
 *
 * @module
 */
import { readdirSync, readFileSync } from 'node:fs'

/** Whether there is one. On systems without /proc nobody can tell, and there is none. */
export function hasSurvivors(dir: string): boolean {
  const name = Buffer.from(JSON.stringify(dir))
  return processes().some((pid) => pid !== String(process.pid) && environmentOf(pid).includes(name))
}

function processes(): string[] {
  try {
    return readdirSync('/proc').filter((name) => /^\d+$/.test(name))
  } catch {
    return []
  }
}

/** Empty for those of other users, and those that have ended. */
function environmentOf(pid: string): Buffer {
  try {
    return readFileSync(`/proc/${pid}/environ`)
  } catch {
    return Buffer.alloc(0)
  }
}
