/**
 * Looking at a path that may be a socket, and removing it, without disturbing the program around.
 *
 * Node keeps the numbers of the last `statSync` in memory that `fs.realpathSync` looks at again (seen in 20.20), and so do `require` and
 * `import` when they follow symbolic links: the mode of a socket there makes them stop at the first link, and a program's packages are
 * not found any more. The 64-bit variant of `statSync` has memory of its own; `rmSync` looks first, `unlinkSync` does not.
 *
 * @module
 */
import { type BigIntStats, statSync, unlinkSync } from 'node:fs'

/** @returns undefined: there is nothing. */
export function lookAt(path: string): BigIntStats | undefined {
  return statSync(path, { bigint: true, throwIfNoEntry: false })
}

/** Removes a socket; that it has gone already is as well. @throws errors of the file system. */
export function removeSocket(path: string): void {
  try {
    unlinkSync(path)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
  }
}
