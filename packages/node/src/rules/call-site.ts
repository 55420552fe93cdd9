/**
 * Where in the program a call comes from.
 *
 * @module
 */
import { fileURLToPath } from 'node:url'

/** The folder of this package's code: what lies in it is not the program. */
const OWN = fileURLToPath(new URL('.', import.meta.url)).replace(/rules[\\/]$/, '')

/** The first line of a stack trace that is neither Node's nor ours, as `file:line:column`; null where there is none. */
export function callSite(trace: string): string | null {
  for (const line of trace.split('\n').slice(1)) {
    const place = /^\s+at (?:.*\()?((?:file:\/\/|\/|[A-Za-z]:[\\/]|\[eval).*?:\d+:\d+)\)?$/.exec(line)?.[1]
    if (place === undefined) continue
    const path = place.startsWith('file://') ? pathOf(place) : place
    if (!path.startsWith(OWN)) return path
  }
  return null
}

function pathOf(place: string): string {
  const [, url, position] = /^(.*?)(:\d+:\d+)$/.exec(place) as RegExpExecArray
  return fileURLToPath(url as string) + position
}
