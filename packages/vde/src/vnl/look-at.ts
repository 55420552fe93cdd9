/**
 * Looking at a path that may be a socket, without disturbing the program around.
 *
 * Node keeps the numbers of the last `statSync` in memory that `fs.realpathSync` looks at again (seen in 20.20), and so do `require` and
 * `import` when they follow symbolic links: the mode of a socket there makes them stop at the first link, and a program's packages are
 * not found any more. The 64-bit variant of `statSync` has memory of its own.
 *
 * @module
 */
import { type BigIntStats, statSync } from 'node:fs'

/** @returns undefined: there is nothing. */
export function lookAt(path: string): BigIntStats | undefined {
  return statSync(path, { bigint: true, throwIfNoEntry: false })
}
