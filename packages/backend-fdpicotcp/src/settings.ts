/**
 * This backend's own settings.
 *
 * @module
 */
import { NetError } from '@ioth/core'

/** Settings of a stack, as `StackOptions.settings`. */
export interface FdPicoSettings {
  /** `process`: in a helper process, whose death the program survives. @default 'process' */
  readonly isolation?: 'process' | 'none'
  /** The library's file. @default `IOTH_FDPICOTCP_LIB`, else the loader's search */
  readonly library?: string
  /** @internal Whether a station stands beside each link; a helper's does so in the program. @default true */
  readonly station?: boolean
}

/** @throws NetError EINVAL for an unknown name or a wrong value. */
export function readSettings(given: Readonly<Record<string, unknown>> = {}): FdPicoSettings {
  const { isolation = 'process', library, station = true, ...rest } = given
  const [unknown] = Object.keys(rest)
  if (unknown !== undefined) throw refuse(`there is no setting "${unknown}", but isolation, library`)
  if (isolation !== 'process' && isolation !== 'none') {
    throw refuse(`isolation is "process" or "none", not ${JSON.stringify(isolation)}`)
  }
  if (library !== undefined && typeof library !== 'string') throw refuse('library is the path of a file')
  return { isolation, station: station !== false, ...(library === undefined ? {} : { library }) }
}

function refuse(message: string): NetError {
  return new NetError('EINVAL', 'settings', { message: `fdpicotcp: ${message}` })
}
