/**
 * The host's table of names, `/etc/hosts` (hosts(5)): read anew when it has changed, a file and no network.
 *
 * @module
 */
import { readFile, stat } from 'node:fs/promises'
import { isIP } from 'node:net'

const PATH =
  process.platform === 'win32'
    ? `${process.env.SystemRoot ?? 'C:\\Windows'}\\System32\\drivers\\etc\\hosts`
    : '/etc/hosts'

/** What is larger is no table that somebody wrote. */
const MOST_OCTETS = 4 << 20

/** Names with their addresses, of the text of a hosts file. */
export function parseHostsFile(text: string): ReadonlyMap<string, readonly string[]> {
  const table = new Map<string, string[]>()
  for (const line of text.split('\n')) {
    const [address = '', ...names] = (line.split('#', 1)[0] as string).trim().split(/\s+/)
    if (isIP(address) === 0) continue
    for (const name of names) {
      const key = name.toLowerCase()
      const known = table.get(key)
      if (known === undefined) table.set(key, [address])
      else if (!known.includes(address)) known.push(address)
    }
  }
  return table
}

class HostsFile {
  private changed = -1
  private table: ReadonlyMap<string, readonly string[]> = new Map()

  /** The addresses of a name, of one family (4, 6) or of both (0). */
  async addresses(name: string, family: number): Promise<string[]> {
    await this.read()
    const found = this.table.get(name.toLowerCase().replace(/\.$/, '')) ?? []
    return found.filter((address) => (family !== 4 && family !== 6) || isIP(address) === family)
  }

  /** The names of an address. */
  async names(address: string): Promise<string[]> {
    await this.read()
    return [...this.table].filter(([, addresses]) => addresses.includes(address)).map(([name]) => name)
  }

  private async read(): Promise<void> {
    try {
      const { mtimeMs, size } = await stat(PATH)
      if (mtimeMs === this.changed || size > MOST_OCTETS) return
      this.table = parseHostsFile(await readFile(PATH, 'utf8'))
      this.changed = mtimeMs
    } catch {
      this.table = new Map()
      this.changed = -1
    }
  }
}

export const hostsFile: HostsFile = new HostsFile()
