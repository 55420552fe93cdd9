/**
 * Standard output belongs to the program, and some libraries print to it. They do so by C's `stdout`, which nothing of Node uses: that variable
 * is pointed elsewhere, once for the process. The descriptor 1 stays what it is.
 *
 * @module
 */
import { koffi } from './koffi.ts'

let isSilent = false

/** All C code of the process that prints by `stdout` is silent from now on. Idempotent. */
export function silence(): void {
  if (isSilent) return
  isSilent = true
  const { load, encode } = koffi()
  const host = load(null)
  const nowhere = host.func('void *fopen(const char *, const char *)')('/dev/null', 'w')
  if (nowhere !== null) encode(host.symbol('stdout'), 'void *', nowhere)
}
