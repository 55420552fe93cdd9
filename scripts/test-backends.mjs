/**
 * `npm run test:backends`: the conformance suite over every backend that is present, every ordered pair of them on one link, and the
 * hostile corpus. Prints a table and writes docs/backends.md. Exit code 1 when a test failed that nobody has explained, or a process died.
 *
 *   npm run test:backends -- --backends ts,lwipv6 --only pairs
 *   npm run test:backends -- --frames 10000 --runs 2
 */
import { existsSync, readdirSync, writeFileSync } from 'node:fs'
import { release, type } from 'node:os'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { runPart } from './backends/job.mjs'
import { classify, page, SUMMARY, summaryRow, textTable } from './backends/tables.mjs'
import { main, prepare, root } from './prepare.mjs'

/** What a pair is asked: streams, ends, silence, datagrams, programs of calls; many of them over bad lines. */
const PAIR_TESTS = '^P-(01|02|08|10|22)\\b'
/** Suites that are run together, in one process; when it dies they are run apart. */
const TOGETHER = 6

const { values: options } = parseArgs({
  options: {
    backends: { type: 'string' },
    only: { type: 'string', default: 'suite,pairs,corpus' },
    suites: { type: 'string' },
    runs: { type: 'string', default: '3' },
    'pair-runs': { type: 'string', default: '2' },
    'pair-tests': { type: 'string', default: PAIR_TESTS },
    frames: { type: 'string', default: '100000' },
    output: { type: 'string', default: 'docs/backends.md' },
  },
})

await main(async () => {
  await prepare()
  const named = options.backends?.split(',') ?? ['ts', ...backendsHere()]
  const { subjects, suites } = await manifests(named)
  const usable = subjects.filter(({ name, probe }) => probe.usable || tellAbsent(name, probe))
  const wants = (part) => options.only.split(',').includes(part)
  const report = {
    date: new Date().toISOString().slice(0, 10),
    host: `${type()} ${release()}, Node ${process.version}`,
    versions: subjects.map(({ name, probe }) => [
      name,
      probe.version ?? '-',
      probe.usable ? (probe.path ?? '-') : `not usable: ${probe.reason}`,
    ]),
    capabilities: capabilityTable(usable),
    suites: [],
    pairs: [],
    pairTests: options['pair-tests'],
    corpus: [],
  }
  if (wants('suite')) report.suites = await overEach(usable, options.suites?.split(';') ?? suites)
  if (wants('pairs')) report.pairs = await overPairs(usable)
  if (wants('corpus')) report.corpus = await overCorpus(usable)
  writeFileSync(resolve(root, options.output), page(report))
  process.stdout.write(`\nwritten: ${options.output}\n`)
  const unexplained = [
    ...report.suites.map(({ sum }) => sum.counts.failed + sum.crashes.length),
    ...report.pairs.map((row) => row[3]),
    ...report.corpus.map(([, , outcome]) => (outcome === 'survived, and serves' ? 0 : 1)),
  ].reduce((sum, count) => sum + count, 0)
  if (unexplained > 0) throw new Error(`${unexplained} failures that nobody has explained`)
})

/** The packages of this repository that are backends. */
function backendsHere() {
  return readdirSync(join(root, 'packages')).flatMap((name) => {
    const isBackend = name.startsWith('backend-') && existsSync(join(root, 'packages', name, 'src/index.ts'))
    return isBackend ? [name.slice('backend-'.length)] : []
  })
}

async function manifests(names) {
  const { printed, told } = await runPart('manifest', { SUBJECTS: names.join(',') })
  if (told === '') throw new Error(`the backends ${names.join(', ')} could not be loaded:\n${printed}`)
  return JSON.parse(told)
}

function tellAbsent(name, { reason, tried, next }) {
  process.stdout.write(`${name} is left out: ${reason}; tried ${tried.join(', ')}. ${next ?? ''}\n`)
  const required = process.env.IOTH_REQUIRE_BACKENDS?.split(',') ?? []
  if (required.includes(name)) throw new Error(`${name} is required, and not usable here`)
  return false
}

function capabilityTable(subjects) {
  const keys = Object.keys(subjects[0]?.capabilities ?? {}).filter((key) => key !== 'limits')
  const limits = Object.keys(subjects[0]?.capabilities.limits ?? {})
  const rows = keys.map((key) => [key, ...subjects.map(({ capabilities }) => worded(capabilities[key]))])
  const bounds = limits.map((key) => [`limits.${key}`, ...subjects.map(({ capabilities }) => capabilities.limits[key])])
  return [['capability', ...subjects.map(({ name }) => name)], ...rows, ...bounds]
}

