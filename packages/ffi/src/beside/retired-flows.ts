/**
 * Flows of connections that are over: for a while they still answer what comes late.
 *
 * @module
 */
import type { Clock } from '@ioth/core'
import type { Flow } from './flow.ts'

/** How long they do, in microseconds, and how many. */
const RETIRED = 5_000_000
const MOST_RETIRED = 512

interface Retired {
  readonly flow: Flow
  readonly since: number
  readonly forget: () => void
}

export class RetiredFlows {
  private readonly clock: Clock
  private readonly entries: Retired[] = []

  constructor(clock: Clock) {
    this.clock = clock
  }

  /** Nobody hears of the flow any more. @param forget called by {@link expire} when its time is over. */
  add(flow: Flow, forget: () => void): void {
    flow.observer = null
    this.entries.push({ flow, since: this.clock.now, forget })
  }

  /** Whether the peer of one of them has not ended yet: its end would be acknowledged. */
  get awaitPeers(): boolean {
    return this.entries.some(({ flow }) => flow.awaitsPeer)
  }

  /** The host goes. */
  abandon(): void {
    for (const { flow } of this.entries) flow.abandon()
  }

  /** Forgets those that have been here long enough, and the oldest when there are too many. */
  expire(): void {
    const { now } = this.clock
    for (;;) {
      const [first] = this.entries
      if (first === undefined || (now - first.since < RETIRED && this.entries.length <= MOST_RETIRED)) return
      first.forget()
      this.entries.shift()
    }
  }
}
