/**
 * The checks of continuous integration, in order, each by the command the README names; see `.ci/run`.
 * The last line counts what really ran: every test of vitest, and one for each other check.
 */
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { npmCommand, run } from './prepare.mjs'

const [command, ...npm] = npmCommand
const total = { passed: 0, failed: 0, skipped: 0 }
/** What failed, said once more before the counts: whoever reads the end of a long output alone has it. */
const failures = []
/** What was left out, by its name, which has the reason. */
const skips = []
const folder = mkdtempSync(join(tmpdir(), 'ioth-ci-'))

// Each property has 200 runs here; `npm test` alone is content with fewer.
await tests('npm test', ['test'], { ...process.env, IOTH_RUNS: '200' })
// `npm run test:long` alone has ten thousand, a million hostile frames of each kind, and a soak of five real minutes: an hour.
await tests('npm run test:long', ['run', 'test:long'], {
  ...process.env,
  IOTH_LONG_RUNS: '500',
  IOTH_FRAMES: '100000',
  IOTH_SOAK_SECONDS: '30',
})
await table('npm run compat', ['run', 'compat'])
await check('npm run conformance:coverage', ['run', 'conformance:coverage'])
await check('npm start', ['start'])
await check('npm run check:packages', ['run', 'check:packages'])

rmSync(folder, { recursive: true, force: true })
for (const skip of skips) console.log(`Skipped: ${skip}`)
for (const failure of failures) console.log(`\nFailed: ${failure}`)
console.log(`\n${total.passed} passed, ${total.failed} failed${total.skipped > 0 ? `, ${total.skipped} skipped` : ''}`)
process.exitCode = total.failed === 0 ? 0 : 1

/** A run of vitest, counted test by test. Whatever fails without a failed test (a build, a type, a suite that cannot load) counts as one. */
async function tests(name, args, env = process.env) {
  const report = join(folder, `${args.at(-1)}.json`)
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${report}`]
  const ok = await step(name, [...args, '--', ...reporters], env)
  const counts = existsSync(report) ? JSON.parse(readFileSync(report, 'utf8')) : {}
  failures.push(...(counts.testResults ?? []).flatMap(failuresOf))
  skips.push(...(counts.testResults ?? []).flatMap(skipsOf))
  total.passed += counts.numPassedTests ?? 0
  total.failed += Math.max(counts.numFailedTests ?? 0, ok ? 0 : 1)
  total.skipped += (counts.numPendingTests ?? 0) + (counts.numTodoTests ?? 0)
}

/** What failed in one file of tests: tests, the file as a whole, or the process that ran it. */
function failuresOf({ name, status, message, assertionResults }) {
  const file = relative('.', name)
  const failed = assertionResults.filter((test) => test.status === 'failed')
  if (failed.length > 0) return failed.map((test) => `${file} > ${test.fullName}\n${test.failureMessages.join('\n')}`)
  if (status === 'failed') return [`${file}\n${message}`]
  return assertionResults.some((test) => test.status === 'pending')
    ? [`${file}: its process ended before its tests did`]
    : []
}

function skipsOf({ name, assertionResults }) {
  const skipped = assertionResults.filter(({ status }) => status === 'skipped' || status === 'todo')
  return skipped.map((test) => `${relative('.', name)} > ${test.fullName}`)
}

/** The table of programs, for this Node, counted cell by cell. */
async function table(name, args) {
  const report = join(folder, 'compat.json')
  const ok = await step(name, [...args, '--', '--node', 'host', '--json', report])
  const counts = existsSync(report) ? JSON.parse(readFileSync(report, 'utf8')) : {}
  total.passed += counts.passed ?? 0
  total.failed += Math.max(counts.failed ?? 0, ok ? 0 : 1)
  total.skipped += counts.skipped ?? 0
}

async function check(name, args) {
  if (await step(name, args)) total.passed++
  else total.failed++
}

async function step(name, args, env = process.env) {
  console.log(`\n=== ${name}`)
  const started = Date.now()
  const error = await run(command, [...npm, ...args], { env }).then(
    () => null,
    (failure) => failure,
  )
  const result = `=== ${name}: ${error === null ? 'ok' : error.message} (${Math.round((Date.now() - started) / 1000)} s)`
  console.log(result)
  if (error !== null) failures.push(result)
  return error === null
}
