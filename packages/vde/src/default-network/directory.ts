/**
 * Where a user's default network is: a directory of their own that nobody else may enter.
 *
 * @module
 */
import { statSync } from 'node:fs'
import { tmpdir, userInfo } from 'node:os'
import { join } from 'node:path'

/**
 * `$XDG_RUNTIME_DIR/ioth` where the system keeps a runtime directory for the user, else `ioth-UID` in the directory for temporary files.
 * The same for all programs of a user.
 */
export function defaultNetworkDirectory(env: NodeJS.ProcessEnv = process.env): string {
  const runtime = env.XDG_RUNTIME_DIR
  if (runtime?.startsWith('/') === true && isOwn(runtime)) return join(runtime, 'ioth')
  return join(tmpdir(), `ioth-${process.getuid?.() ?? userInfo().username}`)
}

/** A runtime directory that is not the user's (after `su`, say) is somebody else's. */
function isOwn(path: string): boolean {
  const found = statSync(path, { throwIfNoEntry: false })
  return found?.isDirectory() === true && found.uid === process.getuid?.()
}
