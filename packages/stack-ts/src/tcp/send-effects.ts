/**
 * What sending tells its connection, and asks of it.
 *
 * @module
 */
import type { CongestionController } from './congestion/controller.ts'

export interface SendEffects {
  readonly nowMs: number
  readonly nowUs: number
  readonly congestion: CongestionController
  timersChanged(): void
  /** Something was sent for the second time. */
  retransmitted(): void
}
