/**
 * Virtual network locators, written as vdeplug4 does: `module://address[option/option=value]`. A bare path is the directory of a switch,
 * and nothing at all, or `vde://`, is the user's default network.
 *
 * @module
 */
import { networkError } from './switch-directory.ts'

export interface Vnl {
  /** As it was given. */
  readonly text: string
  /** `vde`, `null`, `hub`, …; `default` for the user's default network. */
  readonly module: string
  /** What lies between `://` and the options: for `vde` the directory. */
  readonly address: string
  /** The options in brackets; an option without a value has the empty one. */
  readonly options: ReadonlyMap<string, string>
}

const SCHEME = /^([A-Za-z][A-Za-z0-9+.-]*):\/\//

/** @throws NetError ERR_IOTH_NETWORK when the locator is not well formed. */
export function parseVnl(text: string): Vnl {
  if (text.includes('\0')) throw networkError('a network locator holds no NUL character')
  if (text === '' || text.toLowerCase() === 'vde://')
    return { text, module: 'default', address: '', options: new Map() }
  const scheme = SCHEME.exec(text)
  const module = scheme === null ? 'vde' : (scheme[1] as string).toLowerCase()
  const rest = text.slice(scheme?.[0].length ?? 0)
  // A bare path is taken as it is, brackets and all.
  if (scheme === null) return { text, module, address: rest, options: new Map() }
  const bracket = rest.endsWith(']') ? rest.lastIndexOf('[') : -1
  if (bracket < 0) return { text, module, address: rest, options: new Map() }
  return { text, module, address: rest.slice(0, bracket), options: parseOptions(text, rest.slice(bracket + 1, -1)) }
}

function parseOptions(locator: string, text: string): Map<string, string> {
  const options = new Map<string, string>()
  for (const part of text.split('/')) {
    if (part === '') continue
    const equals = part.indexOf('=')
    // A lone number is the port, as vdeplug has it.
    const name = equals < 0 ? (/^\d+$/.test(part) ? '' : part) : part.slice(0, equals)
    if (name === '' && equals === 0) throw networkError(`"${locator}": an option has no name ("${part}")`)
    options.set(name, equals < 0 ? (name === '' ? part : '') : part.slice(equals + 1))
  }
  return options
}
