/** Tests that fd_picoTCP is known to fail, each with its reason in the library. */
import type { Deviation } from '@ioth/conformance'

const BUFFERS =
  'the library has buffers of 16 KiB of its own, each way, and its process a receive buffer, beside those that the limits speak of'

export const deviations: readonly Deviation[] = [
  {
    test: 'P-10 real time: the subject stops reading: the writer is stopped within the limits, and all arrives in the end',
    reason: BUFFERS,
  },
  {
    test: 'P-10 real time: the peer stops reading: the writer is stopped within the limits, and all arrives in the end',
    reason: BUFFERS,
  },
]
