/**
 * What sending tells its connection, and asks of it.
 *
 * @module
 */
import type { Counters } from '../counters.ts'
import type { CongestionController } from './congestion/controller.ts'
import type { SentRecords } from './sent-records.ts'

export interface SendEffects {
  readonly nowMs: number
  readonly nowUs: number
  readonly congestion: CongestionController
  readonly counters: Counters
  readonly records: SentRecords
  timersChanged(): void
}
