/**
 * Removing a socket without disturbing the program around: `rmSync` would look first, and leave the numbers of a socket where Node's
 * `require` looks at them again, and stops at a link (seen in 20.20).
 *
 * @module
 */
import { unlinkSync } from 'node:fs'

/** Removes a socket; that it has gone already is as well. @throws errors of the file system. */
export function removeSocket(path: string): void {
  try {
    unlinkSync(path)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
  }
}
