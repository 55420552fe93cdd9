/** Tests that fd_picoTCP is known to fail, each with its reason in the library. */
import type { Deviation } from '@ioth/conformance'

export const deviations: readonly Deviation[] = []
