/**
 * Names of ports, `/etc/services` (services(5)): a file and no network.
 *
 * @module
 */
import { readFile } from 'node:fs/promises'

const PATH =
  process.platform === 'win32'
    ? `${process.env.SystemRoot ?? 'C:\\Windows'}\\System32\\drivers\\etc\\services`
    : '/etc/services'

let table: Promise<ReadonlyMap<number, string>> | null = null

/** The name of a port of TCP; the number where it has none. */
export async function serviceName(port: number): Promise<string> {
  table ??= readFile(PATH, 'utf8').then(parseServices, () => new Map())
  return (await table).get(port) ?? String(port)
}

/** The first name of each port of TCP. */
export function parseServices(text: string): ReadonlyMap<number, string> {
  const names = new Map<number, string>()
  for (const line of text.split('\n')) {
    const [, name, port] = /^\s*([^\s#]+)\s+(\d+)\/tcp\b/.exec(line) ?? []
    if (name !== undefined && !names.has(Number(port))) names.set(Number(port), name)
  }
  return names
}
