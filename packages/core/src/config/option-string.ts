/**
 * The lexical grammar of IoTh option strings, as the IoTh tools (libstropt) read them: `name=value,name,…`.
 *
 * - Options are separated by commas, semicolons, blanks, tabs or line ends; several in a row count as one.
 * - The first `=` ends the name; further ones belong to the value.
 * - `'…'` and `"…"` take everything literally up to the closing quote, a backslash takes the next character literally, and a backslash
 *   before a line end joins the lines. Quotes may begin and end anywhere: `vnl=vxvde://'a,b'` is `vxvde://a,b`.
 * - `#` outside quotes starts a comment that goes to the end of the line.
 *
 * @module
 */
import { configError } from './config-error.ts'

export interface Option {
  readonly name: string
  /** Null when there was no `=`. */
  readonly value: string | null
  /** A part of the value was quoted or escaped: it is meant as text, whatever it looks like. */
  readonly quoted: boolean
}

const SEPARATORS = ' \t\r\n,;'

/** Cuts an option string into its options. @throws NetError ERR_IOTH_CONFIG for a quote that is not closed. */
export function parseOptions(text: string): Option[] {
  const options: Option[] = []
  let at = 0
  while (at < text.length) {
    const char = text[at] as string
    if (SEPARATORS.includes(char)) at++
    else if (char === '#') at = endOfLine(text, at)
    else at = parseOption(text, at, options)
  }
  return options
}

/** Reads the option that begins at `start`; gives the position after it. */
function parseOption(text: string, start: number, into: Option[]): number {
  let name = ''
  let value: string | null = null
  let quoted = false
  let at = start
  const add = (piece: string): void => {
    if (value === null) name += piece
    else value += piece
  }
  for (; at < text.length; at++) {
    const char = text[at] as string
    if (SEPARATORS.includes(char) || char === '#') break
    if (char === '=' && value === null) {
      value = ''
    } else if (char === "'" || char === '"') {
      const close = text.indexOf(char, at + 1)
      if (close === -1) {
        throw configError(
          `the quote ${char} is not closed in ${text.slice(start)}`,
          `add a ${char} where the value ends`,
        )
      }
      add(text.slice(at + 1, close))
      if (value !== null) quoted = true
      at = close
    } else if (char === '\\') {
      at++
      if (at < text.length && text[at] !== '\n') add(text[at] as string)
      if (value !== null) quoted = true
    } else {
      add(char)
    }
  }
  into.push({ name, value, quoted })
  return at
}

function endOfLine(text: string, at: number): number {
  const end = text.indexOf('\n', at)
  return end === -1 ? text.length : end
}

/** Writes one option so that {@link parseOptions} reads it back. @param asText quotes the value even when nothing in it needs it. */
export function formatOption(name: string, value: string | null = null, asText = false): string {
  if (value === null) return name
  return `${name}=${asText || /^$|[\s,;'"\\#]/.test(value) ? quote(value) : value}`
}

/** In single quotes; a single quote itself stands escaped between two quoted parts. */
function quote(value: string): string {
  return `'${value.replaceAll("'", "'\\''")}'`
}
