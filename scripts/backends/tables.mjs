/**
 * What the runs over all backends say, for a terminal and for docs/backends.md.
 */

/** A test as it came out. */
export function classify({ name, status, message }, deviations) {
  const skipped = /\(skipped: (.*)\)$/.exec(name)
  if (skipped !== null) return { kind: 'not claimed', reason: skipped[1] }
  if (status === 'pending' || status === 'skipped')
    return { kind: 'not claimed', reason: 'the manifest says virtualTime: false' }
  if (status === 'passed') return { kind: 'passed', reason: '' }
  const bare = name.replace(/, over IPv6$/, '')
  const known = deviations.find(({ test }) => bare === test || name === test || name.startsWith(`${test} `))
  return known === undefined ? { kind: 'failed', reason: message } : { kind: 'deviates', reason: known.reason }
}

/** Columns as wide as they must be. */
export function textTable(columns, rows) {
  const widths = columns.map((column, i) => Math.max(column.length, ...rows.map((row) => `${row[i] ?? ''}`.length)))
  return [columns, ...rows]
    .map(
      (row) =>
        `${row
          .map((cell, i) => `${cell ?? ''}`.padEnd(widths[i]))
          .join('  ')
          .trimEnd()}\n`,
    )
    .join('')
}

export function markdownTable(columns, rows) {
  const cell = (value) => `${value ?? ''}`.replaceAll('|', '\\|').replaceAll('\n', ' ')
  return [columns, columns.map(() => '---'), ...rows].map((row) => `| ${row.map(cell).join(' | ')} |`).join('\n')
}

export const SUMMARY = [
  'backend',
  'passed',
  'failed, known',
  'failed',
  'not claimed',
  'crashes',
  'helper deaths',
  'per 1000 tests',
]

export function summaryRow(name, { counts, crashes, deaths }) {
  const ran = counts.passed + counts.deviates + counts.failed
  const rate = ran === 0 ? '-' : ((1000 * deaths) / ran).toFixed(1)
  return [name, counts.passed, counts.deviates, counts.failed, counts['not claimed'], crashes.length, deaths, rate]
}

const INTRODUCTION = `# Backends

What each TCP/IP stack can do, and what the conformance suite says about it. Written by \`npm run test:backends\`; do not edit.
`

/** The whole page. */
export function page({ date, host, capabilities, suites, pairs, pairTests, corpus, versions }) {
  const parts = [INTRODUCTION, `Made on ${date}, ${host}.\n`]
  parts.push('## What was there\n', markdownTable(['backend', 'version', 'library'], versions), '')
  if (capabilities.length > 0) parts.push('## Manifests\n', markdownTable(capabilities[0], capabilities.slice(1)), '')
  if (suites.length > 0) {
    parts.push(
      '## The suite\n',
      markdownTable(
        SUMMARY,
        suites.map(({ name, sum }) => summaryRow(name, sum)),
      ),
      '',
    )
    parts.push(
      '*Failed, known*: the library does otherwise, for the reason below. *Not claimed*: the manifest says that the backend cannot, or the',
      'test needs virtual time. C backends run on the host’s clock.\n',
    )
    for (const { name, sum } of suites) parts.push(...details(name, sum))
  }
  if (pairs.length > 0) {
    parts.push('## Pairs\n', `Each backend on host a with each on host b of one link. The tests: \`${pairTests}\`.\n`)
    parts.push(markdownTable(['a', 'b', 'passed', 'failed', 'not claimed', 'what failed'], pairs), '')
  }
  if (corpus.length > 0) {
    parts.push(
      '## The hostile corpus\n',
      'Frames of H-01 to H-43 against each backend; a client is served after every 10 000.\n',
    )
    parts.push(markdownTable(['backend', 'frames', 'outcome', 'what happened'], corpus), '')
  }
  return `${parts.join('\n').trimEnd()}\n`
}

function details(name, { rows, crashes }) {
  const bad = rows.filter(({ kind }) => kind === 'deviates' || kind === 'failed')
  if (bad.length === 0 && crashes.length === 0) return []
  const lines = bad.map(({ group, test, kind, reason }) => [
    `${group}: ${test}`,
    kind === 'failed' ? `unexplained: ${reason}` : reason,
  ])
  const crashed = crashes.map(({ part, what }) => [`${part}: the process did not survive`, what])
  return [`### ${name}: what failed, and why\n`, markdownTable(['test', 'reason'], [...crashed, ...lines]), '']
}
