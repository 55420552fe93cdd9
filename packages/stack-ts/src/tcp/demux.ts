/**
 * From four-tuple to connection: open addressing over typed arrays, with the last hit remembered. One table a family; the addresses are
 * keys as in `Network.keyOf`. The hash is seeded, so that nobody can aim at one bucket.
 *
 * @module
 */
import type { Random } from '@ioth/core'

const FIRST_CAPACITY = 8
const NOTHING = new Int32Array(0)
const NO_ENTRIES: never[] = []

export class Demux<Entry> {
  /** Connections in the table. */
  size = 0
  private readonly seed: number
  // The arrays are made with the first entry: most stacks have tables that stay empty.
  private capacity = 0
  private locals = NOTHING
  private remotes = NOTHING
  private ports = NOTHING
  private entries: (Entry | null)[] = NO_ENTRIES
  private last = 0

  constructor(random: Random) {
    this.seed = random.int32()
  }

  find(local: number, localPort: number, remote: number, remotePort: number): Entry | null {
    if (this.size === 0) return null
    const ports = (localPort << 16) | remotePort
    const { last } = this
    if (this.ports[last] === ports && this.remotes[last] === remote && this.locals[last] === local) {
      const entry = this.entries[last]!
      if (entry !== null) return entry
    }
    const index = this.search(local, remote, ports)
    const entry = this.entries[index]!
    if (entry !== null) this.last = index
    return entry
  }

  /** @returns false when the tuple is taken. */
  insert(local: number, localPort: number, remote: number, remotePort: number, entry: Entry): boolean {
    if (this.size * 2 >= this.capacity) this.resize(Math.max(this.capacity * 2, FIRST_CAPACITY))
    const ports = (localPort << 16) | remotePort
    const index = this.search(local, remote, ports)
    if (this.entries[index] !== null) return false
    this.place(index, local, remote, ports, entry)
    this.size++
    return true
  }

  remove(local: number, localPort: number, remote: number, remotePort: number): void {
    if (this.size === 0) return
    let hole = this.search(local, remote, (localPort << 16) | remotePort)
    if (this.entries[hole] === null) return
    this.size--
    // Entries behind the hole move up unless that would put them before their own bucket.
    const mask = this.capacity - 1
    for (let next = (hole + 1) & mask; this.entries[next] !== null; next = (next + 1) & mask) {
      const home = this.bucket(this.locals[next]!, this.remotes[next]!, this.ports[next]!)
      if (((next - home) & mask) < ((next - hole) & mask)) continue
      this.place(hole, this.locals[next]!, this.remotes[next]!, this.ports[next]!, this.entries[next]!)
      hole = next
    }
    this.entries[hole] = null
    if (this.capacity > FIRST_CAPACITY && this.size * 8 < this.capacity) this.resize(this.capacity / 2)
  }

  /** All entries, as they are now. */
  list(): Entry[] {
    return this.entries.filter((entry) => entry !== null) as Entry[]
  }

  private search(local: number, remote: number, ports: number): number {
    const mask = this.capacity - 1
    let index = this.bucket(local, remote, ports)
    while (
      this.entries[index] !== null &&
      (this.ports[index] !== ports || this.remotes[index] !== remote || this.locals[index] !== local)
    ) {
      index = (index + 1) & mask
    }
    return index
  }

  private place(index: number, local: number, remote: number, ports: number, entry: Entry): void {
    this.locals[index] = local
    this.remotes[index] = remote
    this.ports[index] = ports
    this.entries[index] = entry
  }

  private bucket(local: number, remote: number, ports: number): number {
    let hash = Math.imul(ports ^ this.seed, 0x9e3779b1)
    hash = Math.imul((hash ^ (hash >>> 15)) + remote, 0x85ebca6b)
    hash = Math.imul((hash ^ (hash >>> 13)) + local, 0xc2b2ae35)
    return (hash ^ (hash >>> 16)) & (this.capacity - 1)
  }

  private resize(capacity: number): void {
    const { locals, remotes, ports, entries } = this
    this.capacity = capacity
    this.locals = new Int32Array(capacity)
    this.remotes = new Int32Array(capacity)
    this.ports = new Int32Array(capacity)
    this.entries = new Array<Entry | null>(capacity).fill(null)
    this.last = 0
    for (let i = 0; i < entries.length; i++) {
      const entry = entries[i]!
      if (entry === null) continue
      this.place(this.search(locals[i]!, remotes[i]!, ports[i]!), locals[i]!, remotes[i]!, ports[i]!, entry)
    }
  }
}
