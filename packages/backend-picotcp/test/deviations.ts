/**
 * Tests of the suite that picoTCP fails, each with what the library does.
 *
 * @module
 */
import type { Deviation } from '@ioth/conformance'

export const deviations: readonly Deviation[] = []
