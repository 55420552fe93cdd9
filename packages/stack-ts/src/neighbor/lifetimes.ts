/**
 * Things that a router advertised for a while: a bounded list, with one timer for the next one to end. Who comes when the list is full
 * is not taken: a flood of lies does not push out what works (RFC 6104).
 *
 * @module
 */
import { type Clock, Timer } from '@ioth/core'
import { FOREVER } from '../wire/nd-option.ts'

/** Something that ends at a time of the clock. */
export interface Mortal {
  /** Microseconds; infinity: never. */
  until: number
}

export class Lifetimes<Entry extends Mortal> extends Timer {
  readonly entries: Entry[] = []
  private readonly clock: Clock
  private readonly most: number
  private readonly ended: (entry: Entry) => void

  /** @param ended called for an entry that was taken out because its time is over. */
  constructor(clock: Clock, most: number, ended: (entry: Entry) => void) {
    super()
    this.clock = clock
    this.most = most
    this.ended = ended
  }

  get isFull(): boolean {
    return this.entries.length >= this.most
  }

  find(isIt: (entry: Entry) => boolean): Entry | undefined {
    return this.entries.find(isIt)
  }

  /** The caller looks that there is room. */
  add(entry: Entry): void {
    this.entries.push(entry)
    this.changed()
  }

  remove(entry: Entry): void {
    const index = this.entries.indexOf(entry)
    if (index < 0) return
    this.entries.splice(index, 1)
    this.changed()
  }

  /** The end of an entry moved. */
  changed(): void {
    let earliest = Number.POSITIVE_INFINITY
    for (const { until } of this.entries) earliest = Math.min(earliest, until)
    if (earliest === Number.POSITIVE_INFINITY) this.clock.disarm(this)
    else if (!this.armed || this.at !== earliest) this.clock.arm(this, earliest)
  }

  clear(): Entry[] {
    this.clock.disarm(this)
    return this.entries.splice(0)
  }

  override fire(): void {
    const { now } = this.clock
    for (const entry of [...this.entries]) {
      if (entry.until > now) continue
      this.entries.splice(this.entries.indexOf(entry), 1)
      this.ended(entry)
    }
    this.changed()
  }
}

/** When something ends that lasts so many seconds from now on. */
export function endOf(now: number, seconds: number): number {
  return seconds === FOREVER ? Number.POSITIVE_INFINITY : now + seconds * 1_000_000
}
