/**
 * Where a stack behind the armour (`@ioth/core/armour`) does other than the RFCs say: malformed packets that should draw an error message
 * draw none, and those that the stack should count are counted by the armour.
 *
 * @module
 */
import { type Deviation, deviationsOf } from './suite.ts'

const silent = 'the armour drops what draws an error message from a stack'
const counted = 'the armour drops it before the stack can count it'

/** For the test files of backends that stand behind the armour. */
export const ARMOUR_DEVIATIONS: readonly Deviation[] = [
  { test: 'R-TCP-07 a closed port answers with RST, as the text says, and never a RST', reason: silent },
  {
    test: 'R-TCP-02 H-13 odd options hurt nobody',
    reason: 'option lists with garbage behind their end are dropped, for some libraries read on',
  },
  { test: 'R-IP6-01 H-03', reason: counted },
  { test: 'H-03 a payload length of 0 with a jumbo option: dropped', reason: counted },
  { test: 'P-17 R-IP6-02', reason: 'more than six extension headers are dropped' },
  { test: 'R-IP6-02 hop-by-hop', reason: silent },
  { test: 'H-05 headers', reason: counted },
  { test: 'R-IP6-04', reason: silent },
  { test: 'H-05 options', reason: counted },
  { test: 'R-IP6-06 H-07', reason: silent },
  { test: 'R-IP6-06 time exceeded', reason: 'fragments that never meet do not reach the stack' },
  { test: 'R-IP6-08', reason: silent },
  { test: 'H-10 fragments in fragments, and what must not stand in one: dropped', reason: counted },
  { test: 'R-ICMP6-03', reason: 'types of errors that nobody has defined are dropped' },
  {
    test: 'H-34 a flood of queries: one report at most in each interval; none for what is no query',
    reason: counted,
  },
  { test: 'P-29 H-41', reason: counted },
  { test: 'P-29 every way', reason: counted },
  { test: 'R-ND-01 R-ND-02 H-31 a solicitation', reason: counted },
  { test: 'H-34 R-ND-10', reason: counted },
  { test: 'H-18 R-TCP-07', reason: 'segments with impossible flags are dropped' },
  { test: 'H-09 a datagram in a thousand fragments', reason: 'no more than 128 fragments of a datagram are kept' },
]

/** For backends that take no fragments, and make none. */
export const UNFRAGMENTED_DEVIATIONS: readonly Deviation[] = deviationsOf({
  'no fragments reach the library, which corrupts its memory by them, and none are made': [
    'R-UDP-05 H-25 an error reaches the connected socket it quotes, and only if it quotes enough',
    'R-IP4-05',
    'P-20 H-09',
    'P-22 datagrams of all sizes between two hosts whose frames are short',
    'P-19 a datagram of any size arrives whole, in fragments if need be',
    'R-ICMP6-02 H-11',
    'R-IP6-05 H-08',
    'R-IP6-07',
    'H-11 pieces that disagree:',
    'R-IP6-09 R-IP6-07',
  ],
})
