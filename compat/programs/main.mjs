/**
 * `npm run compat:programs`: the real programs on the host's loopback and as nodes of a switch, on each Node version.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { nodeVersions, SUPPORTED } from '../table/node-versions.mjs'
import { difference, printTable } from '../table/table.mjs'
import { programs } from './programs.mjs'
import { runProgram, startSwitch } from './run-program.mjs'

const usage = `Usage: npm run compat:programs -- [options]

Runs real programs on plain Node and as nodes of a network, and compares what they print.

Options:
  --node LIST     Node versions: ${SUPPORTED.join(', ')}, host (default: host)
  --only TEXT     programs whose name has this text; may be repeated
  --json FILE     writes the counts and the failures
  --help`

export async function comparePrograms(args) {
  const { values } = parseArgs({
    args,
    options: {
      node: { type: 'string', default: 'host' },
      only: { type: 'string', multiple: true, default: [] },
      json: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  })
  if (values.help) return void process.stdout.write(`${usage}\n`)
  const chosen = programs.filter(
    ({ name }) => values.only.length === 0 || values.only.some((part) => name.includes(part)),
  )
  const versions = await nodeVersions(values.node.split(','))
  const lines = chosen.map(({ name, heavy = false }) => ({
    number: heavy ? 'heavy' : 'light',
    feature: name,
    cells: new Map(),
  }))
  const columns = []
  const failures = []
  for (const { version, path: node } of versions) {
    const group = `Node ${version}`
    columns.push({ key: `${version} node`, group, title: 'node' }, { key: `${version} run`, group, title: 'ioth run' })
    const folder = mkdtempSync(join(tmpdir(), 'compat-'))
    const network = await startSwitch(node, folder)
    try {
      for (const [index, program] of chosen.entries()) {
        const where = { node, major: Number.parseInt(version, 10), subnet: index + 1 }
        const reference = await attempt(program, { ...where, path: null })
        const outcome = await attempt(program, { ...where, path: network.path })
        for (const [key, title, each] of [
          ['node', 'node', reference],
          ['run', 'ioth run', outcome],
        ]) {
          const verdict = each.failed !== undefined ? 'failed' : each.trace === reference.trace ? 'ok' : 'differs'
          lines[index].cells.set(`${version} ${key}`, { verdict })
          if (verdict === 'ok') continue
          const what = each.failed ?? difference(reference.trace ?? '', each.trace)
          failures.push({ feature: program.name, node: group, way: title, what })
        }
      }
    } finally {
      await network.stop()
      rmSync(folder, { recursive: true, force: true })
    }
  }
  printTable(lines, columns)
  for (const { feature, node, way, what } of failures) process.stdout.write(`\n${feature} (${node}, ${way})\n${what}\n`)
  const counts = { passed: lines.length * columns.length - failures.length, failed: failures.length }
  process.stdout.write(`\n${counts.passed} passed, ${counts.failed} failed\n`)
  if (values.json !== undefined) writeFileSync(values.json, JSON.stringify({ ...counts, failures }))
  if (counts.failed > 0) process.exitCode = 1
}

async function attempt(program, where) {
  try {
    const output = await runProgram(program, where)
    // On the host both are at one address; times are nobody's promise.
    return { trace: output.replace(/CLIENT|SERVER/g, 'ADDRESS').replace(/\d\d:\d\d:\d\d|\d+(\.\d+)?\s?m?s\b/g, 'TIME') }
  } catch (error) {
    return { failed: error.message }
  }
}
