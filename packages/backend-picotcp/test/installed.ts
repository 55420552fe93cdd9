/**
 * The picoTCP libraries that are installed here, by the places where people put them.
 *
 * @module
 */
import { existsSync } from 'node:fs'
import { leftOut } from '@ioth/conformance'

const FOLDERS = ['/usr/local/lib', '/usr/lib', '/usr/lib/x86_64-linux-gnu', '/usr/lib/aarch64-linux-gnu']
const NAMES = ['libpicotcp.so', 'libpicotcp.so.2', 'libpicotcp-tickless.so']

const { IOTH_PICOTCP_LIB: named = '' } = process.env

export const installed: readonly string[] = (
  named === '' ? FOLDERS.flatMap((folder) => NAMES.map((name) => `${folder}/${name}`)) : [named]
).filter((path) => existsSync(path))

/** A visible skip where there is none, or not the one that the user named; a failure where it is required. */
export function skipWhereNoneIs(): void {
  if (named !== '' && !existsSync(named)) leftOut('picotcp', `IOTH_PICOTCP_LIB names ${named}, which is not there`, '')
  else if (installed.length === 0)
    leftOut('picotcp', `picoTCP is not installed: looked for ${NAMES.join(', ')} in ${FOLDERS.join(', ')}`, '')
}
