/** Random programs see on a stack what they see on the host's loopback. */
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { hostNetwork, loopbackNetwork, type Network, pipeNetwork } from './networks.ts'
import { type Command, datagramProgram, runProgram, streamProgram } from './random-program.ts'

const host = hostNetwork()
// Several minutes with many runs.
const TIMEOUT_MS = 300_000

describe.each([
  ['the loopback of stack-ts', loopbackNetwork],
  ['stack-ts over a pipe', pipeNetwork],
])('P-28 the same as on the host: %s', (_name, create) => {
  let network: Network
  beforeAll(async () => {
    network = await create()
  })
  afterAll(() => network.close())

  const isTheSame = async (program: readonly Command[]): Promise<void> => {
    const expected = await runProgram(program, host)
    expect(await runProgram(program, network)).toEqual(expected)
  }

  test(
    'random programs of net',
    () => fc.assert(fc.asyncProperty(streamProgram, isTheSame), { endOnFailure: false }),
    TIMEOUT_MS,
  )

  test(
    'random programs of dgram',
    () => fc.assert(fc.asyncProperty(datagramProgram, isTheSame), { endOnFailure: false }),
    TIMEOUT_MS,
  )
})
