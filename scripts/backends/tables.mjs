/**
 * What the runs over all backends say, for a terminal and for docs/backends-conformance.md: nothing that differs between two runs with the
 * same outcome.
 */

/** Kinds of outcomes, as they are counted. */
const KINDS = ['passed', 'deviates', 'failed', 'not claimed']

/** How the tests of a part came out. */
export function emptySum() {
  return { counts: Object.fromEntries(KINDS.map((kind) => [kind, 0])), rows: [], crashes: [], deaths: 0 }
}

/** Adds a run of `runPart`. @param deviations what may fail. @param part for crashes. */
export function addRun(sum, { results, crash, deaths }, deviations, part) {
  sum.deaths += deaths
  if (crash !== null) sum.crashes.push({ part, what: crash })
  for (const result of results) {
    const outcome = classify(result, deviations)
    if (outcome === null) continue
    sum.counts[outcome.kind]++
    sum.rows.push({ group: result.group, test: outcome.test, kind: outcome.kind, reason: outcome.reason })
  }
}

/** Adds what another sum has. */
export function addSum(sum, { counts, rows, crashes, deaths }) {
  for (const kind of KINDS) sum.counts[kind] += counts[kind]
  sum.rows.push(...rows)
  sum.crashes.push(...crashes)
  sum.deaths += deaths
}

/** What nobody has explained. */
export function unexplained({ counts, crashes }) {
  return counts.failed + crashes.length
}

/** A test as it came out; null when it is about a deviation that is looked after elsewhere. */
function classify({ name, status, claim, message }, deviations) {
  const [, test = name, excuse, reason = ''] = /^(.*) \((not claimed|deviates): (.*)\)$/.exec(name) ?? []
  if (/^the deviation ".*" names a test$/.test(name)) return status === 'passed' ? null : fail(name, message)
  if (excuse === 'deviates') {
    // It is run and must fail, or is too dangerous to be run.
    return status === 'failed' ? fail(test, 'it passes now: the deviation can go') : { kind: 'deviates', test, reason }
  }
  if (excuse === 'not claimed') return { kind: 'not claimed', test, reason }
  if (status === 'pending' || status === 'skipped') {
    // One that says no line of the manifest was not left out, but did not come to its turn.
    return claim === null ? fail(test, 'it was not run') : { kind: 'not claimed', test, reason: claim }
  }
  const bare = test.replace(/, over IPv6$/, '')
  const known = deviations.find(
    (deviation) => [bare, test].includes(deviation.test) || test.startsWith(`${deviation.test} `),
  )
  if (status === 'passed') return { kind: 'passed', test, reason: known === undefined ? '' : 'although it may fail' }
  return known === undefined ? fail(test, message) : { kind: 'deviates', test, reason: known.reason }
}

/** Without times: the page says the same after each run. */
function fail(test, reason) {
  return { kind: 'failed', test, reason: `${reason ?? ''}`.replace(/\bafter \d+ ms /g, '') }
}

const SUMMARY = ['', 'passed', 'deviates', 'failed', 'not claimed', 'crashes', 'helper deaths', 'per 1000 tests']

function summaryRow(title, { counts, crashes, deaths }) {
  const ran = counts.passed + counts.deviates + counts.failed
  const rate = ran === 0 ? '-' : ((1000 * deaths) / ran).toFixed(1)
  return [title, ...KINDS.map((kind) => counts[kind]), crashes.length, deaths, rate]
}

/** All of a report for a terminal. */
export function textReport({ suites, whole, pairs, corpus }) {
  const all = [...suites, ...whole, ...pairs]
  const parts =
    all.length === 0
      ? []
      : [
          textTable(
            SUMMARY,
            all.map(({ title, sum }) => summaryRow(title, sum)),
          ),
        ]
  for (const { title, sum } of all) {
    for (const { test, reason } of sum.rows.filter(({ kind }) => kind === 'failed')) {
      parts.push(`${title}: ${test}\n    ${reason}\n`)
    }
    for (const { part, what } of sum.crashes) parts.push(`${title}: ${part}: the process did not survive: ${what}\n`)
  }
  if (corpus.length > 0) parts.push(textTable(CORPUS, corpus))
  return parts.join('\n')
}

const CORPUS = ['backend', 'frames', 'helper deaths', 'per 1000 frames', 'outcome']

/** Columns as wide as they must be. */
function textTable(columns, rows) {
  const widths = columns.map((column, i) => Math.max(column.length, ...rows.map((row) => `${row[i] ?? ''}`.length)))
  return [columns.map((column) => column.toUpperCase()), ...rows]
    .map(
      (row) =>
        `${row
          .map((cell, i) => `${cell ?? ''}`.padEnd(widths[i]))
          .join('  ')
          .trimEnd()}\n`,
    )
    .join('')
}