function worded(value) {
  return value === true ? 'yes' : value === false ? 'no' : `${value ?? 'unlimited'}`
}

// ---------- the suite ----------

async function overEach(subjects, suites) {
  const done = []
  for (const { name, deviations } of subjects) {
    const sum = { counts: { passed: 0, deviates: 0, failed: 0, 'not claimed': 0 }, rows: [], crashes: [], deaths: 0 }
    for (let at = 0; at < suites.length; at += TOGETHER) {
      await runSuites({ name, deviations }, suites.slice(at, at + TOGETHER), sum)
      process.stderr.write(`${name}: ${Math.min(at + TOGETHER, suites.length)} of ${suites.length} suites\n`)
    }
    done.push({ name, sum })
  }
  process.stdout.write(
    `\n${textTable(
      SUMMARY,
      done.map(({ name, sum }) => summaryRow(name, sum)),
    )}`,
  )
  for (const { name, sum } of done) {
    for (const { test, reason } of sum.rows.filter(({ kind }) => kind === 'failed')) {
      process.stdout.write(`${name}: ${test}\n    ${reason}\n`)
    }
    for (const { part, what } of sum.crashes) process.stdout.write(`${name}: ${part}: ${what}\n`)
  }
  return done
}

/** Runs suites in one process; when that dies, each half apart, until the one that killed it is found. */
async function runSuites(subject, suites, sum) {
  const variables = { SUBJECT: subject.name, SUITES: suites.join(';'), IOTH_RUNS: options.runs }
  const { results, crash, deaths } = await runPart('suite', variables)
  if (crash !== null && suites.length > 1) {
    const half = Math.ceil(suites.length / 2)
    await runSuites(subject, suites.slice(0, half), sum)
    await runSuites(subject, suites.slice(half), sum)
    return
  }
  if (crash !== null) sum.crashes.push({ part: suites[0], what: crash })
  sum.deaths += deaths
  for (const result of results) {
    const { kind, reason } = classify(result, subject.deviations)
    sum.counts[kind]++
    sum.rows.push({ group: result.group, test: result.name, kind, reason })
  }
}

// ---------- pairs ----------

async function overPairs(subjects) {
  const rows = []
  for (const a of subjects) {
    for (const b of subjects) {
      const variables = { SUBJECT: a.name, PEER: b.name, TESTS: options['pair-tests'], IOTH_RUNS: options['pair-runs'] }
      const { results, crash } = await runPart('suite', variables)
      const counts = { passed: 0, deviates: 0, failed: 0, 'not claimed': 0 }
      const bad = []
      for (const result of results) {
        const { kind, reason } = classify(result, [...a.deviations, ...b.deviations])
        counts[kind]++
        if (kind === 'failed') bad.push(`${result.name}: ${reason}`)
      }
      if (crash !== null) bad.push(crash)
      const failed = counts.failed + (crash === null ? 0 : 1)
      rows.push([a.name, b.name, counts.passed, failed, counts.deviates + counts['not claimed'], bad.join('; ')])
      process.stderr.write(`${a.name} and ${b.name}: ${counts.passed} passed, ${failed} failed\n`)
    }
  }
  process.stdout.write(`\n${textTable(['A', 'B', 'PASSED', 'FAILED', 'NOT CLAIMED', 'WHAT FAILED'], rows)}`)
  return rows
}

// ---------- the hostile corpus ----------

async function overCorpus(subjects) {
  const rows = []
  for (const { name } of subjects) {
    const { results, crash, deaths, told } = await runPart('corpus', { SUBJECT: name, FRAMES: options.frames })
    const [result] = results
    const isFine = crash === null && result?.status === 'passed'
    const what = isFine ? `${told}; ${deaths} helper deaths` : (crash ?? result?.message ?? 'no result')
    rows.push([name, options.frames, isFine ? 'survived, and serves' : 'failed', what])
    process.stderr.write(`corpus, ${name}: ${what}\n`)
  }
  process.stdout.write(`\n${textTable(['BACKEND', 'FRAMES', 'OUTCOME', 'WHAT HAPPENED'], rows)}`)
  return rows
}
