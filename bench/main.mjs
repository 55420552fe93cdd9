/**
 * `npm run bench [-- names] [-- --quick --json --gate]`: measures the stack against node:net in the same interleaved run and prints ratios.
 */
import { parseArgs } from 'node:util'
import * as armour from './armour.mjs'
import * as http from './http.mjs'
import * as inProcess from './in-process.mjs'
import * as memory from './memory.mjs'
import * as micro from './micro.mjs'
import * as startUp from './start-up.mjs'
import * as switches from './switches.mjs'
import { heading, line } from './table.mjs'
import * as twoProcesses from './two-processes.mjs'

const groups = [micro, armour, inProcess, twoProcesses, switches, startUp, http, memory]
const all = groups.flatMap(({ names }) => names)

const usage = `Usage: npm run bench -- [options] [names]

Measures against node:net in the same interleaved run; the figures are medians. A name may be a part: "bulk", "duplex".

Options:
  --quick        smaller amounts, 3 rounds instead of 5
  --rounds N     rounds that count
  --json         one JSON object per line instead of the table
  --gate         exit code 1 when a goal is missed
  --list         the names of all benches
  --help`

export async function bench(args) {
  const { values, positionals } = readArguments({
    args,
    allowPositionals: true,
    options: {
      quick: { type: 'boolean', default: false },
      rounds: { type: 'string' },
      json: { type: 'boolean', default: false },
      gate: { type: 'boolean', default: false },
      list: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  })
  if (values.help) return print(usage)
  if (values.list) return print(all.join('\n'))
  const unknown = positionals.filter((part) => !all.some((name) => name.includes(part)))
  if (unknown.length > 0)
    throw new Error(`no bench is called "${unknown[0]}"; "npm run bench -- --list" shows the names`)
  const rounds = values.rounds === undefined ? (values.quick ? 3 : 5) : Number(values.rounds)
  if (!(rounds >= 1)) throw new Error(`--rounds takes a number from 1 up, not "${values.rounds}"`)
  const wanted = positionals.length === 0 ? all : all.filter((name) => positionals.some((part) => name.includes(part)))

  const missed = []
  const report = (result) => {
    const { ratio, goal, atLeast } = result
    const met = goal === null ? null : atLeast ? ratio >= goal : ratio <= goal
    if (met === false) missed.push(result.name)
    print(values.json ? JSON.stringify({ ...result, met }) : line(result, met))
  }
  if (!values.json) print(heading())
  for (const group of groups) {
    const mine = wanted.filter((name) => group.names.includes(name))
    if (mine.length > 0) await group.run(mine, { quick: values.quick, rounds, report })
  }
  if (missed.length > 0) {
    process.stderr.write(`\nGoals missed: ${missed.join(', ')}\n`)
    if (values.gate) process.exitCode = 1
  }
}

function readArguments(config) {
  try {
    return parseArgs(config)
  } catch (error) {
    const problem = error.message.split('. ', 1)[0]
    throw new Error(`${problem}; "npm run bench -- --help" shows the options`)
  }
}

function print(text) {
  process.stdout.write(`${text}\n`)
}
