/** Streams between fd_picoTCP and the TypeScript stack, and between two of fd_picoTCP, in helper processes and in this one. */

import { type HostOptions, testNobody, testStreams } from '@ioth/conformance'
import type { Backend } from '@ioth/core'
import { backend as ts } from '@ioth/stack-ts'
import { describe, it } from 'vitest'
import { backend } from '../src/index.ts'

const probe = await backend.probe()
const isRequired = process.env.IOTH_REQUIRE_BACKENDS?.split(',').includes('fdpicotcp') ?? false

const fdpico: HostOptions = { backend }
const inside: HostOptions = { backend, settings: { isolation: 'none' } }
const other: HostOptions = { backend: ts as Backend }

if (!probe.usable && !isRequired) {
  it.skip(`fdpicotcp is not usable here: ${probe.reason}; tried ${probe.tried.join(', ')}`)
} else {
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
}
