/**
 * `npm run test:backends`: every backend that is here against the short profile, the whole suite on the host's clock and what its package
 * brings for these runs, every ordered pair of them on one link, and the hostile corpus. Prints a table, and writes
 * docs/backends-conformance.md unless backends are chosen. Exit code 1 when a test failed that nobody has explained, or a process died.
 * `npm run test:backends -- --help` tells the options.
 */
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { runPart } from './backends/job.mjs'
import { addRun, addSum, emptySum, page, textReport, unexplained } from './backends/tables.mjs'
import { main, prepare, root } from './prepare.mjs'

const PROPERTIES = ['P-01', 'P-02', 'P-08', 'P-10', 'P-22', 'P-23']
/** What a pair is asked only once, whichever of them is first: it compares both ways by itself. */
const COMPARED = 'P-25'
const LINES = ['a sound line', 'a line that loses frames', 'a line that reorders frames', 'a line that doubles frames']
const SERVES = 'survived, and serves'

const PAGE = 'docs/backends-conformance.md'
const usage = `Usage: npm run test:backends -- [options]

Options:
  --backends A,B   those; otherwise all that are usable here
  --only A,B       of profile, suite, own, pairs and corpus; otherwise all
  --suites "A;B"   groups of the whole suite
  --runs N         of each property of the profile (3)
  --suite-runs N   of each property of the whole suite (2)
  --pair-runs N    of each property of a pair (1)
  --frames N       of the corpus (100000)
  --jobs N         groups of tests, pairs and so on at a time (1); most of it is waiting
  --output FILE    the page to write (${PAGE}; with --backends, which would leave the others out of it, none)
  --help`

/** Set before anything else is done. */
let options

function readOptions() {
  const { values } = parseArgs({
    options: {
      backends: { type: 'string' },
      only: { type: 'string', default: 'profile,suite,own,pairs,corpus' },
      suites: { type: 'string' },
      runs: { type: 'string', default: '3' },
      'suite-runs': { type: 'string', default: '2' },
      'pair-runs': { type: 'string', default: '1' },
      frames: { type: 'string', default: '100000' },
      jobs: { type: 'string', default: '1' },
      output: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  })
  return values
}

await main(async () => {
  try {
    options = readOptions()
  } catch (error) {
    throw new Error(`${error.message}\n\n${usage}`)
  }
  if (options.help) return void process.stdout.write(`${usage}\n`)
  await prepare()
  const named = options.backends?.split(',') ?? ['ts', ...backendsHere()]
  const { subjects, suites } = await manifests(named)
  const usable = subjects.filter(({ name, probe }) => probe.usable || tellAbsent(name, probe))
  const wants = (part) => options.only.split(',').includes(part)
  const report = {
    // Of some of them only it says nothing.
    versions: (options.backends === undefined ? subjects : []).map(({ name, license, probe }) => [
      name,
      probe.usable ? (probe.version ?? 'of this repository') : 'was not there',
      license,
    ]),
    suites: [],
    whole: [],
    pairs: [],
    lines: LINES,
    corpus: [],
  }
  const groups = options.suites?.split(';') ?? suites
  const overSuites = usable.flatMap((subject) => [
    ...(wants('profile') ? [() => profile(subject)] : []),
    ...(wants('own') && ownTests(subject.name).length > 0 ? [() => own(subject)] : []),
  ])
  // The TypeScript stack has the whole suite with its own tests, in virtual time.
  const overGroups = usable
    .filter(({ name }) => wants('suite') && (name !== 'ts' || options.backends !== undefined))
    .map((subject) => groups.map((group) => () => suiteGroup(subject, group)))
  const overPairs = usable.flatMap((a, index) => usable.map((b, other) => () => pair(a, b, index < other)))
  report.suites = await atOnce(overSuites)
  const done = (await atOnce(overGroups.flat())).values()
  report.whole = overGroups.map((parts) => joined(parts.map(() => done.next().value)))
  if (wants('pairs')) report.pairs = await atOnce(overPairs)
  if (wants('corpus')) report.corpus = await atOnce(usable.map((subject) => () => corpus(subject)))
  process.stdout.write(`\n${textReport(report)}`)
  const output = options.output ?? (options.backends === undefined ? PAGE : null)
  if (output !== null) {
    const file = resolve(root, output)
    writeFileSync(file, page(report, existsSync(file) ? readFileSync(file, 'utf8') : ''))
    process.stdout.write(`\nwritten: ${output}\n`)
  }
  const failures =
    [...report.suites, ...report.whole, ...report.pairs].reduce((count, { sum }) => count + unexplained(sum), 0) +
    report.corpus.filter((row) => row.at(-1) !== SERVES).length
  if (failures > 0) throw new Error(`${failures} failures that nobody has explained`)
})

/** Does some of the work at the same time, and gives what came of it in order. */
async function atOnce(work) {
  const done = []
  const left = work.entries()
  const worker = async () => {
    for (const [place, task] of left) done[place] = await task()
  }
  await Promise.all(Array.from({ length: Number(options.jobs) }, worker))
  return done
}

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
  const required = (process.env.IOTH_REQUIRE_BACKENDS ?? '').split(',')
  if (required.some((each) => each.trim() === name)) throw new Error(`${name} is required, and not usable here`)
  return false
}

