/** Tests that fd_picoTCP is known to fail, each with its reason in the library. */
import { type Deviation, type DeviationsByReason, deviationsOf, UNFRAGMENTED_DEVIATIONS } from '@ioth/conformance'
import { PICOTCP } from '../../backend-picotcp/test/picotcp-deviations.ts'

/** By reason. */
const DEVIATIONS: DeviationsByReason = {
  'the library has a buffer of 16 KiB of its own, and its process one of the size that the limits speak of, beside that of the program':
    ['P-10 real time: the subject stops reading: the writer is stopped within the limits, and all arrives in the end'],
  'the library knows one device by its descriptors': [
    'an interface can be added and removed',
    'two links: the scope says which',
  ],
  'its link-local address is its own: no socket can use it, and it is not listed (pico_ipv6.c, pico_ipv6_route_find)': [
    'R-ND-06 each address is asked for before use, from nowhere, in its own group',
  ],
  'the neighbours of a stack in a helper process are not listed': [
    'R-ARP-01 R-ARP-02 who asks for our address is answered, and known from then on; who asks for another is not',
    'R-ND-01 H-31 an advertisement with one thing wrong is not believed',
  ],
}

export const deviations: readonly Deviation[] = [
  ...UNFRAGMENTED_DEVIATIONS,
  ...deviationsOf({ ...PICOTCP, ...DEVIATIONS }),
]
