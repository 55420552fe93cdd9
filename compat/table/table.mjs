/**
 * The table as text: a line for each feature, a column for each way and Node version.
 */

const WORDS = { ok: 'ok', failed: 'FAIL', differs: 'DIFFERS', known: 'known', skipped: '-' }

/**
 * @param {{ number: string | number, title: string, feature: string, cells: Map<string, { verdict: string }> }[]} lines
 * @param {{ key: string, group: string, title: string }[]} columns
 */
export function printTable(lines, columns) {
  const width = Math.max(...lines.map(({ feature }) => feature.length), 20)
  const widths = columns.map(({ title }) => Math.max(title.length, 7))
  const groups = [...new Set(columns.map(({ group }) => group))]
  const text = []
  const groupWidth = (group) =>
    columns.reduce((sum, column, index) => sum + (column.group === group ? widths[index] + 1 : 0), 0)
  text.push(
    `${' '.repeat(11 + width)} ${groups.map((group) => `| ${group}`.padEnd(groupWidth(group) + 2)).join('')}`.trimEnd(),
  )
  const row = (number, feature, cells) => {
    let last = null
    const words = cells.map((cell, index) => {
      const border = columns[index].group === last ? ' ' : ' | '
      last = columns[index].group
      return border + cell.padEnd(widths[index])
    })
    return `${String(number).padEnd(10)} ${feature.padEnd(width)}${words.join('')}`.trimEnd()
  }
  text.push(
    row(
      'row',
      'feature or program',
      columns.map(({ title }) => title),
    ),
  )
  let last = null
  for (const { number, feature, cells } of lines) {
    text.push(
      row(
        number === last ? '' : number,
        feature,
        columns.map(({ key }) => WORDS[cells.get(key)?.verdict] ?? ''),
      ),
    )
    last = number
  }
  process.stdout.write(`${text.join('\n')}\n`)
}

/** The lines in which two texts differ, those of the reference first. */
export function difference(reference, other) {
  const [one, two] = [reference.split('\n'), other.split('\n')]
  const only = (mine, theirs, sign) =>
    mine.filter((line) => !theirs.includes(line)).map((line) => `      ${sign} ${line}`)
  const lines = [...only(one, two, '-'), ...only(two, one, '+')]
  return lines.length > 0 ? lines.join('\n') : '      the same lines in another order, or more often'
}