function markdownTable(columns, rows) {
  const cell = (value) => `${value ?? ''}`.replaceAll('|', '\\|').replaceAll('\n', ' ')
  return `${[columns, columns.map(() => '---'), ...rows].map((row) => `| ${row.map(cell).join(' | ')} |`).join('\n')}\n`
}

const INTRODUCTION = `# What the conformance suite says of each backend

Written by \`npm run test:backends\`; do not edit. What each backend claims stands in [backends.md](backends.md), what the tests are in
[the package of the suite](../packages/conformance/README.md).

*Passed*: as the suite asks for. *Deviates*: the library does otherwise, for the reason that its package gives; the tests are run all the same.
*Failed*: nobody has explained it. *Not claimed*: the manifest says that the backend cannot, or the test waits for minutes of the network's time, and the
library lives on the host's clock. *Crashes*: the process that ran the tests did not survive. *Helper deaths*: a library that runs in a process of its own
took that one with it; its connections were reset and the program went on.
`

/** The sections of the page, in order. One that was not run stays as it was. */
const SECTIONS = ['## Libraries', '## Each backend', '## The whole suite', '## Pairs', '## The hostile corpus']

/** The whole page. @param before the page as it was, or an empty text. */
export function page(report, before) {
  const sections = sectionsOf(before)
  for (const [title, text] of sectionsOf(written(report))) sections.set(title, text)
  const present = SECTIONS.filter((title) => sections.has(title))
  return `${[INTRODUCTION.trimEnd(), ...present.map((title) => sections.get(title))].join('\n\n')}\n`
}

function sectionsOf(text) {
  const sections = text.split(/^(?=## )/m).filter((part) => part.startsWith('## '))
  return new Map(sections.map((part) => [part.slice(0, part.indexOf('\n')), part.trimEnd()]))
}

/** What was run. */
function written({ versions, suites, whole, pairs, lines, corpus }) {
  const parts = []
  if (versions.length > 0) parts.push('## Libraries\n', markdownTable(['backend', 'version', 'licence'], versions))
  if (suites.length > 0) {
    parts.push('## Each backend\n')
    parts.push(
      'With the TypeScript stack on the other host, on the host’s clock, on a sound line and on one that loses, reorders and doubles frames.\n',
    )
    parts.push(summaryTable(suites))
    for (const { title, sum } of suites) parts.push(...details(title, sum))
  }
  if (whole.length > 0) {
    parts.push('## The whole suite\n')
    parts.push(
      'With the TypeScript stack on the other host, on the host’s clock, a few runs of each property. The TypeScript stack itself is held against it in\nvirtual time, with its own tests.\n',
    )
    parts.push(summaryTable(whole))
    for (const { title, sum } of whole) parts.push(...details(title, sum))
  }
  if (pairs.length > 0) {
    parts.push('## Pairs\n')
    parts.push(
      `Each backend on host a with each on host b of one link, on the host’s clock: streams, ends, backpressure, datagrams and programs of socket calls, over
IPv4 and IPv6, on ${lines.join(', ')}.\n`,
    )
    parts.push(summaryTable(pairs))
    for (const { title, sum } of pairs) parts.push(...details(title, sum, false))
  }
  if (corpus.length > 0) {
    parts.push('## The hostile corpus\n')
    parts.push('Frames of H-01 to H-43 against each backend; a client is served after every 10 000.\n')
    parts.push(markdownTable(CORPUS, corpus))
  }
  return parts.join('\n')
}

function summaryTable(all) {
  return markdownTable(
    SUMMARY,
    all.map(({ title, sum }) => summaryRow(title, sum)),
  )
}

/** What did not pass, and why. */
function details(title, { rows, crashes }, isWhole = true) {
  const of = (wanted) => rows.filter(({ kind }) => kind === wanted)
  const named = ({ group, test }) => (group === '' || !isWhole ? test : `${group}: ${test}`)
  const bad = [
    ...crashes.map(({ part, what }) => [part, 'failed', `the process did not survive: ${what}`]),
    ...of('failed').map((row) => [named(row), 'failed', row.reason]),
    ...of('deviates').map((row) => [named(row), 'deviates', row.reason]),
  ]
  const parts = []
  if (bad.length > 0) parts.push(`### ${title}: what did not pass\n`, markdownTable(['test', 'outcome', 'reason'], bad))
  const claims = byReason(of('not claimed'))
  if (isWhole && claims.length > 0) {
    parts.push(`### ${title}: not claimed\n`, markdownTable(['claim', 'tests', 'which'], claims))
  }
  return parts
}

/** How many tests each claim is about. The many that need virtual time are counted alone. */
function byReason(rows) {
  const reasons = new Map()
  for (const { test, reason } of rows) {
    const [claim] = reason.split('; ')
    reasons.set(claim, [...(reasons.get(claim) ?? []), test])
  }
  return Array.from(reasons, ([claim, tests]) => [claim, tests.length, tests.length > 10 ? '' : tests.join('; ')])
}
