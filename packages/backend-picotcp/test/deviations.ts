/**
 * Tests of the suite that picoTCP fails, each with what the library does.
 *
 * @module
 */
import { type Deviation, type DeviationsByReason, deviationsOf } from '@ioth/conformance'
import { PICOTCP } from './picotcp-deviations.ts'

/** By reason. */
const DEVIATIONS: DeviationsByReason = {
  'segments with flags that it does not know, urgent data and congestion, are dropped (pico_tcp.c, pico_tcp_input)': [
    'R-TCP-34 H-17 urgent octets stay in line',
    'R-TCP-47 without ECN: nothing is negotiated, nothing is marked, marks change nothing',
  ],
  'the scale of its window is on every segment, and timestamps are of one clock and never compared (pico_tcp.c, tcp_add_options and tcp_parse_options)':
    [
      'R-TCP-42 R-TCP-43',
      'R-TCP-43 timestamps once agreed: on all segments, echoing the newest that came in order',
      'R-TCP-44 PAWS: an older timestamp is answered and dropped, and the connection goes on',
      'R-TCP-45 timestamps of two connections do not tell the same clock',
    ],
}

export const deviations: readonly Deviation[] = deviationsOf({ ...PICOTCP, ...DEVIATIONS })
