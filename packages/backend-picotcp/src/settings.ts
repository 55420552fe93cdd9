/**
 * The backend's own settings, checked: unknown names are refused by name.
 *
 * @module
 */
import { type Limits, NetError, type StackOptions } from '@ioth/core'
import { LIMITS } from './limits.ts'

/** `StackOptions.settings` of the backend `picotcp`. */
export interface PicoSettings {
  /** Where the library is. @default the variable IOTH_PICOTCP_LIB, then the loader's own search */
  readonly library?: string
  /** Keeps what the library prints away from standard output. @default true */
  readonly quiet?: boolean
}

/** @throws NetError EINVAL */
export function readSettings(given: StackOptions['settings']): PicoSettings {
  const { library, quiet, ...others } = given ?? {}
  refuseOthers('settings', others, ['library', 'quiet'])
  if (library !== undefined && typeof library !== 'string') throw invalid('the setting "library" is a path')
  if (quiet !== undefined && typeof quiet !== 'boolean') throw invalid('the setting "quiet" is true or false')
  return { ...(library === undefined ? {} : { library }), ...(quiet === undefined ? {} : { quiet }) }
}

/** What is more than the library can have becomes what it can have. @throws NetError EINVAL */
export function readLimits(given: Partial<Limits> = {}): Limits {
  const known = Object.keys(LIMITS)
  refuseOthers('limits', Object.fromEntries(Object.entries(given).filter(([name]) => !known.includes(name))), known)
  const limits: Record<string, number> = { ...LIMITS }
  for (const [name, value] of Object.entries(given)) {
    if (!Number.isInteger(value) || value < 0) throw invalid(`the limit "${name}" is a whole number, not ${value}`)
    const most = name === 'closedHoldMs' ? 0x3fffffff : (limits[name] as number)
    limits[name] = Math.min(value, most)
  }
  return Object.freeze(limits as unknown as Limits)
}

function refuseOthers(what: string, others: Readonly<Record<string, unknown>>, known: readonly string[]): void {
  const [name] = Object.keys(others)
  if (name !== undefined) throw invalid(`${what} of the stack "picotcp" has no "${name}"; it has ${known.join(', ')}`)
}

function invalid(message: string): NetError {
  return new NetError('EINVAL', 'createStack', { message })
}
