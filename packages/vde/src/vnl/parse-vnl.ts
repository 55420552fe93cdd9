/**
 * Virtual network locators, in the grammar of vdeplug4:
 *
 * ```
 * locator   module://address[option/option=value]     the brackets hold the options: vde, hub, switch, multi, ptp, tap, …
 *           module://address/option/option=value      for modules whose address is no path: udp, vxvde, vxlan, slirp, ws, …
 *           module://{locator}…                       a network inside another, with either kind of options
 *           cmd://anything                            the whole of it is the command
 *           path                                      the directory of a switch, as vde://path; options in brackets may follow
 *           (nothing), vde://                         the user's default network
 * quoting   '…' and "…" take their characters as they are, \ the next one, %41 is an octet in hexadecimal
 * ```
 *
 * A bare path is not unquoted: what can be typed as a path is one. (vdeplug4 unquotes it too.)
 *
 * @module
 */
import { networkError } from './switch-directory.ts'

export interface Vnl {
  /** As it was given. */
  readonly text: string
  /** `vde`, `null`, `hub`, …; `default` for the user's default network. */
  readonly module: string
  /** What comes before the options: for `vde` the directory, for `cmd` the command. */
  readonly address: string
  /** An option without a value has the empty one; a lone number has the empty name. */
  readonly options: ReadonlyMap<string, string>
  /** The locator in braces. */
  readonly nested: Vnl | null
}

const SCHEME = /^([A-Za-z][A-Za-z0-9+.-]*):\/\//
/** Locators inside of each other at most. */
const DEEPEST = 8

/** Modules whose address is a path or a name: their options stand in brackets. */
const BRACKETED: ReadonlySet<string> = new Set([
  'vde',
  'stream',
  'hub',
  'switch',
  'multi',
  'bonding',
  'ptp',
  'null',
  'tap',
  'tun',
  'macvtap',
  'seqpacket',
  'qemu',
  'passt',
  'pcap',
])
/** Modules that get everything as it is. */
const RAW: ReadonlySet<string> = new Set(['cmd'])

/** @throws NetError ERR_IOTH_NETWORK with the place where the locator is not well formed. */
export function parseVnl(text: string): Vnl {
  return parseAt(text, text, 0, 0)
}

function parseAt(whole: string, text: string, base: number, depth: number): Vnl {
  const nul = text.indexOf('\0')
  if (nul >= 0) throw fault(whole, base + nul, 'a locator holds no NUL character')
  if (depth > DEEPEST) throw fault(whole, base, `more than ${DEEPEST} locators in each other`)
  const none = { text, options: new Map<string, string>(), nested: null }
  if (text === '' || text.toLowerCase() === 'vde://') return { ...none, module: 'default', address: '' }
  const scheme = SCHEME.exec(text)
  if (scheme === null) return barePath(whole, text, base)
  const module = (scheme[1] as string).toLowerCase()
  const start = (scheme[0] as string).length
  if (RAW.has(module)) return { ...none, module, address: text.slice(start) }
  const characters = scan(whole, text, start, base)
  const { nested, rest } = takeNested(whole, text, characters, base, depth)
  const { address, options } = BRACKETED.has(module) ? inBrackets(whole, rest) : afterSlashes(whole, rest)
  return { text, module, address, options, nested }
}

/** A character, or an octet that was written in hexadecimal. */
interface Character {
  readonly octets: Buffer
  /** The character, when it may have a meaning; null when it was quoted. */
  readonly plain: string | null
  /** Where it stands in the whole text. */
  readonly at: number
  /** Where it stands in the text of this locator. */
  readonly index: number
}

function scan(whole: string, text: string, start: number, base: number): Character[] {
  const found: Character[] = []
  let quote = ''
  let quotedFrom = 0
  for (let index = start; index < text.length; ) {
    const at = base + index
    // Whole code points.
    const character = String.fromCodePoint(text.codePointAt(index) as number)
    const hex = /^%([0-9A-Fa-f]{2})/.exec(text.slice(index, index + 3))
    let taken = character.length
    if (quote === '' ? character === '"' || character === "'" : character === quote) {
      quotedFrom = at
      quote = quote === '' ? character : ''
    } else if (character === '\\' && quote !== "'") {
      if (index + 1 >= text.length) throw fault(whole, at, 'nothing follows the backslash')
      const next = String.fromCodePoint(text.codePointAt(index + 1) as number)
      found.push({ octets: Buffer.from(next), plain: null, at, index })
      taken = 1 + next.length
    } else if (hex !== null && quote === '') {
      found.push({ octets: Buffer.from(hex[1] as string, 'hex'), plain: null, at, index })
      taken = 3
    } else {
      found.push({ octets: Buffer.from(character), plain: quote === '' ? character : null, at, index })
    }
    index += taken
  }
  if (quote !== '') throw fault(whole, quotedFrom, `the quote ${quote} is not closed`)
  return found
}

