/**
 * `npm run conformance:coverage`: which tests name which entry of `packages/conformance/requirements.md`, one line for each entry.
 *
 * Tests are those that vitest collects from the default and the long files, skipped ones apart; a test names the entries its name begins
 * with. Exit code 1 when a MUST, a P- or an H- entry has no test, when a SHOULD has neither test nor reason (in
 * `packages/conformance/unmet.json`), when a reason is no longer needed, or when a name begins with an entry that does not exist.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { main, prepare, root, run, tool } from './prepare.mjs'

const ENTRY = '[RPH]-(?:[A-Z0-9]+-)?\\d{2,}'
const folder = join(root, 'packages', 'conformance')

await main(async () => {
  await prepare()
  const entries = readEntries(readFileSync(join(folder, 'requirements.md'), 'utf8'))
  const reasons = JSON.parse(readFileSync(join(folder, 'unmet.json'), 'utf8'))
  const tests = namedTests(await collect())
  const faults = []
  for (const [entry, level] of entries) {
    const names = Array.from(tests.get(entry) ?? [], ([name, files]) => `${name} (${[...files].join(', ')})`)
    const reason = reasons[entry]
    process.stdout.write(`${line(entry, level, names, reason)}\n`)
    if (names.length > 0 && reason !== undefined) faults.push(`${entry} has tests now: its reason in unmet.json can go`)
    if (names.length > 0 || (level === 'SHOULD' && reason !== undefined)) continue
    faults.push(`${entry} (${level}) has no test${level === 'SHOULD' ? ' and no reason in unmet.json' : ''}`)
  }
  for (const entry of [...tests.keys(), ...Object.keys(reasons)])
    if (!entries.has(entry)) faults.push(`${entry} is no entry of requirements.md`)
  const covered = [...entries.keys()].filter((entry) => tests.has(entry)).length
  process.stdout.write(`\n${covered} of ${entries.size} entries are named by tests\n`)
  if (faults.length > 0) throw new Error(faults.join('\n'))
})

/** The rows of the tables: entry and level. A property or a hostile input is a MUST. */
function readEntries(text) {
  const entries = new Map()
  for (const row of text.split('\n')) {
    const [, entry, rest] = row.match(new RegExp(`^\\| (${ENTRY}) \\|(.*)$`)) ?? []
    if (entry === undefined) continue
    const level = rest.split(' | ')[1]
    entries.set(entry, entry.startsWith('R-') && level === 'S' ? 'SHOULD' : 'MUST')
  }
  return entries
}

/** Every test that would run, by its full name, with its file. */
async function collect() {
  const output = mkdtempSync(join(tmpdir(), 'ioth-coverage-'))
  try {
    const lists = await Promise.all(
      ['vitest.config.ts', 'vitest.long.config.ts'].map(async (config) => {
        const list = join(output, `${config}.json`)
        const words = ['list', '--config', config, `--json=${list}`]
        await run(process.execPath, [tool('vitest', 'vitest.mjs'), ...words], { quiet: true })
        return JSON.parse(readFileSync(list, 'utf8'))
      }),
    )
    return lists.flat()
  } finally {
    rmSync(output, { recursive: true, force: true })
  }
}

/** By entry: the names of its tests, each with its files. What a backend is known to fail is no test of it. */
function namedTests(tests) {
  const named = new Map()
  const leading = new RegExp(`^(?:${ENTRY}[ ,]+)*${ENTRY}(?=\\s|$|:)`)
  for (const { name, file } of tests) {
    if (name.includes('(deviates: ')) continue
    for (const part of name.split(' > ')) {
      const entries = part.match(leading)?.[0].split(/[ ,]+/) ?? []
      const test = part.slice(entries.join(' ').length).trim()
      for (const entry of entries) {
        const files = named.get(entry)?.get(test) ?? new Set()
        named.set(entry, (named.get(entry) ?? new Map()).set(test, files.add(relative(root, file))))
      }
    }
  }
  return named
}

function line(entry, level, tests, reason) {
  const what = tests.length > 0 ? tests.join(' · ') : reason === undefined ? 'NONE' : `none: ${reason}`
  return `${entry.padEnd(11)} ${level.padEnd(6)} ${String(tests.length).padStart(3)}  ${what}`
}
