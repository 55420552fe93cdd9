/**
 * How results are printed: tables on standard output (or JSON), words of our own on standard error.
 *
 * @module
 */

/** A table for people, its columns as wide as they must be. */
export function formatTable(columns: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = columns.map((column, i) => Math.max(column.length, ...rows.map((row) => (row[i] ?? '').length)))
  return [columns, ...rows]
    .map(
      (row) =>
        `${row
          .map((cell, i) => cell.padEnd(widths[i] as number))
          .join('  ')
          .trimEnd()}\n`,
    )
    .join('')
}

/** One line of ours. Standard output belongs to the program. */
export function say(line: string): void {
  process.stderr.write(`ioth: ${line}\n`)
}