/** The short profile over one backend. */
async function profile({ name, deviations }) {
  const sum = emptySum()
  const variables = { SUBJECT: name, RUNS: options.runs }
  await halving('profile', variables, 'TESTS', [], deviations, sum)
  return told(`${name}, short profile`, sum)
}

/** A group of tests of the whole suite, in a process of its own. */
async function suiteGroup({ name, deviations }, group) {
  const sum = emptySum()
  const variables = { SUBJECT: name, SUITES: group, IOTH_RUNS: options['suite-runs'] }
  addRun(sum, await runPart('suite', variables), deviations, group)
  const { counts } = sum
  process.stderr.write(`${name}, ${group}: ${counts.passed} passed, ${counts.failed} failed\n`)
  return { title: `${name}, suite`, sum }
}

/** The parts of one row of the page. */
function joined([{ title, sum }, ...others]) {
  for (const other of others) addSum(sum, other.sum)
  return { title, sum }
}

/** What a backend brings for these runs itself: `test/*.run.ts` of its package. */
function ownTests(name) {
  const folder = join(root, 'packages', `backend-${name}`, 'test')
  return existsSync(folder) ? readdirSync(folder).filter((file) => file.endsWith('.run.ts')) : []
}

async function own({ name, deviations }) {
  const sum = emptySum()
  for (const file of ownTests(name)) {
    const part = `backend-${name}/test/${file.replace(/\.run\.ts$/, '')}`
    addRun(sum, await runPart(part, {}), deviations, part)
  }
  return told(`${name}, tests of its own`, sum)
}

/** Two backends on one link. */
async function pair(a, b, isCompared) {
  const sum = emptySum()
  const variables = { SUBJECT: a.name, PEER: b.name, LINES: LINES.join(';'), FRAMES: '0', RUNS: options['pair-runs'] }
  const properties = isCompared ? [...PROPERTIES, COMPARED] : PROPERTIES
  await halving('profile', variables, 'TESTS', properties, [...a.deviations, ...b.deviations.map(mirrored)], sum)
  return told(`${a.name} and ${b.name}`, sum)
}

/** What the subject of a test does otherwise, its peer does otherwise in the test that has them the other way round. */
function mirrored({ test, reason }) {
  return { test: test.replace(/\b(subject|peer)\b/, (side) => (side === 'peer' ? 'subject' : 'peer')), reason }
}

function told(title, sum) {
  const { counts, crashes } = sum
  process.stderr.write(`${title}: ${counts.passed} passed, ${counts.failed} failed, ${crashes.length} crashes\n`)
  return { title, sum }
}

/** Runs parts in one process; when that dies, each half apart, until the one that killed it is found. */
async function halving(file, variables, variable, parts, deviations, sum) {
  const value = variable === 'TESTS' ? `^(${parts.join('|')})\\b` : parts.join(';')
  const run = await runPart(file, parts.length === 0 ? variables : { ...variables, [variable]: value })
  if (run.crash === null || parts.length === 1) {
    addRun(sum, run, deviations, parts[0] ?? file)
    return
  }
  if (parts.length === 0) {
    // Of the whole profile.
    for (const property of [...PROPERTIES, 'P-11', 'P-14', COMPARED, '(?!P-)']) {
      await halving(file, variables, variable, [property], deviations, sum)
    }
    return
  }
  const half = Math.ceil(parts.length / 2)
  await halving(file, variables, variable, parts.slice(0, half), deviations, sum)
  await halving(file, variables, variable, parts.slice(half), deviations, sum)
}

/** The hostile corpus against one backend. */
async function corpus({ name }) {
  const { results, crash, deaths } = await runPart('corpus', { SUBJECT: name, FRAMES: options.frames })
  const [result] = results
  const isFine = crash === null && result?.status === 'passed'
  const outcome = isFine ? SERVES : `failed: ${crash ?? result?.message ?? 'no result'}`
  process.stderr.write(`corpus, ${name}: ${outcome}, ${deaths} helper deaths\n`)
  return [name, options.frames, deaths, ((1000 * deaths) / Number(options.frames)).toFixed(3), outcome]
}
