/** Tests that fd_picoTCP is known to fail, each with its reason in the library. */
import type { Deviation } from '@ioth/conformance'

export const deviations: readonly Deviation[] = [
  {
    test: 'P-10 real time: the subject stops reading: the writer is stopped within the limits, and all arrives in the end',
    reason:
      'the library has a buffer of 16 KiB of its own, and its process one of the size that the limits speak of, beside that of the program',
  },
]
