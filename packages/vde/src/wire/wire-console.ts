/**
 * The console of a wire: changes it while it is in.
 *
 * @module
 */
import { Console, type ConsoleCommand } from '../switch/console.ts'
import { IMPAIRMENT_NAMES, parseImpairments } from './impairment.ts'
import type { Wire, WireDirection } from './wire.ts'

const DIRECTIONS: readonly WireDirection[] = ['a-to-b', 'b-to-a']

/** @param title for the banner: what is joined. */
export function wireConsole(wire: Wire, title: string): Console {
  const direction = (word: string | undefined): WireDirection | undefined => {
    if (word === undefined) return undefined
    const found = DIRECTIONS.find((each) => each === word)
    if (found === undefined) throw new Error(`a direction is ${DIRECTIONS.join(' or ')}, not "${word}"`)
    return found
  }
  const commands: ConsoleCommand[] = [
    {
      path: 'set',
      syntax: '[a-to-b|b-to-a] ...',
      help: `NAME=VALUE...: ${IMPAIRMENT_NAMES.filter((name) => name !== 'seed').join(', ')}`,
      run: (words) => {
        const way = words[0]?.includes('=') === true ? undefined : direction(words[0])
        const { seed, ...written } = parseImpairments(
          Object.fromEntries(words.slice(way === undefined ? 0 : 1).map((word) => splitOnce(word))),
        )
        if (seed !== undefined) throw new Error('the seed is chosen at the start: --seed')
        wire.set(way === undefined ? written : { [way === 'a-to-b' ? 'in' : 'out']: written })
        return null
      },
    },
    {
      path: 'show',
      syntax: '',
      help: 'what is set, and what was done to frames',
      run: () => {
        const value = {
          settings: wire.settings,
          ...Object.fromEntries(DIRECTIONS.map((way) => [way, { isCut: wire.isCut(way), ...wire.counters(way) }])),
        }
        const lines = Object.entries(value).flatMap(([name, part]) =>
          Object.entries(part as object).map(
            ([key, each]) => `${name} ${key} ${typeof each === 'object' ? JSON.stringify(each) : each}`,
          ),
        )
        return { value, lines }
      },
    },
    {
      path: 'cut',
      syntax: '[a-to-b|b-to-a]',
      help: 'lets nothing through',
      run: ([way]) => {
        wire.cut(direction(way))
        return null
      },
    },
    {
      path: 'heal',
      syntax: '[a-to-b|b-to-a]',
      help: 'joins it again',
      run: ([way]) => {
        wire.heal(direction(way))
        return null
      },
    },
    {
      path: 'shutdown',
      syntax: '',
      help: 'takes the wire out',
      run: () => {
        setImmediate(() => void wire.close('shutdown'))
        return null
      },
    },
  ]
  return new Console(title, 'wire', commands)
}

function splitOnce(word: string): [string, string] {
  const equals = word.indexOf('=')
  if (equals <= 0) throw new Error(`"${word}" is not NAME=VALUE`)
  return [word.slice(0, equals), word.slice(equals + 1)]
}
