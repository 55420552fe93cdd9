/**
 * Sorts the words after `ioth run` into options of ours, options of Node, the script, and what the script gets.
 *
 * Before the script stand options of ours and of Node. After it, options that ioth knows are still ours, in their full form
 * (`-a VALUE`, `--address VALUE`, `--address=VALUE`), and everything else goes to the program in its order. `--` ends this: whatever
 * follows it is the program's. `--host`, `--strict` and `--report` are ours before the script only: programs have options of these names.
 * `--help` and `--version` after the script are the program's too. Where Node itself is the program (`--test`) there may be no script, and all
 * options stand where they would before it.
 *
 * @module
 */

import { ONLY_BEFORE_SCRIPT } from './network-options.ts'
import { findNodeOption } from './node-options.ts'

/** The part of an option's definition that sorting needs; commander's own options have this shape. */
interface KnownOption {
  readonly short?: string | undefined
  readonly long?: string | undefined
  /** A value follows. */
  readonly required: boolean
  /** A value may follow in the same word. */
  readonly optional: boolean
}

export interface RunArguments {
  /** For the parser of our options. */
  readonly ours: readonly string[]
  /** Options for Node itself: `--inspect`, `--import=…`. */
  readonly node: readonly string[]
  /** One of them makes Node itself the program: `--test`, `--watch`, `-e`. The script is an argument of it then, if there is one. */
  readonly nodeIsProgram: boolean
  readonly script: string | undefined
  readonly program: readonly string[]
}

export function splitRunArguments(words: readonly string[], known: readonly KnownOption[]): RunArguments {
  const ours: string[] = []
  const node: string[] = []
  const queue = [...words]
  let script: string | undefined
  let nodeIsProgram = false

  while (script === undefined && queue.length > 0) {
    const word = queue.shift() as string
    if (word === '--') {
      return { ours, node, nodeIsProgram, script: queue.shift(), program: queue }
    }
    const option = find(known, word, true)
    if (option !== null) {
      take(word, option, queue, ours)
      continue
    }
    const ofNode = findNodeOption(word)
    if (ofNode !== null) {
      node.push(word)
      if (ofNode.takesWord && queue.length > 0) node.push(queue.shift() as string)
      nodeIsProgram ||= ofNode.isProgram
    } else if (word.startsWith('-') && word !== '-') ours.push(word)
    else script = word
  }

  const program: string[] = []
  const anywhere = known.filter(({ long }) => !ONLY_BEFORE_SCRIPT.has(long ?? ''))
  while (queue.length > 0) {
    const word = queue.shift() as string
    if (word === '--') {
      program.push(...queue)
      break
    }
    const option = find(anywhere, word, false)
    if (option === null) program.push(word)
    else take(word, option, queue, ours)
  }
  return { ours, node, nodeIsProgram: nodeIsProgram || script === '-', script, program }
}

function take(word: string, option: KnownOption, queue: string[], into: string[]): void {
  into.push(word)
  const whole = word === option.short || word === option.long
  if (option.required && whole && queue.length > 0) into.push(queue.shift() as string)
}

/** @param joined whether `-aVALUE` and `-cq` count as well. */
function find(known: readonly KnownOption[], word: string, joined: boolean): KnownOption | null {
  for (const option of known) {
    if (word === option.short || word === option.long) return option
    if ((option.required || option.optional) && option.long !== undefined && word.startsWith(`${option.long}=`))
      return option
    if (joined && option.short !== undefined && !word.startsWith('--') && word.startsWith(option.short)) return option
  }
  return null
}