function takeNested(
  whole: string,
  text: string,
  characters: readonly Character[],
  base: number,
  depth: number,
): { nested: Vnl | null; rest: readonly Character[] } {
  const [open] = characters
  if (open?.plain !== '{') return { nested: null, rest: characters }
  const close = characters.findLastIndex(({ plain }) => plain === '}')
  if (close < 0) throw fault(whole, open.at, 'the brace { is not closed')
  const from = open.index + 1
  const inner = text.slice(from, (characters[close] as Character).index)
  return { nested: parseAt(whole, inner, base + from, depth + 1), rest: characters.slice(close + 1) }
}

function inBrackets(whole: string, characters: readonly Character[]): Pick<Vnl, 'address' | 'options'> {
  const open = characters.findIndex(({ plain }) => plain === '[')
  if (open < 0) {
    const close = characters.find(({ plain }) => plain === ']')
    if (close !== undefined) throw fault(whole, close.at, 'there is no [ before this ]')
    return { address: joined(characters), options: new Map() }
  }
  const close = characters.findLastIndex(({ plain }) => plain === ']')
  if (close < open) throw fault(whole, (characters[open] as Character).at, 'the bracket [ is not closed')
  const after = characters[close + 1]
  if (after !== undefined) throw fault(whole, after.at, 'nothing can follow the options')
  return { address: joined(characters.slice(0, open)), options: parseOptions(whole, characters.slice(open + 1, close)) }
}

function afterSlashes(whole: string, characters: readonly Character[]): Pick<Vnl, 'address' | 'options'> {
  const slash = characters.findIndex(({ plain }) => plain === '/')
  if (slash < 0) return { address: joined(characters), options: new Map() }
  return { address: joined(characters.slice(0, slash)), options: parseOptions(whole, characters.slice(slash + 1)) }
}

function parseOptions(whole: string, characters: readonly Character[]): Map<string, string> {
  const options = new Map<string, string>()
  for (let from = 0; from <= characters.length; ) {
    const slash = characters.findIndex(({ plain }, index) => index >= from && plain === '/')
    const end = slash < 0 ? characters.length : slash
    const part = characters.slice(from, end)
    from = end + 1
    const [first] = part
    if (first === undefined) continue
    const equals = part.findIndex(({ plain }) => plain === '=')
    const value = joined(part.slice(equals + 1))
    // A lone number is the port, as vdeplug has it.
    const isNumber = equals < 0 && /^\d+$/.test(value)
    const name = isNumber ? '' : joined(equals < 0 ? part : part.slice(0, equals))
    if (name === '' && !isNumber) throw fault(whole, first.at, 'this option has no name')
    if (options.has(name)) throw fault(whole, first.at, `the option "${name}" is there already`)
    options.set(name, equals < 0 && !isNumber ? '' : value)
  }
  return options
}

/** A path as it is; options may follow when it ends with a bracket. */
function barePath(whole: string, text: string, base: number): Vnl {
  const open = text.endsWith(']') ? text.lastIndexOf('[') : -1
  const address = open < 0 ? text : text.slice(0, open)
  const options =
    open < 0 ? new Map<string, string>() : parseOptions(whole, scan(whole, text.slice(0, -1), open + 1, base))
  return { text, module: 'vde', address, options, nested: null }
}

function joined(characters: readonly Character[]): string {
  return Buffer.concat(characters.map(({ octets }) => octets)).toString()
}

/** Shows the text and points at the character. */
function fault(text: string, at: number, why: string): Error {
  const shown = text.replace(/[^\x20-\x7e\u00a0-\ud7ff\ue000-\uffff]/g, '?')
  return networkError(`"${shown}": ${why}, at character ${at + 1}:\n  ${shown}\n  ${' '.repeat(at)}^`)
}
