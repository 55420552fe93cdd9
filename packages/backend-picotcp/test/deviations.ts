/**
 * Tests of the suite that picoTCP fails, each with what the library does.
 *
 * @module
 */
import { type Deviation, type DeviationsByReason, deviationsOf } from '@ioth/conformance'
import { PICOTCP } from './picotcp-deviations.ts'

/** By reason. */
const DEVIATIONS: DeviationsByReason = {
  'the timestamps of all connections are of one clock (pico_tcp.c, tcp_add_options)': [
    'R-TCP-45 timestamps of two connections do not tell the same clock',
  ],
  'a report of what came before its turn has one block (pico_tcp.c, tcp_sack_prepare)': [
    'R-TCP-39 P-06 the newest block first, 3 at most with timestamps',
  ],
}

export const deviations: readonly Deviation[] = deviationsOf({ ...PICOTCP, ...DEVIATIONS })
