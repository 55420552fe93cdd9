/**
 * `npm run compat`: every row of the table on plain Node and on a stack, on each Node version, and what differs.
 */
import { writeFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { parseArgs } from 'node:util'
import { differences } from './table/differences.mjs'
import { rows } from './table/features.mjs'
import { nodeVersions, SUPPORTED } from './table/node-versions.mjs'
import { runChecks, runScript } from './table/run-feature.mjs'
import { difference, printTable } from './table/table.mjs'
import { ways } from './table/ways.mjs'

const usage = `Usage: npm run compat -- [options]

Runs programs on plain Node and on a stack, and compares what they print.

Options:
  --node LIST   Node versions: ${SUPPORTED.join(', ')}, host (default: all four)
  --way LIST    ${Object.keys(ways).join(', ')} (default: all that this machine can)
  --row TEXT    only rows whose number, title or feature has this text; may be repeated
  --json FILE   writes the counts and the failures
  --help`

const available = Object.keys(ways).filter((key) => ways[key].isAvailable())

export async function compat(args) {
  const { values } = parseArgs({
    args,
    options: {
      node: { type: 'string', default: SUPPORTED.join() },
      way: { type: 'string', default: available.join() },
      row: { type: 'string', multiple: true, default: [] },
      json: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  })
  if (values.help) return void process.stdout.write(`${usage}\n`)
  const versions = await nodeVersions(values.node.split(','))
  const chosen = [...new Set(['node', ...values.way.split(',')])].map((key) => {
    if (ways[key] === undefined) throw new Error(`--way takes ${Object.keys(ways).join(', ')}, not "${key}"`)
    return { key, ...ways[key] }
  })

  const columns = versions.flatMap(({ version }) =>
    chosen.map(({ key, title }) => ({ key: `${version} ${key}`, group: `Node ${version}`, title })),
  )
  const jobs = jobsOf(values.row)
  const results = new Map()
  const queue = versions.flatMap((node) => chosen.flatMap((way) => jobs.map((job) => ({ node, way, job }))))
  await inParallel(queue, availableParallelism(), async ({ node, way, job }) => {
    const outcomes = await job.run(node.path, way)
    for (const [feature, outcome] of outcomes) {
      const line = results.get(feature) ?? { ...job, feature, outcomes: new Map() }
      line.outcomes.set(`${node.version} ${way.key}`, outcome)
      results.set(feature, line)
    }
  })

  const order = new Map(jobs.map(({ key }, index) => [key, index]))
  const lines = [...results.values()].sort((a, b) => order.get(a.key) - order.get(b.key))
  for (const line of lines) line.cells = judge(line, columns)
  printTable(lines, columns)
  const failures = explain(lines, columns)
  const cells = lines.flatMap(({ cells }) => [...cells.values()])
  const count = (...verdicts) => cells.filter(({ verdict }) => verdicts.includes(verdict)).length
  const counts = { passed: count('ok', 'known'), failed: count('failed', 'differs'), skipped: count('skipped') }
  process.stdout.write(`\n${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped\n`)
  if (values.json !== undefined) writeFileSync(values.json, JSON.stringify({ ...counts, failures }))
  if (counts.failed > 0) process.exitCode = 1
}

/** What can be run by itself: a file of checks, or a script. */
function jobsOf(parts) {
  const jobs = []
  for (const { number, title, checks, scripts = [] } of rows) {
    const has = (text) => parts.length === 0 || parts.some((part) => text.includes(part) || part === String(number))
    if (checks !== undefined && has(title)) {
      jobs.push({ key: checks, number, title, run: (node, way) => runChecks(node, way, checks) })
    }
    for (const each of scripts) {
      if (has(`${title} ${each.name}`))
        jobs.push({ key: each.name, number, title, run: (node, way) => runScript(node, way, each) })
    }
  }
  return jobs
}

/** What each cell comes to, measured against plain Node of the same version. */
function judge({ feature, outcomes }, columns) {
  const cells = new Map()
  for (const { key } of columns) {
    const outcome = outcomes.get(key) ?? { failed: 'it was not run' }
    const reference = outcomes.get(`${key.split(' ')[0]} node`)
    let verdict = 'ok'
    const isKnown = !key.endsWith(' node') && differences.some((each) => each.feature === feature)
    if (outcome.failed !== undefined) verdict = isKnown ? 'known' : 'failed'
    else if (outcome.skipped !== undefined) verdict = 'skipped'
    else if (outcome.trace !== reference?.trace) verdict = isKnown ? 'known' : 'differs'
    cells.set(key, { verdict, outcome, reference })
  }
  return cells
}

/** Tells what failed and what differs, and gives the failures back. */
function explain(lines, columns) {
  const failures = []
  for (const { feature, cells } of lines) {
    for (const { key, group, title } of columns) {
      const { verdict, outcome, reference } = cells.get(key)
      if (verdict === 'ok' || verdict === 'skipped') continue
      const what =
        outcome.failed !== undefined ? indent(outcome.failed) : difference(reference?.trace ?? '', outcome.trace)
      const reason = verdict === 'known' ? `: ${differences.find((each) => each.feature === feature).reason}` : ''
      process.stdout.write(`\n${feature} (${group}, ${title}) ${verdict}${reason}\n${what}\n`)
      if (verdict !== 'known') failures.push({ feature, node: group, way: title, what })
    }
  }
  return failures
}

function indent(text) {
  return text
    .split('\n')
    .slice(0, 20)
    .map((line) => `      ${line}`)
    .join('\n')
}

async function inParallel(queue, width, work) {
  await Promise.all(
    Array.from({ length: width }, async () => {
      for (let item = queue.shift(); item !== undefined; item = queue.shift()) await work(item)
    }),
  )
}
