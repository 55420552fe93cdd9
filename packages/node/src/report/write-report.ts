/**
 * The report of `--report`, written when the process exits: a table on standard error, one line of JSON there, or such a line at the end of
 * a file, to which each process of a node adds its own.
 *
 * @module
 */
import { appendFileSync } from 'node:fs'
import { write } from '../messages.ts'
import type { Entry } from './traffic.ts'

/** `text`, `json`, or the path of a file. */
export type ReportForm = string

export interface Report {
  readonly pid: number
  readonly program: string
  readonly addresses: readonly string[]
  readonly entries: readonly Entry[]
}

export function writeReport(form: ReportForm, report: Report): void {
  if (form === 'text') {
    for (const line of formatReport(report)) write(line)
    return
  }
  const line = `${JSON.stringify(report)}\n`
  if (form === 'json') {
    write(line.trimEnd())
    return
  }
  try {
    appendFileSync(form, line)
  } catch (error) {
    write(`the report cannot be written: ${(error as Error).message}`)
  }
}

const COLUMNS = ['', 'PROTOCOL', 'ADDRESS', 'NETWORK', 'COUNT', 'FAILED', 'SENT', 'RECEIVED']

/** The lines of the table. */
export function formatReport({ pid, program, addresses, entries }: Report): string[] {
  const title = `network report of ${program} (process ${pid}, ${addresses.join(', ') || 'no address'})`
  if (entries.length === 0) return [`${title}: no network was used`]
  const rows = [...entries]
    .sort(byPlace)
    .map((entry) => [
      entry.direction === 'out' ? 'to' : 'at',
      entry.protocol,
      placeOf(entry),
      entry.rule === null ? entry.network : `${entry.network}, by --host ${entry.rule}`,
      ...[entry.count, entry.failed, entry.sent, entry.received].map(String),
    ])
  const all = [COLUMNS, ...rows]
  const widths = COLUMNS.map((_column, i) => Math.max(...all.map((row) => (row[i] as string).length)))
  const line = (row: string[]): string =>
    `  ${row.map((cell, i) => (i < 4 ? cell.padEnd(widths[i] as number) : cell.padStart(widths[i] as number))).join('  ')}`
  return [title, ...all.map(line)]
}

function placeOf({ address, port, protocol, name }: Entry): string {
  if (protocol === 'dns' || address === 'others') return address
  const place = address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`
  return name === undefined ? place : `${place} (${name})`
}

/** What used the host comes last, where it is seen. */
function byPlace(a: Entry, b: Entry): number {
  const host = Number(a.network === 'host') - Number(b.network === 'host')
  return host || b.direction.localeCompare(a.direction) || a.address.localeCompare(b.address) || a.port - b.port
}
