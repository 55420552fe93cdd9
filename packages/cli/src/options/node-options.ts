/**
 * What this Node says of its own options: whether there is one of that name, and whether its value stands in the next word.
 *
 * Node tells its options to nobody but readers of `node --help` and `node --v8-options`, so these are read; once, and only when
 * there is an option that is not ours.
 *
 * @module
 */
import { spawnSync } from 'node:child_process'

export interface NodeOption {
  /** Its value may stand in the next word. */
  readonly takesWord: boolean
  /**
   * Node itself is the program then, or says what else is: its test runner, watch mode, a script in a word. Other options change how a
   * script runs.
   */
  readonly isProgram: boolean
}

/** Node takes these from `NODE_OPTIONS`, and still runs the script in a process that it starts itself, or something else. */
const PROGRAMS: ReadonlySet<string> = new Set(['--watch', '--watch-path', '--prof-process'])
/** Node does not take these from `NODE_OPTIONS`, and they are about any script. */
const SETTINGS: ReadonlySet<string> = new Set(['--env-file', '--env-file-if-exists'])

/** Of every program, and so of `ioth run`. */
const OURS: ReadonlySet<string> = new Set(['-h', '--help', '-v', '--version'])

/** @param word with or without `=value`. @returns null when this Node has no such option. */
export function findNodeOption(word: string): NodeOption | null {
  const [name, value] = word.split('=', 2) as [string, string?]
  if (!/^-./.test(name) || name === '--' || OURS.has(name)) return null
  const plain = name.startsWith('--') ? name.replaceAll('_', '-') : name
  const listed = nodeOptions().get(plain) ?? v8Options().get(plain)
  if (listed === undefined) return isNegation(plain) ? { takesWord: false, isProgram: false } : null
  const { names } = listed
  const isSetting = names.some((each) => SETTINGS.has(each) || process.allowedNodeEnvironmentFlags.has(each))
  return {
    takesWord: listed.takesWord && value === undefined,
    isProgram: !isSetting || names.some((each) => PROGRAMS.has(each)),
  }
}

function isNegation(name: string): boolean {
  const positive = name.replace(/^--no-/, '--')
  return positive !== name && (nodeOptions().has(positive) || v8Options().has(positive))
}

interface Listed {
  readonly names: readonly string[]
  readonly takesWord: boolean
}

let ofNode: Map<string, Listed> | undefined

function nodeOptions(): Map<string, Listed> {
  if (ofNode !== undefined) return ofNode
  ofNode = new Map()
  // `-r, --require=...`, `-p, --print [...]`, `--inspect-port=[host:]port`; `--inspect[=port]` has its value in the same word only.
  for (const [, words = '', apart] of ask('--help').matchAll(/^ {2}(-[^\s,]*(?:, -[^\s,]*)*)( \[\.\.\.\])?/gm)) {
    const forms = words.split(', ')
    const names = forms.map((form) => form.replace(/[=[].*/, ''))
    const takesWord = apart !== undefined || forms.some((form) => /^[\w-]+=/.test(form))
    for (const name of names) ofNode.set(name, { names, takesWord })
  }
  // Old names, two letters in a word, and what else is in no list.
  for (const name of process.allowedNodeEnvironmentFlags) {
    if (!ofNode.has(name)) ofNode.set(name, v8Options().get(name) ?? { names: [name], takesWord: false })
  }
  ofNode.set('-pe', { names: ['-pe'], takesWord: true })
  return ofNode
}

let ofV8: Map<string, Listed> | undefined

function v8Options(): Map<string, Listed> {
  if (ofV8 !== undefined) return ofV8
  ofV8 = new Map()
  // `--stack-size (what it is)`, and in the next line `type: int`.
  for (const [, name = '', type] of ask('--v8-options').matchAll(/^ {2}(--[\w-]+) .*\n\s+type: (\w+)/gm)) {
    ofV8.set(name, { names: [name], takesWord: type !== 'bool' })
  }
  return ofV8
}

function ask(question: string): string {
  return spawnSync(process.execPath, [question], { encoding: 'utf8', env: {} }).stdout
}
