/**
 * The learning table of a switch (IEEE 802.1D 7.9, the filtering database): which MAC address was last seen behind which port.
 * Open addressing in typed arrays; time is a count of ticks that the switch hands in.
 *
 * @module
 */

/** Columns of an entry. */
const HIGH = 0
const LOW = 1
/** Port number plus one; 0: free. */
const PORT = 2
const SEEN = 3
const COLUMNS = 4

export class MacTable {
  /** Changes whenever an answer of {@link find} may have changed: callers may keep answers while it stays the same. */
  version = 0
  /** Entries in the table. */
  size = 0
  private entries: Int32Array | null = null
  private readonly perPort: number
  private readonly salt: number
  private readonly counts = new Map<number, number>()

  private readonly most: number
  /** At most half of the places are filled, so that searches stay short. */
  private readonly places: number

  /**
   * @param perPort entries of one port at most: no plug can push the others out.
   * @param salt makes the order of entries unpredictable.
   * @param most entries at most; memory is taken when there are some.
   */
  constructor(perPort: number, salt: number, most = 8_192) {
    this.perPort = perPort
    this.salt = salt | 1
    this.most = most
    this.places = 2 ** Math.ceil(Math.log2(2 * most))
  }

  /** All entries: the upper 16 bits of an address (with a VLAN above them), its lower 32, the port, and when it was seen. */
  *list(): Iterable<{ high: number; low: number; port: number; seen: number }> {
    const { entries } = this
    if (entries === null) return
    for (let at = 0; at < entries.length; at += COLUMNS) {
      const port = (entries[at + PORT] as number) - 1
      if (port < 0) continue
      yield {
        high: entries[at + HIGH] as number,
        low: entries[at + LOW] as number,
        port,
        seen: entries[at + SEEN] as number,
      }
    }
  }

  /** The port behind which an address is, or -1. An address is given as its upper 16 and lower 32 bits. */
  find(high: number, low: number): number {
    const { entries } = this
    if (entries === null) return -1
    const at = this.place(entries, high, low)
    return (entries[at + PORT] as number) - 1
  }

  /** An address was seen as source of a frame. @returns false when it cannot be learned for want of room. */
  learn(high: number, low: number, port: number, tick: number): boolean {
    this.entries ??= new Int32Array(this.places * COLUMNS)
    const { entries } = this
    const at = this.place(entries, high, low)
    const known = (entries[at + PORT] as number) - 1
    if (known !== port) {
      const count = this.counts.get(port) ?? 0
      if (count >= this.perPort || (known < 0 && this.size >= this.most)) return false
      if (known < 0) this.size++
      else this.counts.set(known, (this.counts.get(known) as number) - 1)
      this.counts.set(port, count + 1)
      entries[at + HIGH] = high
      entries[at + LOW] = low
      entries[at + PORT] = port + 1
      this.version++
    }
    entries[at + SEEN] = tick
    return true
  }

  /** How many addresses were learned behind a port. */
  countOf(port: number): number {
    return this.counts.get(port) ?? 0
  }

  /** Forgets what was learned behind a port. */
  removePort(port: number): void {
    if (this.counts.delete(port)) this.rebuild((entry, each) => each[entry + PORT] !== port + 1)
  }

  /** Forgets what was not seen since a tick. */
  expire(oldest: number): void {
    this.rebuild((entry, entries) => (entries[entry + SEEN] as number) >= oldest)
  }

  private rebuild(stays: (entry: number, entries: Int32Array) => boolean): void {
    const old = this.entries
    if (old === null) return
    const entries = new Int32Array(this.places * COLUMNS)
    this.counts.clear()
    this.size = 0
    for (let entry = 0; entry < old.length; entry += COLUMNS) {
      const port = (old[entry + PORT] as number) - 1
      if (port < 0 || !stays(entry, old)) continue
      entries.set(
        old.subarray(entry, entry + COLUMNS),
        this.place(entries, old[entry + HIGH] as number, old[entry + LOW] as number),
      )
      this.counts.set(port, (this.counts.get(port) ?? 0) + 1)
      this.size++
    }
    this.entries = this.size === 0 ? null : entries
    this.version++
  }

  /** Where an address is, or where it would be put. */
  private place(entries: Int32Array, high: number, low: number): number {
    const mixed = Math.imul(low ^ Math.imul(high, 0x9e3779b1), this.salt)
    let at = ((mixed ^ (mixed >>> 15)) & (this.places - 1)) * COLUMNS
    while (entries[at + PORT] !== 0 && (entries[at + LOW] !== low || entries[at + HIGH] !== high)) {
      at = (at + COLUMNS) & (this.places * COLUMNS - 1)
    }
    return at
  }
}
