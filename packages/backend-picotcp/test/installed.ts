/**
 * The picoTCP libraries that are installed here, by the places where people put them.
 *
 * @module
 */
import { existsSync } from 'node:fs'
import { it } from 'vitest'

const FOLDERS = ['/usr/local/lib', '/usr/lib', '/usr/lib/x86_64-linux-gnu', '/usr/lib/aarch64-linux-gnu']
const NAMES = ['libpicotcp.so', 'libpicotcp.so.2', 'libpicotcp-tickless.so']

export const installed: readonly string[] = [
  process.env.IOTH_PICOTCP_LIB ?? '',
  ...FOLDERS.flatMap((folder) => NAMES.map((name) => `${folder}/${name}`)),
].filter((path) => path !== '' && existsSync(path))

/** A visible skip where there is none. */
export function skipWhereNoneIs(): void {
  if (installed.length === 0)
    it.skip(`picoTCP is not installed: looked for ${NAMES.join(', ')} in ${FOLDERS.join(', ')}`)
}
