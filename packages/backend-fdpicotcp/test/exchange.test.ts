/** Streams between fd_picoTCP and the TypeScript stack, and between two of fd_picoTCP, in helper processes and in this one. */

import { describeWhereUsable, type HostOptions, testNobody, testStreams } from '@ioth/conformance'
import type { Backend } from '@ioth/core'
import { backend as ts } from '@ioth/stack-ts'
import { describe } from 'vitest'
import { backend } from '../src/index.ts'

const fdpico: HostOptions = { backend }
const inside: HostOptions = { backend, settings: { isolation: 'none' } }
const other: HostOptions = { backend: ts as Backend }

describeWhereUsable('fdpicotcp', [backend], () => {
  describe.each([
    ['fdpicotcp in this process, and ts', inside, other],
    ['ts and fdpicotcp in this process', other, inside],
    ['fdpicotcp and ts', fdpico, other],
    ['ts and fdpicotcp', other, fdpico],
    ['fdpicotcp and fdpicotcp', fdpico, fdpico],
  ])('%s', (_, client, server) => {
    testStreams(client, server)
  })

  testNobody(fdpico, other)
})
