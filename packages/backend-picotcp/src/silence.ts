/**
 * Standard output belongs to the program, and the library prints to it. It does so by C's `stdout`, which nothing of Node uses: that variable
 * is pointed elsewhere, once for the process. The descriptor 1 stays what it is.
 *
 * @module
 */
import { koffi } from '@ioth/ffi'

let isSilent = false

/** Other C code of the process that prints by `stdout` is silenced as well; the setting `quiet` keeps it. */
export function silence(): void {
  if (isSilent) return
  isSilent = true
  const { load, encode } = koffi()
  const host = load(null)
  const nowhere = host.func('void *fopen(const char *, const char *)')('/dev/null', 'w')
  if (nowhere !== null) encode(host.symbol('stdout'), 'void *', nowhere)
}
